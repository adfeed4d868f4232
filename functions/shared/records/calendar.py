"""A calendar as Firestore has it: the days on which no report comes. Pure."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, Field

from functions.shared.records.fields import DocumentFields
from functions.shared.times.days_off import DaysOff, OnDayOff

CALENDARS = "calendars"
"""The name of the collection."""

CALENDAR_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,62}$"
"""What a calendar may be called."""

MOST_DATES = 1000

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class UnusableCalendar(ValueError):
    """There is no such calendar, or its document is malformed. The message says which, and what is wrong."""


def _dates(texts: list[str]) -> frozenset[date]:
    if not all(map(_DATE.fullmatch, texts)):
        raise ValueError("not dates")
    return frozenset(map(date.fromisoformat, texts))


class _Calendar(NamedTuple):
    dates: Annotated[
        list[str],
        Field(max_length=MOST_DATES, description=f"a list of at most {MOST_DATES} dates, such as 2026-12-25"),
        AfterValidator(_dates),
    ]
    on_day_off: Annotated[OnDayOff, Field(strict=False, description="move or skip")] = OnDayOff.MOVE


_FIELDS = DocumentFields(_Calendar)

CALENDAR_MUST_BE = _FIELDS.must_be
"""What each field has to be, as docs/reference/documents.md says it."""


def calendar_path(name: str) -> str:
    """The path of a calendar."""
    return f"{CALENDARS}/{name}"


def days_off_of(name: str, fields: Mapping[str, Any] | None) -> DaysOff:
    """Read a calendar.

    Args:
        name: the calendar's.
        fields: of its document; None where there is none.

    Raises:
        UnusableCalendar: there is no document, or it is malformed.
    """
    if fields is None:
        raise UnusableCalendar(f"there is no calendar {name}")
    read, problem = _FIELDS.read(fields, required=["dates"])
    if problem:
        raise UnusableCalendar(f"the calendar {name} is malformed: {problem}")
    return DaysOff(read["dates"], read["on_day_off"])


def no_calendar(name: str) -> DaysOff:
    """What finds none.

    Raises:
        UnusableCalendar: always.
    """
    return days_off_of(name, None)
