"""Deliveries that no due time leads to, and whose task has died without a trace."""

from datetime import datetime
from typing import Any

import pytest
from google.cloud import firestore
from google.cloud.tasks_v2 import Task

from functions.dispatcher.rescue.rescue_step import LEAST_RESCUES
from functions.shared.records.ids import delivery_id, task_id
from functions.shared.records.subscription import DEFAULT_SUBSCRIPTION, PauseReason
from tests.functions.dispatcher.integration.conftest import HOUR, NOON, WORKER_URL, Cloud
from tests.seeding import paused, subscription_reference

DAY = 24 * HOUR


def moved_on(cloud: Cloud, state: str, *, due_at: datetime = NOON, age: Any = HOUR, **fields: Any) -> str:
    """A user with a subscription that is due tomorrow, and an unfinished delivery, last touched so long before noon."""
    user_id = cloud.subscribed_user(**{"next_report_at": NOON + DAY, **fields})
    cloud.database.collection("deliveries").document(delivery_id(user_id, DEFAULT_SUBSCRIPTION, due_at)).set(
        {
            "user_id": user_id,
            "subscription_id": DEFAULT_SUBSCRIPTION,
            "due_at": due_at,
            "kind": "activity",
            "state": state,
            "by_hand": True,
            "attempts": 1,
            "created_at": NOON - 10 * DAY,
            "updated_at": NOON - age,
            "lease_expires_at": NOON - age if state == "sending" else None,
        }
    )
    return user_id


@pytest.mark.parametrize("state", ["pending", "sending"])
def test_a_replay_whose_task_died_gets_another(cloud: Cloud, state: str) -> None:
    due_at = NOON - 5 * DAY
    user = moved_on(cloud, state, due_at=due_at)

    answer = cloud.call()

    assert (answer.status, answer.body["due"], answer.body["overdue"], answer.body["dispatched"]) == (200, 1, 1, 1)
    delivery = delivery_id(user, DEFAULT_SUBSCRIPTION, due_at)
    (task,) = cloud.tasks()
    assert task.name.rpartition("/")[2] == task_id(delivery, "21261124T1200Z")
    assert cloud.reports()[0].delivery_id == delivery

    # It is no longer idle.
    assert cloud.call().body["dispatched"] == 0
    assert len(cloud.tasks()) == 1


def test_a_replay_whose_task_waits_longer_than_a_retry_takes_is_left_alone(cloud: Cloud) -> None:
    due_at = NOON - 5 * DAY
    user = moved_on(cloud, "pending", due_at=due_at, age=2 * DAY)
    delivery = delivery_id(user, DEFAULT_SUBSCRIPTION, due_at)
    name = task_id(delivery, "replay1")
    cloud.database.collection("deliveries").document(delivery).update({"task": name})
    task = Task(name=f"{cloud.queue_path()}/tasks/{name}", http_request={"url": WORKER_URL})
    cloud.queues.create_task(parent=cloud.queue_path(), task=task)
    before = cloud.delivery(delivery)

    answer = cloud.call()

    assert (answer.status, answer.body["overdue"], answer.body["dispatched"], answer.body["lost"]) == (200, 0, 0, 0)
    assert cloud.delivery(delivery) == before
    assert len(cloud.tasks()) == 1


def test_a_second_task_that_waits_is_not_followed_by_a_third(cloud: Cloud) -> None:
    moved_on(cloud, "pending", due_at=NOON - 5 * DAY)
    assert cloud.call().body["overdue"] == 1
    answer = cloud.call(NOON + HOUR)
    assert (answer.body["overdue"], answer.body["dispatched"]) == (0, 0)
    assert len(cloud.tasks()) == 1


@pytest.mark.parametrize("left", ["paused", "subscription gone", "user gone"])
@pytest.mark.parametrize("state", ["pending", "sending"])
def test_a_report_of_a_subscription_that_has_ended_is_brought_to_its_end(cloud: Cloud, state: str, left: str) -> None:
    """It was due when a worker began with the report; no operator has enqueued it by hand."""
    user = moved_on(cloud, state, next_report_at=NOON - HOUR, due_at=NOON - HOUR)
    delivery = cloud.database.collection("deliveries").document(delivery_id(user, DEFAULT_SUBSCRIPTION, NOON - HOUR))
    delivery.update({"by_hand": firestore.DELETE_FIELD})
    subscription = subscription_reference(cloud.database, user)
    subscription.update(paused(PauseReason.USER_INACTIVE))
    if left == "subscription gone":
        subscription.delete()
    if left == "user gone":
        cloud.database.collection("users").document(user).delete()

    answer = cloud.call()

    assert (answer.body["due"], answer.body["overdue"], answer.body["dispatched"]) == (1, 1, 1)
    assert cloud.reports()[0].delivery_id == delivery.id

    cloud.queues.purge_queue(name=cloud.queue_path())
    delivery.update({"rescues": LEAST_RESCUES})
    answer = cloud.call(NOON + DAY)

    assert answer.body["lost"] == 1
    (letter,) = cloud.dead_letters()
    assert letter["reason"] == ("unknown-outcome" if state == "sending" else "lost")
    assert delivery.get().get("state") == "dead"
    if left == "paused":
        assert subscription.get().get("next_report_at") is None


