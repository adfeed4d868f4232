"""A calendar, whatever its document holds."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.records.calendar import CALENDAR_MUST_BE, MOST_DATES, UnusableCalendar, days_off_of
from functions.shared.times.days_off import DaysOff, OnDayOff
from tests.function_process import REPOSITORY
from tests.values import anything


def test_a_calendar_names_days_off_and_what_becomes_of_their_reports() -> None:
    dates = ["2026-12-26", "2026-12-25", "2026-12-25"]
    christmas = frozenset({date(2026, 12, 25), date(2026, 12, 26)})
    assert days_off_of("de", {"dates": dates, "theirs": 1}) == DaysOff(christmas, OnDayOff.MOVE)
    assert days_off_of("de", {"dates": dates, "on_day_off": "skip"}) == DaysOff(christmas, OnDayOff.SKIP)
    assert days_off_of("de", {"dates": []}) == DaysOff()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (None, "there is no calendar de"),
        ({}, "the calendar de is malformed: dates: is missing"),
        ({"dates": "2026-12-25"}, "dates: must be a list"),
        ({"dates": ["2026-02-30"]}, "dates: must be a list"),
        ({"dates": ["20261225"]}, "dates: must be a list"),
        ({"dates": [1]}, "dates: must be a list"),
        ({"dates": ["2026-12-25"] * (MOST_DATES + 1)}, "dates: must be a list of at most 1000 dates"),
        ({"dates": [], "on_day_off": "stay"}, "on_day_off: must be move or skip"),
    ],
)
def test_what_is_wrong_with_one_is_said(fields: dict[str, Any] | None, said: str) -> None:
    with pytest.raises(UnusableCalendar, match=said):
        days_off_of("de", fields)


@given(fields=st.dictionaries(st.sampled_from(["dates", "on_day_off", "else"]), anything))
def test_any_document_is_a_calendar_or_unusable(fields: dict[str, Any]) -> None:
    try:
        days_off_of("de", fields)
    except UnusableCalendar as error:
        assert "\n" not in str(error)  # noqa: PT017  it may be raised, or not


def test_every_field_is_documented() -> None:
    section = (
        (REPOSITORY / "docs/reference/documents.md").read_text().partition("## Calendars")[2].partition("\n## ")[0]
    )
    assert all(f"| `{name}` |" in section for name in CALENDAR_MUST_BE)
