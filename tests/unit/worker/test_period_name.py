"""Periods as people call them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from functions.shared.schedule import Period
from functions.worker.reports.period_name import period_name


@pytest.mark.parametrize(
    ("zone", "start", "end", "name"),
    [
        ("UTC", "2026-11-24T13:00", "2026-11-24T14:00", "Tuesday 24 November 2026, 13:00 – 14:00"),
        ("Asia/Tokyo", "2026-11-24T13:00", "2026-11-24T14:00", "Tuesday 24 November 2026, 22:00 – 23:00"),
        ("Asia/Kolkata", "2026-11-24T13:30", "2026-11-24T14:30", "Tuesday 24 November 2026, 19:00 – 20:00"),
        ("UTC", "2026-11-24T23:00", "2026-11-25T00:00", "Tuesday 24 November 2026, 23:00 – 00:00"),
        ("Asia/Tokyo", "2026-11-23T15:00", "2026-11-24T15:00", "Tuesday 24 November 2026"),
        ("UTC", "2026-11-23T08:00", "2026-11-24T08:00", "Mon 23 November, 08:00 – Tue 24 November 2026, 08:00"),
        ("UTC", "2026-12-31T08:00", "2027-01-01T08:00", "Thu 31 December 2026, 08:00 – Fri 1 January 2027, 08:00"),
        ("UTC", "2026-11-16T00:00", "2026-11-23T00:00", "16 – 22 November 2026"),
        ("UTC", "2026-11-30T00:00", "2026-12-07T00:00", "30 November – 6 December 2026"),
        ("UTC", "2026-12-28T00:00", "2027-01-04T00:00", "28 December 2026 – 3 January 2027"),
        ("UTC", "2026-11-01T00:00", "2026-12-01T00:00", "November 2026"),
        ("UTC", "2026-10-01T00:00", "2026-12-01T00:00", "1 October – 30 November 2026"),
        # The clocks went forward that day, and back on the other: a day all the same.
        ("Europe/Berlin", "2026-03-28T23:00", "2026-03-29T22:00", "Sunday 29 March 2026"),
        ("Europe/Berlin", "2026-10-24T22:00", "2026-10-25T23:00", "Sunday 25 October 2026"),
        # The hour that comes twice.
        (
            "Europe/Berlin",
            "2026-10-25T00:00",
            "2026-10-25T01:00",
            "Sunday 25 October 2026, 02:00 GMT+02:00 – 02:00 GMT+01:00",
        ),
    ],
)
def test_period_name(zone: str, start: str, end: str, name: str) -> None:
    period = Period(*(datetime.fromisoformat(moment).replace(tzinfo=UTC) for moment in (start, end)))
    assert period_name(period, ZoneInfo(zone)) == name
