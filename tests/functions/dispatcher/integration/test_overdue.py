"""Reports whose tasks died without a trace, and those that no task will send."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.cloud.tasks_v2 import Task

from functions.dispatcher.rescue.rescue_step import LEAST_RESCUES
from functions.shared.queues.queue_choice import choose_queue
from functions.shared.records.ids import delivery_id, run_id, task_id
from functions.shared.records.run import RUN_COUNTERS
from functions.shared.records.subscription import DEFAULT_SUBSCRIPTION
from local_cloud.firestore.messages import BatchWriteResponse
from local_cloud.rpc import current_request
from tests.functions.dispatcher.integration.conftest import HOUR, NOON, Cloud
from tests.functions.dispatcher.integration.faults import failing
from tests.seeding import seed, subscription_document, subscription_reference

DAY = 24 * HOUR


def lose_the_tasks(cloud: Cloud) -> None:
    """What is left when all attempts have ended in crashes: nothing, and a name that is refused for a while."""
    cloud.queues.purge_queue(name=cloud.queue_path())
    assert cloud.tasks() == []


LONG_AGO = NOON - 25 * HOUR

PENDING = {"state": "pending", "created_at": LONG_AGO, "rescues": LEAST_RESCUES}
"""What each run since then has made a task for is given up at noon."""


def a_report_that_died(cloud: Cloud, record: Mapping[str, Any] = PENDING, **subscription: Any) -> tuple[str, Any]:
    """Have a report whose task was tried and is gone.

    Args:
        cloud: where.
        record: what its delivery holds, over what a pending one does.
        subscription: fields of its subscription.

    Returns:
        the user, and the reference of the delivery.
    """
    user = cloud.subscribed_user(next_report_at=LONG_AGO, **subscription)
    delivery = cloud.database.collection("deliveries").document(delivery_id(user, DEFAULT_SUBSCRIPTION, LONG_AGO))
    delivery.set({**PENDING, **record})
    cloud.call(LONG_AGO)
    lose_the_tasks(cloud)
    return user, delivery


def test_an_overdue_report_gets_a_second_task_under_another_name(cloud: Cloud) -> None:
    user = cloud.subscribed_user()
    cloud.call()
    lose_the_tasks(cloud)

    answer = cloud.call(NOON + HOUR)

    assert (answer.status, answer.body["due"], answer.body["dispatched"], answer.body["overdue"]) == (200, 1, 1, 1)
    delivery = delivery_id(user, DEFAULT_SUBSCRIPTION, NOON)
    (task,) = cloud.tasks()
    assert task.name.rpartition("/")[2] == task_id(delivery, "21261124T1300Z")
    assert cloud.reports()[0].delivery_id == delivery
    record = cloud.delivery(delivery)
    assert record is not None
    assert (record["state"], record["user_id"], record["due_at"], record["attempts"]) == ("pending", user, NOON, 0)
    assert record["subscription_id"] == DEFAULT_SUBSCRIPTION
    assert record["expire_at"] > NOON + 30 * DAY
    assert cloud.record("21261124T1300Z")["overdue"] == 1

    again = cloud.call(NOON + HOUR)

    assert (again.body["dispatched"], again.body["already_dispatched"]) == (0, 1)
    assert len(cloud.tasks()) == 1


def test_a_second_task_is_made_also_where_the_answer_to_its_record_is_lost(cloud: Cloud) -> None:
    """The record that the run has written itself is no worker's."""
    cloud.subscribed_user()
    worked_on = cloud.subscribed_user()
    cloud.call()
    lose_the_tasks(cloud)
    delivery = cloud.database.collection("deliveries").document(delivery_id(worked_on, DEFAULT_SUBSCRIPTION, NOON))
    lost = failing("BatchWrite", "UNAVAILABLE", times=1, after=True)

    async def a_worker_is_first(method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        if method.endswith("/BatchWrite"):
            await asyncio.to_thread(delivery.set, {"state": "pending", "updated_at": NOON, "attempts": 1})
        return await lost(method, carry_out)

    cloud.firestore_faults.middleware = a_worker_is_first
    answer = cloud.call(NOON + HOUR)

    assert (answer.status, answer.body["dispatched"], answer.body["already_dispatched"]) == (200, 1, 1)
    assert len(cloud.tasks()) == 1


def test_a_record_that_cannot_be_written_for_now_fails_the_run(cloud: Cloud) -> None:
    """It is not taken for one that a worker has written: that would leave its report to the next run."""
    user = cloud.subscribed_user()
    cloud.call()
    lose_the_tasks(cloud)

    async def contended(method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        if method.endswith("/BatchWrite"):
            return BatchWriteResponse(write_results=[{}], status=[{"code": grpc.StatusCode.ABORTED.value[0]}])
        return await carry_out()

    cloud.firestore_faults.middleware = contended
    assert (failed := cloud.call(NOON + HOUR)).status == 500
    assert (failed.body["errors"], failed.body["dispatched"]) == (1, 0)
    cloud.firestore_faults.middleware = None
    assert cloud.call(NOON + HOUR).body["dispatched"] == 1
    assert [report.user_id for report in cloud.reports()] == [user]


def counted_as_late(cloud: Cloud, user: str) -> list[Any]:
    """Which runs have counted a user's report as late, and how late it was."""
    lines = [line for file in cloud.logs.rglob("dispatcher.log") for line in file.read_text().splitlines()]
    entries = [json.loads(line) for line in lines if '"report_late"' in line and f'"{user}"' in line]
    return [(entry["run_id"], entry["lateness_seconds"]) for entry in entries]


def test_a_report_that_is_not_final_counts_as_late_once(cloud: Cloud) -> None:
    """Whether its task has died, or waits in a queue that stands still."""
    user, moved_on = cloud.subscribed_user(), cloud.subscribed_user()
    cloud.call()
    # As if a worker had begun with it, and the user's subscription were paused since.
    left = delivery_id(moved_on, DEFAULT_SUBSCRIPTION, NOON)
    cloud.database.collection("deliveries").document(left).set(
        {"user_id": moved_on, "subscription_id": DEFAULT_SUBSCRIPTION, "due_at": NOON, "kind": "activity"}
        | {"state": "pending", "created_at": NOON, "updated_at": NOON}
    )
    subscription_reference(cloud.database, moved_on).update({"active": False, "next_report_at": None})
    lose_the_tasks(cloud)
    cloud.call(NOON + HOUR)
    pause(cloud, runs=[NOON + 2 * HOUR, NOON + 3 * HOUR])
    for each in (user, moved_on):
        assert counted_as_late(cloud, each) == [("21261124T1300Z", 3600)]


def test_a_report_whose_subscription_came_to_its_due_time_after_the_run_before_is_not_overdue(cloud: Cloud) -> None:
    """A task of the hour before that ended late: the run in between saw its subscription at the former due
    time."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    an_hour_ago = now - HOUR
    counters = dict.fromkeys(RUN_COUNTERS, 0)
    times = {"scheduled_for": an_hour_ago, "started_at": an_hour_ago, "finished_at": an_hour_ago}
    cloud.database.collection("runs").document(run_id(an_hour_ago)).set({**times, **counters, "state": "finished"})
    user = cloud.subscribed_user(next_report_at=an_hour_ago)

    answer = cloud.call(now)

    assert (answer.status, answer.body["due"], answer.body["dispatched"], answer.body["overdue"]) == (200, 1, 1, 0)
    delivery = delivery_id(user, DEFAULT_SUBSCRIPTION, an_hour_ago)
    (task,) = cloud.tasks()
    assert task.name.rpartition("/")[2] == task_id(delivery, run_id(now))

    # This run has made a task for it. If that task dies, the next run says so, even if the document was written
    # meanwhile.
    lose_the_tasks(cloud)
    subscription_reference(cloud.database, user).update({"locale": "ja"})
    answer = cloud.call(now + HOUR)

    assert (answer.body["dispatched"], answer.body["overdue"]) == (1, 1)


def test_what_the_ledger_knows_of_an_overdue_report_stays(cloud: Cloud) -> None:
    user = cloud.subscribed_user()
    known = {"state": "sending", "owner": "somebody", "lease_expires_at": NOON, "created_at": NOON, "attempts": 2}
    cloud.database.collection("deliveries").document(delivery_id(user, DEFAULT_SUBSCRIPTION, NOON)).set(known)
    cloud.call()
    lose_the_tasks(cloud)

    answer = cloud.call(NOON + HOUR)

    assert (answer.body["overdue"], answer.body["dispatched"]) == (1, 1)
    record = cloud.delivery(delivery_id(user, DEFAULT_SUBSCRIPTION, NOON))
    assert record is not None
    assert {name: record[name] for name in known} == known
    assert (record["rescues"], record["run_id"]) == (1, "21261124T1300Z")


def test_a_task_that_may_still_be_retried_is_left_alone(cloud: Cloud) -> None:
    cloud.subscribed_user()
    cloud.call()
    answer = cloud.call(NOON + HOUR / 2)
    assert (answer.body["due"], answer.body["already_dispatched"], answer.body["overdue"]) == (1, 1, 0)
    assert len(cloud.tasks()) == 1


def pause(cloud: Cloud, *, runs: list[Any]) -> None:
    """Have the queue paused during some runs."""
    cloud.queues.pause_queue(name=cloud.queue_path())
    try:
        for at in runs:
            answer = cloud.call(at)
            assert (answer.status, answer.body["overdue"], answer.body["lost"]) == (200, 0, 0)
    finally:
        cloud.queues.resume_queue(name=cloud.queue_path())


@pytest.mark.parametrize("hours", [5, 30])
def test_after_a_pause_a_report_whose_task_waits_is_neither_overdue_nor_lost(cloud: Cloud, hours: int) -> None:
    tried, untried = cloud.subscribed_user(), cloud.subscribed_user()
    cloud.call()
    begun = {"state": "pending", "created_at": NOON, "attempts": 1}
    cloud.database.collection("deliveries").document(delivery_id(tried, DEFAULT_SUBSCRIPTION, NOON)).set(begun)
    pause(cloud, runs=[NOON + hour * HOUR for hour in range(1, hours)])

    for after in (hours, hours + 1, hours + 2):
        answer = cloud.call(NOON + after * HOUR)
        assert (answer.status, answer.body["already_dispatched"]) == (200, 2)
        assert (answer.body["overdue"], answer.body["lost"], answer.body["dispatched"]) == (0, 0, 0)

    assert {report.user_id for report in cloud.reports()} == {tried, untried}
    assert len(cloud.tasks()) == 2
    assert cloud.delivery(delivery_id(tried, DEFAULT_SUBSCRIPTION, NOON)) == begun
    assert cloud.dead_letters() == []
    assert cloud.record(run_id(NOON + HOUR))["queues"] == "paused"


def test_only_a_task_that_died_brings_a_report_closer_to_its_loss(cloud: Cloud) -> None:
    """Neither a pause of more than a day nor the hours in which its tasks wait."""
    user = cloud.subscribed_user()
    cloud.call()
    cloud.database.collection("deliveries").document(delivery_id(user, DEFAULT_SUBSCRIPTION, NOON)).set(
        {"state": "pending", "created_at": NOON, "attempts": 1, "rescues": LEAST_RESCUES - 1}
    )
    pause(cloud, runs=[NOON + hour * HOUR for hour in range(1, 30)])
    lose_the_tasks(cloud)

    answer = cloud.call(NOON + 30 * HOUR)
    again = cloud.call(NOON + 30 * HOUR)
    waiting = cloud.call(NOON + 60 * HOUR)

    assert (answer.body["lost"], answer.body["overdue"], answer.body["dispatched"]) == (0, 1, 1)
    assert [each.body["already_dispatched"] for each in (again, waiting)] == [1, 1]
    lose_the_tasks(cloud)
    assert cloud.call(NOON + 61 * HOUR).body["lost"] == 1


def test_a_task_that_the_queue_still_holds_is_not_dead_however_long_it_waits(cloud: Cloud) -> None:
    """Answers of 429 and 503 have slowed the queue down; it is not paused."""
    user = cloud.subscribed_user()
    begun = {"state": "pending", "created_at": NOON, "attempts": 1}
    cloud.database.collection("deliveries").document(delivery_id(user, DEFAULT_SUBSCRIPTION, NOON)).set(begun)
    cloud.call()

    for hours in (5, 30):
        answer = cloud.call(NOON + hours * HOUR)
        assert (answer.body["already_dispatched"], answer.body["overdue"], answer.body["lost"]) == (1, 0, 0)

    assert len(cloud.tasks()) == 1
    assert cloud.record(run_id(NOON + 5 * HOUR))["queues"] == "behind"
    assert cloud.delivery(delivery_id(user, DEFAULT_SUBSCRIPTION, NOON)) == begun


def test_a_task_that_waits_for_the_providers_logs_is_neither_dead_nor_behind(cloud: Cloud) -> None:
    user = cloud.subscribed_user()
    cloud.call()
    lose_the_tasks(cloud)
    delivery = delivery_id(user, DEFAULT_SUBSCRIPTION, NOON)
    claimed = {"state": "sending", "created_at": NOON, "attempts": 2, "lease_expires_at": NOON + HOUR / 40}
    document = cloud.database.collection("deliveries").document(delivery)
    document.set({**claimed, "handed_over": {"recipients": ["a"], "key": "k"}})
    name = f"{cloud.queue_path()}/tasks/{task_id(delivery, 'settling2-3')}"
    cloud.queues.create_task(parent=cloud.queue_path(), task=Task(name=name, http_request={"url": "https://w.example"}))

    answer = cloud.call(NOON + HOUR)

    assert (answer.body["already_dispatched"], answer.body["overdue"], answer.body["dispatched"]) == (1, 0, 0)
    assert len(cloud.tasks()) == 1
    assert "queues" not in cloud.record(run_id(NOON + HOUR))


def test_a_task_that_waits_in_another_queue_is_not_lost(cloud: Cloud) -> None:
    """A queue that an operator adds to a backlog takes its share of users; tasks that are there stay where they are."""
    both = ["reports", "reports-2"]
    user = next(user for _ in range(100) if choose_queue(user := cloud.user(), both) == 1)
    subscription_reference(cloud.database, user).set(subscription_document(user, next_report_at=NOON))
    begun = {"state": "pending", "created_at": NOON, "attempts": 1, "rescues": LEAST_RESCUES}
    cloud.database.collection("deliveries").document(delivery_id(user, DEFAULT_SUBSCRIPTION, NOON)).set(begun)
    cloud.call()
    assert len(cloud.tasks("reports")) == 1

    answer = cloud.call(NOON + 30 * HOUR, variables={"REPORT_QUEUES": ",".join(both)})

    assert (answer.body["already_dispatched"], answer.body["lost"]) == (1, 0)
    assert cloud.delivery(delivery_id(user, DEFAULT_SUBSCRIPTION, NOON)) == begun


def test_a_task_that_succeeds_while_the_run_looks_is_not_dead(cloud: Cloud) -> None:
    user = cloud.subscribed_user()
    cloud.call()
    delivery = cloud.database.collection("deliveries").document(delivery_id(user, DEFAULT_SUBSCRIPTION, NOON))

    async def send_it(method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        if method.endswith("/GetTask"):
            await asyncio.to_thread(delivery.set, {"state": "sent"})
            await asyncio.to_thread(cloud.queues.purge_queue, name=cloud.queue_path())
        return await carry_out()

    cloud.tasks_faults.middleware = send_it
    answer = cloud.call(NOON + HOUR)

    assert (answer.body["already_dispatched"], answer.body["overdue"]) == (1, 0)
    assert cloud.tasks() == []


def test_a_report_that_is_sent_before_the_run_reads_its_delivery_gets_no_task(cloud: Cloud) -> None:
    """The run has read the subscription as it was before the report moved it on."""
    user = cloud.subscribed_user()
    cloud.call()
    delivery = cloud.database.collection("deliveries").document(delivery_id(user, DEFAULT_SUBSCRIPTION, NOON))

    async def send_it(method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        if method.endswith("/BatchGetDocuments") and "/deliveries/" in str(current_request()):
            await asyncio.to_thread(cloud.queues.purge_queue, name=cloud.queue_path())
            await asyncio.to_thread(delivery.set, {"state": "sent"})
        return await carry_out()

    cloud.firestore_faults.middleware = send_it
    answer = cloud.call(NOON + HOUR)

    assert (answer.body["already_dispatched"], answer.body["dispatched"]) == (1, 0)
    assert cloud.tasks() == []

    # If the subscription still has that due time in the next run, the application has set it back.
    cloud.firestore_faults.middleware = None
    assert cloud.call(NOON + 2 * HOUR).body["dispatched"] == 1


@pytest.mark.parametrize("state", ["sent", "skipped", "dead"])
def test_a_task_that_waits_to_move_a_subscription_on_is_not_followed_by_another(cloud: Cloud, state: str) -> None:
    """An application has set a subscription back, and the queue is slow."""
    _, delivery = a_report_that_died(cloud, {"state": state})

    answers = [cloud.call(NOON + hour * HOUR) for hour in range(3)]

    assert [each.body["dispatched"] for each in answers] == [1, 0, 0]
    assert len(cloud.tasks()) == 1
    assert delivery.get().get("state") == state

    lose_the_tasks(cloud)
    answer = cloud.call(NOON + 3 * HOUR)
    assert (answer.body["dispatched"], answer.body["lost"], answer.body["overdue"]) == (1, 0, 0)


def test_where_the_queue_does_not_say_what_it_holds_nobody_is_given_up(cloud: Cloud) -> None:
    _, delivery = a_report_that_died(cloud)
    healthy = cloud.subscribed_user()
    cloud.tasks_faults.middleware = failing("GetTask", "PERMISSION_DENIED")

    answer = cloud.call()

    assert (answer.status, answer.body["errors"], answer.body["lost"]) == (500, 1, 0)
    assert delivery.get().to_dict() == PENDING
    assert {report.user_id for report in cloud.reports()} == {healthy}
    assert any("roles/cloudtasks.viewer" in line.get("hint", "") for line in cloud.log())


def test_a_run_that_was_killed_is_no_reason_to_call_a_report_overdue(cloud: Cloud) -> None:
    cloud.subscribed_user()
    cloud.database.collection("runs").document("21261124T1200Z").set({"scheduled_for": NOON, "state": "running"})
    answer = cloud.call(NOON + HOUR)
    assert (answer.body["dispatched"], answer.body["overdue"]) == (1, 0)


@pytest.mark.parametrize(
    ("delivery", "reason"),
    [
        pytest.param({"state": "pending", "attempts": 5}, "lost", id="pending"),
        pytest.param(
            # The worker may have sent it before it died: the operator who replays it must know.
            {"state": "sending", "owner": "x", "lease_expires_at": NOON, "attempts": 5},
            "unknown-outcome",
            id="a dead worker",
        ),
    ],
)
def test_a_lost_report_is_a_dead_letter_and_its_subscription_moves_on(
    cloud: Cloud, delivery: dict[str, Any], reason: str
) -> None:
    user, reference = a_report_that_died(cloud, delivery, cadence="daily", hour=11)

    answer = cloud.call()

    assert (answer.status, answer.body["due"], answer.body["lost"], answer.body["dispatched"]) == (200, 1, 1, 0)
    (letter,) = cloud.dead_letters()
    assert {**letter, "error": "", "failed_at": ""} == {
        "user_id": user,
        "subscription_id": DEFAULT_SUBSCRIPTION,
        "delivery_id": reference.id,
        "due_at": "2126-11-23T11:00:00Z",
        "run_id": "21261124T1200Z",
        "kind": "activity",
        "reason": reason,
        "attempts": 5,
        "error": "",
        "failed_at": "",
    }
    record = reference.get().to_dict()
    assert (record["state"], record["attempts"], record["lease_expires_at"]) == ("dead", 5, None)
    assert (record["reason"], record["last_error"]) == (reason, letter["error"])
    assert record["history"] == [{"at": record["failed_at"], "result": "dead", "error": letter["error"]}]
    # A replay covers the day that was due, and the next report all since.
    midnight = NOON - 12 * HOUR
    assert (record["period_start"], record["period_end"]) == (midnight - 2 * DAY, midnight - DAY)
    fields = cloud.subscription(user)
    assert (fields["next_report_at"], fields["reported_until"]) == (NOON - HOUR, midnight - DAY)


@pytest.mark.parametrize(
    ("user", "midnight"),
    [
        pytest.param({"time_zone": "Asia/Tokyo"}, NOON - 21 * HOUR, id="the user's"),
        pytest.param({"time_zone": "Mars"}, NOON - 12 * HOUR, id="UTC for a malformed one"),
        pytest.param(None, NOON - 12 * HOUR, id="UTC for a user who is gone"),
    ],
)
def test_a_subscription_moves_on_in_its_users_zone(cloud: Cloud, user: dict[str, Any] | None, midnight: Any) -> None:
    user_id = cloud.subscribed_user(next_report_at=LONG_AGO, user=user, cadence="daily", hour=11)
    if user is None:
        cloud.database.collection("users").document(user_id).delete()
    delivery = delivery_id(user_id, DEFAULT_SUBSCRIPTION, LONG_AGO)
    cloud.database.collection("deliveries").document(delivery).set(PENDING)
    cloud.call(LONG_AGO)
    lose_the_tasks(cloud)

    assert cloud.call().body["lost"] == 1

    fields = cloud.subscription(user_id)
    assert (fields["next_report_at"], fields["reported_until"]) == (midnight + 11 * HOUR, midnight - DAY)


def test_a_subscription_moves_forward_whatever_period_an_attempt_has_settled(cloud: Cloud) -> None:
    settled = {"period_start": LONG_AGO - 4 * HOUR, "period_end": LONG_AGO - 3 * HOUR}
    user, _ = a_report_that_died(cloud, settled)

    assert cloud.call().body["lost"] == 1

    fields = cloud.subscription(user)
    # The next report covers all the time since.
    assert (fields["next_report_at"], fields["reported_until"]) == (LONG_AGO + HOUR, settled["period_end"])


def test_a_users_other_subscriptions_stay_as_they_are(cloud: Cloud) -> None:
    """One report of the user is lost; another, due at the same moment, has its task."""
    due_at = NOON - 25 * HOUR
    user = cloud.subscribed_user(next_report_at=due_at)
    seed(cloud.database, user, subscription_id="weekly", next_report_at=due_at)
    for subscription, rescues in ((DEFAULT_SUBSCRIPTION, LEAST_RESCUES), ("weekly", 1)):
        cloud.database.collection("deliveries").document(delivery_id(user, subscription, due_at)).set(
            {"state": "pending", "created_at": due_at, "rescues": rescues}
        )
    cloud.call(due_at)
    lose_the_tasks(cloud)
    other = cloud.subscription(user, "weekly")

    answer = cloud.call()

    assert (answer.body["lost"], answer.body["dispatched"]) == (1, 1)
    assert [report.subscription_id for report in cloud.reports()] == ["weekly"]
    assert [letter["subscription_id"] for letter in cloud.dead_letters()] == [DEFAULT_SUBSCRIPTION]
    assert cloud.subscription(user, "weekly") == other
    assert cloud.subscription(user)["next_report_at"] > due_at


def test_nobody_else_may_act_on_a_report_while_its_dead_letter_is_published(cloud: Cloud) -> None:
    """A worker that came to send it then would make the dead letter a lie."""
    _, delivery = a_report_that_died(cloud)
    seen: list[dict[str, Any]] = []

    async def look(method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        if method.endswith("/Publish"):
            seen.append((await asyncio.to_thread(delivery.get)).to_dict())
        return await carry_out()

    cloud.pubsub_faults.middleware = look
    answer = cloud.call()

    assert answer.body["lost"] == 1
    (held, *_) = seen
    # A worker that finds it so sends nothing: it finishes what is begun here.
    assert (held["state"], held["reason"]) == ("giving-up", "lost")
    assert held["failed_at"] is not None
    assert delivery.get().get("state") == "dead"


def test_what_the_application_writes_while_a_report_is_given_up_stays(cloud: Cloud) -> None:
    user, delivery = a_report_that_died(cloud)
    document = subscription_reference(cloud.database, user)
    later = {"next_report_at": NOON + DAY, "reported_until": NOON}

    async def write(method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        if method.endswith("/Publish"):
            # With the dead letter, and not with the alert that the run publishes afterwards.
            cloud.pubsub_faults.middleware = None
            await asyncio.to_thread(document.update, later)
        return await carry_out()

    cloud.pubsub_faults.middleware = write
    cloud.call()

    fields = cloud.subscription(user)
    assert {name: fields[name] for name in later} == later
    record = delivery.get().to_dict()
    assert record["state"] == "dead"


@pytest.mark.parametrize("reason", ["retries-exhausted", "unknown-outcome"])
def test_what_was_begun_to_be_given_up_is_finished_with_the_same_letter(cloud: Cloud, reason: str) -> None:
    """A run or a worker was killed between holding the report and marking it dead: its letter may be there."""
    held = {"reason": reason, "last_error": "as it was said", "failed_at": NOON - HOUR, "owner": "x"}
    state = "sending" if reason == "unknown-outcome" else "pending"
    _, delivery = a_report_that_died(cloud, {"state": state, "attempts": 2, **held})

    cloud.call()

    (letter,) = cloud.dead_letters()
    assert (letter["reason"], letter["error"], letter["failed_at"]) == (
        reason,
        "as it was said",
        "2126-11-24T11:00:00Z",
    )
    record = delivery.get().to_dict()
    assert (record["state"], record["reason"], record["failed_at"]) == ("dead", reason, NOON - HOUR)


def test_a_letter_that_may_have_been_published_stays_held(cloud: Cloud) -> None:
    _, delivery = a_report_that_died(cloud)
    cloud.pubsub_faults.middleware = failing("Publish", "INTERNAL", after=True)

    assert cloud.call().status == 500
    held = delivery.get().to_dict()
    assert (held["state"], held["reason"]) == ("giving-up", "lost")

    cloud.pubsub_faults.middleware = None
    assert cloud.call().body["lost"] == 1
    assert {letter["failed_at"] for letter in cloud.dead_letters()} == {
        held["failed_at"].isoformat().replace("+00:00", "Z")
    }
    assert delivery.get().get("state") == "dead"


def test_a_lost_report_that_cannot_be_published_stays_given_up(cloud: Cloud) -> None:
    user, delivery = a_report_that_died(cloud)
    healthy = cloud.subscribed_user()
    cloud.pubsub_faults.middleware = failing("Publish", "PERMISSION_DENIED")

    answer = cloud.call()

    assert (answer.status, answer.body["errors"], answer.body["lost"], answer.body["dispatched"]) == (500, 1, 0, 1)
    assert (delivery.get().get("state"), delivery.get().get("reason")) == ("giving-up", "lost")
    assert cloud.subscription(user)["next_report_at"] == LONG_AGO
    assert cloud.record("21261124T1200Z")["state"] == "failed"
    assert healthy in {report.user_id for report in cloud.reports()}

    cloud.pubsub_faults.middleware = None
    again = cloud.call()

    assert (again.status, again.body["lost"], again.body["errors"]) == (200, 1, 0)
    assert cloud.record("21261124T1200Z")["state"] == "finished"


def test_a_paused_subscription_whose_report_is_lost_gets_no_due_time(cloud: Cloud) -> None:
    due_at = NOON - 25 * HOUR
    user = cloud.subscribed_user(next_report_at=due_at, active=False)
    name = delivery_id(user, DEFAULT_SUBSCRIPTION, due_at)
    written = {**PENDING, "updated_at": due_at, "expire_at": due_at + 90 * DAY}
    cloud.database.collection("deliveries").document(name).set(written)
    cloud.call(due_at)
    lose_the_tasks(cloud)

    assert cloud.call().body["lost"] == 1

    subscription = cloud.subscription(user)
    assert (subscription["next_report_at"], subscription["paused_because"]) == (None, "user")
    record = cloud.delivery(name)
    assert record is not None
    assert (record["updated_at"], record["expire_at"]) == (NOON, NOON + 90 * DAY)


def test_a_report_that_is_given_up_is_touched_before_its_letter_is_out(cloud: Cloud) -> None:
    """A process that dies in between leaves a record that says when it was held, and is kept as long as any other."""
    due_at = NOON - 25 * HOUR
    user = cloud.subscribed_user(next_report_at=due_at)
    name = delivery_id(user, DEFAULT_SUBSCRIPTION, due_at)
    written = {**PENDING, "updated_at": due_at, "expire_at": due_at + 90 * DAY}
    cloud.database.collection("deliveries").document(name).set(written)
    cloud.call(due_at)
    lose_the_tasks(cloud)
    cloud.pubsub_faults.middleware = failing("Publish", "DEADLINE_EXCEEDED")

    assert cloud.call().body["errors"] == 1

    record = cloud.delivery(name)
    assert record is not None
    assert record["reason"] == "lost"
    assert (record["updated_at"], record["expire_at"]) == (NOON, NOON + 90 * DAY)
