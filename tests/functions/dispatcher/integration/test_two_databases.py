"""Runs with users and the pipeline's own collections in a database each."""

import functools
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from functions.shared.ids import delivery_id
from functions.shared.subscription import DEFAULT_SUBSCRIPTION
from local_cloud.rpc import RpcError, current_request
from tests.databases import database_of
from tests.firestore_client import client_of
from tests.functions.dispatcher.integration.conftest import HOUR, NOON, PROJECT, Cloud
from tests.functions.dispatcher.integration.test_overdue import lose_the_tasks
from tests.seeding import subscription_reference

USERS = "(default)"
VARIABLES = {"PIPELINE_DATABASE": "pipeline"}
DUE = NOON - 25 * HOUR


@pytest.fixture
def pipeline(cloud: Cloud) -> Iterator[Any]:
    client = client_of(cloud.firestore.port, PROJECT, "pipeline")
    yield client
    client.close()


def begin_to_lose(cloud: Cloud, pipeline: Any) -> tuple[str, Any]:
    """A user whose report has been tried for a day without success, and its delivery."""
    user = cloud.subscribed_user(next_report_at=DUE)
    delivery = pipeline.collection("deliveries").document(delivery_id(user, DEFAULT_SUBSCRIPTION, DUE))
    delivery.set({"state": "pending", "created_at": DUE})
    assert cloud.call(DUE, variables=VARIABLES).body["dispatched"] == 1
    lose_the_tasks(cloud)
    return user, delivery


def test_each_document_is_where_it_belongs(cloud: Cloud, pipeline: Any) -> None:
    lost, delivery = begin_to_lose(cloud, pipeline)
    new, due = cloud.user(enrolled_at=None), cloud.subscribed_user()
    body = cloud.call(variables=VARIABLES).body
    assert (body["enrolled"], body["lost"], body["errors"]) == (1, 1, 0)
    assert {each.user_id for each in cloud.reports()} == {new, due}
    assert delivery.get().get("state") == "dead"
    assert cloud.subscription(lost)["next_report_at"] == NOON - 24 * HOUR
    assert [each.id for each in cloud.database.collections()] == ["users"]
    assert {each.id for each in pipeline.collections()} == {"deliveries", "runs"}


def test_firestore_fails_before_the_subscription_moves_on(cloud: Cloud, pipeline: Any) -> None:
    user, delivery = begin_to_lose(cloud, pipeline)

    async def refuse(method: str, carry_out: Any) -> Any:
        if method.endswith("/Commit") and database_of(current_request()) == USERS:
            raise RpcError(grpc.StatusCode.PERMISSION_DENIED, "made to fail")
        return await carry_out()

    cloud.firestore_faults.middleware = refuse
    answer = cloud.call(variables=VARIABLES)
    cloud.firestore_faults.middleware = None
    assert (answer.status, answer.body["errors"], delivery.get().get("state")) == (500, 1, "dead")
    assert [each["reason"] for each in cloud.dead_letters()] == ["lost"]
    assert cloud.subscription(user)["next_report_at"] == DUE
    # Cloud Scheduler repeats the run: a worker finds the delivery final, and moves the subscription on.
    body = cloud.call(variables=VARIABLES).body
    assert (body["lost"], body["overdue"], body["dispatched"]) == (0, 0, 1)
    assert [each.user_id for each in cloud.reports()] == [user]
    assert cloud.dead_letters() == []


def test_what_the_application_writes_meanwhile_stays(cloud: Cloud, pipeline: Any) -> None:
    user, delivery = begin_to_lose(cloud, pipeline)
    subscription = subscription_reference(cloud.database, user)

    async def write_between(method: str, carry_out: Any) -> Any:
        if method.endswith("/Commit") and database_of(current_request()) == USERS:
            cloud.firestore_faults.middleware = None
            write = functools.partial(subscription.update, {"options": {"by": "the team"}})
            await cloud.background.loop.run_in_executor(None, write)
        return await carry_out()

    cloud.firestore_faults.middleware = write_between
    body = cloud.call(variables=VARIABLES).body
    assert (body["lost"], body["errors"], delivery.get().get("state")) == (1, 0, "dead")
    written = cloud.subscription(user)
    assert (written["options"], written["next_report_at"]) == ({"by": "the team"}, DUE)
    # The next run looks at what it says now.
    assert cloud.call(NOON + HOUR, variables=VARIABLES).body["dispatched"] == 1
