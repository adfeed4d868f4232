"""Runs the local cloud in a process of its own, writes its documents, and runs functions on it."""

import json
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import grpc
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport
from google.cloud.firestore_v1.types import CommitRequest
from google.cloud.tasks_v2 import CloudTasksClient, HttpRequest, Queue, Task
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

from functions.shared.firestore.values import set_value
from functions.shared.records.ids import run_id
from functions.shared.records.subscription import (
    DEFAULT_SUBSCRIPTION,
    SUBSCRIPTIONS,
    SubscriptionDefaults,
    default_fields,
)
from functions.shared.records.user import USERS, enrolled_fields
from functions.shared.times.schedule import Cadence
from local_pipeline.machine_variables import machine_variables
from proof.benchmarks.child_process import start_process
from proof.benchmarks.console_data import ConsoleData
from proof.benchmarks.cpu_time import cpu_seconds
from proof.benchmarks.documents import PROJECT
from proof.benchmarks.failure import BenchmarkFailed
from proof.benchmarks.function import Function
from proof.benchmarks.services import SENDGRID_API_KEY

REPOSITORY = Path(__file__).resolve().parents[2]
LOCATION = "us-central1"
PARENT = f"projects/{PROJECT}/locations/{LOCATION}"
RUN_AT = DUE_AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
SCHEDULER = f"scheduler@{PROJECT}.iam.gserviceaccount.com"
TASKS = f"tasks@{PROJECT}.iam.gserviceaccount.com"
EVENTS = f"events@{PROJECT}.iam.gserviceaccount.com"
NO_SERVER = "http://127.0.0.1:1"
DEFAULTS = SubscriptionDefaults("activity", Cadence.HOURLY)

_WRITES_A_COMMIT = 500
_COMMITS_IN_FLIGHT = 4


