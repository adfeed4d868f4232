"""Strategies that create a task for each due report. Each runs in its own process and measures its two parts."""

import asyncio
import json
import multiprocessing
import os
import signal
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import grpc
import requests
from aiohttp import ClientSession
from gcloud.aio.taskqueue import PushQueue
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore, tasks_v2
from google.cloud.firestore_v1.base_query import FieldFilter
from google.cloud.firestore_v1.types import RunQueryRequest, StructuredQuery, Value
from google.cloud.tasks_v2.services.cloud_tasks.transports import (
    CloudTasksGrpcAsyncIOTransport,
    CloudTasksGrpcTransport,
)
from google.longrunning.operations_pb2 import Operation
from google.protobuf.json_format import MessageToDict

from functions.dispatcher.due_subscription import DUE_FIELDS, DueSubscription
from functions.dispatcher.due_subscriptions import STREAMS, due_subscriptions
from functions.dispatcher.fan_out import CALLS_IN_FLIGHT, FanOut, report_task
from functions.dispatcher.run_counters import RunCounters
from functions.shared.firestore.document_stream import DocumentStream
from functions.shared.queues.task_queue import BATCH_SIZE, TaskQueue
from functions.shared.records.ids import DEFAULT_DATABASE, SHARDS
from functions.shared.records.subscription import DEFAULT_SUBSCRIPTION, SUBSCRIPTIONS
from proof.benchmarks.cloud import DUE_AT, NO_SERVER, PARENT, TASKS
from proof.benchmarks.documents import PROJECT

_DOCUMENTS = f"projects/{PROJECT}/databases/{DEFAULT_DATABASE}/documents"
_IN_FLIGHT = 100
_RUN_ID = "20261124T1200Z"


@dataclass(frozen=True, kw_only=True)
class FanOutTimes:
    """How long a strategy took.

    Attributes:
        read: seconds until all due subscriptions are in memory; zero if the strategy reads none.
        enqueue: seconds from then until all tasks exist.
        read_cpu: CPU seconds of the process, all its threads together, during `read`.
        enqueue_cpu: CPU seconds of the process, all its threads together, during `enqueue`.
        cloud_cpu: CPU seconds of the local cloud meanwhile, where they were measured.
    """

    read: float = 0
    enqueue: float
    read_cpu: float = 0
    enqueue_cpu: float
    cloud_cpu: float = 0


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
"""Takes the id of a queue and a number of due reports, and creates a task in the queue for each."""


