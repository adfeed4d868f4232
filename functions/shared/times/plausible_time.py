"""Times that can be the pipeline's. Pure.

Applications write the zero time of Go and C#, which is in the year 1, and the year 9999 for "never". Python's calendar
ends there: adding a day, or the offset of a zone, raises OverflowError. So code that calculates with a time from a
document passes it through `plausible()` first.
"""

from datetime import UTC, datetime
from typing import Any

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def plausible(value: Any) -> datetime | None:
    """The value if it is a timestamp between 1970 and 2200, else None."""
    if isinstance(value, datetime) and value.tzinfo is not None and EARLIEST <= value <= LATEST:
        return value
    return None


def time_in(text: Any) -> datetime | None:
    """The time, in UTC, that a text in ISO 8601 with an offset names, if it is between 1970 and 2200, else None."""
    try:
        time = datetime.fromisoformat(text)
        return plausible(time.astimezone(UTC)) if time.tzinfo else None
    except (TypeError, ValueError, OverflowError):
        return None
