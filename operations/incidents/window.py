"""The time of an incident, and the columns in which what happened in it is counted. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

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


class Window(NamedTuple):
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
        return cls(start, end, until is None)

    @property
    def length(self) -> timedelta:
        """How long a column is."""
        return next(each for each in _LENGTHS if self.until - self.since <= _MOST_COLUMNS * each)

    @property
    def columns(self) -> Sequence[datetime]:
        """Where the columns begin: at full minutes, hours or days, from the one with the beginning to that with the
        end."""
        first, last = self._numbers
        return [_ORIGIN + number * self.length for number in range(first, last + 1)]

    @property
    def _numbers(self) -> tuple[int, int]:
        """The numbers of the first and the last column, counted from _ORIGIN."""
        return (self.since - _ORIGIN) // self.length, (self.until - _ORIGIN) // self.length

    def has(self, moment: datetime | None) -> bool:
        """Whether a moment belongs to it."""
        return moment is not None and self.since <= moment <= self.until

    def percent(self, moment: datetime) -> float:
        """How far from the left of the columns a moment is."""
        first, last = self._numbers
        return 100 * ((moment - _ORIGIN) / self.length - first) / (last - first + 1)
