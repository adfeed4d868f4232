"""Which time a delivery covers, and where its subscription goes from it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.period import Period
from functions.shared.schedule import Cadence, Covers
from functions.shared.subscription import Subscription, SubscriptionDefaults
from functions.shared.user import User
from functions.worker.moving_on import (
    FinalDelivery,
    first_period,
    moved_on,
    moved_past,
    stands_before,
)
from tests.seeding import subscription_document, user_document

DUE = datetime(2026, 11, 24, 13, tzinfo=UTC)
HOUR = timedelta(hours=1)
DEFAULTS = SubscriptionDefaults(kind="activity", cadence=Cadence.HOURLY)
USER = User.from_fields("u1", user_document("u1"))
LAST_HOUR = Period(DUE - HOUR, DUE)


def subscription(**fields: Any) -> Subscription:
    document = subscription_document("u1", **{"next_report_at": DUE, **fields})
    return Subscription.from_fields("u1", "default", document, DEFAULTS)


def moved(given: Subscription, period: Period = LAST_HOUR) -> Any:
    return moved_on(USER, given, due_at=DUE, period=period)


def test_the_user_says_the_zone_and_the_subscription_another() -> None:
    in_tokyo = User.from_fields("u1", user_document("u1", time_zone="Asia/Tokyo"))
    daily = {"cadence": "daily", "hour": 22}
    midnight_in_tokyo = DUE.replace(hour=15) - timedelta(days=1)
    for user, zone in ((in_tokyo, ...), (USER, "Asia/Tokyo"), (None, "Asia/Tokyo")):
        period = first_period(user, subscription(**daily, time_zone=zone), due_at=DUE, run_time=DUE)
        assert period == Period(midnight_in_tokyo - timedelta(days=1), midnight_in_tokyo)


def test_the_subscriptions_of_a_user_who_is_gone_go_by_utc() -> None:
    daily = subscription(cadence="daily", hour=13)
    period = first_period(None, daily, due_at=DUE, run_time=DUE)
    assert period.end == DUE.replace(hour=0)
    assert moved_on(None, daily, due_at=DUE, period=period)["next_report_at"] == DUE + timedelta(days=1)


def test_a_report_ahead_of_the_one_that_the_subscription_is_due_for_covers_nothing_of_it() -> None:
    set_back = subscription(next_report_at=DUE - 2 * HOUR, reported_until=DUE - 3 * HOUR)
    assert stands_before(set_back, DUE)
    assert not stands_before(subscription(), DUE)
    assert not stands_before(subscription(next_report_at=...), DUE)
    assert first_period(USER, set_back, due_at=DUE, run_time=DUE, is_ahead=True) == LAST_HOUR


@pytest.mark.parametrize(
    "fields",
    [
        {"next_report_at": datetime(1, 12, 31, 23, tzinfo=UTC)},
        {"next_report_at": datetime(9999, 12, 31, 23, tzinfo=UTC)},
        {"reported_until": datetime(1, 12, 31, 23, tzinfo=UTC)},
        {"reported_until": datetime(9999, 12, 31, 23, tzinfo=UTC)},
        {"next_report_at": "tomorrow"},
        {"time_zone": "Mars/Olympus_Mons"},
        {"cadence": "sometimes"},
        {"hour": 25},
    ],
    ids=str,
)
def test_a_malformed_subscription_moves_on_too(fields: dict[str, Any]) -> None:
    broken = subscription(**fields)
    assert broken.problem.startswith(next(iter(fields)))
    period = first_period(USER, broken, due_at=DUE, run_time=DUE)
    assert period == LAST_HOUR
    assert moved(broken) == {"next_report_at": DUE + HOUR, "reported_until": DUE}


def test_a_subscription_moves_to_the_next_due_time_after_the_period() -> None:
    hourly = subscription(reported_until=DUE - HOUR)
    assert first_period(USER, hourly, due_at=DUE, run_time=DUE) == LAST_HOUR
    assert moved(hourly) == {"next_report_at": DUE + HOUR, "reported_until": DUE}


def test_a_late_run_is_caught_up_by_one_report() -> None:
    hourly = subscription(reported_until=DUE - HOUR)
    period = first_period(USER, hourly, due_at=DUE, run_time=DUE + 3 * HOUR)
    assert period == Period(DUE - HOUR, DUE + 3 * HOUR)
    assert moved(hourly, period) == {"next_report_at": DUE + 4 * HOUR, "reported_until": DUE + 3 * HOUR}


@pytest.mark.parametrize("ahead", [HOUR, 24 * HOUR])
def test_a_replayed_old_delivery_covers_its_own_time_and_leaves_the_subscription_alone(ahead: timedelta) -> None:
    hourly = subscription(next_report_at=DUE + ahead, reported_until=DUE + ahead - HOUR)
    assert first_period(USER, hourly, due_at=DUE, run_time=DUE + ahead) == LAST_HOUR
    assert moved(hourly) == {}


def test_a_report_counts_though_the_application_has_put_the_next_one_off() -> None:
    assert moved(subscription(next_report_at=DUE + 24 * HOUR, reported_until=DUE - HOUR)) == {"reported_until": DUE}


def test_reported_until_never_goes_back() -> None:
    assert moved(subscription(reported_until=DUE + HOUR)) == {"next_report_at": DUE + HOUR}


def test_a_subscription_that_has_been_paused_gets_no_due_time() -> None:
    assert moved(subscription(active=False)) == {
        "paused_because": "user",
        "next_report_at": None,
        "reported_until": DUE,
    }
    assert moved(subscription(active=False, next_report_at=None)) == {"reported_until": DUE}
    assert moved(subscription(active=False, next_report_at=None, reported_until=DUE)) == {}


def test_a_subscription_that_the_dispatcher_is_to_schedule_anew_is_not_met_twice_for_the_same() -> None:
    assert moved(subscription(shard=None, next_report_at=None))["next_report_at"] == DUE + HOUR


@given(
    cadence=st.sampled_from(list(Cadence)),
    covers=st.sampled_from(list(Covers)) | st.none(),
    time_zone=st.sampled_from(["UTC", "Asia/Tokyo", "America/New_York", "Asia/Kathmandu", "Pacific/Apia"]),
    due_minutes=st.integers(0, 200_000),
    period_minutes=st.integers(-200_000, 200_000),
    newest=st.lists(st.tuples(st.integers(0, 200_000), st.integers(-3_000, 3_000) | st.none()), max_size=20),
)
def test_every_call_for_a_final_delivery_moves_its_subscription_beyond_all_that_is_final(
    cadence: Cadence,
    covers: Covers | None,
    time_zone: str,
    due_minutes: int,
    period_minutes: int,
    newest: list[tuple[int, int | None]],
) -> None:
    def minutes(number: int) -> timedelta:
        return timedelta(minutes=number)

    due_at = DUE + minutes(due_minutes)
    until = due_at + minutes(period_minutes)
    period = Period(until - HOUR, until)
    final = [
        FinalDelivery(due_at=due_at + minutes(after), period_end=None if end is None else due_at + minutes(after + end))
        for after, end in newest
    ]
    schedule = {"cadence": cadence.value, "cron": "30 6 * * 1-5", "covers": covers, "time_zone": time_zone}
    standing = subscription(next_report_at=due_at, **schedule)
    moved = moved_past(USER, standing, due_at=due_at, period=period, newest=final)
    assert moved["next_report_at"] > max([due_at, until, *(each.due_at for each in final)])
    assert moved["reported_until"] < moved["next_report_at"]
    # What is settled moves its subscription strictly forward, too.
    assert moved_on(USER, standing, due_at=due_at, period=period)["next_report_at"] > due_at


def test_a_subscription_that_stands_elsewhere_is_left_there() -> None:
    for elsewhere in (DUE - HOUR, DUE + HOUR, None):
        standing = subscription(next_report_at=elsewhere)
        assert moved_past(USER, standing, due_at=DUE, period=LAST_HOUR, newest=[]) == {}
