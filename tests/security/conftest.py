"""Worker and dispatcher as processes with secrets that can be told apart, and everything that they talk to."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.cloud.tasks_v2 import CloudTasksClient, Queue
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

from functions.shared.ids import delivery_id, run_id
from functions.shared.report_task import ReportTask
from local_cloud.clock import Clock
from local_cloud.firestore.server import FirestoreEmulator
from local_cloud.function_process import FunctionProcess
from local_cloud.identity import IdentityProvider
from local_cloud.inbox.server import Inbox
from local_cloud.pubsub.server import PubSubEmulator
from local_cloud.tasks.server import TasksEmulator
from tests.function_process import start_function
from tests.support import Background, Faults, pull_now

PROJECT = "local-project"
PARENT = f"projects/{PROJECT}/locations/us-central1"
SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/test"
WORKER_URL = "https://worker.example.com"
DISPATCHER_URL = "https://dispatcher.example.com"
TASKS_INVOKER = "tasks-invoker@local-project.iam.gserviceaccount.com"
SCHEDULER_INVOKER = "scheduler-invoker@local-project.iam.gserviceaccount.com"
MAX_ATTEMPTS = 3
DUE = datetime(2026, 11, 24, 13, tzinfo=UTC)
HOUR = timedelta(hours=1)

SENDGRID_KEY = "SG.very-secret-sendgrid-key"
UNSUBSCRIBE_KEY = "very-secret-unsubscribe-key"
SECRETS = (SENDGRID_KEY, UNSUBSCRIBE_KEY)
DOMAIN = "@private.example"
"""Of every recipient: nothing that ends in it may be read where it does not belong."""


@dataclass(kw_only=True)
class House:
    """The functions, what is around them, and what they left there."""

    background: Background
    identity: IdentityProvider
    inbox: Inbox
    faults: Faults
    database: Any
    subscriber: SubscriberClient
    worker: FunctionProcess
    dispatcher: FunctionProcess
    logs: Path
    answers: list[str]
    published: list[str]

    def token(self, email: str = TASKS_INVOKER, audience: str = WORKER_URL, lifetime: timedelta = HOUR) -> str:
        """A token as Google signs it."""

        async def mint() -> str:
            return self.identity.mint(email, audience, lifetime)

        return self.background.run(mint())

    def post(self, body: Any, *, token: str, path: str = "/tasks/send-report", **headers: str) -> requests.Response:
        """Call the worker, and keep what it answers."""
        return self.keep(
            requests.post(
                f"http://127.0.0.1:{self.worker.port}{path}",
                data=body,
                headers={"Authorization": f"Bearer {token}", "X-CloudTasks-TaskRetryCount": "0", **headers},
                timeout=60,
            )
        )

    def dispatch(self, *, token: str, path: str = "/dispatch", body: Any = b"", **headers: str) -> requests.Response:
        """Call the dispatcher, and keep what it answers."""
        return self.keep(
            requests.post(
                f"http://127.0.0.1:{self.dispatcher.port}{path}",
                data=body,
                headers={"Authorization": f"Bearer {token}", **headers},
                timeout=60,
            )
        )

    def keep(self, answer: requests.Response) -> requests.Response:
        self.answers.append(f"{answer.headers}\n{answer.text}")
        return answer

    def user(self, user_id: str, **fields: Any) -> None:
        """A user whose report is due."""
        document = {
            "email": f"ada{DOMAIN}",
            "active": True,
            "next_report_at": DUE,
            "reported_until": DUE - HOUR,
            **fields,
        }
        self.database.collection("users").document(user_id).set(document)

    def event(self, user_id: str, **fields: Any) -> None:
        """Something that a user did in the time of the report."""
        fields = {"at": DUE - timedelta(minutes=5), **fields}
        self.database.collection("users").document(user_id).collection("events").add(fields)

    def deliver(self, user_id: str, *, retry_count: int = 0) -> requests.Response:
        """Have a user's report sent."""
        return self.post(
            task(user_id),
            token=self.token(),
            **{"X-CloudTasks-TaskRetryCount": str(retry_count), "X-CloudTasks-TaskName": "t"},
        )

    def delivery(self, user_id: str) -> Any:
        return self.database.collection("deliveries").document(delivery_id(user_id, DUE)).get().to_dict()

    def log_lines(self) -> list[str]:
        """Everything that the functions have written."""
        return [line for file in self.logs.rglob("*.log") for line in file.read_text(errors="replace").splitlines()]

    def letters(self) -> list[str]:
        """The dead letters and alerts since the last look: attributes and data."""
        received = pull_now(self.subscriber, SUBSCRIPTION)
        found = [f"{dict(each.message.attributes)} {each.message.data.decode()}" for each in received]
        self.published.extend(found)
        if found:
            ids = [each.ack_id for each in received]
            self.subscriber.acknowledge(subscription=SUBSCRIPTION, ack_ids=ids)
        return found

    def documents(self, *collections: str) -> str:
        """Everything in these collections."""
        return "\n".join(
            f"{snapshot.id} {snapshot.to_dict()}"
            for collection in collections
            for snapshot in self.database.collection(collection).stream()
        )


