"""The dispatcher as a process of its own, and around it everything that it talks to."""

import functools
import itertools
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests
from google.cloud.pubsub_v1 import SubscriberClient
from google.cloud.tasks_v2 import CloudTasksClient, Queue, RateLimits, RetryConfig, Task
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

from functions.shared.firestore.database import Database
from functions.shared.records.report_task import ReportTask
from functions.shared.records.subscription import DEFAULT_SUBSCRIPTION
from local_cloud.clock import Clock
from local_cloud.firestore.server import FirestoreEmulator
from local_cloud.identity import IdentityProvider
from local_cloud.pubsub.server import PubSubEmulator
from local_cloud.tasks.server import TasksEmulator
from local_pipeline.function_process import FunctionProcess
from tests.deployed_firestore import deployed_firestore
from tests.firestore_client import client_of, database_of
from tests.function_process import FunctionProcesses
from tests.pubsub_clients import pubsub_clients_of
from tests.seeding import seed, subscription_reference, user_document, user_reference
from tests.support import Background, Faults, pull_now

PROJECT = "local-project"
LOCATION = "us-central1"
DISPATCHER_URL = "https://dispatcher.example.com"
WORKER_URL = "http://127.0.0.1:1"
"""No server listens there: a task fails at once, and then waits for its retry."""

SCHEDULER = "scheduler-invoker@local-project.iam.gserviceaccount.com"
TASKS = "tasks-invoker@local-project.iam.gserviceaccount.com"
TOPIC = f"projects/{PROJECT}/topics/report-dead-letters"
SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/test"

NOON = datetime(2126, 11, 24, 12, tzinfo=UTC)
"""In the far future: a run comes after the runs before it in the machine's time too."""