def in_a_process_of_its_own(
    strategy: FanOutStrategy, queue: str, reports: int, addresses: Mapping[str, str]
) -> FanOutTimes:
    """Run a strategy in a new process, against the servers at these addresses.

    In a new process no strategy profits from what another has left in memory. It is forked from one that has only
    imported this module.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    # Ctrl-C ends it at once, and the benchmark says so: Python would print a traceback for each.
    silent = (signal.SIGINT, signal.SIG_DFL)
    with ProcessPoolExecutor(1, mp_context=context, initializer=signal.signal, initargs=silent) as process:
        return process.submit(_run, strategy, queue, reports, dict(addresses)).result()


def one_after_another(queue: str, _reports: int) -> FanOutTimes:
    """Read what is due into a list, then call `create_task` for one after another, as the usual tutorial does."""
    stopwatch = _Stopwatch()
    due = _read_all()
    stopwatch.all_read()
    channel = grpc.insecure_channel(os.environ["CLOUD_TASKS_EMULATOR_HOST"])
    client = tasks_v2.CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))
    parent = f"{PARENT}/queues/{queue}"
    for snapshot in due:
        client.create_task(parent=parent, task=_task(snapshot))
    return stopwatch.taken()


def a_hundred_in_flight(queue: str, _reports: int) -> FanOutTimes:
    """Read the same list, then call `create_task` of the asynchronous client, a hundred calls at once."""
    stopwatch = _Stopwatch()
    due = _read_all()
    stopwatch.all_read()

    async def enqueue() -> None:
        channel = grpc.aio.insecure_channel(os.environ["CLOUD_TASKS_EMULATOR_HOST"])
        client = tasks_v2.CloudTasksAsyncClient(transport=CloudTasksGrpcAsyncIOTransport(channel=channel))
        parent = f"{PARENT}/queues/{queue}"
        await _in_flight(lambda snapshot: client.create_task(parent=parent, task=_task(snapshot)), due)

    asyncio.run(enqueue())
    return stopwatch.taken()


def gcloud_aio(queue: str, _reports: int) -> FanOutTimes:
    """Read the same list, then create the tasks with gcloud-aio-taskqueue, a hundred calls at once.

    The library calls the REST API in one aiohttp session. It reads the address of the local cloud from
    CLOUDTASKS_EMULATOR_HOST, and sends no token there.
    """
    stopwatch = _Stopwatch()
    due = _read_all()
    stopwatch.all_read()

    async def enqueue() -> None:
        async with ClientSession() as session:
            location = PARENT.rpartition("/")[2]
            client = PushQueue(PROJECT, queue, location, session=session)  # type: ignore[arg-type]  # means requests' Session
            await _in_flight(lambda snapshot: client.create(_task_as_json(snapshot)), due)

    asyncio.run(enqueue())
    return stopwatch.taken()


def ours(queue: str, reports: int) -> FanOutTimes:
    """Run the fan-out of the dispatcher for subscriptions that are in memory already."""
    due = [_due(number) for number in range(1, reports + 1)]
    task_queue = TaskQueue(
        project=PROJECT,
        location=PARENT.rpartition("/")[2],
        queue=queue,
        url=f"{NO_SERVER}/tasks/send-report",
        service_account=TASKS,
        audience=NO_SERVER,
    )
    stopwatch = _Stopwatch()
    with FanOut([task_queue], run_id=_RUN_ID, counters=RunCounters()) as fan_out:
        for each in due:
            fan_out.add(each)
    return stopwatch.taken()


def the_limit(queue: str, reports: int) -> FanOutTimes:
    """Call `BatchCreateTasks` with messages that are ready beforehand, and do nothing else."""
    parent = f"{PARENT}/queues/{queue}"
    make = tasks_v2.BatchCreateTasksRequest.pb()
    batches = []
    for first in range(1, reports + 1, BATCH_SIZE):
        batch = make(parent=parent)
        for number in range(first, min(first + BATCH_SIZE, reports + 1)):
            new = report_task(_due(number), _RUN_ID)
            request = batch.requests.add(parent=parent)
            request.task.name = f"{parent}/tasks/{new.task_id}"
            request.task.http_request.url = f"{NO_SERVER}/tasks/send-report"
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


def our_reading(_queue: str, reports: int) -> FanOutTimes:
    """Read what is due as the dispatcher does, and do nothing with it."""
    stream = DocumentStream(PROJECT, DEFAULT_DATABASE, seconds=60.0)
    stopwatch = _Stopwatch()
    found = sum(1 for _ in due_subscriptions(stream, DUE_AT, shards=range(SHARDS), default_kind="activity"))
    return _read(stopwatch, found, reports)


def raw_bytes_over_grpc(_queue: str, reports: int) -> FanOutTimes:
    """Read the same by the same queries over gRPC, and drop each message's bytes."""
    options = [(grpc.experimental.ChannelOptions.SingleThreadedUnaryStream, 1)]
    with grpc.insecure_channel(os.environ["FIRESTORE_EMULATOR_HOST"], options=options) as channel:
        run_query: Any = channel.unary_stream(
            "/google.firestore.v1.Firestore/RunQuery", request_serializer=RunQueryRequest.serialize
        )
        stopwatch = _Stopwatch()
        calls = [run_query(query) for query in _due_queries()]
        found = sum(len(messages) - messages.count(None) for messages in zip_longest(*calls))
    return _read(stopwatch, found, reports)


