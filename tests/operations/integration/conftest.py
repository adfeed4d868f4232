"""The operator's command, through its own entry, against Firestore, Cloud Tasks and an issuer of tokens on sockets."""

import functools
import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import typer.main
from aiohttp import web
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore, tasks_v2
from typer import testing
from typer.testing import CliRunner

from functions.shared.firestore.database import Database
from functions.shared.queues.task_queue import cloud_tasks_client
from functions.shared.records.dead_letter import DeadLetterReason
from functions.shared.records.delivery import DeliveryState
from functions.shared.records.ids import delivery_id, shard_of
from functions.shared.records.mail_event import MAIL_EVENTS, MailRecord, MailStatus, Sighting
from functions.shared.records.report_task import ReportTask
from functions.shared.records.run import RUN_COUNTERS
from functions.shared.records.subscription import DEFAULT_SUBSCRIPTION
from local_cloud.clock import Clock
from local_cloud.firestore.server import FirestoreEmulator
from local_cloud.http import HttpServer
from local_cloud.identity import IdentityProvider
from local_cloud.tasks.server import TasksEmulator
from operations.commands.app import app
from operations.operator_actions import OPERATOR_ACTIONS
from tests.deployed_firestore import deployed_firestore
from tests.firestore_client import database_of
from tests.operations.integration.browser import Browser, running
from tests.seeding import seed
from tests.support import Background, Faults

# CliRunner makes all commands again for each call, which takes longer than most calls.
testing._get_command = functools.cache(typer.main.get_command)  # type: ignore[attr-defined]

LOCATION = "us-central1"
WORKER_URL = "https://worker.example"
DUE = datetime(2026, 11, 24, 13, tzinfo=UTC)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
NOT_DUE = datetime(2126, 1, 1, 8, tzinfo=UTC)
BECAUSE = "complaints: 0.35 % (70 of 20,000 delivered emails in 7 days), and the limit is 0.3 %"
FIGURES = {
    "run_id": "20261124T1300Z",
    "due": 3,
    "dispatched": 2,
    "already_dispatched": 1,
    "overdue": 0,
    "lost": 0,
    "enrolled": 0,
    "scheduled": 0,
    "malformed": 0,
    "held": 0,
    "errors": 0,
    "seconds": 0.2,
    "continued": False,
    "stopped": False,
}


