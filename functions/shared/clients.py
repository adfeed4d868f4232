"""Google's clients, made when they are first used and kept for the life of the process.

They must not be made at import: the server forks its worker process after it has imported the function, and gRPC does
not survive a fork. https://github.com/grpc/grpc/blob/master/doc/fork_support.md
"""

import functools
import os
from collections.abc import Sequence
from typing import Any

import grpc
from google.cloud import firestore


@functools.cache
def firestore_client(project: str, database: str) -> firestore.Client:
    """The client of a Firestore database; FIRESTORE_EMULATOR_HOST, where set, is what it talks to."""
    return firestore.Client(project=project, database=database)


def emulator_channel(variable: str, options: Sequence[tuple[str, Any]] = ()) -> grpc.Channel | None:
    """A plain channel to the host and port that the variable names, or None where it is not set."""
    host = os.environ.get(variable)
    return grpc.insecure_channel(host, options=options) if host else None
