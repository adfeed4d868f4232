"""How Google's clients find an emulator.

No client may be made at import: the server forks its worker process after it has imported the function, and gRPC does
not survive a fork. https://github.com/grpc/grpc/blob/master/doc/fork_support.md
"""

import os
from collections.abc import Sequence
from typing import Any

import grpc


def emulator_channel(variable: str, options: Sequence[tuple[str, Any]] = ()) -> grpc.Channel | None:
    """A plain channel to the host and port that the variable names, or None where it is not set."""
    host = os.environ.get(variable)
    return grpc.insecure_channel(host, options=options) if host else None