class Cloud:
    """A context manager: within it the servers run.

    Args:
        latency_ms: added to every API call, as a network would.
        data: the documents that its Firestore has from the beginning.
        root: of the repository whose local cloud it is.
    """

    def __init__(
        self,
        *,
        latency_ms: float = 0,
        data: ConsoleData | None = None,
        root: Path = REPOSITORY,
    ) -> None:
        self._root = root
        self._options = [
            *("--latency-ms", str(latency_ms)),
            *(("--data", data.to_json()) if data else ()),
        ]
        self._queues = 0
        self.users = 0
        """The number of users so far."""

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            process, addresses = self._start(undo)
            self.pids = [process.pid]
            self._control = addresses.pop("control")
            self.addresses = addresses
            self.logs = Path(undo.enter_context(TemporaryDirectory()))
            channel = undo.enter_context(grpc.insecure_channel(addresses["CLOUD_TASKS_EMULATOR_HOST"]))
            self.queues = CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))
            self._stack = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def cpu_seconds(self) -> float:
        """How long its servers have computed so far."""
        return sum(map(cpu_seconds, self.pids))

    def _start(self, undo: ExitStack) -> tuple["subprocess.Popen[str]", dict[str, str]]:
        # Version 0.1.0 has the benchmarks at the top.
        is_in_proof = (self._root / "proof").is_dir()
        process = start_process(
            [sys.executable, "-m", f"{'proof.' if is_in_proof else ''}benchmarks.services", *self._options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=self._root,
        )
        undo.callback(_end, process)
        assert process.stdout is not None
        if not (line := process.stdout.readline()):
            raise BenchmarkFailed(f"the local cloud does not start: exit status {process.wait()}")
        return process, json.loads(line)

    def new_queue(self, *, paused: bool = True) -> str:
        """Make a queue, and return its id. A paused one only takes tasks: delivering them would take time, too."""
        self._queues += 1
        queue = f"queue-{self._queues}"
        path = f"{PARENT}/queues/{queue}"
        limits = {"max_dispatches_per_second": 500, "max_concurrent_dispatches": 1000}
        self.queues.create_queue(parent=PARENT, queue=Queue(name=path, rate_limits=limits))
        if paused:
            self.queues.pause_queue(name=path)
        return queue

    def put_in_tasks(self, queue: str, count: int) -> None:
        """Give a queue so many tasks."""
        path = f"{PARENT}/queues/{queue}"
        for _ in range(count):
            task = Task(http_request=HttpRequest(url=NO_SERVER, body=b"{}"))
            self.queues.create_task(parent=path, task=task)

    def counts(self, queue: str) -> dict[str, int]:
        """How many tasks a queue has (`depth`), has had (`done`) and has given up (`dropped`)."""
        path = f"{PARENT}/queues/{queue}"
        counts: dict[str, int] = requests.get(f"{self._control}/counts", params={"queue": path}, timeout=30).json()
        return counts

    def bill(self) -> dict[str, Any]:
        """What Firestore has billed since the last time, by method."""
        bill: dict[str, Any] = requests.get(f"{self._control}/bill", timeout=30).json()
        return bill

    def token(self, email: str, audience: str) -> str:
        """An OIDC token."""
        parameters = {"email": email, "audience": audience}
        token: str = requests.get(f"{self._control}/token", params=parameters, timeout=30).json()
        return token

    def put_in_users(self, count: int) -> None:
        """Create users up to this number: u1, u2 and so on, each with one subscription, which is due."""
        self.put_in(document for number in range(self.users + 1, count + 1) for document in _user(number))
        self.users = max(self.users, count)

    def put_in(self, documents: Iterator[tuple[str, Mapping[str, Any]]]) -> None:
        """Write documents, given by paths and fields. Uses raw messages, since this is not measured."""
        root = f"projects/{PROJECT}/databases/(default)"
        make = CommitRequest.pb()
        with grpc.insecure_channel(self.addresses["FIRESTORE_EMULATOR_HOST"]) as channel:
            commit: Any = channel.unary_unary(
                "/google.firestore.v1.Firestore/Commit", request_serializer=make.SerializeToString
            )
            under_way: deque[Any] = deque()
            request = make(database=root)
            for path, fields in documents:
                document = request.writes.add().update
                document.name = f"{root}/documents/{path}"
                for name, value in fields.items():
                    set_value(document.fields[name], value)
                if len(request.writes) == _WRITES_A_COMMIT:
                    under_way.append(commit.future(request))
                    request = make(database=root)
                    if len(under_way) == _COMMITS_IN_FLIGHT:
                        under_way.popleft().result()
            if request.writes:
                under_way.append(commit.future(request))
            for committed in under_way:
                committed.result()

    @contextmanager
    def firestore(self) -> Iterator[firestore.Client]:
        """A client of its Firestore."""
        client = firestore.Client(project=PROJECT, credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]  # google-auth
        with grpc.insecure_channel(self.addresses["FIRESTORE_EMULATOR_HOST"]) as channel:
            # The client takes an address from FIRESTORE_EMULATOR_HOST only, which is one for the whole process.
            client._firestore_api_internal = FirestoreClient(transport=FirestoreGrpcTransport(channel=channel))
            yield client

    def run_record(self) -> dict[str, Any]:
        """The record that the dispatcher wrote of the run."""
        with self.firestore() as client:
            record: dict[str, Any] = client.collection("runs").document(run_id(RUN_AT)).get().to_dict() or {}
        return record

    @contextmanager
    def function(
        self, name: str, *, cores: float | None = None, root: Path = REPOSITORY, source: str = "", **variables: str
    ) -> Iterator[Function]:
        """A function that runs on this cloud, with these variables beside the usual ones, with a share of a core,
        and from the file `source` of the repository at `root`."""
        environment = {
            **machine_variables(),
            **self.addresses,
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "LOCATION": LOCATION,
            "REPORT_QUEUES": "reports",
            "WORKER_URL": NO_SERVER,
            "DISPATCHER_URL": NO_SERVER,
            "TASKS_INVOKER": TASKS,
            "SCHEDULER_INVOKER": SCHEDULER,
            "DLQ_HANDLER_URL": "http://self",
            "EVENTS_INVOKER": EVENTS,
            "DEAD_LETTER_TOPIC": "dead-letters",
            "DEFAULT_KIND": "activity",
            "MAX_ATTEMPTS": "8",
            "SENDGRID_API_KEY": SENDGRID_API_KEY,
            "MAIL_FROM": "reports@example.com",
            "LOG_LEVEL": "ERROR",
            **variables,
        }
        log = self.logs / f"{name}-{time.monotonic_ns()}.log"
        with Function(name, environment, log, cores=cores, root=root, source=source) as function:
            yield function

    def dispatch(self, dispatcher: Function) -> dict[str, Any]:
        """Call the dispatcher as Cloud Scheduler does, and return what it answers."""
        answer = requests.post(
            dispatcher.url,
            headers={
                "Authorization": f"Bearer {self.token(SCHEDULER, dispatcher.environment['DISPATCHER_URL'])}",
                "X-CloudScheduler-ScheduleTime": RUN_AT.isoformat(),
            },
            data=b"{}",
            timeout=1800,
        )
        answer.raise_for_status()
        body: dict[str, Any] = answer.json()
        return body


def _end(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()


def _user(number: int) -> Sequence[tuple[str, Mapping[str, Any]]]:
    """The documents of a user, who has done nothing and wants an email, and of the subscription: paths and fields."""
    user_id = f"u{number}"
    user = {
        "email": f"user{number}@example.com",
        "name": f"User {number}",
        "active": True,
        "time_zone": "Europe/Berlin",
        "locale": "en",
        **enrolled_fields(now=DUE_AT - timedelta(days=1)),
    }
    subscription = {**default_fields(user_id, DEFAULTS, due_at=DUE_AT), "skip_empty": False}
    path = f"{USERS}/{user_id}"
    return ((path, user), (f"{path}/{SUBSCRIPTIONS}/{DEFAULT_SUBSCRIPTION}", subscription))
