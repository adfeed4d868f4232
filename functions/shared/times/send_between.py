"""The hours of the day in which reports come: one that is due outside them waits until they begin. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from functions.shared.times.wall_clock import first_shown, shown_at

if TYPE_CHECKING:
    from functions.shared.times.dues import Dues

_FORM = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)", re.ASCII)
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class SendBetween:
    """Hours of the day.

        >>> SendBetween.parse("08:00-18:00").opens
        datetime.time(8, 0)

    Attributes:
        opens: when they begin, on the wall clock.
        closes: when they end: a report that is due then waits. If it is earlier than `opens`, on the next day.
    """

    opens: time
    closes: time

    @classmethod
    def parse(cls, text: str) -> "SendBetween":
        """Read hours, such as 08:00-18:00, or 22:00-06:00 across midnight.

        Raises:
            ValueError: they are none.
        """
        form = _FORM.fullmatch(text)
        if form is None:
            raise ValueError("not two times of the day")
        opens, closes = time(int(form[1]), int(form[2])), time(int(form[3]), int(form[4]))
        if opens == closes:
            raise ValueError("no time between them")
        return cls(opens, closes)

    def __str__(self) -> str:
        return f"{self.opens:%H:%M}-{self.closes:%H:%M}"


@dataclass(frozen=True)
class WithinHours:
    """Due times, of which those outside some hours wait until these begin.

    Attributes:
        dues: the due times.
        hours: the hours.
        zone: whose wall clock is meant.
    """

    dues: "Dues"
    hours: SendBetween
    zone: ZoneInfo

    def before(self, moment: datetime) -> datetime:
        """The last one before a moment."""
        due_at = self._waited(self.dues.before(moment))
        if due_at < moment:
            return due_at
        # All that are due since the hours ended wait until the moment, or longer.
        ended = max(closed for _, closed in self._around(moment) if closed < due_at)
        return self._waited(self.dues.before(ended))

    def after(self, moment: datetime) -> datetime:
        """The first one after a moment."""
        last = self._waited(self.dues.before(moment + _INSTANT))
        return last if last > moment else self._waited(self.dues.after(moment))

    def meant(self, due_at: datetime) -> datetime:
        """When the latest report was meant to come that comes by a due time."""
        return self.dues.meant(self.dues.before(due_at + _INSTANT))

    def _waited(self, due_at: datetime) -> datetime:
        """When a report comes that is due at a moment: then, or when the hours begin."""
        return max(due_at, min(opened for opened, closed in self._around(due_at) if due_at < closed))

    def _around(self, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
        """When the hours begin and end, on the days around a moment."""
        today = shown_at(moment, self.zone).date()
        for days in range(-3, 4):
            day = today + timedelta(days=days)
            end = day if self.hours.opens < self.hours.closes else day + timedelta(days=1)
            opened = first_shown(datetime.combine(day, self.hours.opens), self.zone)
            closed = first_shown(datetime.combine(end, self.hours.closes), self.zone)
            # The clocks may leap over all of them.
            if opened < closed:
                yield opened, closed
