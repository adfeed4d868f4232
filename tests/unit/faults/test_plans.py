"""The harness's own reckoning of due times agrees with the calendar, and with the product's."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.schedule import Cadence, Schedule
from tests.faults.plans import Plan

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ZONES = ("UTC", "Asia/Tokyo", "Asia/Kathmandu", "Asia/Kolkata", "America/Sao_Paulo")


@pytest.mark.parametrize(
    ("plan", "before", "after"),
    [
        (Plan("hourly", "UTC"), NOON - timedelta(hours=1), NOON + timedelta(hours=1)),
        (Plan("hourly", "Asia/Kathmandu"), NOON - timedelta(minutes=45), NOON + timedelta(minutes=15)),
        (Plan("daily", "UTC", hour=12), NOON - timedelta(days=1), NOON + timedelta(days=1)),
        (Plan("weekly", "UTC", hour=12, weekday=2), NOON - timedelta(days=7), NOON + timedelta(days=7)),
        (
            Plan("monthly", "UTC", hour=12, day=31),
            datetime(2026, 10, 31, 12, tzinfo=UTC),
            datetime(2026, 11, 30, 12, tzinfo=UTC),
        ),
    ],
)
def test_due_times(plan: Plan, before: datetime, after: datetime) -> None:
    assert (plan.before(NOON), plan.after(NOON)) == (before, after)


def test_a_plan_that_is_due() -> None:
    assert Plan.due_at(NOON, "weekly", "Asia/Tokyo").until(NOON) == NOON
    assert Plan.due_at(NOON, "daily", "Asia/Kolkata").until(NOON) == NOON - timedelta(minutes=30)


@given(
    minutes=st.integers(-1_000_000, 1_000_000),
    zone=st.sampled_from(ZONES),
    cadence=st.sampled_from(list(Cadence)),
    hour=st.integers(0, 23),
    weekday=st.integers(1, 7),
    day=st.integers(1, 31),
)
def test_agrees_with_the_product(minutes: int, zone: str, cadence: Cadence, hour: int, weekday: int, day: int) -> None:
    moment = NOON + timedelta(minutes=minutes)
    plan = Plan(cadence.value, zone, hour, weekday, day)
    schedule = Schedule(cadence=cadence, time_zone=ZoneInfo(zone), hour=hour, weekday=weekday, day=day)
    assert plan.after(moment) == schedule.after(moment)
    assert plan.before(moment) == schedule.before(moment)
    assert plan.until(moment) == schedule.at_or_before(moment)
