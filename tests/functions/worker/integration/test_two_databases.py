"""Users and the pipeline's own collections in a database each: the delivery becomes final first, and a worker that ends
before the subscription moves on leaves nothing that the next call does not mend."""

import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import grpc
import pytest
import requests

from functions.shared.ids import delivery_id, task_id
from local_cloud.function_process import FunctionProcess
from local_cloud.rpc import RpcError, current_request
from tests.firestore_client import client_of
from tests.functions.worker.integration.conftest import DUE, HOUR, PROJECT, Cloud, task

PIPELINE = "pipeline"
HALF_PAST = DUE + HOUR / 2

CarryOut = Callable[[], Awaitable[Any]]


@pytest.fixture
def worker(cloud: Cloud) -> FunctionProcess:
    return cloud.worker(PIPELINE_DATABASE=PIPELINE)


@pytest.fixture(scope="module")
def deliveries(_surroundings: Cloud) -> Iterator[Any]:
    client = client_of(_surroundings.firestore.port, PROJECT, PIPELINE)
    yield client.collection("deliveries")
    client.close()


def state_of(deliveries: Any, user: str) -> str:
    return str(deliveries.document(delivery_id(user, "default", DUE)).get().get("state"))


def is_move(method: str) -> bool:
    """Whether a call is the second of the two commits."""
    return method.endswith("/Commit") and current_request().database.endswith("/(default)")


async def refused(method: str, carry_out: CarryOut) -> Any:
    if is_move(method):
        raise RpcError(grpc.StatusCode.PERMISSION_DENIED, "made to fail")
    return await carry_out()


@pytest.mark.parametrize("database", ["", PIPELINE])
def test_a_report_costs_three_reads_and_three_writes(cloud: Cloud, database: str) -> None:
    user, calls = cloud.user(), []

    async def count(method: str, carry_out: CarryOut) -> Any:
        request, name = current_request(), method.rpartition("/")[2]
        # The others read the report's own data.
        if name == "GetDocument":
            calls.append((request.name.split("/")[3], name, 1))
        elif documents := {"BatchGetDocuments": "documents", "Commit": "writes"}.get(name):
            calls.append((request.database.rpartition("/")[2], name, len(getattr(request, documents))))
        return await carry_out()

    cloud.firestore_faults.middleware = count
    name = {"X-CloudTasks-TaskName": task_id(delivery_id(user, "default", DUE))}
    answer = cloud.deliver(user, worker=cloud.worker(PIPELINE_DATABASE=database), **name)
    assert answer.json()["result"] == "sent"
    users, pipeline = "(default)", database or "(default)"
    settled = [(users, "Commit", 2)] if pipeline == users else [(pipeline, "Commit", 1), (users, "Commit", 1)]
    assert calls == [
        (users, "BatchGetDocuments", 2),
        (pipeline, "Commit", 1),
        (users, "GetDocument", 1),
        *settled,
    ]


def test_firestore_fails_between_the_two(cloud: Cloud, worker: FunctionProcess, deliveries: Any) -> None:
    user = cloud.user()
    cloud.firestore_faults.middleware = refused
    answer = cloud.deliver(user, worker=worker)
    assert (answer.status_code, answer.json()["cause"]) == (500, "firestore")
    assert (state_of(deliveries, user), cloud.subscription_of(user)["next_report_at"]) == ("sent", DUE)
    cloud.firestore_faults.middleware = None
    assert cloud.deliver(user, worker=worker, retry_count=1).json()["result"] == "already-final"
    assert len(cloud.mails_to(user)) == 1
    moved = cloud.subscription_of(user)
    assert (moved["next_report_at"], moved["reported_until"]) == (DUE + HOUR, DUE)
    log = worker.log_file.read_text()
    assert "subscription_not_moved" in log
    # The mail is recorded: nothing about it is unknown.
    assert "sent_mail_not_recorded" not in log


def test_the_worker_is_killed_between_the_two(cloud: Cloud, worker: FunctionProcess, deliveries: Any) -> None:
    user, victim = cloud.user(), cloud.worker(PIPELINE_DATABASE=PIPELINE, K_REVISION="to-kill")

    async def kill(method: str, carry_out: CarryOut) -> Any:
        if not is_move(method):
            return await carry_out()
        assert victim.pid is not None
        os.killpg(victim.pid, signal.SIGKILL)
        raise RpcError(grpc.StatusCode.UNAVAILABLE, "its caller is gone")

    cloud.firestore_faults.middleware = kill
    with pytest.raises(requests.ConnectionError):
        cloud.deliver(user, worker=victim)
    cloud.firestore_faults.middleware = None
    assert (state_of(deliveries, user), cloud.subscription_of(user)["next_report_at"]) == ("sent", DUE)
    # The queue may have no call left: then it is the next run's task.
    assert cloud.post(task(user, run=DUE + HOUR), worker=worker).json()["result"] == "already-final"
    assert len(cloud.mails_to(user)) == 1
    assert cloud.subscription_of(user)["next_report_at"] == DUE + HOUR


def test_a_report_that_is_given_up_has_one_dead_letter(cloud: Cloud, worker: FunctionProcess, deliveries: Any) -> None:
    user = cloud.user(email="nobody")
    cloud.firestore_faults.middleware = refused
    assert cloud.deliver(user, worker=worker).status_code == 500
    cloud.firestore_faults.middleware = None
    assert cloud.deliver(user, worker=worker, retry_count=1).json()["result"] == "already-final"
    assert [letter["reason"] for letter, _ in cloud.letters()] == ["permanent-error"]
    assert (state_of(deliveries, user), cloud.subscription_of(user)["next_report_at"]) == ("dead", DUE + HOUR)


def test_what_a_report_by_hand_covers_is_not_reported_again(
    cloud: Cloud, worker: FunctionProcess, deliveries: Any
) -> None:
    user = cloud.user(subscription={"next_report_at": HALF_PAST, "reported_until": DUE})
    pending = {"user_id": user, "subscription_id": "default", "due_at": HALF_PAST, "kind": "activity"}
    by_hand = deliveries.document(delivery_id(user, "default", HALF_PAST))
    by_hand.set({**pending, "state": "pending", "attempts": 0, "period_start": DUE, "period_end": HALF_PAST})
    cloud.firestore_faults.middleware = refused
    assert cloud.deliver(user, worker=worker, due_at=HALF_PAST, run=HALF_PAST).status_code == 500
    cloud.firestore_faults.middleware = None
    again = cloud.deliver(user, worker=worker, due_at=HALF_PAST, run=HALF_PAST, retry_count=1)
    assert again.json()["result"] == "already-final"
    assert len(cloud.mails_to(user)) == 1
    moved = cloud.subscription_of(user)
    assert (moved["next_report_at"], moved["reported_until"]) == (DUE + HOUR, HALF_PAST)
