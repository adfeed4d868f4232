"""A run: what gets a task, and what is said about it."""

from datetime import timedelta

from functions.shared.records.ids import delivery_id, run_id, task_id
from functions.shared.records.run import RUN_COUNTERS
from functions.shared.records.subscription import DEFAULT_SUBSCRIPTION, SUBSCRIPTIONS
from tests.functions.dispatcher.integration.conftest import HOUR, NOON, TASKS, WORKER_URL, Cloud
from tests.functions.dispatcher.integration.faults import failing
from tests.seeding import subscription_document, subscription_reference


def test_every_report_that_is_due_gets_a_task(cloud: Cloud) -> None:
    now = cloud.subscribed_user(kind="sales", cadence="daily")
    earlier = cloud.subscribed_user(subscription_id="weekly", next_report_at=NOON - timedelta(minutes=30))
    cloud.subscribed_user(next_report_at=NOON + HOUR)
    cloud.subscribed_user(next_report_at=None, active=False, paused_because="operator")

    answer = cloud.call()

    assert answer.status == 200
    figures = {**dict.fromkeys(RUN_COUNTERS, 0), "due": 2, "dispatched": 2}
    assert {**answer.body, "seconds": 0} == {
        **figures,
        "run_id": "21261124T1200Z",
        "continued": False,
        "stopped": False,
        "seconds": 0,
    }
    tasks = {task.name.rpartition("/")[2]: task for task in cloud.tasks()}
    ids = {
        now: delivery_id(now, DEFAULT_SUBSCRIPTION, NOON),
        earlier: delivery_id(earlier, "weekly", NOON - timedelta(minutes=30)),
    }
    assert set(tasks) == {task_id(delivery) for delivery in ids.values()}
    task = tasks[task_id(ids[now])]
    assert task.http_request.url == f"{WORKER_URL}/tasks/send-report"
    assert task.http_request.headers["Content-Type"] == "application/json"
    assert task.http_request.oidc_token.service_account_email == TASKS
    assert task.http_request.oidc_token.audience == WORKER_URL
    assert task.dispatch_deadline == timedelta(seconds=120)
    report = next(report for report in cloud.reports() if report.user_id == now)
    assert (report.delivery_id, report.due_at, report.run_id, report.kind) == (ids[now], NOON, run_id(NOON), "sales")
    assert {report.subscription_id for report in cloud.reports()} == {DEFAULT_SUBSCRIPTION, "weekly"}
    record = cloud.record("21261124T1200Z")
    assert record["state"] == "finished"
    assert record["scheduled_for"] == NOON
    assert record["started_at"] <= record["finished_at"]
    assert {name: record[name] for name in figures} == figures


def test_each_subscription_of_a_user_gets_its_own_task(cloud: Cloud) -> None:
    user = cloud.user()
    for name, due_at in (("hourly", NOON), ("weekly", NOON), ("cron", NOON - HOUR), ("monthly", NOON + HOUR)):
        subscription_reference(cloud.database, user, name).set(
            subscription_document(user, name, next_report_at=due_at, kind=name)
        )

    assert cloud.call().body["dispatched"] == 3

    assert {(report.subscription_id, report.kind, report.due_at) for report in cloud.reports()} == {
        ("hourly", "hourly", NOON),
        ("weekly", "weekly", NOON),
        ("cron", "cron", NOON - HOUR),
    }


def test_a_collection_of_the_same_name_elsewhere_is_nobodys_subscriptions(cloud: Cloud) -> None:
    user = cloud.subscribed_user()
    fields = subscription_document(user, next_report_at=NOON)
    elsewhere = [
        cloud.database.document(f"{path}/{SUBSCRIPTIONS}/default") for path in ("teams/t1", f"users/{user}/teams/t1")
    ]
    for reference in elsewhere:
        reference.set(fields)
        reference.parent.document("new").set({"shard": None})
        reference.parent.document("stray").set({**fields, "next_report_at": "noon"})
        reference.parent.document("unmarked").set({})

    answer = cloud.call()

    assert [answer.body[name] for name in ("due", "dispatched", "scheduled", "malformed", "errors")] == [1, 1, 0, 0, 0]
    assert [report.user_id for report in cloud.reports()] == [user]


