"""The tests' own clients of a local Firestore."""

from typing import Any

import grpc
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore

from functions.shared.firestore.database import Database
from functions.shared.firestore.retry import CALL_SECONDS
from functions.shared.records.ids import DEFAULT_DATABASE


def client_of(port: int, project: str) -> Any:
    """Google's own client.

    Args:
        port: where the local Firestore listens.
        project: the project's id.
    """
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{port}")
        return firestore.Client(project=project, credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]


def database_of(port: int, project: str, *, seconds: float = CALL_SECONDS) -> Database:
    """The same database as the functions see it.

    Args:
        port: where the local Firestore listens.
        project: the project's id.
        seconds: how long a call may take.
    """
    return Database(project, DEFAULT_DATABASE, lambda: grpc.insecure_channel(f"127.0.0.1:{port}"), seconds=seconds)
