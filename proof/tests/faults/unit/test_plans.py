"""The harness calculates the same due times as the calendar and the product."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.records.mark import resumed_fields
from functions.shared.records.subscription import Subscription
from functions.shared.times.cron import CronLine
from functions.shared.times.days_off import DaysOff
from functions.shared.times.period import period_to_report
from functions.shared.times.schedule import Cadence, Covers, Schedule
from functions.shared.times.send_between import SendBetween
from proof.faults.plans import Plan

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MIDNIGHT = NOON.replace(hour=0)
ZONES = ("UTC", "Asia/Tokyo", "Asia/Kathmandu", "Asia/Kolkata", "America/Sao_Paulo")
CADENCES = ("hourly", "daily", "weekly", "biweekly", "monthly")
LINES = (
    *("0 8 * * *", "30 8 * * 1-5", "0 */2 * * *", "15 1-23/2 * * *", "*/15 9-17 * * *", "0 8,20 1,15 * *"),
    *("0 8 1 * 1", "45 23 * 2,11 0", "0 0 31 * *"),
)


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
        (
            Plan("hourly", "UTC", minute=30, covers="calendar"),
            NOON - timedelta(hours=1),
            NOON,
            NOON + timedelta(minutes=90),
        ),
        (Plan("daily", "UTC", hour=12), MIDNIGHT - timedelta(days=1), MIDNIGHT, NOON + timedelta(days=1)),
        (
            Plan("daily", "UTC", hour=12, covers="since-last"),
            NOON - timedelta(days=1),
            NOON,
            NOON + timedelta(days=1),
        ),
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
        (
            Plan("cron", "UTC", cron="0 */4 * * *"),
            NOON - timedelta(hours=4),
            NOON,
            NOON + timedelta(hours=4),
        ),
        (
            Plan("cron", "UTC", cron="0 12 * * 2"),
            MIDNIGHT - timedelta(days=1),
            MIDNIGHT,
            NOON + timedelta(days=7),
        ),
    ],
)
def test_a_report(plan: Plan, start: datetime, end: datetime, following: datetime) -> None:
    assert (plan.covered_from(NOON), plan.covered_until(NOON)) == (start, end)
    assert plan.next_due(end, later_than=NOON) == following


def test_a_plan_that_is_due() -> None:
    assert Plan.due_at(NOON, "weekly", "Asia/Tokyo").until(NOON) == NOON
    assert Plan.due_at(NOON, "daily", "Asia/Kolkata").until(NOON) == NOON - timedelta(minutes=30)
    by_cron = Plan.due_at(NOON, "cron", "Asia/Tokyo", cron="0 {hour} * * {weekday}")
    assert (by_cron.cron, by_cron.until(NOON)) == ("0 21 * * 2", NOON)
    every_other_hour = Plan.due_at(NOON, "cron", "Asia/Tokyo", cron="0 {parity}-23/2 * * *")
    assert (every_other_hour.cron, every_other_hour.until(NOON)) == ("0 1-23/2 * * *", NOON)


plans = st.builds(
    lambda cadence, line, zone, hour, minute, weekday, day, covers: (
        Plan("cron", zone, cron=line, covers=covers)
        if cadence == "cron"
        else Plan(cadence, zone, hour, minute, weekday, day, covers=covers)
    ),
    cadence=st.sampled_from((*CADENCES, "cron")),
    line=st.sampled_from(LINES),
    zone=st.sampled_from(ZONES),
    hour=st.integers(0, 23),
    minute=st.sampled_from((0, 15, 30, 45)),
    weekday=st.integers(1, 7),
    day=st.integers(1, 31),
    covers=st.sampled_from(("", "calendar", "since-last")),
)


def product_schedule(plan: Plan) -> Schedule:
    return Schedule(
        cadence=Cadence(plan.cadence),
        time_zone=ZoneInfo(plan.zone),
        hour=plan.hour,
        minute=plan.minute,
        weekday=plan.weekday,
        day=plan.day,
        cron=CronLine(plan.cron) if plan.cron else None,
        covers=Covers(plan.covers) if plan.covers else None,
        days_off=DaysOff(plan.days_off),
        send_between=SendBetween.parse(plan.send_between) if plan.send_between else None,
    )


@given(
    minutes=st.integers(-1_000_000, 1_000_000),
    plan=plans,
    send_between=st.sampled_from(("", "08:00-18:00", "09:30-11:00")),
    days_off=st.frozensets(st.integers(-9, 9), max_size=6),
)
def test_agrees_with_the_product(minutes: int, plan: Plan, send_between: str, days_off: frozenset[int]) -> None:
    moment = NOON + timedelta(minutes=minutes)
    dates = frozenset(moment.date() + timedelta(days=day) for day in days_off)
    plan = replace(plan, send_between=send_between, days_off=dates)
    schedule = product_schedule(plan)
    assert plan.until(moment) == schedule.at_or_before(moment)
    period = period_to_report(schedule, due_at=moment, run_time=moment)
    assert period is not None
    assert (plan.covered_from(moment), plan.covered_until(moment)) == (period.start, period.end)
    assert plan.next_due(period.end, later_than=moment) == schedule.next_due(period.end, later_than=moment)


@given(minutes=st.integers(-1_000_000, 1_000_000), paused_minutes=st.integers(1, 100_000), plan=plans)
def test_agrees_with_the_product_about_pauses(minutes: int, paused_minutes: int, plan: Plan) -> None:
    paused_at = NOON + timedelta(minutes=minutes)
    resumed_at = paused_at + timedelta(minutes=paused_minutes)
    schedule = product_schedule(plan)
    reported = plan.covered_until(plan.until(paused_at))
    paused = Subscription(
        id="s",
        user_id="u",
        kind="activity",
        cadence=schedule.cadence,
        hour=schedule.hour,
        minute=schedule.minute,
        weekday=schedule.weekday,
        day=schedule.day,
        cron=schedule.cron,
        covers=schedule.covers,
        time_zone=schedule.time_zone,
        active=False,
        paused_at=paused_at,
        reported_until=reported,
    )
    fields = resumed_fields(paused, None, now=resumed_at)
    begin = plan.after_pause(reported, paused_at, resumed_at)
    assert fields["reported_until"] == begin
    assert fields["next_report_at"] == plan.first_due(begin, not_before=resumed_at)
