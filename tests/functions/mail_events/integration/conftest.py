"""The function as a process of its own, beside a Firestore and a topic, and the provider that calls it."""

import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests
from google.cloud.pubsub_v1 import SubscriberClient

from local_cloud.clock import Clock
from local_cloud.firestore.server import FirestoreEmulator
from local_cloud.pubsub.server import PubSubEmulator
from local_cloud.rpc import Middleware, RpcError
from local_pipeline.function_process import FunctionProcess
from local_pipeline.inbox.event_webhook import WebhookKey
from tests.deployed_firestore import deployed_firestore
from tests.firestore_client import client_of
from tests.function_process import running_function
from tests.functions.mail_events.signing import Signer, sendgrid_event, to_body
from tests.pubsub_clients import pubsub_clients_of
from tests.support import PATIENCE_SECONDS, Background, Faults, pull_now

PROJECT = "local-project"
TOPIC = f"projects/{PROJECT}/topics/report-dead-letters"
SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/read-by-tests"
OUTCOMES, APPLICATION = (f"projects/{PROJECT}/{each}/report-outcomes" for each in ("topics", "subscriptions"))
SENT_AT = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


@dataclass(kw_only=True)
class Provider:
    """SendGrid, and what its calls leave in Firestore."""

    url: str
    process: FunctionProcess
    log: Path
    background: Background
    firestore: FirestoreEmulator
    database: Any
    faults: Faults
    pubsub_faults: Faults
    subscriber: SubscriberClient
    methods: list[str]
    environment: dict[str, str]
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

    def deliver(self, delivery_id: str, user_id: str = "u1", subscription_id: str = "default", **fields: Any) -> None:
        """A delivery that was sent, or is as its fields say."""
        fields = {"user_id": user_id, "subscription_id": subscription_id, "state": "sent", "due_at": SENT_AT, **fields}
        self.database.document(f"deliveries/{delivery_id}").set(fields)

    def record(self, delivery_id: str) -> Any:
        """What is stored; None where nothing is."""
        return self.database.document(f"mail_events/{delivery_id}").get().to_dict()

    def alerts(self) -> list[dict[str, Any]]:
        """The system alerts that have been published since the last look."""
        found = []
        while messages := pull_now(self.subscriber, SUBSCRIPTION):
            self.subscriber.acknowledge(subscription=SUBSCRIPTION, ack_ids=[each.ack_id for each in messages])
            found += [json.loads(each.message.data) for each in messages if "alert" in each.message.attributes]
        return found

    def outcomes(self) -> list[tuple[str, dict[str, Any]]]:
        """What the team's application has been told since the last look: the id and the data of each event."""
        found = []
        while messages := pull_now(self.subscriber, APPLICATION):
            self.subscriber.acknowledge(subscription=APPLICATION, ack_ids=[each.ack_id for each in messages])
            found += [(each.message.attributes["ce-id"], json.loads(each.message.data)) for each in messages]
        return found

    def count(self, method: str) -> int:
        """How often a method of Firestore was called since the test began."""
        return sum(each.endswith(f"/{method}") for each in self.methods)

    def clear(self) -> None:
        """Leave nothing stored."""
        self.faults.middleware = None
        self.pubsub_faults.middleware = None
        self.alerts()
        self.outcomes()
        self.background.run(self.firestore.clear())
        self.methods.clear()


def event(kind: str, minutes: float = 0, **fields: Any) -> dict[str, Any]:
    """An event so long after the email was sent."""
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
    faults, pubsub_faults = Faults(), Faults()
    methods: list[str] = []

    async def note(method: str, carry_out: Any) -> Any:
        methods.append(method)
        return await carry_out()

    emulator = deployed_firestore(host="127.0.0.1", port=0, clock=Clock(), middleware=[note, faults])
    pubsub = PubSubEmulator(host="127.0.0.1", port=0, clock=Clock(), middleware=[pubsub_faults])
    background.run(emulator.start())
    background.run(pubsub.start())
    address = f"127.0.0.1:{emulator.port}"
    database = client_of(emulator.port, PROJECT)
    publisher, subscriber = pubsub_clients_of(pubsub.port)
    publisher.create_topic(name=TOPIC)
    subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)
    publisher.create_topic(name=OUTCOMES)
    subscriber.create_subscription(request={"name": APPLICATION, "topic": OUTCOMES, "enable_message_ordering": True})
    keys, webhook_key = [Signer(), Signer()], WebhookKey()
    directory = tmp_path_factory.mktemp("logs")
    environment_of_function = {
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "FIRESTORE_EMULATOR_HOST": address,
        "PUBSUB_EMULATOR_HOST": f"127.0.0.1:{pubsub.port}",
        "DEAD_LETTER_TOPIC": "report-dead-letters",
        "OUTCOMES_TOPIC": "report-outcomes",
        "DEFAULT_KIND": "activity",
        "SENDGRID_WEBHOOK_KEY": ", ".join([*(key.public_key for key in keys), webhook_key.public]),
    }
    with running_function(
        background, name="mail_events", environment=environment_of_function, log_directory=directory
    ) as process:
        yield Provider(
            url=f"http://127.0.0.1:{process.port}",
            process=process,
            log=process.log_file,
            background=background,
            firestore=emulator,
            database=database,
            faults=faults,
            pubsub_faults=pubsub_faults,
            subscriber=subscriber,
            methods=methods,
            environment=environment_of_function,
            keys=keys,
            webhook_key=webhook_key,
        )
    publisher.stop()
    subscriber.close()
    background.run(pubsub.stop())
    background.run(emulator.stop())


@pytest.fixture
def provider(started: Provider) -> Provider:
    """With nothing stored."""
    started.clear()
    return started
