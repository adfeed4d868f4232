"""Services that fail: what can be had is enqueued, the rest is counted, and calling again mends it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest

from local_cloud.rpc import RpcError
from tests.integration.dispatcher.conftest import HOUR, NOON, Surroundings
from tests.integration.dispatcher.faults import failing


def test_a_server_without_batches(cloud: Surroundings) -> None:
    cloud.tasks_faults.middleware = failing("BatchCreateTasks", "UNIMPLEMENTED")
    for _ in range(120):
        cloud.user()
    # A process of its own, since one that has learnt this keeps to it.
    answer = cloud.call(variables={"LOG_LEVEL": "WARNING"})
    assert (answer.status, answer.body["dispatched"]) == (200, 120)
    assert len(cloud.tasks()) == 120
    assert cloud.call(variables={"LOG_LEVEL": "WARNING"}).body["already_dispatched"] == 120


@pytest.mark.parametrize("code", ["UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"])
def test_a_queue_that_is_away_for_a_moment(cloud: Surroundings, code: str) -> None:
    cloud.tasks_faults.middleware = failing("BatchCreateTasks", code, times=2)
    for _ in range(150):
        cloud.user()
    answer = cloud.call()
    assert (answer.status, answer.body["dispatched"]) == (200, 150)
    assert len(cloud.tasks()) == 150


def test_an_answer_that_was_lost(cloud: Surroundings) -> None:
    cloud.tasks_faults.middleware = failing("BatchCreateTasks", "UNAVAILABLE", times=1, after=True)
    for _ in range(50):
        cloud.user()
    answer = cloud.call()
    assert (answer.status, answer.body["already_dispatched"], answer.body["errors"]) == (200, 50, 0)
    assert len(cloud.tasks()) == 50


def test_a_queue_that_refuses(cloud: Surroundings) -> None:
    cloud.tasks_faults.middleware = failing("BatchCreateTasks", "PERMISSION_DENIED", times=1)
    users = {cloud.user() for _ in range(150)}

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
    assert cloud.record("21261124T1200Z")["state"] == "finished"


def test_some_tasks_of_a_batch_were_made_before(cloud: Surroundings) -> None:
    for _ in range(3):
        cloud.user()
    cloud.call()
    for _ in range(90):
        cloud.user()
    answer = cloud.call()
    assert (answer.body["dispatched"], answer.body["already_dispatched"], answer.body["errors"]) == (90, 3, 0)


def test_a_queue_that_is_not_there(cloud: Surroundings) -> None:
    cloud.user()
    answer = cloud.call(variables={"REPORT_QUEUES": "reports,no-such-queue"})
    assert answer.status == 500
    assert "NotFound" in answer.body["error"]
    assert "Traceback" not in str(answer.body)
    record = cloud.record("21261124T1200Z")
    assert (record["state"], record["due"]) == ("failed", 0)


def test_a_stream_that_breaks_is_taken_up_again(cloud: Surroundings) -> None:
    users = {cloud.user(next_report_at=NOON - HOUR * (number % 3)) for number in range(40)}
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
                if read == 7 and "user-" in response.document.name:
                    breaks += 1
                    raise RpcError(grpc.StatusCode.UNAVAILABLE, "as the test wants it")

        return stream()

    cloud.firestore_faults.middleware = broken_off
    answer = cloud.call()

    assert (answer.status, answer.body["due"], answer.body["dispatched"]) == (200, 40, 40)
    assert {report.user_id for report in cloud.reports()} == users
    assert breaks == 5


def test_firestore_that_is_away(cloud: Surroundings) -> None:
    cloud.user()
    cloud.firestore_faults.middleware = failing("RunQuery", "PERMISSION_DENIED")
    answer = cloud.call()
    assert answer.status == 500
    assert cloud.tasks() == []
    cloud.firestore_faults.middleware = None
    assert cloud.record("21261124T1200Z")["state"] == "failed"
    assert cloud.call().body["dispatched"] == 1


def test_a_newcomer_who_is_changed_meanwhile_is_left_to_the_next_run(cloud: Surroundings) -> None:
    changed, other = cloud.user(next_report_at=...), cloud.user(next_report_at=...)
    commits = 0

    async def meddle(method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        nonlocal commits
        if method.endswith("/Commit"):
            commits += 1
            # The first notes the run, the second enrols; the application's own is the third.
            if commits == 2:
                await asyncio.to_thread(cloud.database.document(f"users/{changed}").update, {"name": "Ada"})
        return await carry_out()

    cloud.firestore_faults.middleware = meddle
    answer = cloud.call()
    cloud.firestore_faults.middleware = None

    assert (answer.status, answer.body["enrolled"], answer.body["dispatched"]) == (200, 1, 1)
    assert cloud.fields_of(other)["next_report_at"] == NOON
    assert "next_report_at" not in cloud.fields_of(changed)
    assert cloud.call(NOON + HOUR).body["enrolled"] == 1