def test_shards_are_read_in_the_order_of_due_times(cloud: Cloud) -> None:
    """Those that have waited longest come first, whatever their shards."""
    for number in range(60):
        cloud.subscribed_user(next_report_at=NOON - timedelta(minutes=number * 7 % 60))
    cloud.call(variables={"DISPATCH_TIME_LIMIT": "0.000001"})
    (first,) = cloud.reports()
    assert first.due_at == NOON - timedelta(minutes=59)


def test_a_run_that_is_called_again_makes_no_task_twice(cloud: Cloud) -> None:
    for _ in range(3):
        cloud.subscribed_user()
    cloud.call()
    cloud.subscribed_user()

    answer = cloud.call()

    assert (answer.status, answer.body["due"]) == (200, 4)
    assert (answer.body["dispatched"], answer.body["already_dispatched"]) == (1, 3)
    assert len(cloud.tasks()) == 4
    assert cloud.record("21261124T1200Z")["already_dispatched"] == 3


def test_a_run_that_is_called_again_keeps_what_its_attempts_did(cloud: Cloud) -> None:
    users = [cloud.subscribed_user() for _ in range(3)]
    cloud.call()
    first = cloud.record("21261124T1200Z")
    assert (first["attempts"], first["earlier_attempts"]) == (1, [])
    # Two reports are sent before Cloud Scheduler calls again: the second attempt sees nothing of them.
    for user in users[:2]:
        subscription_reference(cloud.database, user).update({"next_report_at": NOON + HOUR})

    cloud.call()

    record = cloud.record("21261124T1200Z")
    assert (record["attempts"], record["due"], record["dispatched"]) == (2, 1, 0)
    (kept,) = record["earlier_attempts"]
    assert (kept["due"], kept["dispatched"]) == (3, 3)
    for name in ("attempt", "state", "started_at", "finished_at"):
        assert kept[name] == first[name]

    for _ in range(11):
        cloud.call()

    record = cloud.record("21261124T1200Z")
    assert (record["attempts"], record["state"]) == (13, "finished")
    assert len({kept["attempt"] for kept in record["earlier_attempts"]}) == 10
    assert record["attempt"] not in {kept["attempt"] for kept in record["earlier_attempts"]}


def test_a_run_whose_beginning_is_noted_and_the_answer_lost_is_one_attempt(cloud: Cloud) -> None:
    cloud.firestore_faults.middleware = failing("Commit", "UNAVAILABLE", times=1, after=True)

    assert cloud.call().status == 200

    record = cloud.record("21261124T1200Z")
    assert (record["attempts"], record["earlier_attempts"], record["state"]) == (1, [], "finished")


def test_more_than_a_batch(cloud: Cloud) -> None:
    with cloud.one_commit():
        users = {cloud.subscribed_user(next_report_at=NOON - timedelta(seconds=number % 7)) for number in range(230)}
    answer = cloud.call()
    assert answer.body["dispatched"] == 230
    assert {report.user_id for report in cloud.reports()} == users


def test_nothing_is_due(cloud: Cloud) -> None:
    answer = cloud.call()
    assert (answer.status, answer.body["due"], answer.body["dispatched"]) == (200, 0, 0)


TWO_QUEUES = {"REPORT_QUEUES": "reports,reports-2"}


def test_two_queues_share_the_users_and_keep_them(cloud: Cloud) -> None:
    users = {cloud.subscribed_user() for _ in range(60)}
    cloud.call(variables=TWO_QUEUES)
    first, second = ({report.user_id for report in cloud.reports(queue)} for queue in ("reports", "reports-2"))
    assert first | second == users
    assert not first & second
    assert len(first) > 10
    assert len(second) > 10

    answer = cloud.call(variables=TWO_QUEUES)

    assert (answer.body["dispatched"], answer.body["already_dispatched"]) == (0, 60)


def test_missed_runs_are_caught_up_by_one_task(cloud: Cloud) -> None:
    cloud.call(NOON - 6 * HOUR)
    user = cloud.subscribed_user(next_report_at=NOON - 5 * HOUR)

    answer = cloud.call()

    assert (answer.body["due"], answer.body["dispatched"], answer.body["overdue"]) == (1, 1, 0)
    assert [report.delivery_id for report in cloud.reports()] == [
        delivery_id(user, DEFAULT_SUBSCRIPTION, NOON - 5 * HOUR)
    ]
