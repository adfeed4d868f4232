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
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport

_ONE_THREAD_A_STREAM = (grpc.experimental.ChannelOptions.SingleThreadedUnaryStream, 1)
"""The thread that reads a stream takes its messages itself. By default another thread, which is started for each
stream, takes them and hands them over.
https://grpc.github.io/grpc/python/grpc.html#grpc.experimental.ChannelOptions.SingleThreadedUnaryStream"""

_OPTIONS = [
    _ONE_THREAD_A_STREAM,
    # The library's own.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
]


@functools.cache
def firestore_client(project: str, database: str) -> firestore.Client:
    """The client of a Firestore database; FIRESTORE_EMULATOR_HOST, where set, is what it talks to."""
    client = firestore.Client(project=project, database=database)
    channel = emulator_channel("FIRESTORE_EMULATOR_HOST", _OPTIONS)
    channel = channel or FirestoreGrpcTransport.create_channel(options=_OPTIONS)
    # The library makes the same when it is first used. It has no parameter for the channel's options.
    client._firestore_api_internal = FirestoreClient(transport=FirestoreGrpcTransport(channel=channel))
    return client


def emulator_channel(variable: str, options: Sequence[tuple[str, Any]] = ()) -> grpc.Channel | None:
    """A plain channel to the host and port that the variable names, or None where it is not set."""
    host = os.environ.get(variable)
    return grpc.insecure_channel(host, options=options) if host else None
