"""A malformed request, document or environment: the answer names it, and other users get their reports."""

import itertools
import math
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.api_core.exceptions import InvalidArgument

from functions.shared.records.ids import delivery_id, malformed_letter_id
from functions.shared.records.subscription import DEFAULT_SUBSCRIPTION
from local_cloud.errors import LocalCloudError
from local_cloud.rpc import RpcError, current_request
from tests.function_process import start_function
from tests.functions.dispatcher.integration.conftest import DISPATCHER_URL, HOUR, NOON, SCHEDULER, TASKS, Cloud
from tests.functions.dispatcher.integration.faults import failing
from tests.seeding import seed, subscription_reference


def test_a_kind_that_is_none(cloud: Cloud) -> None:
    kinds: list[Any] = [7, "No Name!", ["activity"]]
    broken = {cloud.subscribed_user(kind=kind, cadence="daily", hour=9) for kind in kinds}
    healthy = cloud.subscribed_user()
    before = {user: cloud.subscription(user) for user in broken}

    answer = cloud.call()

    assert answer.status == 200
    assert [answer.body[name] for name in ("due", "dispatched", "malformed", "errors")] == [4, 1, 3, 0]
    assert [report.user_id for report in cloud.reports()] == [healthy]
    letters = {letter["user_id"]: letter for letter in cloud.dead_letters()}
    assert letters.keys() == broken
    for user, letter in letters.items():
        assert (letter["subscription_id"], letter["reason"]) == (DEFAULT_SUBSCRIPTION, "permanent-error")
        assert letter["letter_id"] == malformed_letter_id(user, DEFAULT_SUBSCRIPTION)
        assert "the subscription's document: kind: must be the name of a report, such as sales" in letter["error"]
        # There is nothing to replay: the next run after the document has been mended makes the report.
        assert "delivery_id" not in letter
        assert cloud.delivery(delivery_id(user, DEFAULT_SUBSCRIPTION, NOON)) is None
        assert cloud.subscription(user) == before[user]
        line = next(line for line in cloud.log() if line.get("user_id") == user)
        shown = (line["subscription_id"], line["document"], line["field"])
        assert shown == (DEFAULT_SUBSCRIPTION, "subscription", "kind")
    assert cloud.record("21261124T1200Z")["malformed"] == 3
    assert cloud.record("21261124T1200Z")["state"] == "finished"
    # The dead letters tell people already.
    assert cloud.system_alerts == []


NO_DUE_TIMES = [
    *("2126-11-24T12:00:00Z", "", 0, 1.5, math.nan, False, {"at": NOON}, [NOON], b"noon"),
    *(datetime(1, 1, 1, tzinfo=UTC), datetime(1969, 12, 31, 23, 59, tzinfo=UTC)),
    *(datetime(2200, 1, 2, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)),
]


@pytest.mark.parametrize("shard", [..., None, 7], ids=["no shard", "new", "scheduled"])
def test_a_due_time_that_is_none(cloud: Cloud, shard: object) -> None:
    broken = {cloud.subscribed_user(next_report_at=value, shard=shard) for value in NO_DUE_TIMES}
    before = {user: cloud.subscription(user) for user in broken}
    new_user = cloud.user(enrolled_at=None)
    healthy = cloud.subscribed_user()

    answer = cloud.call()

    said = [answer.status, *(answer.body[name] for name in ("malformed", "dispatched", "errors"))]
    assert said == [200, len(NO_DUE_TIMES), 2, 0]
    assert {report.user_id for report in cloud.reports()} == {new_user, healthy}
    letters = {letter["user_id"]: letter for letter in cloud.dead_letters()}
    assert letters.keys() == broken
    logged = {line.get("user_id") for line in cloud.log() if line.get("field") == "next_report_at"}
    assert broken <= logged
    for user, letter in letters.items():
        assert letter["letter_id"] == malformed_letter_id(user, DEFAULT_SUBSCRIPTION)
        assert letter["reason"] == "permanent-error"
        assert "next_report_at: must be a timestamp between 1970 and 2200" in letter["error"]
        # With the null the next run finds it by the index, and need not sweep.
        marked = {**before[user], "shard": before[user].get("shard")}
        assert {name: repr(value) for name, value in cloud.subscription(user).items()} == {
            name: repr(value) for name, value in marked.items()
        }