HOUR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the dispatcher answered."""

    status: int
    body: dict[str, Any]


@dataclass(kw_only=True)
class Cloud:
    """The services, and what a test does with them."""

    background: Background
    firestore: FirestoreEmulator
    firestore_faults: Faults
    tasks_port: int
    tasks_faults: Faults
    pubsub_port: int
    pubsub_faults: Faults
    identity: IdentityProvider
    database: Any
    queues: CloudTasksClient
    subscriber: SubscriberClient
    logs: Path
    dispatchers: FunctionProcesses
    system_alerts: list[dict[str, Any]] = field(default_factory=list)
    """Those that came on the topic beside the dead letters."""
    _users: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _batch: Any = None

    @functools.cached_property
    def door(self) -> Database:
        """The database as the pipeline's own code sees it."""
        return database_of(self.firestore.port, PROJECT)

    @property
    def environment(self) -> dict[str, str]:
        """What the dispatcher is started with."""
        return {
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "LOCATION": LOCATION,
            "REPORT_QUEUES": "reports",
            "WORKER_URL": WORKER_URL,
            "DISPATCHER_URL": DISPATCHER_URL,
            "TASKS_INVOKER": TASKS,
            "SCHEDULER_INVOKER": SCHEDULER,
            "DEAD_LETTER_TOPIC": "report-dead-letters",
            "DEFAULT_KIND": "activity",
            "FIRESTORE_EMULATOR_HOST": f"127.0.0.1:{self.firestore.port}",
            "FIRESTORE_REST_EMULATOR_HOST": f"127.0.0.1:{self.firestore.rest_port}",
            "CLOUD_TASKS_EMULATOR_HOST": f"127.0.0.1:{self.tasks_port}",
            "PUBSUB_EMULATOR_HOST": f"127.0.0.1:{self.pubsub_port}",
            "OIDC_CERTS_URL": self.identity.certs_url,
            "OIDC_ISSUER": self.identity.issuer,
        }

    def dispatcher(self, **variables: str) -> FunctionProcess:
        """A dispatcher that was started with these variables besides the usual ones; one for each set of them."""
        return self.dispatchers.get({**self.environment, **variables})

    def clear(self) -> None:
        """Forget everything but the names of tasks."""
        self.firestore_faults.middleware = self.tasks_faults.middleware = self.pubsub_faults.middleware = None
        self.background.run(self.firestore.clear())
        for queue in ("reports", "reports-2"):
            self.queues.purge_queue(name=self.queue_path(queue))
        self.dead_letters()
        self.system_alerts.clear()

    def queue_path(self, queue: str = "reports") -> str:
        """A queue's full name."""
        return f"projects/{PROJECT}/locations/{LOCATION}/queues/{queue}"

    @contextmanager
    def one_commit(self) -> Iterator[Any]:
        """A batch that is committed at the end. Users that are made within it are in it, too."""
        if self._batch is not None:
            yield self._batch
            return
        self._batch = self.database.batch()
        try:
            yield self._batch
            self._batch.commit()
        finally:
            self._batch = None

    def user(self, **fields: Any) -> str:
        """A new active user who is enrolled and has no subscription. A field given as `...` is left out."""
        user_id = f"user-{next(self._users)}"
        with self.one_commit() as batch:
            batch.set(user_reference(self.database, user_id), user_document(user_id, **fields))
        return user_id

    def subscribed_user(
        self,
        *,
        next_report_at: Any = NOON,
        subscription_id: str = DEFAULT_SUBSCRIPTION,
        user: dict[str, Any] | None = None,
        **subscription: Any,
    ) -> str:
        """A new user with one subscription, whose hourly report is due at noon. A field given as `...` is left out."""
        user_id = f"user-{next(self._users)}"
        with self.one_commit() as batch:
            seed(
                self.database,
                user_id,
                next_report_at=next_report_at,
                subscription_id=subscription_id,
                user=user,
                batch=batch,
                **subscription,
            )
        return user_id

    def fields_of(self, user_id: str) -> dict[str, Any]:
        """A user's document."""
        fields: dict[str, Any] = user_reference(self.database, user_id).get().to_dict()
        return fields

    def subscription(self, user_id: str, subscription_id: str = DEFAULT_SUBSCRIPTION) -> dict[str, Any]:
        """A subscription's document."""
        fields: dict[str, Any] = subscription_reference(self.database, user_id, subscription_id).get().to_dict()
        return fields

    def delivery(self, delivery_id: str) -> dict[str, Any] | None:
        """What the ledger has."""
        fields: dict[str, Any] | None = self.database.collection("deliveries").document(delivery_id).get().to_dict()
        return fields

    def record(self, run_id: str) -> dict[str, Any]:
        """The document of a run."""
        fields: dict[str, Any] = self.database.collection("runs").document(run_id).get().to_dict()
        return fields

    def tasks(self, queue: str = "reports") -> list[Task]:
        """What is in a queue."""
        view = {"parent": self.queue_path(queue), "response_view": Task.View.FULL}
        return list(self.queues.list_tasks(request=view))

    def reports(self, queue: str = "reports") -> list[ReportTask]:
        """The reports that wait in a queue."""
        return [
            ReportTask.from_json(task.http_request.body)
            for task in self.tasks(queue)
            if task.http_request.url == f"{WORKER_URL}/tasks/send-report"
        ]

    def dead_letters(self) -> list[dict[str, Any]]:
        """The bodies of the dead letters since the last look. The dispatcher publishes before it answers."""
        bodies = []
        while received := pull_now(self.subscriber, SUBSCRIPTION):
            self.subscriber.acknowledge(subscription=SUBSCRIPTION, ack_ids=[message.ack_id for message in received])
            messages = [message.message for message in received]
            self.system_alerts += [json.loads(each.data) for each in messages if "alert" in each.attributes]
            bodies += [json.loads(each.data) for each in messages if "alert" not in each.attributes]
        return bodies

    def keep_letters(self, letters: list[dict[str, Any]]) -> None:
        """Keep dead letters as the DLQ handler does."""
        for letter in letters:
            kept = {"state": "open", "failed_at": datetime.fromisoformat(letter["failed_at"])}
            self.database.collection("dead_letters").document(letter["letter_id"]).set(kept)

    def call(
        self,
        at: datetime | None = NOON,
        *,
        token: str | None = None,
        path: str = "/",
        method: str = "POST",
        headers: dict[str, str] | None = None,
        body: bytes = b"{}",
        variables: Mapping[str, str] | None = None,
    ) -> Answer:
        """Call the dispatcher as Cloud Scheduler does. Whatever it does, it counts each report once.

        Args:
            at: the time that the run is for; None to send no header.
            token: in the place of the right one; an empty one is not sent.
            headers: others.
            variables: those that the dispatcher is started with.
        """
        if token is None:
            token = self.identity.mint(SCHEDULER, DISPATCHER_URL)
        sent = dict(headers or {})
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if at is not None:
            sent["X-CloudScheduler-ScheduleTime"] = at.strftime("%Y-%m-%dT%H:%M:%SZ")
        port = self.dispatcher(**(variables or {})).port
        answer = requests.request(method, f"http://127.0.0.1:{port}{path}", headers=sent, data=body, timeout=60)
        figures = answer.json()
        if "due" in figures:
            assert figures["dispatched"] + figures["already_dispatched"] <= figures["due"], figures
        return Answer(status=answer.status_code, body=figures)

    def log(self, **variables: str) -> list[dict[str, Any]]:
        """What the dispatcher has logged, as far as it is JSON; the one that was started with these variables."""
        lines = self.dispatcher(**variables).log_file.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


