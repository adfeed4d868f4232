"""The slices that the chart has a bar for."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from kinds.activity.buckets import buckets
from report_kit import Period, language_for

ENGLISH = language_for("en")


def period(start: str, end: str) -> Period:
    return Period(*(datetime.fromisoformat(moment).replace(tzinfo=UTC) for moment in (start, end)))


@pytest.mark.parametrize(
    ("zone", "start", "end", "count", "first", "second"),
    [
        ("UTC", "2026-11-24T13:00", "2026-11-24T14:00", 12, "13:00", "13:05"),
        ("UTC", "2026-11-24T13:00", "2026-11-24T16:00", 12, "13:00", "13:15"),
        ("Asia/Kolkata", "2026-11-24T13:30", "2026-11-24T23:30", 20, "19:00", "19:30"),
        ("Asia/Tokyo", "2026-11-23T15:00", "2026-11-24T15:00", 24, "00:00", "01:00"),
        ("Europe/Berlin", "2026-10-24T22:00", "2026-10-25T23:00", 25, "00:00", "01:00"),
        ("Europe/Berlin", "2026-03-28T23:00", "2026-03-29T22:00", 23, "00:00", "01:00"),
        ("UTC", "2026-11-16T00:00", "2026-11-23T00:00", 7, "16 Nov", "17 Nov"),
        ("UTC", "2026-11-16T08:00", "2026-11-23T08:00", 8, "16 Nov", "17 Nov"),
        ("Europe/Berlin", "2026-09-30T22:00", "2026-10-31T23:00", 31, "1 Oct", "2 Oct"),
        ("UTC", "2026-01-01T00:00", "2027-01-01T00:00", 12, "Jan 2026", "Feb 2026"),
        ("UTC", "2026-01-15T00:00", "2026-07-15T00:00", 7, "Jan 2026", "Feb 2026"),
    ],
)
def test_slices_fit_the_period(zone: str, start: str, end: str, count: int, first: str, second: str) -> None:
    slices = buckets(period(start, end), ZoneInfo(zone), ENGLISH)
    assert [len(slices), slices[0].label, slices[1].label] == [count, first, second]


def test_a_day_that_the_zone_left_out_has_no_slice() -> None:
    """Samoa had no 30 December 2011."""
    slices = buckets(period("2011-12-27T10:00", "2012-01-02T10:00"), ZoneInfo("Pacific/Apia"), ENGLISH)
    assert [bucket.label for bucket in slices] == ["27 Dec", "28 Dec", "29 Dec", "31 Dec", "1 Jan", "2 Jan"]


@pytest.mark.parametrize(
    ("locale", "label", "name"),
    [
        ("en", "24 Nov", "Tuesday 24 November"),
        ("en-US", "Nov 24", "Tue, Nov 24"),
        ("ja", "11月24日", "11月24日(火)"),
    ],
)
def test_labels_and_names_are_the_languages_own(locale: str, label: str, name: str) -> None:
    day = buckets(period("2026-11-20T00:00", "2026-11-27T00:00"), ZoneInfo("UTC"), language_for(locale))[4]
    assert (day.label, day.name) == (label, name)
