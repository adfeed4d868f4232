"""Users who are new, or active again."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from functions.shared.records.address_hash import address_hash
from functions.shared.records.ids import malformed_letter_id, shard_of
from functions.shared.records.subscription import DEFAULT_SUBSCRIPTION, PauseReason
from local_cloud.rpc import current_request
from tests.functions.dispatcher.integration.conftest import HOUR, NOON, Cloud
from tests.functions.dispatcher.integration.reads import Reads
from tests.functions.dispatcher.integration.test_run_parts import NO_TIME, finish
from tests.seeding import ENROLLED_AT, paused, subscription_document, subscription_reference, user_reference

DAY = 24 * HOUR
INACTIVE = paused(PauseReason.USER_INACTIVE)


def enrolled(cloud: Cloud, user: str) -> bool:
    return cloud.fields_of(user)["enrolled_at"] not in (None, ENROLLED_AT)


@pytest.mark.parametrize("missing", [..., None, "no", False], ids=["absent", "null", "a string", "false"])
def test_a_new_user_gets_the_default_subscription_which_is_due_at_once(cloud: Cloud, missing: object) -> None:
    cloud.subscribed_user()
    new_user = cloud.user(enrolled_at=missing)
    cloud.user(enrolled_at=missing, active=False)

    answer = cloud.call(variables={"DEFAULT_KIND": "usage", "DEFAULT_CADENCE": "weekly"})

    assert answer.status == 200
    assert [answer.body[name] for name in ("enrolled", "due", "dispatched")] == [1, 2, 2]
    assert enrolled(cloud, new_user)
    assert cloud.subscription(new_user) == {
        "user_id": new_user,
        "shard": shard_of(new_user, DEFAULT_SUBSCRIPTION),
        "active": True,
        "kind": "usage",
        "cadence": "weekly",
        "next_report_at": NOON,
    }
    report = next(report for report in cloud.reports() if report.user_id == new_user)
    assert (report.subscription_id, report.due_at, report.kind) == (DEFAULT_SUBSCRIPTION, NOON, "usage")
    assert cloud.call(NOON + HOUR).body["enrolled"] == 0


def test_many_new_users(cloud: Cloud) -> None:
    with cloud.one_commit():
        for number in range(450):
            cloud.user(enrolled_at=... if number % 2 else None)
    answer = cloud.call()
    assert [answer.body[name] for name in ("enrolled", "due", "dispatched")] == [450, 450, 450]


def test_a_new_user_who_has_subscriptions_gets_no_other(cloud: Cloud) -> None:
    waiting = cloud.subscribed_user(subscription_id="weekly", next_report_at=NOON + DAY, user={"enrolled_at": None})
    paused = cloud.subscribed_user(
        subscription_id="weekly", next_report_at=None, active=False, paused_because="user", user={"enrolled_at": None}
    )
    of_paused = cloud.subscription(paused, "weekly")

    answer = cloud.call()

    assert [answer.body[name] for name in ("enrolled", "due", "errors")] == [2, 0, 0]
    assert enrolled(cloud, waiting)
    assert enrolled(cloud, paused)
    assert cloud.subscription(paused, "weekly") == of_paused
    for user in (waiting, paused):
        assert not subscription_reference(cloud.database, user).get().exists


def test_a_user_who_is_active_again_gets_the_reports_that_stopped_when_the_user_became_inactive(cloud: Cloud) -> None:
    user = cloud.subscribed_user(
        subscription_id="hourly",
        **INACTIVE,
        reported_until=NOON - 5 * DAY,
        user={"enrolled_at": None, "time_zone": "Asia/Tokyo"},
    )
    weekly = {"cadence": "weekly", "weekday": 1, "hour": 8}
    others: dict[str, dict[str, Any]] = {
        "weekly": {**weekly, **INACTIVE},
        "by the user": {**weekly, **paused(PauseReason.USER)},
    }
    for name, fields in others.items():
        subscription_reference(cloud.database, user, name).set(subscription_document(user, name, **fields))
    untouched = cloud.subscription(user, "by the user")

    answer = cloud.call()

    assert [answer.body[name] for name in ("enrolled", "due", "errors")] == [1, 1, 0]
    hourly = cloud.subscription(user, "hourly")
    assert (hourly["active"], hourly["paused_because"], hourly["next_report_at"]) == (True, None, NOON)
    # What fell due while the user was inactive is left out.
    assert hourly["reported_until"] == NOON - HOUR
    resumed = cloud.subscription(user, "weekly")
    # 24 November 2126 is a Sunday: 8 o'clock on Monday in Tokyo.
    assert (resumed["active"], resumed["next_report_at"]) == (True, NOON + timedelta(hours=11))
    assert resumed["shard"] == shard_of(user, "weekly")
    assert cloud.subscription(user, "by the user") == untouched
    assert enrolled(cloud, user)


def test_a_user_who_is_active_again_takes_no_objection_back(cloud: Cloud) -> None:
    objections = {address_hash("boss@example.com"): {"because": "complained", "at": NOON - DAY}}
    user = cloud.subscribed_user(
        **INACTIVE, cc=["boss@example.com"], objections=objections, suppressed=["b5fc85e55755f9e0"]
    )
    user_reference(cloud.database, user).update({"enrolled_at": None})
    assert cloud.call().body["enrolled"] == 1
    subscription = cloud.subscription(user)
    assert subscription["active"]
    assert (subscription["objections"], subscription["suppressed"]) == (objections, ["b5fc85e55755f9e0"])
    assert "resumed_at" not in subscription


def test_a_malformed_subscription_keeps_its_user_from_being_enrolled_until_it_is_corrected(cloud: Cloud) -> None:
    user = cloud.subscribed_user(subscription_id="sound", **INACTIVE, user={"enrolled_at": ...})
    subscription_reference(cloud.database, user, "malformed").set(
        subscription_document(user, "malformed", **INACTIVE, cadence="never")
    )

    answer = cloud.call()

    assert [answer.body[name] for name in ("enrolled", "malformed", "due", "errors")] == [0, 1, 1, 0]
    assert cloud.subscription(user, "sound")["active"]
    (letter,) = cloud.dead_letters()
    assert letter["letter_id"] == malformed_letter_id(user, "malformed")
    # The null has the next run find the user by the index.
    assert cloud.fields_of(user)["enrolled_at"] is None

    subscription_reference(cloud.database, user, "malformed").update({"cadence": "hourly"})
    answer = cloud.call(NOON + HOUR)

    assert [answer.body[name] for name in ("enrolled", "malformed", "errors")] == [1, 0, 0]
    assert cloud.subscription(user, "malformed")["next_report_at"] == NOON + HOUR
    assert enrolled(cloud, user)


def test_a_subscription_that_comes_meanwhile_with_its_new_user_is_the_only_one(cloud: Cloud) -> None:
    user = cloud.user(enrolled_at=None)
    own = subscription_reference(cloud.database, user, "weekly")
    has_written = False

    def write_both() -> None:
        batch = cloud.database.batch()
        batch.set(own, subscription_document(user, "weekly", next_report_at=NOON + DAY))
        batch.update(user_reference(cloud.database, user), {"name": "Ada"})
        batch.commit()

    async def application(method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        nonlocal has_written
        enrolls = method.endswith("/Commit") and any("enrolled_at" in w.update.fields for w in current_request().writes)
        if enrolls and not has_written:
            has_written = True
            await asyncio.to_thread(write_both)
        return await carry_out()

    cloud.firestore_faults.middleware = application
    answer = cloud.call()
    cloud.firestore_faults.middleware = None

    assert (has_written, answer.body["enrolled"], answer.body["errors"]) == (True, 0, 0)
    assert cloud.call(NOON + HOUR).body["enrolled"] == 1
    assert enrolled(cloud, user)
    assert not subscription_reference(cloud.database, user).get().exists


def test_a_new_user_who_is_changed_meanwhile_is_left_to_the_next_run(cloud: Cloud) -> None:
    changed, other = cloud.user(enrolled_at=None), cloud.user(enrolled_at=None)
    has_meddled = False

    async def meddle(method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        nonlocal has_meddled
        enrolls = method.endswith("/Commit") and any("enrolled_at" in w.update.fields for w in current_request().writes)
        if enrolls and not has_meddled:
            has_meddled = True
            await asyncio.to_thread(user_reference(cloud.database, changed).update, {"name": "Ada"})
        return await carry_out()

    cloud.firestore_faults.middleware = meddle
    answer = cloud.call()
    cloud.firestore_faults.middleware = None

    assert [answer.body[name] for name in ("enrolled", "dispatched", "errors")] == [1, 1, 0]
    assert enrolled(cloud, other)
    assert cloud.fields_of(changed)["enrolled_at"] is None
    assert not subscription_reference(cloud.database, changed).get().exists
    assert cloud.call(NOON + HOUR).body["enrolled"] == 1


def test_a_sweep_goes_on_where_the_part_before_ended(cloud: Cloud) -> None:
    with cloud.one_commit():
        for _ in range(450):
            cloud.user(enrolled_at=...)
    answers = finish(cloud, cloud.call(variables=NO_TIME), variables=NO_TIME)
    assert [answer.body["enrolled"] for answer in answers] == [200, 400, 450, 450]
    assert answers[-1].body["dispatched"] == 450


def test_a_user_who_leaves_between_the_counts_is_no_new_user(cloud: Cloud) -> None:
    """Otherwise every such run would read all users and find none."""
    users = [cloud.subscribed_user() for _ in range(4)]
    leaving = list(users)

    async def leave(method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        answer = await carry_out()
        if method.endswith("/RunAggregationQuery") and leaving:
            reference = user_reference(cloud.database, leaving.pop())
            await asyncio.to_thread(reference.update, {"active": False, "enrolled_at": None})
        return answer

    reads = Reads(leave)
    cloud.firestore_faults.middleware = reads
    assert cloud.call().status == 200
    assert not leaving
    assert reads.users == 0


@pytest.mark.parametrize(
    ("enroll", "marked", "unmarked"), [("all", True, True), ("marked", True, False), ("none", False, False)]
)
def test_the_deployment_says_who_is_enrolled(cloud: Cloud, enroll: str, marked: bool, unmarked: bool) -> None:
    users = {cloud.user(enrolled_at=None): marked, cloud.user(enrolled_at=...): unmarked}
    before = {user: cloud.fields_of(user) for user in users}

    answer = cloud.call(variables={"ENROLL": enroll})

    assert (answer.status, answer.body["enrolled"]) == (200, sum(users.values()))
    assert {report.user_id for report in cloud.reports()} == {
        user for user, is_enrolled in users.items() if is_enrolled
    }
    for user, is_enrolled in users.items():
        assert subscription_reference(cloud.database, user).get().exists is is_enrolled
        # Who is left out stays as the application wrote it.
        assert is_enrolled or cloud.fields_of(user) == before[user]
    assert cloud.call(NOON + HOUR, variables={"ENROLL": enroll}).body["enrolled"] == 0
    assert cloud.system_alerts == []


@pytest.mark.parametrize("enroll", ["marked", "none"])
def test_whoever_is_active_again_is_resumed_whomever_a_deployment_enrolls(cloud: Cloud, enroll: str) -> None:
    user = cloud.subscribed_user(subscription_id="hourly", **INACTIVE, user={"enrolled_at": None})
    answer = cloud.call(variables={"ENROLL": enroll})
    assert (answer.status, answer.body["enrolled"]) == (200, 1)
    assert cloud.subscription(user, "hourly")["active"]


@pytest.mark.parametrize("mark", [None, ...], ids=["marked", "unmarked"])
def test_many_new_users_at_once_wait_until_a_person_raises_the_limit(cloud: Cloud, mark: object) -> None:
    """A collection that was there before, or an ENROLL that was widened: sign-ups are fewer."""
    limit = {"ENROLL_AT_ONCE": "4"}
    served = cloud.subscribed_user()
    with cloud.one_commit():
        many = [cloud.user(enrolled_at=mark) for _ in range(5)]

    answer = cloud.call(variables=limit)

    assert [answer.body[name] for name in ("enrolled", "due", "dispatched", "errors")] == [0, 1, 1, 0]
    assert {report.user_id for report in cloud.reports()} == {served}
    assert not any(subscription_reference(cloud.database, user).get().exists for user in many)
    cloud.dead_letters()
    (alert,) = cloud.system_alerts
    # In the name of the day: people get it once a day.
    assert (alert["alert"], alert["run_id"], alert["figures"]) == (
        "users-held-back",
        "21261124T0000Z",
        {"held_back": 5},
    )
    assert cloud.call(NOON + HOUR, variables=limit).body["enrolled"] == 0

    raised = cloud.call(NOON + 2 * HOUR, variables={"ENROLL_AT_ONCE": "5"})
    assert raised.body["enrolled"] == 5


def test_as_many_new_users_as_the_limit_are_enrolled(cloud: Cloud) -> None:
    for mark in (None, None, ..., ...):
        cloud.user(enrolled_at=mark)
    assert cloud.call(variables={"ENROLL_AT_ONCE": "4"}).body["enrolled"] == 4
    assert cloud.system_alerts == []