def raw_bytes_over_rest(_queue: str, reports: int) -> FanOutTimes:
    """Read the same over REST, and drop the bytes."""
    url = f"http://{os.environ['FIRESTORE_REST_EMULATOR_HOST']}/v1/{_DOCUMENTS}:runQuery"
    with requests.Session() as session, ThreadPoolExecutor(STREAMS) as threads:
        bodies = [MessageToDict(RunQueryRequest.pb(query)) for query in _due_queries()]
        for body in bodies:
            del body["parent"]
        stopwatch = _Stopwatch()
        answers = list(threads.map(lambda body: session.post(url, json=body, stream=True, timeout=300), bodies))
        pieces = [answer.iter_content(65_536) for answer in answers]
        found = sum(piece.count(b'"readTime"') for several in zip_longest(*pieces) for piece in several if piece)
    return _read(stopwatch, found, reports)


def _read(stopwatch: _Stopwatch, found: int, reports: int) -> FanOutTimes:
    stopwatch.all_read()
    if found != reports:
        raise RuntimeError(f"{found} of {reports} subscriptions were read")
    return stopwatch.taken()


def _due_queries() -> list[RunQueryRequest]:
    """The dispatcher's queries, without pages."""
    field, operator = StructuredQuery.FieldReference, StructuredQuery.FieldFilter.Operator
    return [
        RunQueryRequest(
            parent=_DOCUMENTS,
            structured_query=StructuredQuery(
                select={"fields": [field(field_path=path) for path in DUE_FIELDS]},
                from_=[{"collection_id": SUBSCRIPTIONS, "all_descendants": True}],
                where={
                    "composite_filter": {
                        "op": StructuredQuery.CompositeFilter.Operator.AND,
                        "filters": [
                            {"field_filter": {"field": {"field_path": path}, "op": op, "value": value}}
                            for path, op, value in (
                                ("shard", operator.IN, _shards(range(SHARDS)[number::STREAMS])),
                                ("next_report_at", operator.LESS_THAN_OR_EQUAL, Value(timestamp_value=DUE_AT)),
                            )
                        ],
                    }
                },
                order_by=[{"field": {"field_path": path}} for path in ("next_report_at", "__name__")],
            ),
        )
        for number in range(STREAMS)
    ]


def _shards(shards: Sequence[int]) -> Value:
    return Value(array_value={"values": [Value(integer_value=shard) for shard in shards]})


def _run(strategy: FanOutStrategy, queue: str, reports: int, addresses: Mapping[str, str]) -> FanOutTimes:
    os.environ.update(addresses)
    return strategy(queue, reports)


def _due(number: int) -> DueSubscription:
    return DueSubscription(f"u{number}", DEFAULT_SUBSCRIPTION, DUE_AT, "activity")


def _read_all() -> list[Any]:
    client = firestore.Client(project=PROJECT, credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]  # google-auth
    due = (
        client.collection_group(SUBSCRIPTIONS)
        .where(filter=FieldFilter("active", "==", True))
        .where(filter=FieldFilter("next_report_at", "<=", DUE_AT))
    )
    return list(due.stream())


async def _in_flight(create: Callable[[Any], Awaitable[Any]], due: Iterable[Any]) -> None:
    slots = asyncio.Semaphore(_IN_FLIGHT)

    async def one(snapshot: Any) -> None:
        async with slots:
            await create(snapshot)

    await asyncio.gather(*map(one, due))


def _task(snapshot: Any) -> Any:  # the client takes a mapping for a Task, but its types do not say so
    return {
        "http_request": {
            "url": f"{NO_SERVER}/tasks/send-report",
            "http_method": tasks_v2.HttpMethod.POST,
            "headers": {"Content-Type": "application/json"},
            "oidc_token": {"service_account_email": TASKS, "audience": NO_SERVER},
            "body": _body(snapshot),
        }
    }


def _task_as_json(snapshot: Any) -> dict[str, Any]:
    return {
        "httpRequest": {
            "url": f"{NO_SERVER}/tasks/send-report",
            "httpMethod": "POST",
            "headers": {"Content-Type": "application/json"},
            "oidcToken": {"serviceAccountEmail": TASKS, "audience": NO_SERVER},
            "body": b64encode(_body(snapshot)).decode(),
        }
    }


def _body(snapshot: Any) -> bytes:
    subscription = snapshot.to_dict()
    task = {
        "user_id": subscription["user_id"],
        "subscription_id": snapshot.id,
        "due_at": subscription["next_report_at"].isoformat(),
        "run_id": _RUN_ID,
    }
    return json.dumps(task).encode()
