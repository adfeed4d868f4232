"""The schedule, against zoneinfo and against the calendar."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.shared.schedule import Cadence, Schedule, period_to_report

ZONES = [
    "UTC",
    "Asia/Tokyo",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",  # summer time of half an hour
    "Pacific/Apia",  # left out 30 December 2011
    "Africa/Casablanca",
    "America/Santiago",  # the clocks change at midnight
]

schedules = st.builds(
    Schedule,
    cadence=st.sampled_from(Cadence),
    time_zone=st.sampled_from(ZONES).map(ZoneInfo),
    hour=st.integers(0, 23),
    weekday=st.integers(1, 7),
    day=st.integers(1, 31),
)
moments = st.datetimes(datetime(2010, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  hypothesis wants them naive


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def daily(zone: str, hour: int) -> Schedule:
    return Schedule(cadence=Cadence.DAILY, time_zone=ZoneInfo(zone), hour=hour)


@pytest.mark.parametrize(
    ("schedule", "moment", "expected"),
    [
        (daily("Asia/Tokyo", 8), utc("2026-11-24T00:00"), local("2026-11-25T08:00", "Asia/Tokyo")),
        (daily("Asia/Tokyo", 8), utc("2026-11-23T22:59"), local("2026-11-24T08:00", "Asia/Tokyo")),
        # Eight stays eight when the clocks change.
        (daily("Europe/Berlin", 8), utc("2026-03-28T08:00"), utc("2026-03-29T06:00")),
        (daily("Europe/Berlin", 8), utc("2026-10-24T08:00"), utc("2026-10-25T07:00")),
        # 02:00 does not exist on 29 March: the next moment that does is 03:00, which is 01:00 UTC.
        (daily("Europe/Berlin", 2), utc("2026-03-28T12:00"), utc("2026-03-29T01:00")),
        # 02:00 comes twice on 25 October: the first time counts, and only that.
        (daily("Europe/Berlin", 2), utc("2026-10-24T12:00"), utc("2026-10-25T00:00")),
        (daily("Europe/Berlin", 2), utc("2026-10-25T00:00"), utc("2026-10-26T01:00")),
        # Midnight does not exist in Santiago when summer time begins.
        (daily("America/Santiago", 0), utc("2026-09-05T12:00"), utc("2026-09-06T04:00")),
        (
            Schedule(cadence=Cadence.WEEKLY, time_zone=ZoneInfo("UTC"), hour=9, weekday=1),
            utc("2026-11-24T10:00"),
            utc("2026-11-30T09:00"),
        ),
        # The 31st is the last day of a shorter month.
        (
            Schedule(cadence=Cadence.MONTHLY, time_zone=ZoneInfo("UTC"), hour=9, day=31),
            utc("2028-01-31T09:00"),
            utc("2028-02-29T09:00"),
        ),
        # Hours of a zone at 5:30 are whole there, not in UTC.
        (
            Schedule(cadence=Cadence.HOURLY, time_zone=ZoneInfo("Asia/Kolkata")),
            utc("2026-11-24T10:00"),
            utc("2026-11-24T10:30"),
        ),
        # Both of the hours called two.
        (
            Schedule(cadence=Cadence.HOURLY, time_zone=ZoneInfo("Europe/Berlin")),
            utc("2026-10-25T00:00"),
            utc("2026-10-25T01:00"),
        ),
    ],
)
def test_after(schedule: Schedule, moment: datetime, expected: datetime) -> None:
    assert schedule.after(moment) == expected


@given(schedule=schedules, moment=moments)
def test_due_times_follow_one_another(schedule: Schedule, moment: datetime) -> None:
    following = schedule.after(moment)
    last = schedule.at_or_before(moment)
    assert last <= moment < following
    assert schedule.after(last) == following
    assert schedule.before(following) == last
    assert schedule.at_or_before(following) == following
    assert schedule.before(last) < last


@given(schedule=schedules, moment=moments)
def test_a_due_time_is_the_hour_that_was_asked_for_unless_the_clocks_leap_over_it(
    schedule: Schedule, moment: datetime
) -> None:
    due = schedule.after(moment).astimezone(schedule.time_zone)
    just_before = (due.astimezone(UTC) - timedelta(microseconds=1)).astimezone(schedule.time_zone)
    if just_before.utcoffset() != due.utcoffset() and (due.hour, due.minute) != (schedule.hour, 0):
        return
    assert due.minute == 0
    if schedule.cadence is not Cadence.HOURLY:
        assert due.hour == schedule.hour
    if schedule.cadence is Cadence.WEEKLY:
        assert due.isoweekday() == schedule.weekday
    if schedule.cadence is Cadence.MONTHLY:
        assert due.day == schedule.day or (due + timedelta(days=1)).day == 1


@settings(max_examples=200)
@given(
    schedules=st.lists(schedules, min_size=1, max_size=4),
    begin=moments,
    gaps=st.lists(st.integers(1, 200), min_size=1, max_size=60),
)
def test_no_time_is_reported_twice_or_left_out(schedules: list[Schedule], begin: datetime, gaps: list[int]) -> None:
    """Runs on time, late and missed, and a user who changes zone and cadence on the way."""
    run_time = begin.replace(minute=0, second=0, microsecond=0)
    next_report_at = run_time
    reported_until: datetime | None = None
    for number, hours in enumerate(gaps):
        schedule = schedules[number * len(schedules) // len(gaps)]
        if next_report_at <= run_time:
            period = period_to_report(schedule, due_at=next_report_at, run_time=run_time, reported_until=reported_until)
            assert period.start < period.end <= run_time
            assert reported_until in (None, period.start)
            reported_until = period.end
            next_report_at = schedule.after(period.end)
            assert next_report_at > run_time
        run_time += timedelta(hours=hours)


def test_a_missed_time_is_caught_up_by_one_report() -> None:
    hourly = Schedule(cadence=Cadence.HOURLY, time_zone=ZoneInfo("UTC"))
    period = period_to_report(hourly, due_at=utc("2026-11-24T10:00"), run_time=utc("2026-11-24T13:00"))
    assert (period.start, period.end) == (utc("2026-11-24T09:00"), utc("2026-11-24T13:00"))
    assert hourly.after(period.end) == utc("2026-11-24T14:00")


def test_a_new_user_is_told_of_the_last_whole_period() -> None:
    weekly = Schedule(cadence=Cadence.WEEKLY, time_zone=ZoneInfo("UTC"), hour=8, weekday=1)
    now = utc("2026-11-26T13:00")
    period = period_to_report(weekly, due_at=now, run_time=now)
    assert (period.start, period.end) == (utc("2026-11-16T08:00"), utc("2026-11-23T08:00"))


def test_a_due_time_set_back_by_hand_reports_that_period_again() -> None:
    day = daily("UTC", 8)
    period = period_to_report(
        day, due_at=utc("2026-11-20T08:00"), run_time=utc("2026-11-20T08:00"), reported_until=utc("2026-11-24T08:00")
    )
    assert (period.start, period.end) == (utc("2026-11-19T08:00"), utc("2026-11-20T08:00"))