@pytest.mark.parametrize("fields", [{"kind": 7}, {"next_report_at": datetime(1, 1, 1, tzinfo=UTC)}])
def test_a_malformed_subscription_is_one_dead_letter_however_many_runs(cloud: Cloud, fields: dict[str, Any]) -> None:
    user = cloud.subscribed_user(**fields)
    cloud.call()
    cloud.keep_letters(cloud.dead_letters())

    for hour in range(1, 4):
        answer = cloud.call(NOON + hour * HOUR)
        assert (answer.status, answer.body["malformed"], answer.body["errors"]) == (200, 1, 0)

    assert cloud.dead_letters() == []
    assert cloud.system_alerts == []
    # An operator who closes it without correcting the document wants no further alerts, unless the document is written
    # again.
    letter = cloud.database.collection("dead_letters").document(malformed_letter_id(user, DEFAULT_SUBSCRIPTION))
    letter.update({"state": "dismissed"})
    cloud.call(NOON + 4 * HOUR)
    assert cloud.dead_letters() == []
    subscription_reference(cloud.database, user).update({"locale": "ja"})
    cloud.call(NOON + 5 * HOUR)
    assert [letter["user_id"] for letter in cloud.dead_letters()] == [user]


def test_a_subscription_that_has_been_corrected_gets_one_report(cloud: Cloud) -> None:
    user = cloud.subscribed_user(kind=7)
    for hour in range(3):
        cloud.call(NOON + hour * HOUR)
    subscription_reference(cloud.database, user).update({"kind": "sales"})

    answer = cloud.call(NOON + 3 * HOUR)

    assert [answer.body[name] for name in ("due", "dispatched", "malformed", "errors")] == [1, 1, 0, 0]
    assert [(report.user_id, report.due_at, report.kind) for report in cloud.reports()] == [(user, NOON, "sales")]


@pytest.mark.parametrize("shard", [..., None], ids=["no shard", "a null"])
def test_a_new_subscription_that_is_malformed_is_told_of_once_and_scheduled_once_corrected(
    cloud: Cloud, shard: object
) -> None:
    user = cloud.subscribed_user(shard=shard, cadence="daily", hour=99)
    for hour in range(3):
        answer = cloud.call(NOON + hour * HOUR)
        assert [answer.body[name] for name in ("malformed", "scheduled", "due", "errors")] == [1, 0, 0, 0]
        letters = cloud.dead_letters()
        assert len(letters) == (1 if hour == 0 else 0)
        cloud.keep_letters(letters)
    subscription_reference(cloud.database, user).update({"hour": 9})

    answer = cloud.call(NOON + 3 * HOUR)

    assert [answer.body[name] for name in ("malformed", "scheduled", "dispatched", "errors")] == [0, 1, 1, 0]
    assert [(report.user_id, report.due_at) for report in cloud.reports()] == [(user, NOON)]