@dataclass(kw_only=True)
class Answer:
    """What the command came to."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(kw_only=True)
class Project:
    """A project of its own on the emulators, with a queue that holds its tasks, and the command that works on it."""

    background: Background
    firestore: FirestoreEmulator
    tasks: TasksEmulator
    identity: IdentityProvider
    id: str = field(default_factory=lambda: f"p-{uuid.uuid4().hex[:12]}")
    variables: dict[str, str] = field(default_factory=dict)
    database: Any = None

    @functools.cached_property
    def door(self) -> Database:
        """The database as the pipeline's own code sees it."""
        return database_of(self.firestore.port, self.id)

    @property
    def queue(self) -> str:
        return f"projects/{self.id}/locations/{LOCATION}/queues/reports"

    def reports(self, *arguments: str, **variables: str | None) -> Answer:
        """Run the command."""
        environment: dict[str, str | None] = {**self.variables, **variables}
        result = CliRunner().invoke(app, list(arguments), env=environment, catch_exceptions=False)
        # The command prints no address, unless it was asked for addresses.
        assert {"export", "--with-addresses"} & {*arguments} or re.findall(r"\S+@\S+\.example\b", result.output) == []
        return Answer(status=result.exit_code, out=result.stdout, err=result.stderr)

    def make_queue(self, name: str = "reports") -> None:
        parent = f"projects/{self.id}/locations/{LOCATION}"
        queue = tasks_v2.Queue(
            name=f"{parent}/queues/{name}",
            rate_limits=tasks_v2.RateLimits(max_dispatches_per_second=10, max_concurrent_dispatches=100),
            retry_config=tasks_v2.RetryConfig(
                max_attempts=8,
                min_backoff=timedelta(seconds=10),
                max_backoff=timedelta(seconds=300),
                max_doublings=3,
            ),
        )
        cloud_tasks_client().create_queue(parent=parent, queue=queue)
        cloud_tasks_client().pause_queue(name=queue.name)

    def queued(self, name: str = "reports") -> list[tasks_v2.Task]:
        """The tasks that a queue holds, with all that is in them."""
        request = tasks_v2.ListTasksRequest(
            parent=f"projects/{self.id}/locations/{LOCATION}/queues/{name}", response_view=tasks_v2.Task.View.FULL
        )
        return list(cloud_tasks_client().list_tasks(request=request))

    def task_runs(self) -> None:
        """The queue's tasks come to their end."""
        for task in self.queued():
            cloud_tasks_client().delete_task(name=task.name)

    def letter(self, letter_id: str) -> dict[str, Any]:
        fields: dict[str, Any] = self.database.collection("dead_letters").document(letter_id).get().to_dict()
        return fields

    def delivery(self, letter_id: str) -> dict[str, Any] | None:
        fields: dict[str, Any] | None = self.database.collection("deliveries").document(letter_id).get().to_dict()
        return fields

    def set_delivery(self, letter_id: str, **fields: Any) -> None:
        self.database.collection("deliveries").document(letter_id).set(fields, merge=True)

    def put_run(self, run_id: str = "20261124T1300Z", **fields: Any) -> None:
        """A run that has ended, as the dispatcher leaves it."""
        times = dict.fromkeys(("scheduled_for", "started_at", "finished_at"), DUE)
        run = {"attempt": "a1", "attempts": 1, "state": "finished", **times, **dict.fromkeys(RUN_COUNTERS, 0)}
        self.database.collection("runs").document(run_id).set({**run, **fields})

    def put_user(self, user_id: str = "u1", **fields: Any) -> None:
        """A user with a daily report that is not due."""
        user = {"email": "ada@customer.example", "enrolled_at": DUE, **fields}
        seed(self.database, user_id, user=user, next_report_at=NOT_DUE, cadence="daily", hour=8)

    def put_sent(self, user: str, *, due_at: datetime, **reached: datetime) -> None:
        """A report that was sent, and what the email provider says of its mail: when it reached which status."""
        delivery = f"{user}:default"
        shard = shard_of(user, "default")
        self.set_delivery(delivery, user_id=user, shard=shard, state="sent", due_at=due_at)
        if reached:
            self.put_mail(delivery, **reached)

    def put_mail(self, delivery: str, **reached: datetime) -> None:
        """What the email provider says of a delivery's mail: when it reached which status."""
        recipients = {"a" * 64: {MailStatus(status): Sighting(at) for status, at in reached.items()}}
        user = delivery.partition(":")[0]
        record = MailRecord(id=delivery, user_id=user, subscription_id="default", recipients=recipients)
        self.database.collection(MAIL_EVENTS).document(delivery).set(record.to_fields())

    def put_breaker(self, **fields: Any) -> None:
        """As the dispatcher leaves it when it stops the runs."""
        document = {
            "stopped_at": NOON,
            "because": BECAUSE,
            "figures": {"delivered": 20_000, "complaints": 70, "bounces": 100},
            "read_at": NOON,
            "told": {"sending-stopped": NOON},
            "resumed_at": None,
            "resumed_by": "",
            "note": "",
            "baseline": {"2026-11-20": {"delivered": 1, "complaints": 0, "bounces": 0}},
        }
        self.database.document("mail_breaker/state").set({**document, **fields})

    def actions(self) -> list[tuple[str, str, str, str]]:
        """What operators did: who, what, to what, and what came of it."""
        found = [each.to_dict() for each in self.database.collection("operator_actions").stream()]
        assert all(each["ended_at"] for each in found)
        return sorted((each["who"], each["action"], each["subject"], each["outcome"]) for each in found)

    def everything(self) -> dict[str, Any]:
        """All documents and tasks, to see that nothing has changed; without the action log, which has what was refused,
        too."""
        documents = {
            f"{collection.id}/{snapshot.id}": (snapshot.to_dict(), snapshot.update_time)
            for collection in self.database.collections()
            if collection.id != OPERATOR_ACTIONS
            for snapshot in collection.stream()
        }
        return {"documents": documents, "tasks": sorted(task.name for task in self.queued())}

    def dead_letter(
        self,
        user: str = "u1",
        *,
        reason: DeadLetterReason = DeadLetterReason.RETRIES_EXHAUSTED,
        received_at: datetime | None = None,
        delivery: DeliveryState | None = DeliveryState.DEAD,
        **fields: Any,
    ) -> str:
        """Put in a dead letter as the DLQ handler stores it, and its delivery as the worker leaves it."""
        task = ReportTask(
            user_id=user,
            subscription_id=DEFAULT_SUBSCRIPTION,
            delivery_id=delivery_id(user, DEFAULT_SUBSCRIPTION, DUE),
            due_at=DUE,
            run_id="20261124T1300Z",
            kind="activity",
        )
        received_at = received_at or datetime.now(UTC)
        letter: dict[str, Any] = {
            "payload": task.model_dump(mode="json"),
            "reason": reason.value,
            "error": "SendGrid answered 500 for someone@customer.example",
            "attempts": 8,
            "task_name": "abc",
            "failed_at": received_at,
            "received_at": received_at,
            "alerted_at": received_at,
            "alerts": {},
            "message_id": "1",
            "cause": "c",
            "state": "open",
            **fields,
        }
        self.database.collection("dead_letters").document(task.delivery_id).set(letter)
        if delivery is not None:
            self.set_delivery(
                task.delivery_id,
                user_id=user,
                subscription_id=task.subscription_id,
                shard=shard_of(user, task.subscription_id),
                due_at=DUE,
                run_id=task.run_id,
                kind=task.kind,
                state=delivery.value,
                attempts=8,
                owner="a worker",
                lease_expires_at=None,
                period_start=DUE - timedelta(hours=1),
                period_end=DUE,
                last_error="SendGrid answered 500 for someone@customer.example",
                created_at=received_at,
                updated_at=received_at,
                expire_at=received_at + timedelta(days=90),
            )
        return task.delivery_id


