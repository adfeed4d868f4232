"""When cron lines are due."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from hypothesis import given, settings
from hypothesis import strategies as st

from local_pipeline.scheduler.cron import CronSchedule, InvalidSchedule

NEW_YORK = ZoneInfo("America/New_York")


def due_times(line: str, zone: str, start: str, count: int) -> list[str]:
    """The next due times after a moment, as that zone's wall clock shows them."""
    schedule = CronSchedule(line, ZoneInfo(zone))
    moment = datetime.fromisoformat(start)
    times = []
    for _ in range(count):
        moment = schedule.after(moment)
        assert moment.tzinfo is UTC
        times.append(moment.astimezone(ZoneInfo(zone)).strftime("%m-%d %H:%M %z"))
    return times


@pytest.mark.parametrize(
    ("line", "start", "expected"),
    [
        ("* * * * *", "2026-11-24T13:59:30Z", ["11-24 14:00 +0000", "11-24 14:01 +0000"]),
        ("0 * * * *", "2026-11-24T14:00:00Z", ["11-24 15:00 +0000", "11-24 16:00 +0000"]),
        ("0 * * * *", "2026-11-24T13:59:59.999999Z", ["11-24 14:00 +0000"]),
        ("0 * * * *", "2026-11-24T14:00:00.000001Z", ["11-24 15:00 +0000"]),
        ("45 23 * * 6", "2026-11-24T14:00:00Z", ["11-28 23:45 +0000"]),
        ("0 9 * * MON-FRI", "2026-11-27T10:00:00Z", ["11-30 09:00 +0000"]),
        ("0 0 * * 7", "2026-11-24T14:00:00Z", ["11-29 00:00 +0000"]),
        ("*/20 8-18/5 * JAN,dec *", "2026-11-24T14:00:00Z", ["12-01 08:00 +0000", "12-01 08:20 +0000"]),
        ("0 0 29 2 *", "2026-11-24T14:00:00Z", ["02-29 00:00 +0000"]),
        # With both days restricted, either will do.
        ("0 12 1 * FRI", "2026-11-24T14:00:00Z", ["11-27 12:00 +0000", "12-01 12:00 +0000", "12-04 12:00 +0000"]),
    ],
)
def test_due_times(line: str, start: str, expected: list[str]) -> None:
    assert due_times(line, "Etc/UTC", start, len(expected)) == expected


def test_a_time_that_summer_time_skips_is_not_due_that_day() -> None:
    assert due_times("30 2 * * *", "America/New_York", "2026-03-07T12:00:00-05:00", 2) == [
        "03-09 02:30 -0400",
        "03-10 02:30 -0400",
    ]


def test_a_time_that_is_there_twice_is_due_twice() -> None:
    assert due_times("30 1 * * *", "America/New_York", "2026-10-31T12:00:00-04:00", 3) == [
        "11-01 01:30 -0400",
        "11-01 01:30 -0500",
        "11-02 01:30 -0500",
    ]


def test_every_hour_stays_every_hour_over_both_changes() -> None:
    assert due_times("0 * * * *", "Europe/Berlin", "2026-03-29T00:30:00+01:00", 3) == [
        "03-29 01:00 +0100",
        "03-29 03:00 +0200",
        "03-29 04:00 +0200",
    ]
    assert due_times("0 * * * *", "Europe/Berlin", "2026-10-25T01:30:00+02:00", 3) == [
        "10-25 02:00 +0200",
        "10-25 02:00 +0100",
        "10-25 03:00 +0100",
    ]


def test_a_change_of_half_an_hour() -> None:
    assert due_times("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T12:00:00+11:00", 3) == [
        "04-05 01:45 +1100",
        "04-05 01:45 +1030",
        "04-06 01:45 +1030",
    ]


def test_a_yearly_time_in_the_hour_that_is_repeated() -> None:
    # Asked between the two: the second is an hour away, the next year's is in the same offset as the first.
    assert due_times("30 1 1 11 *", "America/New_York", "2026-11-01T01:45:00-04:00", 1) == ["11-01 01:30 -0500"]


LINES = st.sampled_from(
    ["* * * * *", "*/7 * * * *", "0 * * * *", "30 1 * * *", "30 2 * * *", "15 0-3 * * *", "5,50 1,2 * * 0"]
)
ZONES = st.sampled_from(["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Tokyo", "Africa/Casablanca"])


@settings(max_examples=60, deadline=None)
@given(line=LINES, zone=ZONES, day=st.integers(0, 364), second=st.integers(0, 86_399))
def test_it_is_the_first_minute_that_the_wall_clock_shows(line: str, zone: str, day: int, second: int) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day, seconds=second)
    due = CronSchedule(line, ZoneInfo(zone)).after(start)

    minute = start.replace(second=0) + timedelta(minutes=1)
    fields, _ = croniter.expand(line)

    def fits(wall: datetime) -> bool:
        values = (wall.minute, wall.hour, wall.day, wall.month, wall.isoweekday() % 7)
        return all(field == ["*"] or value in field for field, value in zip(fields, values, strict=True))

    # A week is longer than any of the lines leaves between two times.
    while not fits(minute.astimezone(ZoneInfo(zone))):
        minute += timedelta(minutes=1)
        assert minute <= start + timedelta(days=15)
    assert due == minute


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("* * * * * *", "five fields"),
        ("@hourly", "five fields"),
        ("every 5 minutes from 10:00", "'every' is no minute"),
        ("60 * * * *", "not a cron line"),
        ("0 24 * * *", "not a cron line"),
        ("0 0 0 * *", "not a cron line"),
        ("0 0 * 13 *", "not a cron line"),
        ("0 0 * * 8", "not a cron line"),
        ("0 0 L * *", "day of the month"),
        ("0 0 * * 1#2", "day of the week"),
        ("0 0 ? * *", "day of the month"),
        ("5/10 * * * *", "a step follows a range"),
        ("*/0 * * * *", "not a cron line"),
        ("1,,2 * * * *", "no minute"),
        ("0 0 30 2 *", "never due"),
    ],
)
def test_what_the_service_would_refuse(line: str, message: str) -> None:
    with pytest.raises(InvalidSchedule, match=message):
        CronSchedule(line, NEW_YORK)
