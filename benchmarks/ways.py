"""Ways to make a task for each due user. Each runs in a process of its own and says how long its two parts took."""

import asyncio
import json
import multiprocessing
import os
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import grpc
from aiohttp import ClientSession
from gcloud.aio.taskqueue import PushQueue
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore, tasks_v2
from google.cloud.firestore_v1.base_query import FieldFilter
from google.cloud.tasks_v2.services.cloud_tasks.transports import (
    CloudTasksGrpcAsyncIOTransport,
    CloudTasksGrpcTransport,
)
from google.longrunning.operations_pb2 import Operation

from benchmarks.cloud import DUE_AT, NOBODY, PARENT, PROJECT, TASKS
from functions.dispatcher.due_user import DueUser
from functions.dispatcher.fan_out import CALLS_IN_FLIGHT, FanOut, report_task
from functions.dispatcher.run_counters import RunCounters
from functions.shared.task_queue import BATCH_SIZE, TaskQueue

_IN_FLIGHT = 100
_RUN_ID = "20261124T1200Z"


@dataclass(frozen=True, kw_only=True)
class Taken:
    """How long it took.

    Attributes:
        read: seconds until all users were in memory; zero where they were not read.
        enqueue: seconds from then until all tasks were made.
        read_cpu: seconds of them that the process computed, all threads together.
        enqueue_cpu: likewise.
    """

    read: float = 0
    enqueue: float
    read_cpu: float = 0
    enqueue_cpu: float


class _Watch:
    """Begins with the reading, or with the enqueueing where nothing is read."""

    def __init__(self) -> None:
        self._read = self._began = self._now()

    @staticmethod
    def _now() -> tuple[float, float]:
        return time.perf_counter(), time.process_time()

    def all_read(self) -> None:
        self._read = self._now()

    def taken(self) -> Taken:
        seconds, cpu = self._now()
        return Taken(
            read=self._read[0] - self._began[0],
            enqueue=seconds - self._read[0],
            read_cpu=self._read[1] - self._began[1],
            enqueue_cpu=cpu - self._read[1],
        )


Way = Callable[[str, int], Taken]
"""Makes a task in a queue, whose id it is given, for each of so many users."""


def in_a_process_of_its_own(way: Way, queue: str, users: int, addresses: Mapping[str, str]) -> Taken:
    """Run a way where nothing of another is in memory, against the servers at these addresses."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(_run, way, queue, users, dict(addresses)).result()


def one_after_another(queue: str, _users: int) -> Taken:
    """As the usual tutorial has it: all users in a list, then `create_task` for one after another."""
    watch = _Watch()
    users = _read_all()
    watch.all_read()
    channel = grpc.insecure_channel(os.environ["CLOUD_TASKS_EMULATOR_HOST"])
    client = tasks_v2.CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))
    parent = f"{PARENT}/queues/{queue}"
    for user_id, _ in users:
        client.create_task(parent=parent, task=_task(user_id))
    return watch.taken()


def a_hundred_in_flight(queue: str, _users: int) -> Taken:
    """The same list, then `create_task` of the asynchronous client, a hundred at once."""
    watch = _Watch()
    users = _read_all()
    watch.all_read()

    async def enqueue() -> None:
        channel = grpc.aio.insecure_channel(os.environ["CLOUD_TASKS_EMULATOR_HOST"])
        client = tasks_v2.CloudTasksAsyncClient(transport=CloudTasksGrpcAsyncIOTransport(channel=channel))
        parent = f"{PARENT}/queues/{queue}"
        await _in_flight(lambda user_id: client.create_task(parent=parent, task=_task(user_id)), users)

    asyncio.run(enqueue())
    return watch.taken()


def gcloud_aio(queue: str, _users: int) -> Taken:
    """The same list, then gcloud-aio-taskqueue, which creates a task by a request of the REST API: a hundred at once,
    by one aiohttp session. It finds the local cloud by CLOUDTASKS_EMULATOR_HOST, and sends no token there."""
    watch = _Watch()
    users = _read_all()
    watch.all_read()

    async def enqueue() -> None:
        async with ClientSession() as session:
            location = PARENT.rpartition("/")[2]
            client = PushQueue(PROJECT, queue, location, session=session)  # type: ignore[arg-type]  # means requests' Session
            await _in_flight(lambda user_id: client.create(_task_as_json(user_id)), users)

    asyncio.run(enqueue())
    return watch.taken()


def ours(queue: str, users: int) -> Taken:
    """The dispatcher's own fan-out, given users that are in memory already."""
    due = [DueUser(f"u{number}", DUE_AT) for number in range(1, users + 1)]
    task_queue = TaskQueue(
        project=PROJECT,
        location=PARENT.rpartition("/")[2],
        queue=queue,
        url=f"{NOBODY}/tasks/send-report",
        service_account=TASKS,
        audience=NOBODY,
    )
    watch = _Watch()
    with FanOut([task_queue], run_id=_RUN_ID, counters=RunCounters()) as fan_out:
        for user in due:
            fan_out.add(user)
    return watch.taken()


