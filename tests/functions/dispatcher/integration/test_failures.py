"""Services that fail: what can be had is enqueued, the rest is counted, and calling again mends it."""

import os
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest
import requests
from google.cloud.tasks_v2 import BatchCreateTasksMetadata
from google.longrunning.operations_pb2 import Operation
from google.rpc import code_pb2

from functions.shared.records.run import RUN_RETENTION
from local_cloud.rpc import Middleware, RpcError, current_request
from tests.functions.dispatcher.integration.conftest import HOUR, NOON, Answer, Cloud
from tests.functions.dispatcher.integration.faults import failing
from tests.support import PATIENCE_SECONDS


def test_a_server_without_batches(cloud: Cloud) -> None:
    cloud.tasks_faults.middleware = failing("BatchCreateTasks", "UNIMPLEMENTED")
    with cloud.one_commit():
        for _ in range(120):
            cloud.subscribed_user()
    # A process of its own, since one that has learnt this keeps to it.
    answer = cloud.call(variables={"LOG_LEVEL": "WARNING"})
    assert (answer.status, answer.body["dispatched"]) == (200, 120)
    assert len(cloud.tasks()) == 120
    assert cloud.call(variables={"LOG_LEVEL": "WARNING"}).body["already_dispatched"] == 120


@pytest.mark.parametrize("code", ["UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"])
def test_a_queue_that_is_away_for_a_moment(cloud: Cloud, code: str) -> None:
    cloud.tasks_faults.middleware = failing("BatchCreateTasks", code, times=2)
    with cloud.one_commit():
        for _ in range(150):
            cloud.subscribed_user()
    answer = cloud.call()
    assert (answer.status, answer.body["dispatched"]) == (200, 150)
    assert len(cloud.tasks()) == 150


def test_an_answer_that_was_lost(cloud: Cloud) -> None:
    cloud.tasks_faults.middleware = failing("BatchCreateTasks", "UNAVAILABLE", times=1, after=True)
    with cloud.one_commit():
        for _ in range(50):
            cloud.subscribed_user()
    answer = cloud.call()
    assert (answer.status, answer.body["already_dispatched"], answer.body["errors"]) == (200, 50, 0)
    assert len(cloud.tasks()) == 50


def test_a_queue_that_refuses(cloud: Cloud) -> None:
    cloud.tasks_faults.middleware = failing("BatchCreateTasks", "PERMISSION_DENIED", times=1)
    with cloud.one_commit():
        users = {cloud.subscribed_user() for _ in range(150)}

    answer = cloud.call()

    assert (answer.status, answer.body["due"]) == (500, 150)
    refused = answer.body["errors"]
    assert refused in {50, 100}
    assert answer.body["dispatched"] == 150 - refused
    assert cloud.record("21261124T1200Z")["state"] == "failed"
    lines = [line for line in cloud.log() if line.get("status") == "PERMISSION_DENIED"]
    assert {line["user_id"] for line in lines} <= users

    again = cloud.call()

    assert (again.status, again.body["dispatched"], again.body["errors"]) == (200, refused, 0)
    assert {report.user_id for report in cloud.reports()} == users
    record = cloud.record("21261124T1200Z")
    assert record["state"] == "finished"
    assert record["expire_at"] - record["started_at"] == RUN_RETENTION


def test_some_tasks_of_a_batch_were_made_before(cloud: Cloud) -> None:
    for _ in range(3):
        cloud.subscribed_user()
    cloud.call()
    for _ in range(90):
        cloud.subscribed_user()
    answer = cloud.call()
    assert (answer.body["dispatched"], answer.body["already_dispatched"], answer.body["errors"]) == (90, 3, 0)


def test_a_queue_that_is_not_there(cloud: Cloud) -> None:
    cloud.subscribed_user()
    answer = cloud.call(variables={"REPORT_QUEUES": "reports,no-such-queue"})
    assert answer.status == 500
    assert "NotFound" in answer.body["error"]
    assert "Traceback" not in str(answer.body)
    record = cloud.record("21261124T1200Z")
    assert (record["state"], record["due"]) == ("failed", 0)


