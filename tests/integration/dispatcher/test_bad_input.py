"""Whatever is wrong with a request, a user or the environment: an answer that names it, and nobody else is harmed."""

from datetime import UTC, datetime, timedelta

import pytest

from functions.shared.models import delivery_id
from local_cloud.errors import LocalCloudError
from tests.functions import start_function
from tests.integration.dispatcher.conftest import DISPATCHER_URL, HOUR, NOON, SCHEDULER, TASKS, Surroundings


@pytest.mark.parametrize("report", [{"kind": 7}, {"kind": "No Name!"}, {"kind": ["activity"]}])
def test_a_kind_that_is_none(cloud: Surroundings, report: dict[str, object]) -> None:
    broken = cloud.user(report={**report, "cadence": "daily", "hour": 9})
    healthy = cloud.user()

    answer = cloud.call()

    assert (answer.status, answer.body["due"], answer.body["errors"], answer.body["dispatched"]) == (200, 2, 1, 1)
    assert [report.user_id for report in cloud.reports()] == [healthy]
    (letter,) = cloud.dead_letters()
    assert (letter["user_id"], letter["delivery_id"], letter["reason"]) == (
        broken,
        delivery_id(broken, NOON),
        "invalid-task",
    )
    assert "report.kind" in letter["error"]
    record = cloud.delivery(delivery_id(broken, NOON))
    assert record is not None
    assert record["state"] == "dead"
    assert cloud.fields_of(broken)["next_report_at"] > NOON
    line = next(line for line in cloud.log() if line.get("user_id") == broken)
    assert line["field"] == "report.kind"
    assert cloud.record("21261124T1200Z")["errors"] == 1
    assert cloud.record("21261124T1200Z")["state"] == "finished"


@pytest.mark.parametrize("state", ["dead", "sent", "skipped"])
def test_a_kind_that_is_none_of_a_user_who_was_set_back_to_a_final_delivery(cloud: Surroundings, state: str) -> None:
    """The worker moves the user on. A dead letter would say of a report that was sent that it was not, every hour."""
    user = cloud.user(report={"kind": 7}, next_report_at=NOON)
    delivery = delivery_id(user, NOON)
    cloud.database.collection("deliveries").document(delivery).set({"state": state, "created_at": NOON})
    cloud.call()

    answer = cloud.call(NOON + HOUR)

    assert (answer.status, answer.body["due"], answer.body["errors"], answer.body["dispatched"]) == (200, 1, 0, 1)
    assert {report.delivery_id for report in cloud.reports()} == {delivery}
    assert cloud.dead_letters(wait=False) == []
    assert cloud.delivery(delivery) == {"state": state, "created_at": NOON}


@pytest.mark.parametrize("value", ["2126-11-24T12:00:00Z", "", 0, 1.5, False, {"at": NOON}, [NOON]])
def test_a_due_time_that_is_no_timestamp(cloud: Surroundings, value: object) -> None:
    broken = cloud.user(next_report_at=value)
    newcomer = cloud.user(next_report_at=...)
    healthy = cloud.user()

    answer = cloud.call()

    assert (answer.status, answer.body["errors"], answer.body["dispatched"]) == (200, 1, 2)
    assert {report.user_id for report in cloud.reports()} == {newcomer, healthy}
    (letter,) = cloud.dead_letters()
    assert (letter["user_id"], letter["delivery_id"]) == (broken, delivery_id(broken, NOON))
    assert letter["reason"] == "invalid-task"
    assert "next_report_at" in letter["error"]
    assert cloud.fields_of(broken)["next_report_at"] == value
    assert any(line.get("user_id") == broken and line.get("field") == "next_report_at" for line in cloud.log())


@pytest.mark.parametrize("value", ["true", "", 1])
def test_active_that_is_neither_true_nor_false(cloud: Surroundings, value: object) -> None:
    broken = cloud.user(active=value)
    healthy = cloud.user()
    answer = cloud.call()
    assert (answer.status, answer.body["dispatched"], answer.body["errors"]) == (200, 1, 0)
    assert [report.user_id for report in cloud.reports()] == [healthy]
    line = next(line for line in cloud.log() if broken in line.get("user_ids", []))
    assert (line["severity"], line["field"]) == ("WARNING", "active")


@pytest.mark.parametrize(
    ("report", "kind"), [("daily", "activity"), ({"kind": None}, "activity"), ({"kind": "sales"}, "sales")]
)
def test_a_report_that_says_little(cloud: Surroundings, report: object, kind: str) -> None:
    cloud.user(report=report)
    assert cloud.call().body["dispatched"] == 1
    assert [report.kind for report in cloud.reports()] == [kind]


