"""Which time a preview covers."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.records.subscription import Subscription, SubscriptionDefaults
from functions.shared.times.days_off import DaysOff
from functions.shared.times.period import Period, period_to_report, unit_before
from functions.shared.times.schedule import Cadence, Covers, Schedule
from operations.previews.preview_period import PERIODS, next_period, parse_period, report_about

HOUR = timedelta(hours=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def shown(now: str, **fields: Any) -> Period:
    subscription = Subscription.from_fields("u1", "s1", fields, SubscriptionDefaults("activity", Cadence.HOURLY))
    return next_period(subscription, subscription.schedule(None), utc(now))


@pytest.mark.parametrize(
    ("text", "zone", "start", "end"),
    [
        ("2026-Q4", "Asia/Tokyo", "2026-09-30T15:00", "2026-12-31T15:00"),
        ("2026-q1", "UTC", "2026-01-01T00:00", "2026-04-01T00:00"),
        ("2026-11", "UTC", "2026-11-01T00:00", "2026-12-01T00:00"),
        ("2026-12", "Asia/Tokyo", "2026-11-30T15:00", "2026-12-31T15:00"),
        ("2026-W48", "UTC", "2026-11-23T00:00", "2026-11-30T00:00"),
        ("2026-11-24", "Asia/Tokyo", "2026-11-23T15:00", "2026-11-24T15:00"),
        # A day on which the clocks change is 25 hours long.
        ("2026-10-25", "Europe/Berlin", "2026-10-24T22:00", "2026-10-25T23:00"),
        ("2026-11-24T13", "Asia/Kolkata", "2026-11-24T07:30", "2026-11-24T08:30"),
        ("2026-W48/W49", "Asia/Tokyo", "2026-11-22T15:00", "2026-12-06T15:00"),
        (" 2026-w48 ", "UTC", "2026-11-23T00:00", "2026-11-30T00:00"),
    ],
)
def test_a_period_is_of_the_recipients_own_calendar(text: str, zone: str, start: str, end: str) -> None:
    assert parse_period(text, ZoneInfo(zone)) == Period(utc(start), utc(end))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "202611",
        "2026-13",
        "2026-W60",
        "2026-02-30",
        "2026-11-24T25",
        "1-1-1",
        "2026-Q5",
        "0001-01-01",
        "9999-12",
        "2026-W47/W48",
        "2026-W48/W50",
    ],
)
def test_anything_else_is_refused_with_what_would_do(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a period: .*2026-Q4, 2026-11, 2026-W48"):
        parse_period(text, ZoneInfo("UTC"))


def test_the_period_of_each_cadence_can_be_asked_for() -> None:
    assert PERIODS.keys() == set(Cadence) - {Cadence.CRON}
    for cadence, text in PERIODS.items():
        schedule = Schedule(cadence=cadence, time_zone=ZoneInfo("Europe/Berlin"), covers=Covers.CALENDAR)
        period = parse_period(text, schedule.time_zone)
        assert period == unit_before(schedule, period.end)


def test_a_report_that_is_due_is_shown_as_the_worker_would_send_it() -> None:
    due = {"next_report_at": utc("2026-11-24T13:00"), "reported_until": utc("2026-11-24T11:00")}
    assert shown("2026-11-24T14:30", **due) == Period(utc("2026-11-24T11:00"), utc("2026-11-24T14:00"))


def test_otherwise_the_last_one_is() -> None:
    for next_report_at in (None, utc("2026-11-24T15:00")):
        period = shown("2026-11-24T14:30", next_report_at=next_report_at)
        assert period == Period(utc("2026-11-24T13:00"), utc("2026-11-24T14:00"))


@pytest.mark.parametrize(
    ("fields", "asked", "start", "end"),
    [
        # What a calendar's unit is called by is what its report covers.
        ({"cadence": "hourly"}, "2026-11-24T13", "2026-11-24T13:00", "2026-11-24T14:00"),
        ({"cadence": "daily"}, "2026-11-24", "2026-11-24T00:00", "2026-11-25T00:00"),
        ({"cadence": "daily", "time_zone": "Asia/Tokyo"}, "2026-11-24", "2026-11-23T15:00", "2026-11-24T15:00"),
        ({"cadence": "weekly", "weekday": 3}, "2026-W48", "2026-11-23T00:00", "2026-11-30T00:00"),
        ({"cadence": "monthly", "day": 31}, "2026-11", "2026-11-01T00:00", "2026-12-01T00:00"),
        ({"cadence": "biweekly", "weekday": 3}, "2026-W48/W49", "2026-11-23T00:00", "2026-12-07T00:00"),
        ({"cadence": "quarterly"}, "2026-Q4", "2026-10-01T00:00", "2027-01-01T00:00"),
        # Up to the due time, not to midnight.
        ({"cadence": "daily", "covers": "since-last"}, "2026-11-24", "2026-11-24T08:00", "2026-11-25T08:00"),
        ({"cadence": "hourly", "minute": 30}, "2026-11-24T13", "2026-11-24T13:30", "2026-11-24T14:30"),
        # Monday's report has the weekend.
        ({"cadence": "cron", "cron": "0 8 * * 1-5"}, "2026-11-22", "2026-11-20T00:00", "2026-11-23T00:00"),
        ({"cadence": "cron", "cron": "0 8 * * 1-5"}, "2026-11-24", "2026-11-24T00:00", "2026-11-25T00:00"),
        # A day is within a month's report, and a month is more than a day's.
        ({"cadence": "monthly"}, "2026-11-24", "2026-11-01T00:00", "2026-12-01T00:00"),
        ({"cadence": "daily"}, "2026-11", "2026-11-01T00:00", "2026-12-01T00:00"),
    ],
)
def test_a_preview_of_a_time_is_the_report_about_it(fields: dict[str, Any], asked: str, start: str, end: str) -> None:
    subscription = Subscription.from_fields("u1", "s1", fields, SubscriptionDefaults("activity", Cadence.HOURLY))
    schedule = subscription.schedule(None)
    assert report_about(schedule, parse_period(asked, schedule.time_zone)) == Period(utc(start), utc(end))


def test_a_report_that_has_waited_is_shown_with_the_time_that_it_would_have_covered() -> None:
    # The report of Sunday, the 22nd, comes on Monday.
    off = DaysOff(frozenset({date(2026, 11, 22)}))
    sundays = Schedule(cadence=Cadence.WEEKLY, time_zone=ZoneInfo("UTC"), weekday=7, days_off=off)
    for text in ("2026-W46", "2026-W47"):
        asked = parse_period(text, sundays.time_zone)
        assert report_about(sundays, asked) == asked


moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(st.sampled_from(Cadence), st.sampled_from(Covers), moments)
def test_the_reports_before_and_after_end_and_begin_there(cadence: Cadence, covers: Covers, end: datetime) -> None:
    fields = {"cadence": cadence, "covers": covers, "cron": "20 8 * * 1-5", "hour": 7, "minute": 5, "day": 3}
    subscription = Subscription.from_fields("u1", "s1", fields, SubscriptionDefaults("activity", Cadence.HOURLY))
    schedule = subscription.schedule(None)
    period = report_about(schedule, Period(end - timedelta(microseconds=1), end))
    assert period.start < end <= period.end
    assert report_about(schedule, Period(period.end, period.end + timedelta(microseconds=1))).start == period.end
    due_at = schedule.next_due(period.start)
    sent = period_to_report(schedule, due_at=due_at, run_time=due_at, reported_until=period.start)
    assert sent == period
