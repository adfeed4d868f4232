"""The tests' own clients of a local Firestore."""

from typing import Any

import pytest

from functions.shared.clients import firestore_client
from functions.shared.ids import DEFAULT_DATABASE


def client_of(port: int, project: str) -> Any:
    """A client as the functions make it, which reads with less of a processor than the library's default.

    Args:
        port: where the local Firestore listens.
        project: the project's id.
    """
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{port}")
        # Not kept for the life of the process, which is longer than that of a test's Firestore.
        return firestore_client.__wrapped__(project, DEFAULT_DATABASE)
