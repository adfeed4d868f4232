"""The harness's own reckoning of due times agrees with the calendar, and with the product's."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.period import period_to_report
from functions.shared.schedule import Cadence, Schedule
from tests.faults.plans import Plan

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MIDNIGHT = NOON.replace(hour=0)
ZONES = ("UTC", "Asia/Tokyo", "Asia/Kathmandu", "Asia/Kolkata", "America/Sao_Paulo")
CADENCES = ("hourly", "daily", "weekly", "monthly")


@pytest.mark.parametrize(
    ("plan", "start", "end", "following"),
    [
        (Plan("hourly", "UTC"), NOON - timedelta(hours=1), NOON, NOON + timedelta(hours=1)),
        (
            Plan("hourly", "Asia/Kathmandu"),
            NOON - timedelta(minutes=105),
            NOON - timedelta(minutes=45),
            NOON + timedelta(minutes=15),
        ),
        (Plan("daily", "UTC", hour=12), MIDNIGHT - timedelta(days=1), MIDNIGHT, NOON + timedelta(days=1)),
        (
            Plan("weekly", "UTC", hour=12, weekday=2),
            MIDNIGHT - timedelta(days=8),
            MIDNIGHT - timedelta(days=1),
            NOON + timedelta(days=7),
        ),
        (
            Plan("monthly", "UTC", hour=12, day=24),
            datetime(2026, 10, 1, tzinfo=UTC),
            datetime(2026, 11, 1, tzinfo=UTC),
            datetime(2026, 12, 24, 12, tzinfo=UTC),
        ),
    ],
)
def test_a_report(plan: Plan, start: datetime, end: datetime, following: datetime) -> None:
    assert (plan.covered_from(NOON), plan.covered_until(NOON)) == (start, end)
    assert plan.next_due(end, later_than=NOON) == following


def test_a_plan_that_is_due() -> None:
    assert Plan.due_at(NOON, "weekly", "Asia/Tokyo").until(NOON) == NOON
    assert Plan.due_at(NOON, "daily", "Asia/Kolkata").until(NOON) == NOON - timedelta(minutes=30)


@given(
    minutes=st.integers(-1_000_000, 1_000_000),
    zone=st.sampled_from(ZONES),
    cadence=st.sampled_from(CADENCES),
    hour=st.integers(0, 23),
    weekday=st.integers(1, 7),
    day=st.integers(1, 31),
)
def test_agrees_with_the_product(minutes: int, zone: str, cadence: str, hour: int, weekday: int, day: int) -> None:
    moment = NOON + timedelta(minutes=minutes)
    plan = Plan(cadence, zone, hour, weekday, day)
    schedule = Schedule(cadence=Cadence(cadence), time_zone=ZoneInfo(zone), hour=hour, weekday=weekday, day=day)
    assert plan.until(moment) == schedule.at_or_before(moment)
    period = period_to_report(schedule, due_at=moment, run_time=moment)
    assert (plan.covered_from(moment), plan.covered_until(moment)) == (period.start, period.end)
    assert plan.next_due(period.end, later_than=moment) == schedule.next_due(period.end, later_than=moment)
