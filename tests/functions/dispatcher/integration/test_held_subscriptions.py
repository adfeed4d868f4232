"""Reports of a kind that is paused: a run holds them, and makes their tasks once the kind is resumed."""

from datetime import datetime, timedelta
from typing import Any

from functions.dispatcher.rescue.rescue_step import LEAST_RESCUES
from functions.shared.records.ids import delivery_id, held_shard, shard_of
from functions.shared.records.subscription import DEFAULT_SUBSCRIPTION
from operations.kinds.kind_pausing import KindPausing
from tests.functions.dispatcher.integration.conftest import HOUR, NOON, Cloud
from tests.functions.dispatcher.integration.faults import failing
from tests.functions.dispatcher.integration.reads import Reads
from tests.seeding import subscription_reference

DAY = 24 * HOUR
MINUTE = timedelta(minutes=1)


def pause(cloud: Cloud, kind: str = "usage", *, at: datetime = NOON - MINUTE) -> None:
    assert KindPausing(cloud.door).pause(kind, by="ada", now=at)


def resume(cloud: Cloud, kind: str = "usage", *, at: datetime) -> None:
    assert KindPausing(cloud.door).resume(kind, by="ada", now=at)


def pending(cloud: Cloud, user: str, due_at: datetime, **fields: Any) -> None:
    """A report that was tried, and whose task is gone."""
    about = {"user_id": user, "subscription_id": DEFAULT_SUBSCRIPTION, "due_at": due_at}
    written = {"state": "pending", "created_at": due_at, "updated_at": due_at, "run_id": "r"}
    name = delivery_id(user, DEFAULT_SUBSCRIPTION, due_at)
    cloud.database.collection("deliveries").document(name).set({**about, **written, **fields})


def test_what_is_due_of_a_paused_kind_is_held_by_one_write_and_no_other_run_reads_it(cloud: Cloud) -> None:
    sent, held = cloud.subscribed_user(), cloud.subscribed_user(kind="usage")
    before = cloud.subscription(held)
    pause(cloud)

    answer = cloud.call()

    assert [answer.body[name] for name in ("due", "dispatched", "held", "errors")] == [1, 1, 1, 0]
    assert [report.user_id for report in cloud.reports()] == [sent]
    shard = shard_of(held, DEFAULT_SUBSCRIPTION)
    assert cloud.subscription(held) == {**before, "shard": held_shard("usage", shard)}
    assert KindPausing(cloud.door).count_held("usage") == 1
    assert KindPausing(cloud.door).count_held("activity") == 0
    # A report of it that was tried before costs no read either. One of another kind is found, although its subscription
    # has moved on.
    pending(cloud, held, NOON, kind="usage")
    pending(cloud, sent, NOON, kind="activity")
    subscription_reference(cloud.database, sent).update({"next_report_at": NOON + 9 * DAY})
    cloud.queues.purge_queue(name=cloud.queue_path())
    cloud.firestore_faults.middleware = reads = Reads()

    answer = cloud.call(NOON + DAY)

    assert [answer.body[name] for name in ("due", "dispatched", "held", "scheduled")] == [1, 1, 0, 0]
    assert [report.user_id for report in cloud.reports()] == [sent]
    assert reads.subscriptions == 1
    assert cloud.subscription(held)["next_report_at"] == NOON


def test_a_resumed_kind_is_due_again_in_the_next_run_whatever_has_become_of_its_tasks(cloud: Cloud) -> None:
    due_at = NOON - 5 * HOUR
    users = [cloud.subscribed_user(kind="usage", next_report_at=due_at) for _ in range(3)]
    untried, tried, moved = users
    cloud.call(due_at)
    cloud.queues.purge_queue(name=cloud.queue_path())
    # It would be lost by now, if the time of the pause counted.
    pending(cloud, tried, due_at, kind="usage", rescues=LEAST_RESCUES)
    pause(cloud)
    assert cloud.call().body["held"] == 3
    subscription_reference(cloud.database, moved).update({"next_report_at": NOON + 9 * DAY})
    resume(cloud, at=NOON + 2 * DAY)
    assert cloud.tasks() == []

    answer = cloud.call(NOON + 2 * DAY + HOUR)

    assert [answer.body[name] for name in ("due", "dispatched", "overdue", "lost")] == [2, 2, 0, 0]
    assert {(each.user_id, each.due_at) for each in cloud.reports()} == {(untried, due_at), (tried, due_at)}
    shards = [cloud.subscription(each)["shard"] for each in users]
    assert shards == [shard_of(each, DEFAULT_SUBSCRIPTION) for each in users]
    # Its report covers all the time that it has waited.
    noted = cloud.delivery(delivery_id(untried, DEFAULT_SUBSCRIPTION, due_at))
    assert noted is not None
    assert noted["period_end"] == NOON + 2 * DAY + HOUR


def test_no_report_is_given_up_while_its_kind_is_paused(cloud: Cloud) -> None:
    user = cloud.subscribed_user(kind="usage", next_report_at=NOON + 9 * DAY)
    # A worker may have sent it, and the deployment sends such reports again: once the kind is resumed.
    pending(cloud, user, NOON - 2 * DAY, kind="usage", state="sending", rescues=LEAST_RESCUES)
    pause(cloud, at=NOON - 2 * DAY)
    assert [cloud.call().body[name] for name in ("dispatched", "lost")] == [1, 0]


def test_a_report_whose_task_met_the_pause_before_any_run_did_gets_another_one(cloud: Cloud) -> None:
    cloud.subscribed_user(kind="usage")
    cloud.call()
    pause(cloud, at=NOON + MINUTE)
    cloud.queues.purge_queue(name=cloud.queue_path())
    resume(cloud, at=NOON + 2 * MINUTE)
    # Its retries would still go on, so that the task counts as under way.
    answer = cloud.call(NOON + 3 * MINUTE)
    assert [answer.body[name] for name in ("dispatched", "held", "overdue")] == [1, 0, 0]


def test_what_firestore_does_not_hold_or_release_is_an_error_and_comes_with_the_next_run(cloud: Cloud) -> None:
    user = cloud.subscribed_user(kind="usage")
    pause(cloud)
    cloud.firestore_faults.middleware = failing("BatchWrite", "PERMISSION_DENIED")
    assert cloud.call().status == 500
    cloud.firestore_faults.middleware = None
    assert cloud.call().body["held"] == 1
    resume(cloud, at=NOON + MINUTE)
    cloud.firestore_faults.middleware = failing("BatchWrite", "PERMISSION_DENIED")
    assert cloud.call(NOON + HOUR).status == 500
    cloud.firestore_faults.middleware = None
    assert cloud.call(NOON + HOUR).body["dispatched"] == 1
    assert cloud.subscription(user)["shard"] == shard_of(user, DEFAULT_SUBSCRIPTION)
