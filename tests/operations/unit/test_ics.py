"""The days off of an iCalendar file."""

from datetime import date
from pathlib import Path

import pytest

from operations.calendars.ics import days_off_in, fetch
from operations.errors import OperatorError
from tests.function_process import REPOSITORY


def days(*events: str, first: str = "2026-01-01", last: str = "2027-12-31") -> list[str]:
    made = [f"BEGIN:VEVENT\nUID:{number}@example.com\n{each}\nEND:VEVENT" for number, each in enumerate(events)]
    text = "\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//A//B//EN", *made, "END:VCALENDAR", ""])
    found = days_off_in(text.encode(), first=date.fromisoformat(first), last=date.fromisoformat(last))
    return [each.isoformat() for each in found]


def test_the_example() -> None:
    content = fetch(str(REPOSITORY / "examples/holidays.ics"))
    found = days_off_in(content, first=date(2026, 6, 1), last=date(2027, 12, 25))
    assert [f"{day:%y-%m-%d}" for day in found] == ["26-12-25", "26-12-26", "27-01-01", "27-12-25"]


def test_an_event_lasts_to_its_end_which_is_no_part_of_it() -> None:
    assert days("DTSTART;VALUE=DATE:20260501") == ["2026-05-01"]
    assert days("DTSTART;VALUE=DATE:20260501\nDTEND;VALUE=DATE:20260501") == ["2026-05-01"]
    assert days("DTSTART;VALUE=DATE:20260501\nDTEND;VALUE=DATE:20260503") == ["2026-05-01", "2026-05-02"]
    assert days("DTSTART;VALUE=DATE:20260501\nDURATION:P2D") == ["2026-05-01", "2026-05-02"]
    # It began before what is asked for.
    assert days("DTSTART;VALUE=DATE:20251230\nDTEND;VALUE=DATE:20260103") == ["2026-01-01", "2026-01-02"]


def test_an_event_recurs_but_for_its_exceptions() -> None:
    recurring = "DTSTART;VALUE=DATE:20240501\nRRULE:FREQ=YEARLY\nEXDATE;VALUE=DATE:20270501"
    assert days(recurring) == ["2026-05-01"]


def test_an_event_with_a_time_or_that_is_cancelled_counts_for_nothing() -> None:
    assert days("DTSTART:20260501T090000Z\nDTEND:20260501T170000Z") == []
    assert days("DTSTART;VALUE=DATE:20260501\nSTATUS:CANCELLED") == []
    assert days() == []


@pytest.mark.parametrize("content", [b"", b"<html>", b"BEGIN:VCALENDAR", b"BEGIN:VEVENT\nEND:VEVENT\n", b"\xff\xfe"])
def test_what_is_no_calendar_is_refused(content: bytes) -> None:
    with pytest.raises(OperatorError):
        days_off_in(content, first=date(2026, 1, 1), last=date(2026, 12, 31))


@pytest.mark.parametrize("place", ["http://example.com/a.ics", "ftp://example.com/a.ics", "no-such-file.ics"])
def test_a_place_that_cannot_be_read_is_said(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OperatorError, match=r"cannot be read|begins with"):
        fetch(place)
