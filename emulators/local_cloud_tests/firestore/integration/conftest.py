"""A Firestore emulator for each module, and a client of a project of its own for each test."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore

from local_cloud.background import Background
from local_cloud.clock import Clock
from local_cloud.firestore.server import FirestoreEmulator

_projects = itertools.count(1)


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock(still=True)


@pytest.fixture(scope="module")
def emulator(background: Background, clock: Clock) -> Iterator[FirestoreEmulator]:
    emulator = FirestoreEmulator(host="127.0.0.1", port=0, clock=clock)
    background.run(emulator.start())
    yield emulator
    background.run(emulator.stop())


@pytest.fixture
def make_client(emulator: FirestoreEmulator, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Makes clients of one project, which nothing else uses."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{emulator.port}")
    credentials: Any = AnonymousCredentials  # it ships no types
    credentials = credentials()
    project = f"project-{next(_projects)}"

    def make(kind: Any = firestore.Client, **options: Any) -> Any:
        return kind(project=project, credentials=credentials, **options)

    return make


@pytest.fixture
def client(make_client: Callable[..., Any]) -> Any:
    return make_client()