def task(user_id: str, **changes: Any) -> bytes:
    """The task of a user's report."""
    valid = ReportTask(user_id=user_id, delivery_id=delivery_id(user_id, DUE), due_at=DUE, run_id=run_id(DUE))
    return json.dumps({**json.loads(valid.to_json()), **changes}).encode()


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One house for all: what one test leaves is searched for secrets by another."""
    background, clock, faults, logs = Background(), Clock(), Faults(), tmp_path_factory.mktemp("logs")

    async def start() -> tuple[FirestoreEmulator, PubSubEmulator, IdentityProvider, Inbox, TasksEmulator]:
        identity = IdentityProvider(host="127.0.0.1", port=0, clock=clock)
        parts = (
            FirestoreEmulator(host="127.0.0.1", port=0, clock=clock, middleware=[faults]),
            PubSubEmulator(host="127.0.0.1", port=0, clock=clock),
            identity,
            Inbox(host="127.0.0.1", port=0, clock=clock, sendgrid_api_key=SENDGRID_KEY),
            TasksEmulator(host="127.0.0.1", port=0, clock=clock, mint_token=identity.mint),
        )
        for part in parts:
            await part.start()
        return parts

    parts = emulator, pubsub, identity, inbox, tasks = background.run(start())
    environment = {
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "LOCATION": "us-central1",
        "REPORT_QUEUES": "reports",
        "WORKER_URL": WORKER_URL,
        "DISPATCHER_URL": DISPATCHER_URL,
        "TASKS_INVOKER": TASKS_INVOKER,
        "SCHEDULER_INVOKER": SCHEDULER_INVOKER,
        "DEAD_LETTER_TOPIC": "report-dead-letters",
        "MAX_ATTEMPTS": str(MAX_ATTEMPTS),
        "SENDGRID_API_KEY": SENDGRID_KEY,
        "SENDGRID_HOST": inbox.url,
        "SENDGRID_ACTIVITY": "true",
        "MAIL_FROM": "reports@example.com",
        "MAIL_UNSUBSCRIBE_URL": "https://example.com/unsubscribe?user={user_id}&token={token}",
        "MAIL_UNSUBSCRIBE_KEY": UNSUBSCRIBE_KEY,
        # The most that is ever written.
        "LOG_LEVEL": "DEBUG",
        "FIRESTORE_EMULATOR_HOST": f"127.0.0.1:{emulator.port}",
        "PUBSUB_EMULATOR_HOST": f"127.0.0.1:{pubsub.port}",
        "CLOUD_TASKS_EMULATOR_HOST": f"127.0.0.1:{tasks.port}",
        "OIDC_CERTS_URL": identity.certs_url,
        "OIDC_ISSUER": identity.issuer,
    }
    with pytest.MonkeyPatch.context() as own:
        own.setenv("FIRESTORE_EMULATOR_HOST", environment["FIRESTORE_EMULATOR_HOST"])
        own.setenv("PUBSUB_EMULATOR_HOST", environment["PUBSUB_EMULATOR_HOST"])
        database = firestore.Client(project=PROJECT, credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]
        publisher, subscriber = PublisherClient(), SubscriberClient()
    topic = f"projects/{PROJECT}/topics/report-dead-letters"
    publisher.create_topic(name=topic)
    subscriber.create_subscription(name=SUBSCRIPTION, topic=topic)
    channel = grpc.insecure_channel(environment["CLOUD_TASKS_EMULATOR_HOST"])
    queues = CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))
    queues.create_queue(parent=PARENT, queue=Queue(name=f"{PARENT}/queues/reports"))
    queues.pause_queue(name=f"{PARENT}/queues/reports")
    functions = [
        start_function(background, name=name, environment=environment, log_directory=logs)
        for name in ("worker", "dispatcher")
    ]
    yield House(
        background=background,
        identity=identity,
        inbox=inbox,
        faults=faults,
        database=database,
        subscriber=subscriber,
        worker=functions[0],
        dispatcher=functions[1],
        logs=logs,
        answers=[],
        published=[],
    )
    for function in functions:
        background.run(function.stop())
    publisher.stop()
    subscriber.close()
    channel.close()
    for part in reversed(parts):
        background.run(part.stop())
    background.close()
