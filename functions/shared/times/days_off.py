"""Days off: a report that is due on one comes on the next working day, or not at all. Pure.

What a moved report covers goes by the time at which it was meant to come, so that a move merges no two units of the
calendar. Days off are dates, a finite list, so that no subscription waits forever.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from functions.shared.times.wall_clock import first_shown, shown_at, start_of

if TYPE_CHECKING:
    from functions.shared.times.dues import Dues

_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)


class OnDayOff(StrEnum):
    """What becomes of a report that is due on a day off."""

    MOVE = "move"
    """It comes at the same time of the next working day."""
    SKIP = "skip"
    """It does not come. The next one covers its time."""


@dataclass(frozen=True)
class DaysOff:
    """The days off that a calendar names.

        >>> christmas = DaysOff(frozenset({date(2026, 12, 25)}))
        >>> christmas.next_working_day(date(2026, 12, 25))
        datetime.date(2026, 12, 28)

    Attributes:
        dates: the days, in the recipient's own zone.
        then: what becomes of a report that is due on one.
    """

    dates: frozenset[date] = frozenset()
    then: OnDayOff = OnDayOff.MOVE

    def is_working_day(self, day: date) -> bool:
        """Whether a day is one from Monday to Friday that is no day off."""
        return day.isoweekday() <= 5 and day not in self.dates

    def next_working_day(self, day: date) -> date:
        """The first working day after a day."""
        day += _DAY
        while not self.is_working_day(day):
            day += _DAY
        return day

    @cached_property
    def moved(self) -> dict[date, list[date]]:
        """By working day, in order, the days off whose reports come on it."""
        moved: dict[date, list[date]] = {}
        for day in sorted(self.dates) if self.then is OnDayOff.MOVE else ():
            moved.setdefault(self.next_working_day(day), []).append(day)
        return moved


NO_DAYS_OFF = DaysOff()


@dataclass(frozen=True)
class WithoutDaysOff:
    """Due times, but for those on days off.

    Attributes:
        dues: the due times.
        days_off: the days off.
        zone: whose days are meant.
    """

    dues: "Dues"
    days_off: DaysOff
    zone: ZoneInfo

    def before(self, moment: datetime) -> datetime:
        """The last one before a moment."""
        last = self.dues.before(moment)
        while self._day(last) in self.days_off.dates:
            last = self.dues.before(start_of(self._day(last), self.zone))
        moved = self._moved(self._day(last), self._day(moment))
        return max([last, *(each for each in moved if each < moment)])

    def after(self, moment: datetime) -> datetime:
        """The first one after a moment."""
        first = self.dues.after(moment)
        while self._day(first) in self.days_off.dates:
            first = self.dues.after(start_of(self._day(first) + _DAY, self.zone) - _INSTANT)
        moved = self._moved(self._day(moment), self._day(first))
        return min([first, *(each for each in moved if each > moment)])

    def meant(self, due_at: datetime) -> datetime:
        """When the latest report was meant to come that comes by a due time."""
        last = self.dues.before(due_at + _INSTANT)
        while (day := self._day(last)) in self.days_off.dates:
            comes_on = self.days_off.next_working_day(day)
            if self.days_off.then is OnDayOff.SKIP or comes_on > self._day(due_at):
                last = self.dues.before(start_of(day, self.zone))
            elif self._moved_to(comes_on, last) > due_at:
                last = self.dues.before(last)
            else:
                break
        return self.dues.meant(last)

    def _moved(self, begin: date, end: date) -> Iterator[datetime]:
        """The due times that have moved to a working day of some days."""
        for day, days in self.days_off.moved.items():
            if begin <= day <= end:
                for each in days:
                    due_at = self.dues.after(start_of(each, self.zone) - _INSTANT)
                    while self._day(due_at) == each:
                        yield self._moved_to(day, due_at)
                        due_at = self.dues.after(due_at)

    def _moved_to(self, day: date, due_at: datetime) -> datetime:
        return first_shown(datetime.combine(day, shown_at(due_at, self.zone).time()), self.zone)

    def _day(self, moment: datetime) -> date:
        return shown_at(moment, self.zone).date()
