"""Reads the days off of an iCalendar file, such as one of a country's holidays."""

from datetime import date, datetime, timedelta
from pathlib import Path

import requests

from operations.errors import OperatorError

_SECONDS = 30


def fetch(place: str) -> bytes:
    """The content of a file, or of a URL.

    Args:
        place: its path, or its address, which begins with https:// or webcal://.

    Raises:
        OperatorError: it cannot be read.
    """
    scheme, separator, rest = place.partition("://")
    try:
        if not separator:
            return Path(place).read_bytes()
        if scheme not in {"https", "webcal"}:
            raise OperatorError("--ics: a file, or an address that begins with https:// or webcal://.")
        answer = requests.get(f"https://{rest}", timeout=_SECONDS)
        answer.raise_for_status()
    except OSError as error:
        # Also of requests.
        raise OperatorError(f"{place} cannot be read: {error}.") from error
    return answer.content


def days_off_in(content: bytes, *, first: date, last: date) -> list[date]:
    """The days of a file's events that last whole days, also of those that recur. An event with a time of the day, and
    one that is cancelled, counts for nothing.

    Raises:
        OperatorError: it is no iCalendar file.
    """
    # Imported here: only an import needs them.
    import icalendar
    import recurring_ical_events

    try:
        calendar = icalendar.Calendar.from_ical(content)
        events = recurring_ical_events.of(calendar).between(first, last + timedelta(days=1))
    except (ValueError, KeyError, AttributeError, OverflowError) as error:
        raise OperatorError(f"This is no iCalendar file: {error}.") from error
    found: set[date] = set()
    for event in events:
        day, end = event.start, event.end
        if isinstance(day, datetime) or event.get("STATUS") == "CANCELLED":
            continue
        # An event without an end lasts its day.
        end = max(end, day + timedelta(days=1))
        while day < end:
            found.add(day)
            day += timedelta(days=1)
    return sorted(day for day in found if first <= day <= last)
