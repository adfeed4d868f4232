"""The time of an incident, and the columns in which what happened in it is counted. Pure."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from functions.shared.times.plausible_time import plausible

_MOST_COLUMNS = 24
_LENGTHS = (
    *(timedelta(minutes=minutes) for minutes in (5, 15, 30)),
    *(timedelta(hours=hours) for hours in (1, 2, 3, 6, 12, 24)),
)
LONGEST = _MOST_COLUMNS * _LENGTHS[-1]
"""How long an incident may be."""

_ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)
"""A column begins here, whatever its length."""


@dataclass(frozen=True)
class Window:
    """A time.

    Attributes:
        since: its beginning, in UTC.
        until: its end, which belongs to it; the present where it goes on.
        goes_on: whether it does.
    """

    since: datetime
    until: datetime
    goes_on: bool = False

    @classmethod
    def of(cls, since: datetime | None, until: datetime | None, *, now: datetime) -> "Window":
        """The time between two that a person chose.

        Args:
            since: the first; None for the full hour a day before the second.
            until: the second; None for the present.
            now: the present, in UTC.

        Raises:
            ValueError: there is no such time, or it is longer than LONGEST.
        """
        if not all(map(plausible, filter(None, (since, until)))):
            raise ValueError("An incident is between 1970 and 2200.")
        end = until or now
        start = since or end.replace(minute=0, second=0, microsecond=0) - timedelta(days=1)
        if not start < end:
            raise ValueError("An incident ends after it begins.")
        if end - start > LONGEST:
            raise ValueError(f"An incident has {LONGEST.days} days at most.")
        return cls(start, end, goes_on=until is None)

    @property
    def end(self) -> datetime | None:
        """Its end; None where it goes on."""
        return None if self.goes_on else self.until

    @functools.cached_property
    def length(self) -> timedelta:
        """How long a column is."""
        return next(each for each in _LENGTHS if self.until - self.since <= _MOST_COLUMNS * each)

    @functools.cached_property
    def columns(self) -> Sequence[datetime]:
        """Where the columns begin: at full minutes, hours or days, from the one with the beginning to that with the
        end."""
        first, last = ((moment - _ORIGIN) // self.length for moment in (self.since, self.until))
        return [_ORIGIN + number * self.length for number in range(first, last + 1)]

    def has(self, moment: datetime | None) -> bool:
        """Whether a moment belongs to it."""
        return moment is not None and self.since <= moment <= self.until

    def percent(self, moment: datetime) -> float:
        """How far from the left of the columns a moment is."""
        return 100 * ((moment - self.columns[0]) / (len(self.columns) * self.length))
