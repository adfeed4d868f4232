"""Subscriptions that an application has written, or that somebody wants scheduled anew."""

from datetime import datetime
from typing import Any

import pytest
from google.cloud import firestore

from functions.shared.records.address_hash import address_hash
from functions.shared.records.ids import delivery_id, shard_of
from functions.shared.records.subscription import DEFAULT_SUBSCRIPTION, PauseReason
from tests.functions.dispatcher.integration.conftest import HOUR, NOON, Cloud
from tests.seeding import paused, subscription_reference

DAY = 24 * HOUR
TOKYO = {"time_zone": "Asia/Tokyo"}


def written(cloud: Cloud, *, user: dict[str, Any] | None = None, **fields: Any) -> str:
    """An application writes a subscription, without the fields of the pipeline's own. Returns the user's id."""
    with cloud.one_commit() as batch:
        user_id = cloud.subscribed_user(user=user, **{"next_report_at": ..., "shard": None, **fields})
        batch.update(subscription_reference(cloud.database, user_id), {"user_id": firestore.DELETE_FIELD})
    return user_id


@pytest.mark.parametrize("shard", [None, ..., 30, -1, "7", 3.5], ids=str)
def test_a_new_subscription_gets_its_place_in_the_due_index(cloud: Cloud, shard: object) -> None:
    user = written(cloud, shard=shard, cadence="daily", hour=8, user=TOKYO)

    answer = cloud.call()

    assert [answer.body[name] for name in ("scheduled", "due", "enrolled", "errors")] == [1, 0, 0, 0]
    subscription = cloud.subscription(user)
    assert (subscription["user_id"], subscription["shard"]) == (user, shard_of(user, DEFAULT_SUBSCRIPTION))
    # 8 o'clock in Tokyo.
    assert subscription["next_report_at"] == NOON + 11 * HOUR
    assert cloud.call(NOON + HOUR).body["scheduled"] == 0
    assert cloud.call(NOON + 11 * HOUR).body["dispatched"] == 1


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"cadence": "hourly"}, NOON, id="the run's time is a due time"),
        pytest.param({"cadence": "hourly", "minute": 30}, NOON + HOUR / 2, id="later"),
        pytest.param({"cadence": "hourly", "time_zone": "Asia/Kolkata"}, NOON + HOUR / 2, id="its own zone"),
        pytest.param({"cadence": "daily", "hour": 6, "next_report_at": NOON + 2 * DAY}, NOON + 2 * DAY, id="kept"),
        pytest.param({"cadence": "daily", "next_report_at": NOON - 2 * DAY}, NOON - 2 * DAY, id="due long since"),
        pytest.param(
            {"cadence": "daily", "hour": 6, "reported_until": NOON + 5 * DAY + 13 * HOUR},
            datetime.fromisoformat("2126-12-01T06:00:00Z"),
            id="what has been reported is not reported again",
        ),
        pytest.param({"cadence": "hourly", "paused_because": "operator"}, NOON, id="an application has resumed it"),
    ],
)
def test_when_a_new_subscription_is_due(cloud: Cloud, fields: dict[str, Any], expected: datetime) -> None:
    user = written(cloud, **fields)

    answer = cloud.call()

    assert (answer.body["scheduled"], answer.body["errors"]) == (1, 0)
    subscription = cloud.subscription(user)
    assert subscription["next_report_at"] == expected
    assert subscription.get("paused_because") is None
    assert answer.body["dispatched"] == (expected <= NOON)
    assert [report.delivery_id for report in cloud.reports()] == [delivery_id(user, DEFAULT_SUBSCRIPTION, expected)] * (
        expected <= NOON
    )


def test_a_new_subscription_that_is_paused_stays_without_a_due_time(cloud: Cloud) -> None:
    user = written(cloud, active=False, next_report_at=NOON - HOUR)
    assert cloud.call().body["scheduled"] == 1
    subscription = cloud.subscription(user)
    assert (subscription["shard"], subscription["next_report_at"]) == (shard_of(user, DEFAULT_SUBSCRIPTION), None)
    assert (cloud.call(NOON + HOUR).body["due"], cloud.reports()) == (0, [])


def test_a_pause_that_an_application_ends_leaves_the_paused_time_out(cloud: Cloud) -> None:
    user = cloud.subscribed_user(**paused(PauseReason.USER), reported_until=NOON - 9 * DAY)
    subscription_reference(cloud.database, user).update({"active": True, "shard": None})
    assert [cloud.call().body[name] for name in ("scheduled", "due")] == [1, 1]
    subscription = cloud.subscription(user)
    # The reports of the pause are left out, and no other time.
    assert (subscription["reported_until"], subscription["next_report_at"]) == (NOON - HOUR, NOON)


def test_a_pause_that_an_application_ends_leaves_out_the_days_of_the_users_zone(cloud: Cloud) -> None:
    # A daily report of Tokyo, due at 23:00 UTC, paused for three days; the application says when it is due next.
    fields: dict[str, Any] = {"cadence": "daily", "hour": 8, "active": True, "next_report_at": NOON + 11 * HOUR}
    fields |= {"paused_because": "user", "paused_at": NOON - 3 * DAY, "paused_until": NOON - HOUR}
    user = written(cloud, user=TOKYO, **fields, reported_until=NOON - 4 * DAY + 3 * HOUR)
    cloud.call()
    assert cloud.subscription(user)["reported_until"] == NOON - DAY + 3 * HOUR


@pytest.mark.parametrize("all_want_it", [False, True])
def test_an_application_takes_objections_back_only_if_it_says_so(cloud: Cloud, all_want_it: bool) -> None:
    objections = {address_hash("ada@example.com"): {"because": "complained", "at": NOON - DAY}}
    user = cloud.subscribed_user(**paused(PauseReason.COMPLAINED), objections=objections)
    fields = {"active": True, "shard": None, **({"objections": None} if all_want_it else {})}
    written_at = subscription_reference(cloud.database, user).update(fields).update_time
    cloud.call()
    subscription = cloud.subscription(user)
    assert subscription["active"]
    assert subscription["objections"] == ({} if all_want_it else objections)
    # What happened after its write, and before the run, counts.
    assert subscription.get("resumed_at") == (written_at if all_want_it else None)


def test_a_subscription_without_a_user_is_scheduled_all_the_same(cloud: Cloud) -> None:
    """The worker then says what is wrong."""
    subscription_reference(cloud.database, "nobody").set({"shard": None, "cadence": "hourly"})
    answer = cloud.call()
    assert [answer.body[name] for name in ("scheduled", "dispatched", "errors")] == [1, 1, 0]


def test_what_is_scheduled_anew_keeps_the_due_time_that_falls_on_the_run(cloud: Cloud) -> None:
    """A user who changes its kind just before 12 o'clock expects the report of 12 o'clock."""
    user = cloud.subscribed_user(next_report_at=None, shard=None, reported_until=NOON - HOUR)
    assert cloud.call().body["dispatched"] == 1
    assert cloud.subscription(user)["next_report_at"] == NOON


def test_many_new_subscriptions(cloud: Cloud) -> None:
    with cloud.one_commit():
        for number in range(450):
            written(cloud, shard=None if number % 2 else ..., next_report_at=NOON if number % 3 else NOON + HOUR)
    answer = cloud.call()
    assert [answer.body[name] for name in ("scheduled", "dispatched", "errors")] == [450, 300, 0]