@dataclass(kw_only=True)
class Emulators:
    """What all tests of this package share."""

    background: Background
    firestore: FirestoreEmulator
    tasks: TasksEmulator
    tasks_faults: Faults
    identity: IdentityProvider


@pytest.fixture(scope="package")
def emulators() -> Iterator[Emulators]:
    background = Background()
    clock = Clock()
    faults = Faults()

    async def start() -> Emulators:
        identity = IdentityProvider(host="127.0.0.1", port=0, clock=clock)
        firestore_emulator = deployed_firestore(host="127.0.0.1", port=0, clock=clock)
        tasks = TasksEmulator(host="127.0.0.1", port=0, clock=clock, mint_token=identity.mint, middleware=[faults])
        for server in (identity, firestore_emulator, tasks):
            await server.start()
        return Emulators(
            background=background,
            firestore=firestore_emulator,
            tasks=tasks,
            tasks_faults=faults,
            identity=identity,
        )

    emulators = background.run(start())
    yield emulators
    for server in (emulators.tasks, emulators.firestore, emulators.identity):
        background.run(server.stop())
    background.close()


@pytest.fixture
def project(emulators: Emulators) -> Iterator[Project]:
    project = Project(
        background=emulators.background,
        firestore=emulators.firestore,
        tasks=emulators.tasks,
        identity=emulators.identity,
    )
    project.variables = {
        "GOOGLE_CLOUD_PROJECT": project.id,
        "LOCATION": LOCATION,
        "REPORT_QUEUES": "reports",
        "WORKER_URL": WORKER_URL,
        "TASKS_INVOKER": f"tasks@{project.id}.iam.gserviceaccount.com",
        "SCHEDULER_INVOKER": f"scheduler@{project.id}.iam.gserviceaccount.com",
        "MAX_ATTEMPTS": "8",
        "DEFAULT_KIND": "activity",
        "OIDC_ISSUER": emulators.identity.issuer,
        "FIRESTORE_EMULATOR_HOST": f"127.0.0.1:{emulators.firestore.port}",
        "CLOUD_TASKS_EMULATOR_HOST": f"127.0.0.1:{emulators.tasks.port}",
    }
    with pytest.MonkeyPatch.context() as environment:
        for name, value in project.variables.items():
            environment.setenv(name, value)
        # The client is kept for the life of a process, which is longer than that of this package's emulator.
        cloud_tasks_client.cache_clear()
        credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]  # google-auth is untyped here
        project.database = firestore.Client(project=project.id, credentials=credentials)
        project.make_queue()
        yield project
        cloud_tasks_client.cache_clear()
        project.database.close()


@pytest.fixture
def console(project: Project) -> Iterator[Browser]:
    """A console of the project."""
    with running() as browser:
        yield browser


@dataclass
class Dispatcher:
    """Answers as it is told, and keeps what it was asked."""

    url: str = ""
    status: int = 200
    body: str = json.dumps(FIGURES)
    calls: list[Mapping[str, str]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.calls.append(request.headers.copy())
        return web.Response(status=self.status, text=self.body, content_type="application/json")


@pytest.fixture
def dispatcher(emulators: Emulators) -> Iterator[Dispatcher]:
    dispatcher = Dispatcher()
    app = web.Application()
    app.router.add_post("/dispatch", dispatcher.answer)
    server = HttpServer("dispatcher", app, "127.0.0.1", 0)
    emulators.background.run(server.start())
    dispatcher.url = f"http://127.0.0.1:{server.port}"
    yield dispatcher
    emulators.background.run(server.stop())