def test_dead_letters_that_cannot_be_read_or_published(cloud: Cloud) -> None:
    cloud.subscribed_user(kind=7)
    healthy = cloud.subscribed_user()
    cloud.pubsub_faults.middleware = failing("Publish", "PERMISSION_DENIED")

    async def no_dead_letters(method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        if method.endswith("/BatchGetDocuments") and "/dead_letters/" in current_request().documents[0]:
            raise RpcError(grpc.StatusCode.PERMISSION_DENIED, "as the test wants it")
        return await carry_out()

    cloud.firestore_faults.middleware = no_dead_letters
    answer = cloud.call()

    assert (answer.status, answer.body["dispatched"], answer.body["malformed"], answer.body["errors"]) == (500, 1, 0, 1)
    assert [report.user_id for report in cloud.reports()] == [healthy]


@pytest.mark.parametrize(
    "fields",
    [
        {"scheduled_for": NOON - HOUR, "started_at": NOON, "finished_at": NOON, "due": 2**62},
        {"scheduled_for": NOON - HOUR, "started_at": NOON, "finished_at": datetime(9999, 12, 31, tzinfo=UTC), "due": 1},
        {"scheduled_for": NOON - HOUR, "started_at": datetime(1, 1, 1, tzinfo=UTC), "finished_at": "then", "due": -1},
        {"scheduled_for": datetime(1, 1, 1, tzinfo=UTC), "due": True},
        {
            "scheduled_for": NOON,
            "attempts": "many",
            "attempt": 7,
            "earlier_attempts": [7, {}, {"attempt": "x", "shares": {"0": 7}}],
            "shares": [],
            "cuts": "none",
            "state": 7,
            "figures": "x",
        },
        {"scheduled_for": NOON, "attempt": "x" * 900_000, "attempts": -(2**63), "earlier_attempts": {}, "shares": {}},
        {"scheduled_for": NOON, "attempt": "x", "shares": {str(n): {"state": "y" * 90} for n in range(7000)}},
    ],
    ids=range(7),
)
def test_records_of_runs_that_no_dispatcher_has_written(cloud: Cloud, fields: dict[str, Any]) -> None:
    user = cloud.subscribed_user()
    for run in ("21261124T1200Z", "21261124T1100Z"):
        cloud.database.collection("runs").document(run).set(fields)

    answers = [cloud.call(), cloud.call()]

    assert [(answer.status, answer.body["due"], answer.body["errors"]) for answer in answers] == [(200, 1, 0)] * 2
    assert [report.user_id for report in cloud.reports()] == [user]
    record = cloud.record("21261124T1200Z")
    assert (record["state"], record["shares"]["0"]["state"]) == ("finished", "finished")


def test_a_new_user_whose_document_has_no_room_for_the_pipelines_fields(cloud: Cloud) -> None:
    # As large as a document may be, but for less than `enrolled_at` takes.
    user = cloud.user(enrolled_at=..., notes="")
    reference = cloud.database.collection("users").document(user)
    low, high = 900_000, 1_100_000
    while low < high:
        length = (low + high + 1) // 2
        try:
            reference.update({"notes": "n" * length})
            low = length
        except InvalidArgument:
            high = length - 1
    others = {cloud.user(enrolled_at=...) for _ in range(3)}

    answer = cloud.call()

    assert (answer.status, answer.body["enrolled"], answer.body["malformed"], answer.body["errors"]) == (200, 3, 1, 0)
    assert {report.user_id for report in cloud.reports()} == others
    (letter,) = cloud.dead_letters()
    assert (letter["letter_id"], "must have room" in letter["error"]) == (malformed_letter_id(user), True)


def test_active_that_is_neither_true_nor_false(cloud: Cloud) -> None:
    values: list[Any] = ["true", "", 1]
    broken = {cloud.user(active=value, enrolled_at=None) for value in values}
    healthy = cloud.subscribed_user()
    answer = cloud.call()
    assert (answer.status, answer.body["dispatched"], answer.body["errors"]) == (200, 1, 0)
    assert [report.user_id for report in cloud.reports()] == [healthy]
    lines = [line for line in cloud.log() if broken & set(line.get("user_ids", []))]
    assert {user for line in lines for user in line["user_ids"]} >= broken
    assert all((line["severity"], line["field"]) == ("WARNING", "active") for line in lines)


def test_a_subscription_that_names_no_kind_has_the_default(cloud: Cloud) -> None:
    kinds = {
        cloud.subscribed_user(kind=kind): shown for kind, shown in ((..., "usage"), (None, "usage"), ("sales", "sales"))
    }
    assert cloud.call(variables={"DEFAULT_KIND": "usage"}).body["dispatched"] == len(kinds)
    assert {report.user_id: report.kind for report in cloud.reports()} == kinds


def test_ids_of_all_sorts(cloud: Cloud) -> None:
    ids = {"名前", "a b", "x" * 1400, "O'Hara; DROP", "<b>", "a.b@example.com", "%2F"}
    for user_id in ids:
        for subscription_id in ids:
            seed(cloud.database, user_id, subscription_id=subscription_id, next_report_at=NOON)
    answer = cloud.call()
    assert (answer.status, answer.body["dispatched"]) == (200, len(ids) ** 2)
    reports = cloud.reports()
    assert {(report.user_id, report.subscription_id) for report in reports} == set(itertools.product(ids, ids))
    assert all(report.names_its_delivery for report in reports)


@pytest.mark.parametrize("body", [b"", b"[1, 2", b"\xff\xfe", b"7" * 100_000])
def test_the_body_does_not_matter(cloud: Cloud, body: bytes) -> None:
    cloud.subscribed_user()
    answer = cloud.call(body=body, headers={"Content-Type": "application/json"})
    assert (answer.status, answer.body["dispatched"]) == (200, 1)


def test_without_headers_the_run_is_for_the_present_minute(cloud: Cloud) -> None:
    cloud.subscribed_user(next_report_at=datetime(2000, 1, 1, tzinfo=UTC))
    answer = cloud.call(None)
    assert (answer.status, answer.body["dispatched"]) == (200, 1)
    assert cloud.record(answer.body["run_id"])["scheduled_for"].second == 0


def test_a_schedule_time_with_fractions_of_a_second(cloud: Cloud) -> None:
    """Also its id is part of task names: of overdue reports in this run, and by its place in history in the next."""
    users = {cloud.subscribed_user(next_report_at=NOON - 3 * HOUR) for _ in range(2)}
    cloud.call(NOON - 2 * HOUR)
    cloud.queues.purge_queue(name=cloud.queue_path())

    answer = cloud.call(None, headers={"X-CloudScheduler-ScheduleTime": "2126-11-24T12:00:00.25Z"})

    assert (answer.status, answer.body["dispatched"], answer.body["errors"]) == (200, 2, 0)
    assert {report.user_id for report in cloud.reports()} == users
    again = cloud.call(NOON + HOUR / 4)
    assert (again.status, again.body["already_dispatched"], again.body["errors"]) == (200, 2, 0)


@pytest.mark.parametrize("value", ["", "noon"])
def test_a_schedule_time_that_is_none(cloud: Cloud, value: str) -> None:
    cloud.subscribed_user()
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
def test_paths_and_methods(cloud: Cloud, method: str, path: str, status: int) -> None:
    assert cloud.call(method=method, path=path, token="").status == status


def test_both_paths_make_a_run(cloud: Cloud) -> None:
    assert cloud.call(path="/dispatch").status == 200


@pytest.mark.parametrize(
    ("email", "audience", "status"),
    [
        pytest.param(TASKS, DISPATCHER_URL, 403, id="the tasks' account may not begin a run"),
        pytest.param(SCHEDULER, "https://worker.example.com", 401, id="for another audience"),
    ],
)
def test_tokens_that_are_not_the_schedulers(cloud: Cloud, email: str, audience: str, status: int) -> None:
    cloud.subscribed_user()
    answer = cloud.call(token=cloud.identity.mint(email, audience))
    assert answer.status == status
    assert cloud.tasks() == []


@pytest.mark.parametrize("token", ["", "a.b.c"])
def test_no_token(cloud: Cloud, token: str) -> None:
    cloud.subscribed_user()
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
def test_a_variable_that_is_missing_or_malformed(services: Cloud, variable: str, value: str | None) -> None:
    environment = {**services.environment, variable: value or ""}
    with pytest.raises(LocalCloudError, match=f"Cannot start: {variable}: "):
        start_function(
            services.background,
            name="dispatcher",
            environment=environment,
            log_directory=services.logs / variable,
        )
