"""The function as a process of its own, beside a Firestore, and the provider that calls it."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore

from local_cloud.clock import Clock
from local_cloud.function_process import FunctionProcess
from local_cloud.inbox.event_webhook import WebhookKey
from local_cloud.rpc import Middleware, RpcError
from tests.deployed_firestore import deployed_firestore
from tests.function_process import running_function
from tests.functions.mail_events.signing import Signer, sendgrid_event, to_body
from tests.support import PATIENCE_SECONDS, Background, Faults

PROJECT = "local-project"
SENT_AT = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


@dataclass(kw_only=True)
class Provider:
    """SendGrid, and what its calls leave in Firestore."""

    url: str
    process: FunctionProcess
    log: Path
    database: Any
    faults: Faults
    methods: list[str]
    keys: list[Signer] = field(default_factory=list)
    webhook_key: WebhookKey = field(default_factory=WebhookKey)

    def post(self, body: bytes, headers: dict[str, str] | None = None, *, path: str = "/sendgrid") -> requests.Response:
        """One call, signed unless it brings headers of its own."""
        signed = self.keys[0].headers(body) if headers is None else headers
        return requests.post(self.url + path, data=body, headers=signed, timeout=PATIENCE_SECONDS)

    def send(self, *events: Any) -> None:
        """Some events, which the function must take."""
        answer = self.post(to_body(*events))
        assert (answer.status_code, answer.json()) == (200, {"result": "taken"}), self.log.read_text()

    def deliver(self, delivery_id: str, user_id: str = "u1", subscription_id: str = "default") -> None:
        """A delivery that was sent."""
        fields = {"user_id": user_id, "subscription_id": subscription_id, "state": "sent", "due_at": SENT_AT}
        self.database.document(f"deliveries/{delivery_id}").set(fields)

    def record(self, delivery_id: str) -> Any:
        """What is stored; None where nothing is."""
        return self.database.document(f"mail_events/{delivery_id}").get().to_dict()

    def count(self, method: str) -> int:
        """How often a method of Firestore was called since the test began."""
        return sum(each.endswith(f"/{method}") for each in self.methods)

    def clear(self) -> None:
        """Leave nothing stored."""
        self.faults.middleware = None
        for collection in self.database.collections():
            self.database.recursive_delete(collection)
        self.methods.clear()


def event(kind: str, minutes: float = 0, **fields: Any) -> dict[str, Any]:
    """An event so long after the mail was sent."""
    return sendgrid_event(kind, at=(SENT_AT + timedelta(minutes=minutes)).timestamp(), **fields)


def failing(method: str, code: grpc.StatusCode, times: int) -> Middleware:
    """Some calls of a method fail."""
    left = [None] * times

    async def fail(called: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        if called.endswith(f"/{method}") and left:
            left.pop()
            raise RpcError(code, "as the test wants it")
        return await carry_out()

    return fail


@pytest.fixture(scope="package")
def background() -> Iterator[Background]:
    """One event loop for all that runs here."""
    background = Background()
    yield background
    background.close()


@pytest.fixture(scope="package")
def started(background: Background, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    faults = Faults()
    methods: list[str] = []

    async def note(method: str, carry_out: Any) -> Any:
        methods.append(method)
        return await carry_out()

    emulator = deployed_firestore(host="127.0.0.1", port=0, clock=Clock(), middleware=[note, faults])
    background.run(emulator.start())
    address = f"127.0.0.1:{emulator.port}"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FIRESTORE_EMULATOR_HOST", address)
        database = firestore.Client(project=PROJECT, credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]
    keys, webhook_key = [Signer(), Signer()], WebhookKey()
    directory = tmp_path_factory.mktemp("logs")
    environment_of_function = {
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "FIRESTORE_EMULATOR_HOST": address,
        "SENDGRID_WEBHOOK_KEY": ", ".join([*(key.public_key for key in keys), webhook_key.public]),
    }
    with running_function(
        background, name="mail_events", environment=environment_of_function, log_directory=directory
    ) as process:
        yield Provider(
            url=f"http://127.0.0.1:{process.port}",
            process=process,
            log=process.log_file,
            database=database,
            faults=faults,
            methods=methods,
            keys=keys,
            webhook_key=webhook_key,
        )
    background.run(emulator.stop())


@pytest.fixture
def provider(started: Provider) -> Provider:
    """With nothing stored."""
    started.clear()
    return started
