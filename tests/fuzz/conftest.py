"""The whole pipeline: the three functions as processes, and everything that they talk to."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import grpc
import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.cloud.tasks_v2 import (
    CloudTasksClient,
    HttpRequest,
    HttpTarget,
    OidcToken,
    Queue,
    RateLimits,
    RetryConfig,
    Task,
    UriOverride,
)
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

from local_cloud.clock import Clock
from local_cloud.firestore.server import FirestoreEmulator
from local_cloud.function_process import FunctionProcess
from local_cloud.identity import IdentityProvider
from local_cloud.inbox.server import Inbox
from local_cloud.pubsub.server import PubSubEmulator
from local_cloud.tasks.server import TasksEmulator
from tests.function_process import start_function
from tests.functions.dlq_handler.integration.conftest import Handler
from tests.support import Background, pull_now

PROJECT = "local-project"
PARENT = f"projects/{PROJECT}/locations/us-central1"
QUEUE = f"{PARENT}/queues/reports"
SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/test"
WORKER_URL = "https://worker.example.com"
TASKS = f"tasks@{PROJECT}.iam.gserviceaccount.com"
DISPATCHER_URL = "https://dispatcher.example.com"
SCHEDULER = f"scheduler@{PROJECT}.iam.gserviceaccount.com"
API_KEY = "SG.fuzz"
MAX_ATTEMPTS = 3
TOLD_OF = 10
"""One of so many dead letters is told of."""


@dataclass(kw_only=True)
class Pipeline:
    """The functions, and what a test does with them."""

    background: Background
    identity: IdentityProvider
    inbox: Inbox
    tasks: TasksEmulator
    queues: CloudTasksClient
    database: Any
    subscriber: SubscriberClient
    dispatcher: FunctionProcess
    telling: Handler
    storing: Handler
    """The DLQ handler with Slack, and without: each message in Slack takes more than a second."""

    def deliver(self, body: bytes) -> None:
        """Put a task into the queue, have it tried until it ends, and have what came of it kept."""
        request = HttpRequest(
            url=f"{WORKER_URL}/tasks/send-report",
            body=body,
            oidc_token=OidcToken(service_account_email=TASKS, audience=WORKER_URL),
        )
        self.queues.create_task(parent=QUEUE, task=Task(http_request=request))
        self._settle()

    def run(self, scheduled_for: datetime) -> dict[str, Any]:
        """Make a run, have its tasks tried until they end, and have what came of them kept.

        Returns:
            what the dispatcher answered, and its status in `http_status`.
        """

        async def mint() -> str:
            return self.identity.mint(SCHEDULER, DISPATCHER_URL, timedelta(hours=1))

        answer = requests.post(
            f"http://127.0.0.1:{self.dispatcher.port}/dispatch",
            headers={
                "Authorization": f"Bearer {self.background.run(mint())}",
                "X-CloudScheduler-ScheduleTime": scheduled_for.strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
            timeout=120,
        )
        self._settle()
        return {**answer.json(), "http_status": answer.status_code}

    def _settle(self) -> None:
        """Wait until no task is left, and have what came on the topic kept."""
        self.background.run(self.tasks.idle(), timeout=120)
        while messages := pull_now(self.subscriber, SUBSCRIPTION):
            for number, message in enumerate(messages):
                handler = self.storing if number % TOLD_OF else self.telling
                kept = handler.receives(message.message.data, attributes=dict(message.message.attributes))
                # 503: stored, and to be delivered again for the sake of an alert.
                assert kept.status_code in {200, 503}, (kept.status_code, message.message.data[:1000])
            ids = [message.ack_id for message in messages]
            self.subscriber.acknowledge(subscription=SUBSCRIPTION, ack_ids=ids)

    def documents(self, collection: str) -> dict[str, dict[str, Any]]:
        """A collection, by the documents' ids."""
        return {each.id: each.to_dict() for each in self.database.collection(collection).stream()}

    def mailed(self) -> list[str]:
        """The delivery of each mail that SendGrid took."""

        async def read() -> list[str]:
            return [envelope.custom_args["delivery_id"] for envelope in self.inbox.mails]

        return self.background.run(read())

    def clear(self) -> None:
        """Forget everything but the names of tasks."""
        for collection in ("users", "deliveries", "dead_letters", "runs", "alerts", "system_alerts"):
            self.database.recursive_delete(self.database.collection(collection))
        self.inbox.slack_messages.clear()


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """Everything, started once."""
    background, clock, logs = Background(), Clock(), tmp_path_factory.mktemp("fuzz")
    at: dict[str, Any] = {"host": "127.0.0.1", "port": 0, "clock": clock}
    identity = IdentityProvider(**at)
    emulator, pubsub = FirestoreEmulator(**at), PubSubEmulator(**at)
    inbox = Inbox(**at, sendgrid_api_key=API_KEY, slack_rate_limit=False)
    tasks = TasksEmulator(**at, mint_token=identity.mint)
    servers = (identity, emulator, pubsub, inbox, tasks)
    for server in servers:
        background.run(server.start())
    environment = {
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "LOCATION": "us-central1",
        "REPORT_QUEUES": "reports",
        "WORKER_URL": WORKER_URL,
        "DISPATCHER_URL": DISPATCHER_URL,
        "TASKS_INVOKER": TASKS,
        "SCHEDULER_INVOKER": SCHEDULER,
        "DEAD_LETTER_TOPIC": "report-dead-letters",
        "MAX_ATTEMPTS": str(MAX_ATTEMPTS),
        "SENDGRID_API_KEY": API_KEY,
        "SENDGRID_HOST": inbox.url,
        "MAIL_FROM": "reports@example.com",
        "FIRESTORE_EMULATOR_HOST": f"127.0.0.1:{emulator.port}",
        "PUBSUB_EMULATOR_HOST": f"127.0.0.1:{pubsub.port}",
        "CLOUD_TASKS_EMULATOR_HOST": f"127.0.0.1:{tasks.port}",
        "OIDC_CERTS_URL": identity.certs_url,
        "OIDC_ISSUER": identity.issuer,
        "THREADS": "8",
    }
    with pytest.MonkeyPatch.context() as own:
        for name in ("FIRESTORE_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST"):
            own.setenv(name, environment[name])
        database = firestore.Client(project=PROJECT, credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]
        publisher, subscriber = PublisherClient(), SubscriberClient()
    topic = f"projects/{PROJECT}/topics/report-dead-letters"
    publisher.create_topic(name=topic)
    subscriber.create_subscription(name=SUBSCRIPTION, topic=topic)
    worker, dispatcher, storing, telling = functions = [
        start_function(
            background,
            name=name,
            environment={**environment, **channel},
            log_directory=logs / str(number),
            signature_type="cloudevent" if name == "dlq_handler" else "http",
        )
        for number, (name, channel) in enumerate(
            [
                ("worker", {}),
                ("dispatcher", {}),
                ("dlq_handler", {}),
                ("dlq_handler", {"SLACK_WEBHOOK_URL": inbox.slack_webhook_url}),
            ]
        )
    ]
    channel = grpc.insecure_channel(environment["CLOUD_TASKS_EMULATOR_HOST"])
    queue = Queue(
        name=QUEUE,
        rate_limits=RateLimits(max_dispatches_per_second=500, max_concurrent_dispatches=8),
        retry_config=RetryConfig(
            max_attempts=MAX_ATTEMPTS, min_backoff=timedelta(milliseconds=100), max_backoff=timedelta(milliseconds=100)
        ),
        http_target=HttpTarget(
            uri_override=UriOverride(scheme=UriOverride.Scheme.HTTP, host="127.0.0.1", port=worker.port)
        ),
    )
    queues = CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))
    queues.create_queue(parent=PARENT, queue=queue)
    yield Pipeline(
        background=background,
        identity=identity,
        inbox=inbox,
        tasks=tasks,
        queues=queues,
        database=database,
        subscriber=subscriber,
        dispatcher=dispatcher,
        telling=Handler(telling),
        storing=Handler(storing),
    )
    for function in functions:
        background.run(function.stop())
    publisher.stop()
    subscriber.close()
    channel.close()
    for server in reversed(servers):
        background.run(server.stop())
    background.close()