def test_a_stream_that_breaks_is_taken_up_again(cloud: Cloud) -> None:
    users = {cloud.subscribed_user(next_report_at=NOON - HOUR * (number % 3), shard=0) for number in range(40)}
    breaks = 0

    async def broken_off(method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        answer = await carry_out()
        if not method.endswith("/RunQuery"):
            return answer

        async def stream() -> Any:
            nonlocal breaks
            read = 0
            async for response in answer:
                yield response
                read += response.HasField("document")
                if read == 7 and "/report_subscriptions/" in response.document.name:
                    breaks += 1
                    raise RpcError(grpc.StatusCode.UNAVAILABLE, "as the test wants it")

        return stream()

    cloud.firestore_faults.middleware = broken_off
    answer = cloud.call()

    assert (answer.status, answer.body["due"], answer.body["dispatched"]) == (200, 40, 40)
    assert {report.user_id for report in cloud.reports()} == users
    assert breaks == 5


def test_whatever_ends_a_run_what_was_read_has_its_tasks(cloud: Cloud) -> None:
    """Some in a batch that is not full, some whose deliveries are looked at first; people are told where."""
    overdue = [cloud.subscribed_user(next_report_at=NOON - 3 * HOUR, shard=0) for _ in range(2)]
    cloud.call(NOON - 2 * HOUR)
    cloud.queues.purge_queue(name=cloud.queue_path())
    users = [*sorted(overdue), *sorted(cloud.subscribed_user(shard=0) for _ in range(9))]
    cloud.dead_letters()
    cloud.system_alerts.clear()

    async def broken_off(method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        answer = await carry_out()
        if not method.endswith("/RunQuery"):
            return answer

        async def stream() -> Any:
            read = 0
            async for response in answer:
                yield response
                read += "/report_subscriptions/" in response.document.name
                if read == 7:
                    raise RpcError(grpc.StatusCode.PERMISSION_DENIED, "as the test wants it")

        return stream()

    cloud.firestore_faults.middleware = broken_off
    answer = cloud.call()
    cloud.firestore_faults.middleware = None

    assert answer.status == 500
    assert {report.user_id for report in cloud.reports()} == set(users[:7])
    assert (cloud.record("21261124T1200Z")["state"], cloud.record("21261124T1200Z")["dispatched"]) == ("failed", 7)
    cloud.dead_letters()
    (alert,) = (alert for alert in cloud.system_alerts if alert["alert"] == "run-errors")
    assert alert["detail"] == f"the run failed: Forbidden, when it had read the subscription {users[6]}/default"


def test_a_ledger_that_does_not_answer_holds_up_nobody_else(cloud: Cloud) -> None:
    overdue = cloud.subscribed_user(next_report_at=NOON - 3 * HOUR)
    cloud.call(NOON - 2 * HOUR)
    cloud.queues.purge_queue(name=cloud.queue_path())
    healthy = cloud.subscribed_user()

    async def away(method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        if method.endswith("/BatchGetDocuments") and any(
            "/deliveries/" in name for name in current_request().documents
        ):
            raise RpcError(grpc.StatusCode.PERMISSION_DENIED, "as the test wants it")
        if method.endswith("/RunQuery") and "deliveries" in str(current_request()):
            raise RpcError(grpc.StatusCode.PERMISSION_DENIED, "as the test wants it")
        return await carry_out()

    cloud.firestore_faults.middleware = away
    answer = cloud.call()
    cloud.firestore_faults.middleware = None

    assert (answer.status, answer.body["dispatched"], answer.body["errors"]) == (500, 1, 2)
    assert [report.user_id for report in cloud.reports()] == [healthy]
    assert cloud.call().status == 200
    assert {report.user_id for report in cloud.reports()} == {overdue, healthy}


def test_an_answer_of_the_queue_that_cannot_be_read(cloud: Cloud) -> None:
    users = {cloud.subscribed_user() for _ in range(10)}

    async def garble(method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        answer = await carry_out()
        if method.endswith("/BatchCreateTasks"):
            answer.metadata.value = b"\xff\xff"
        return answer

    cloud.tasks_faults.middleware = garble
    answer = cloud.call()

    assert (answer.status, answer.body["already_dispatched"], answer.body["errors"]) == (200, 10, 0)
    assert {report.user_id for report in cloud.reports()} == users


def test_firestore_that_is_away(cloud: Cloud) -> None:
    cloud.subscribed_user()
    cloud.firestore_faults.middleware = failing("RunQuery", "PERMISSION_DENIED")
    answer = cloud.call()
    assert answer.status == 500
    assert cloud.tasks() == []
    cloud.firestore_faults.middleware = None
    assert cloud.record("21261124T1200Z")["state"] == "failed"
    assert cloud.call().body["dispatched"] == 1


def refusing_items(code: int, indexes: set[int]) -> Middleware:
    """Middleware that reports some tasks of the first batch as failed, though they were made."""
    done = False

    async def middleware(method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        nonlocal done
        operation = await carry_out()
        if method.endswith("/BatchCreateTasks") and not done:
            done = True
            metadata = BatchCreateTasksMetadata.pb()()
            operation.metadata.Unpack(metadata)
            for index in indexes:
                metadata.failed_requests[index].code = code
                metadata.failed_requests[index].message = "as the test wants it"
            operation.metadata.Pack(metadata)
        return operation

    return middleware


def test_some_tasks_of_a_batch_that_are_refused(cloud: Cloud) -> None:
    users = [cloud.subscribed_user() for _ in range(10)]
    cloud.tasks_faults.middleware = refusing_items(code_pb2.FAILED_PRECONDITION, {2, 5})

    answer = cloud.call()

    assert (answer.status, answer.body["dispatched"], answer.body["errors"]) == (500, 8, 2)
    lines = [line for line in cloud.log() if line.get("status") == "FAILED_PRECONDITION"]
    in_order = sorted(users)
    assert {line["user_id"] for line in lines} == {in_order[2], in_order[5]}
    assert {line["reason"] for line in lines} == {"as the test wants it"}


def test_some_tasks_of_a_batch_that_are_to_be_tried_again(cloud: Cloud) -> None:
    for _ in range(10):
        cloud.subscribed_user()
    cloud.tasks_faults.middleware = refusing_items(code_pb2.UNAVAILABLE, {2, 5})
    answer = cloud.call()
    assert (answer.status, answer.body["dispatched"], answer.body["already_dispatched"]) == (200, 8, 2)


def test_one_task_that_has_the_whole_batch_refused(cloud: Cloud) -> None:
    for _ in range(10):
        cloud.subscribed_user()
    cloud.tasks_faults.middleware = failing("BatchCreateTasks", "INVALID_ARGUMENT")
    answer = cloud.call()
    assert (answer.status, answer.body["dispatched"]) == (200, 10)
    assert len(cloud.tasks()) == 10


def test_a_batch_that_takes_its_time(cloud: Cloud) -> None:
    for _ in range(10):
        cloud.subscribed_user()
    asked = 0

    async def slow(method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        nonlocal asked
        operation = await carry_out()
        asked += method.endswith("/GetOperation")
        if method.endswith("/BatchCreateTasks") or (method.endswith("/GetOperation") and asked < 3):
            undone = Operation()
            undone.CopyFrom(operation)
            undone.done = False
            undone.ClearField("response")
            return undone
        return operation

    cloud.tasks_faults.middleware = slow
    answer = cloud.call()
    assert (answer.status, answer.body["dispatched"]) == (200, 10)
    assert asked == 3


def test_a_run_that_is_killed_and_called_again(cloud: Cloud) -> None:
    with cloud.one_commit():
        users = {cloud.subscribed_user() for _ in range(450)}
    dispatcher = cloud.dispatcher()
    batches = 0

    async def kill(method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        nonlocal batches
        answer = await carry_out()
        batches += method.endswith("/BatchCreateTasks")
        if batches == 2 and dispatcher.pid:
            os.killpg(dispatcher.pid, signal.SIGKILL)
        return answer

    cloud.tasks_faults.middleware = kill
    with pytest.raises(requests.ConnectionError):
        cloud.call()
    cloud.tasks_faults.middleware = None
    assert cloud.record("21261124T1200Z")["state"] == "running"

    again = call_when_it_is_up(cloud)

    assert (again.status, again.body["due"]) == (200, 450)
    assert again.body["already_dispatched"] >= 200
    assert sorted(report.user_id for report in cloud.reports()) == sorted(users)
    record = cloud.record("21261124T1200Z")
    assert (record["state"], record["attempts"]) == ("finished", 2)
    assert [kept["state"] for kept in record["earlier_attempts"]] == ["running"]


def call_when_it_is_up(cloud: Cloud) -> Answer:
    """Call a dispatcher that is being started again."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return cloud.call()
        except requests.ConnectionError:
            assert time.monotonic() < deadline, "it does not come back"
            time.sleep(0.05)
