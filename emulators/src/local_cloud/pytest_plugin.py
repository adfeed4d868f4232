"""Fixtures for pytest, which finds them by itself where this package is installed.

An emulator starts when a test first asks for it, in a thread beside the tests, and serves until the last test has run.
Each test gets a project of its own, in which every service is empty, and the variables by which clients find the
emulators.

Little is imported before a test asks for it: pytest loads this in each of its runs.
"""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import pytest

if TYPE_CHECKING:
    from google.cloud.tasks_v2 import CloudTasksClient

    from local_cloud.firestore.server import FirestoreEmulator
    from local_cloud.identity import IdentityProvider
    from local_cloud.pubsub.server import PubSubEmulator
    from local_cloud.storage.server import StorageEmulator
    from local_cloud.tasks.server import TasksEmulator


class _Server(Protocol):
    async def start(self) -> None: ...
    async def stop(self) -> None: ...


_AServer = TypeVar("_AServer", bound=_Server)


class _Servers:
    """The emulators that run, the thread that they run in, and their clock."""

    def __init__(self) -> None:
        from local_cloud.background import Background
        from local_cloud.clock import Clock

        self.background = Background()
        self.clock = Clock()
        self.at: dict[str, Any] = {"host": "127.0.0.1", "port": 0, "clock": self.clock}
        self._running = ExitStack()
        self._running.callback(self.background.close)

    def start(self, server: _AServer) -> _AServer:
        self.background.run(server.start())
        self._running.callback(lambda: self.background.run(server.stop()))
        return server

    def stop(self) -> None:
        self._running.close()


class EmulatorClock:
    """The time of all emulators: the machine's, and what the tests have added to it."""

    def __init__(self, servers: _Servers) -> None:
        self._servers = servers

    def now(self) -> datetime:
        """The present, in UTC."""
        return self._servers.clock.now()

    def advance(self, by: timedelta) -> None:
        """Move the present forward: what waits for a moment until then, such as a task or a lease's end, comes now."""

        async def advance() -> None:
            self._servers.clock.advance(by)

        self._servers.background.run(advance())


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--require-indexes`."""
    parser.getgroup("local-cloud").addoption(
        "--require-indexes",
        type=Path,
        metavar="FILE",
        help="a firestore.indexes.json: the Firestore emulator refuses queries that need another index",
    )


@pytest.fixture(scope="session")
def _local_cloud() -> Iterator[_Servers]:
    servers = _Servers()
    yield servers
    servers.stop()


@pytest.fixture(scope="session")
def _local_cloud_identity(_local_cloud: _Servers) -> "IdentityProvider":
    from local_cloud.identity import IdentityProvider

    return _local_cloud.start(IdentityProvider(**_local_cloud.at))


@pytest.fixture(scope="session")
def _local_cloud_firestore(_local_cloud: _Servers, pytestconfig: pytest.Config) -> "FirestoreEmulator":
    from local_cloud.firestore.required_indexes import refuse
    from local_cloud.firestore.server import FirestoreEmulator
    from local_cloud.index_file import read_index_file

    indexes: Path | None = pytestconfig.getoption("--require-indexes")
    return _local_cloud.start(
        FirestoreEmulator(
            **_local_cloud.at,
            declared_indexes=read_index_file(indexes) if indexes else None,
            on_missing_index=refuse if indexes else None,
        )
    )


@pytest.fixture(scope="session")
def _local_cloud_pubsub(_local_cloud: _Servers, _local_cloud_identity: "IdentityProvider") -> "PubSubEmulator":
    from local_cloud.pubsub.server import PubSubEmulator

    return _local_cloud.start(PubSubEmulator(**_local_cloud.at, mint_token=_local_cloud_identity.mint))


@pytest.fixture(scope="session")
def _local_cloud_storage(_local_cloud: _Servers) -> "StorageEmulator":
    from local_cloud.storage.server import StorageEmulator

    return _local_cloud.start(StorageEmulator(**_local_cloud.at))


@pytest.fixture(scope="session")
def _local_cloud_tasks(_local_cloud: _Servers, _local_cloud_identity: "IdentityProvider") -> "TasksEmulator":
    from local_cloud.tasks.server import TasksEmulator

    return _local_cloud.start(TasksEmulator(**_local_cloud.at, rest_port=0, mint_token=_local_cloud_identity.mint))


@pytest.fixture
def emulator_clock(_local_cloud: _Servers) -> EmulatorClock:
    """The time of all emulators, which a test moves forward. It stays there for the tests that follow."""
    return EmulatorClock(_local_cloud)


@pytest.fixture
def emulator_project(monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of a project that no other test uses, which clients take where they are given none."""
    project = f"test-{uuid.uuid4().hex[:12]}"
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", project)
    return project


@pytest.fixture
def emulator_tokens(_local_cloud_identity: "IdentityProvider", monkeypatch: pytest.MonkeyPatch) -> "IdentityProvider":
    """Who signs the OIDC tokens of tasks and pushes: `OIDC_ISSUER`, and where the keys are: `OIDC_CERTS_URL`."""
    monkeypatch.setenv("OIDC_ISSUER", _local_cloud_identity.issuer)
    monkeypatch.setenv("OIDC_CERTS_URL", _local_cloud_identity.certs_url)
    return _local_cloud_identity


@pytest.fixture
def firestore_emulator(
    _local_cloud_firestore: "FirestoreEmulator", emulator_project: str, monkeypatch: pytest.MonkeyPatch
) -> "FirestoreEmulator":
    """A Firestore, which `google.cloud.firestore.Client()` finds."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{_local_cloud_firestore.port}")
    return _local_cloud_firestore


@pytest.fixture
def pubsub_emulator(
    _local_cloud_pubsub: "PubSubEmulator",
    emulator_project: str,
    emulator_tokens: "IdentityProvider",
    monkeypatch: pytest.MonkeyPatch,
) -> "PubSubEmulator":
    """A Pub/Sub, which `google.cloud.pubsub_v1.PublisherClient()` and `SubscriberClient()` find."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{_local_cloud_pubsub.port}")
    return _local_cloud_pubsub


@pytest.fixture
def storage_emulator(
    _local_cloud_storage: "StorageEmulator", emulator_project: str, monkeypatch: pytest.MonkeyPatch
) -> "StorageEmulator":
    """A Cloud Storage, which `google.cloud.storage.Client()` finds. Names of buckets are every test's."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", _local_cloud_storage.url)
    return _local_cloud_storage


@pytest.fixture
def tasks_emulator(
    _local_cloud_tasks: "TasksEmulator",
    emulator_project: str,
    emulator_tokens: "IdentityProvider",
    monkeypatch: pytest.MonkeyPatch,
) -> "TasksEmulator":
    """A Cloud Tasks: over gRPC at `CLOUD_TASKS_EMULATOR_HOST`, and over REST at `CLOUDTASKS_EMULATOR_HOST`."""
    monkeypatch.setenv("CLOUD_TASKS_EMULATOR_HOST", f"127.0.0.1:{_local_cloud_tasks.port}")
    monkeypatch.setenv("CLOUDTASKS_EMULATOR_HOST", f"127.0.0.1:{_local_cloud_tasks.rest_port}")
    return _local_cloud_tasks


@pytest.fixture
def tasks_client(tasks_emulator: "TasksEmulator") -> Iterator["CloudTasksClient"]:
    """Google's client, connected to it: for Cloud Tasks it knows no variable."""
    import grpc
    from google.cloud.tasks_v2 import CloudTasksClient
    from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

    with grpc.insecure_channel(f"127.0.0.1:{tasks_emulator.port}") as channel:
        yield CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))