def test_user_ids_of_all_sorts(cloud: Surroundings) -> None:
    ids = {"名前", "a b", "x" * 1400, "O'Hara; DROP", "<b>", "a.b@example.com", "%2F"}
    for user_id in ids:
        cloud.database.collection("users").document(user_id).set({"active": True, "next_report_at": NOON})
    answer = cloud.call()
    assert (answer.status, answer.body["dispatched"]) == (200, len(ids))
    assert {report.user_id for report in cloud.reports()} == ids


@pytest.mark.parametrize("body", [b"", b"{}", b"not JSON", b"[1, 2", b"null", b"\xff\xfe", b"7" * 100_000])
def test_the_body_does_not_matter(cloud: Surroundings, body: bytes) -> None:
    cloud.user()
    answer = cloud.call(body=body, headers={"Content-Type": "application/json"})
    assert (answer.status, answer.body["dispatched"]) == (200, 1)


def test_without_headers_the_run_is_for_the_present_minute(cloud: Surroundings) -> None:
    cloud.user(next_report_at=datetime(2000, 1, 1, tzinfo=UTC))
    answer = cloud.call(None)
    assert (answer.status, answer.body["dispatched"]) == (200, 1)
    assert cloud.record(answer.body["run_id"])["scheduled_for"].second == 0


@pytest.mark.parametrize("value", ["", "noon", "2026-11-24", "2126-11-24T12:00:00"])
def test_a_schedule_time_that_is_none(cloud: Surroundings, value: str) -> None:
    cloud.user()
    answer = cloud.call(None, headers={"X-CloudScheduler-ScheduleTime": value})
    assert answer.status == 400
    assert "X-CloudScheduler-ScheduleTime" in answer.body["error"]
    assert cloud.tasks() == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health", 200),
        ("POST", "/health", 405),
        ("GET", "/", 405),
        ("PUT", "/dispatch", 405),
        ("POST", "/nowhere", 404),
        ("GET", "/nowhere", 404),
    ],
)
def test_paths_and_methods(cloud: Surroundings, method: str, path: str, status: int) -> None:
    assert cloud.call(method=method, path=path, token="").status == status


def test_both_paths_make_a_run(cloud: Surroundings) -> None:
    assert cloud.call(path="/dispatch").status == 200


@pytest.mark.parametrize(
    ("email", "audience", "lifetime", "status"),
    [
        pytest.param(TASKS, DISPATCHER_URL, HOUR, 403, id="the tasks' account may not begin a run"),
        pytest.param("x@example.com", DISPATCHER_URL, HOUR, 403, id="somebody else's"),
        pytest.param(SCHEDULER, "https://worker.example.com", HOUR, 401, id="for another audience"),
        pytest.param(SCHEDULER, DISPATCHER_URL + "/", HOUR, 401, id="for nearly the same audience"),
        pytest.param(SCHEDULER, DISPATCHER_URL, timedelta(hours=-1), 401, id="expired"),
    ],
)
def test_tokens_that_are_not_the_schedulers(
    cloud: Surroundings, email: str, audience: str, lifetime: timedelta, status: int
) -> None:
    cloud.user()
    answer = cloud.call(token=cloud.identity.mint(email, audience, lifetime))
    assert answer.status == status
    assert cloud.tasks() == []


@pytest.mark.parametrize("token", ["", "garbage", "a.b.c"])
def test_no_token(cloud: Surroundings, token: str) -> None:
    cloud.user()
    assert cloud.call(token=token).status == 401
    assert cloud.tasks() == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        *((name, None) for name in ("LOCATION", "REPORT_QUEUES", "WORKER_URL", "DISPATCHER_URL", "TASKS_INVOKER")),
        *((name, None) for name in ("SCHEDULER_INVOKER", "DEAD_LETTER_TOPIC", "GOOGLE_CLOUD_PROJECT")),
        ("DISPATCH_TIME_LIMIT", "soon"),
    ],
)
def test_a_variable_that_is_missing_or_malformed(surroundings: Surroundings, variable: str, value: str | None) -> None:
    environment = {**surroundings.environment, variable: value or ""}
    with pytest.raises(LocalCloudError, match=f"Cannot start: {variable}: "):
        start_function(
            surroundings.background,
            name="dispatcher",
            environment=environment,
            log_directory=surroundings.logs / variable,
        )
