"""Strategies that create a task for each due user. Each runs in its own process and measures its two parts."""

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
class FanOutTimes:
    """How long a strategy took.

    Attributes:
        read: seconds until all users are in memory; zero if the strategy reads none.
        enqueue: seconds from then until all tasks exist.
        read_cpu: CPU seconds of the process, all its threads together, during `read`.
        enqueue_cpu: CPU seconds of the process, all its threads together, during `enqueue`.
    """

    read: float = 0
    enqueue: float
    read_cpu: float = 0
    enqueue_cpu: float


class _Stopwatch:
    """Measures a strategy from the moment at which it is created."""

    def __init__(self) -> None:
        self._read = self._began = self._now()

    @staticmethod
    def _now() -> tuple[float, float]:
        return time.perf_counter(), time.process_time()

    def all_read(self) -> None:
        self._read = self._now()

    def taken(self) -> FanOutTimes:
        seconds, cpu = self._now()
        return FanOutTimes(
            read=self._read[0] - self._began[0],
            enqueue=seconds - self._read[0],
            read_cpu=self._read[1] - self._began[1],
            enqueue_cpu=cpu - self._read[1],
        )


FanOutStrategy = Callable[[str, int], FanOutTimes]
"""Takes the id of a queue and a number of users, and creates a task in the queue for each user."""


def in_a_process_of_its_own(
    strategy: FanOutStrategy, queue: str, users: int, addresses: Mapping[str, str]
) -> FanOutTimes:
    """Run a strategy in a new process, against the servers at these addresses.

    In a new process no strategy profits from what another has left in memory.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(_run, strategy, queue, users, dict(addresses)).result()


def one_after_another(queue: str, _users: int) -> FanOutTimes:
    """Read all users into a list, then call `create_task` for one after another, as the usual tutorial does."""
    stopwatch = _Stopwatch()
    users = _read_all()
    stopwatch.all_read()
    channel = grpc.insecure_channel(os.environ["CLOUD_TASKS_EMULATOR_HOST"])
    client = tasks_v2.CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))
    parent = f"{PARENT}/queues/{queue}"
    for user_id, _ in users:
        client.create_task(parent=parent, task=_task(user_id))
    return stopwatch.taken()


def a_hundred_in_flight(queue: str, _users: int) -> FanOutTimes:
    """Read the same list, then call `create_task` of the asynchronous client, a hundred calls at once."""
    stopwatch = _Stopwatch()
    users = _read_all()
    stopwatch.all_read()

    async def enqueue() -> None:
        channel = grpc.aio.insecure_channel(os.environ["CLOUD_TASKS_EMULATOR_HOST"])
        client = tasks_v2.CloudTasksAsyncClient(transport=CloudTasksGrpcAsyncIOTransport(channel=channel))
        parent = f"{PARENT}/queues/{queue}"
        await _in_flight(lambda user_id: client.create_task(parent=parent, task=_task(user_id)), users)

    asyncio.run(enqueue())
    return stopwatch.taken()


def gcloud_aio(queue: str, _users: int) -> FanOutTimes:
    """Read the same list, then create the tasks with gcloud-aio-taskqueue, a hundred calls at once.

    The library calls the REST API in one aiohttp session. It reads the address of the local cloud from
    CLOUDTASKS_EMULATOR_HOST, and sends no token there.
    """
    stopwatch = _Stopwatch()
    users = _read_all()
    stopwatch.all_read()

    async def enqueue() -> None:
        async with ClientSession() as session:
            location = PARENT.rpartition("/")[2]
            client = PushQueue(PROJECT, queue, location, session=session)  # type: ignore[arg-type]  # means requests' Session
            await _in_flight(lambda user_id: client.create(_task_as_json(user_id)), users)

    asyncio.run(enqueue())
    return stopwatch.taken()


def ours(queue: str, users: int) -> FanOutTimes:
    """Run the fan-out of the dispatcher for users that are in memory already."""
    due = [DueUser(f"u{number}", DUE_AT) for number in range(1, users + 1)]
    task_queue = TaskQueue(
        project=PROJECT,
        location=PARENT.rpartition("/")[2],
        queue=queue,
        url=f"{NOBODY}/tasks/send-report",
        service_account=TASKS,
        audience=NOBODY,
    )
    stopwatch = _Stopwatch()
    with FanOut([task_queue], run_id=_RUN_ID, counters=RunCounters()) as fan_out:
        for user in due:
            fan_out.add(user)
    return stopwatch.taken()


def the_limit(queue: str, users: int) -> FanOutTimes:
    """Call `BatchCreateTasks` with messages that are ready beforehand, and do nothing else."""
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
        stopwatch = _Stopwatch()
        with ThreadPoolExecutor(CALLS_IN_FLIGHT) as threads:
            list(threads.map(call, batches))
        return stopwatch.taken()


def _run(strategy: FanOutStrategy, queue: str, users: int, addresses: Mapping[str, str]) -> FanOutTimes:
    os.environ.update(addresses)
    return strategy(queue, users)


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


def _task(user_id: str) -> Any:  # the client takes a mapping for a Task, but its types do not say so
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