def the_limit(queue: str, users: int) -> Taken:
    """`BatchCreateTasks` with messages that were made before, and nothing else."""
    parent = f"{PARENT}/queues/{queue}"
    make = tasks_v2.BatchCreateTasksRequest.pb()
    batches = []
    for first in range(1, users + 1, BATCH_SIZE):
        batch = make(parent=parent)
        for number in range(first, min(first + BATCH_SIZE, users + 1)):
            new = report_task(DueUser(f"u{number}", DUE_AT), _RUN_ID)
            request = batch.requests.add(parent=parent)
            request.task.name = f"{parent}/tasks/{new.task_id}"
            request.task.http_request.url = f"{NOBODY}/tasks/send-report"
            request.task.http_request.body = new.body
            request.task.http_request.oidc_token.service_account_email = TASKS
        batches.append(batch)
    with grpc.insecure_channel(os.environ["CLOUD_TASKS_EMULATOR_HOST"]) as channel:
        call = channel.unary_unary(
            "/google.cloud.tasks.v2.CloudTasks/BatchCreateTasks",
            request_serializer=make.SerializeToString,
            response_deserializer=Operation.FromString,
        )
        watch = _Watch()
        with ThreadPoolExecutor(CALLS_IN_FLIGHT) as threads:
            list(threads.map(call, batches))
        return watch.taken()


def _run(way: Way, queue: str, users: int, addresses: Mapping[str, str]) -> Taken:
    os.environ.update(addresses)
    return way(queue, users)


def _read_all() -> list[tuple[str, Any]]:
    client = firestore.Client(project=PROJECT, credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]  # google-auth
    due = (
        client.collection("users")
        .where(filter=FieldFilter("active", "==", True))
        .where(filter=FieldFilter("next_report_at", "<=", datetime(2026, 11, 24, 12, tzinfo=UTC)))
    )
    return [(snapshot.id, snapshot.to_dict()) for snapshot in due.stream()]


async def _in_flight(create: Callable[[str], Awaitable[Any]], users: Iterable[tuple[str, Any]]) -> None:
    slots = asyncio.Semaphore(_IN_FLIGHT)

    async def one(user_id: str) -> None:
        async with slots:
            await create(user_id)

    await asyncio.gather(*(one(user_id) for user_id, _ in users))


def _task(user_id: str) -> Any:  # a mapping, which the client takes for a Task, but does not say so
    return {
        "http_request": {
            "url": f"{NOBODY}/tasks/send-report",
            "http_method": tasks_v2.HttpMethod.POST,
            "headers": {"Content-Type": "application/json"},
            "oidc_token": {"service_account_email": TASKS, "audience": NOBODY},
            "body": _body(user_id),
        }
    }


def _task_as_json(user_id: str) -> dict[str, Any]:
    return {
        "httpRequest": {
            "url": f"{NOBODY}/tasks/send-report",
            "httpMethod": "POST",
            "headers": {"Content-Type": "application/json"},
            "oidcToken": {"serviceAccountEmail": TASKS, "audience": NOBODY},
            "body": b64encode(_body(user_id)).decode(),
        }
    }


def _body(user_id: str) -> bytes:
    return json.dumps({"user_id": user_id, "due_at": DUE_AT.isoformat(), "run_id": _RUN_ID}).encode()