# Not for the session: every event loop that has a gRPC server wakes at each call of any of them.
@pytest.fixture(scope="package")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """Everything, started once."""
    background, clock, logs = Background(), Clock(), tmp_path_factory.mktemp("dispatcher")
    faults = Faults(), Faults(), Faults()
    firestore_server = deployed_firestore(
        host="127.0.0.1",
        port=0,
        clock=clock,
        middleware=[faults[0]],
    )
    identity = IdentityProvider(host="127.0.0.1", port=0, clock=clock)
    tasks = TasksEmulator(host="127.0.0.1", port=0, clock=clock, mint_token=identity.mint, middleware=[faults[1]])
    pubsub = PubSubEmulator(host="127.0.0.1", port=0, clock=clock, middleware=[faults[2]])
    servers = (firestore_server, identity, tasks, pubsub)
    for server in servers:
        background.run(server.start())

    database = client_of(firestore_server.port, PROJECT)
    publisher, subscriber = pubsub_clients_of(pubsub.port)
    queues = CloudTasksClient(
        transport=CloudTasksGrpcTransport(channel=grpc.insecure_channel(f"127.0.0.1:{tasks.port}"))
    )
    publisher.create_topic(name=TOPIC)
    subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)
    for name in ("reports", "reports-2"):
        queue = Queue(
            name=f"projects/{PROJECT}/locations/{LOCATION}/queues/{name}",
            rate_limits=RateLimits(max_dispatches_per_second=500, max_concurrent_dispatches=100),
            # 3 attempts, 10 and 20 minutes between them: with their deadlines, gone after 36 minutes.
            retry_config=RetryConfig(
                max_attempts=3, min_backoff=timedelta(minutes=10), max_backoff=HOUR, max_doublings=5
            ),
        )
        queues.create_queue(parent=f"projects/{PROJECT}/locations/{LOCATION}", queue=queue)

    made = Cloud(
        background=background,
        firestore=firestore_server,
        firestore_faults=faults[0],
        tasks_port=tasks.port,
        tasks_faults=faults[1],
        pubsub_port=pubsub.port,
        pubsub_faults=faults[2],
        identity=identity,
        database=database,
        queues=queues,
        subscriber=subscriber,
        logs=logs,
        dispatchers=FunctionProcesses(background, name="dispatcher", log_directory=logs),
    )
    yield made
    made.dispatchers.stop()
    for server in reversed(servers):
        background.run(server.stop())
    background.close()


@pytest.fixture
def cloud(services: Cloud) -> Cloud:
    """Everything, with nothing in it."""
    services.clear()
    return services