@pytest.mark.parametrize("inactive", [{"active": False}, {"user": {"active": False}}], ids=["subscription", "user"])
def test_an_inactive_subscription_that_is_due_has_one_task_for_the_worker_to_skip(
    cloud: Cloud, inactive: dict[str, Any]
) -> None:
    moved_on(cloud, "pending", next_report_at=NOON, **inactive)
    answer = cloud.call()
    assert (answer.body["due"], answer.body["dispatched"], answer.body["overdue"]) == (1, 1, 0)
    assert len(cloud.tasks()) == 1


def test_a_deleted_users_unfinished_report_is_left_to_the_worker(cloud: Cloud) -> None:
    user = moved_on(cloud, "pending")
    cloud.database.collection("users").document(user).delete()
    assert cloud.call().body["dispatched"] == 1


@pytest.mark.parametrize(("state", "age"), [("pending", HOUR / 10), ("sent", HOUR), ("dead", HOUR), ("skipped", HOUR)])
def test_what_is_under_way_or_final_is_left_alone(cloud: Cloud, state: str, age: Any) -> None:
    moved_on(cloud, state, age=age)
    answer = cloud.call()
    assert (answer.body["overdue"], answer.body["dispatched"]) == (0, 0)


def test_a_report_whose_subscription_is_still_due_is_dispatched_once(cloud: Cloud) -> None:
    moved_on(cloud, "pending", next_report_at=NOON)
    answer = cloud.call()
    assert (answer.body["due"], answer.body["dispatched"], answer.body["overdue"]) == (1, 1, 0)
    assert len(cloud.tasks()) == 1


def test_after_a_day_of_tasks_that_died_a_person_has_to_look_at_it(cloud: Cloud) -> None:
    user = moved_on(cloud, "pending", due_at=NOON - 5 * DAY)
    before = cloud.subscription(user)
    delivery = delivery_id(user, DEFAULT_SUBSCRIPTION, NOON - 5 * DAY)
    cloud.database.collection("deliveries").document(delivery).update({"rescues": LEAST_RESCUES})

    answer = cloud.call()

    assert (answer.body["lost"], answer.body["dispatched"]) == (1, 0)
    (letter,) = cloud.dead_letters()
    assert (letter["delivery_id"], letter["reason"]) == (delivery, "lost")
    record = cloud.delivery(delivery)
    assert record is not None
    assert record["state"] == "dead"
    # The dead letter tells of its time, and nothing else changes.
    assert cloud.subscription(user) == {**before, "reported_until": record["period_end"]}


def test_behind_a_paused_queue_no_delivery_is_overdue(cloud: Cloud) -> None:
    moved_on(cloud, "pending")
    cloud.queues.pause_queue(name=cloud.queue_path())
    try:
        answer = cloud.call()
    finally:
        cloud.queues.resume_queue(name=cloud.queue_path())
    assert answer.body["dispatched"] == 0


def test_a_record_of_somebody_elses_making_harms_nobody(cloud: Cloud) -> None:
    records: list[dict[str, Any]] = [
        {},
        {"updated_at": "yesterday"},
        {"user_id": 3},
        {"user_id": "u", "due_at": NOON, "kind": "activity"},
        {"user_id": "u", "subscription_id": "s", "due_at": NOON, "kind": "activity"},
    ]
    for number, fields in enumerate(records):
        cloud.database.collection("deliveries").document(f"x{number}").set(
            {"state": "pending", "by_hand": True, "updated_at": NOON - HOUR, **fields}
        )
    answer = cloud.call()
    assert (answer.status, answer.body["dispatched"], answer.body["errors"]) == (200, 0, 0)


@pytest.mark.parametrize(
    ("user_id", "subscription_id"),
    [("", "default"), ("__all__", "default"), ("u", ""), ("u", "__all__")],
)
def test_a_record_of_a_subscription_that_nobody_can_have_harms_nobody(
    cloud: Cloud, user_id: str, subscription_id: str
) -> None:
    other = moved_on(cloud, "pending")
    cloud.database.collection("deliveries").document(delivery_id(user_id, subscription_id, NOON)).set(
        {
            "user_id": user_id,
            "subscription_id": subscription_id,
            "due_at": NOON,
            "kind": "activity",
            "state": "pending",
            "updated_at": NOON - 9 * HOUR,
        }
    )

    answer = cloud.call(NOON + HOUR)

    assert (answer.status, answer.body["errors"]) == (200, 0)
    assert [report.user_id for report in cloud.reports()] == [other]
