"""When a report is due. Pure: time goes in as an argument.

A due time is a time of the recipient's own wall clock. A local time that does not exist on a day (the clocks went
forward) is taken at the next moment that does; one that exists twice is taken once, the first time. Hours are counted
as they pass: when the clocks go back, an hourly report comes for both of the hours of the same name.
"""

import calendar
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Self
from zoneinfo import ZoneInfo

from functions.shared.times.days_off import NO_DAYS_OFF, DaysOff, WithoutDaysOff
from functions.shared.times.send_between import SendBetween, WithinHours
from functions.shared.times.wall_clock import first_shown, is_shown, start_of

if TYPE_CHECKING:
    # Imported only for the type: not every function that uses cadences has croniter.
    from functions.shared.times.cron import CronLine
    from functions.shared.times.dues import Dues

_INSTANT = timedelta(microseconds=1)
_FIRST_MONDAY = date(1970, 1, 5)

_WIDTHS = (3, 30, 300, 3000)
"""How far to look for a due time, in units of the cadence: some zones leap a whole day, which is 24 hours."""


class Cadence(StrEnum):
    """How often a report is sent.

        >>> Cadence("weekly") is Cadence.WEEKLY
        True

    Attributes:
        fields: the fields of a subscription that say when its reports are due: all others of a Schedule change nothing.
        months: how many whole months its unit of the calendar has; 0 where the unit is shorter.
        weeks: how many whole weeks its unit has; 0 where it is none of weeks.
    """

    fields: tuple[str, ...]
    months: int
    weeks: int

    def __new__(cls, name: str, fields: tuple[str, ...] = (), months: int = 0, weeks: int = 0) -> Self:
        member = str.__new__(cls, name)
        member._value_ = name
        member.fields, member.months, member.weeks = fields, months, weeks
        return member

    HOURLY = "hourly", ("minute",)
    DAILY = "daily", ("hour", "minute")
    WEEKLY = "weekly", ("weekday", "hour", "minute"), 0, 1
    BIWEEKLY = "biweekly", ("weekday", "hour", "minute"), 0, 2
    """Every second week, the same weeks for everybody: pairs of weeks are counted from Monday 5 January 1970."""
    MONTHLY = "monthly", ("day", "hour", "minute"), 1
    QUARTERLY = "quarterly", ("day", "hour", "minute"), 3
    CRON = "cron", ("cron",)
    """By a cron line."""


RECIPIENTS_CADENCES = tuple(cadence for cadence in Cadence if cadence is not Cadence.CRON)
"""Those that recipients choose from: none is asked for a cron line."""


class WorkingDay(StrEnum):
    """On which working day of a month a report is due."""

    FIRST = "first"
    LAST = "last"


class Covers(StrEnum):
    """Which time a report covers."""

    CALENDAR = "calendar"
    """Whole units of the calendar, such as days or months: those that have ended before the due time."""
    SINCE_LAST = "since-last"
    """The time from the last due time up to this one."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When the reports of one subscription are due, and at which moments the time that they cover may end.

        >>> fridays = Schedule(cadence=Cadence.WEEKLY, time_zone=ZoneInfo("Europe/London"), weekday=5, hour=7)
        >>> fridays.after(datetime(2026, 11, 24, tzinfo=UTC)).isoformat()
        '2026-11-27T07:00:00+00:00'

    Attributes:
        cadence: how often.
        time_zone: the recipient's own, in which the rest is meant.
        hour: 0 to 23; not used by hourly reports, nor by cron.
        minute: 0 to 59; not used by cron.
        weekday: 1 (Monday) to 7 (Sunday), as ISO 8601 counts; used by cadences of weeks, in the first of them.
        day: 1 to 31; used by cadences of months, in the first of them, and the last day of a month that has no such
            day.
        cron: the line, where the cadence is `cron`.
        covers: which time a report covers; None for the default, which is `calendar` from daily up. A cron line that is
            due several times a day counts as more often than daily.
        working_day: in place of `day`, the first or the last working day of a month.
        days_off: of the subscription's calendar.
        send_between: the hours of the day in which reports come; None for all.
    """

    cadence: Cadence
    time_zone: ZoneInfo
    hour: int = 8
    minute: int = 0
    weekday: int = 1
    day: int = 1
    cron: "CronLine | None" = None
    covers: Covers | None = None
    working_day: WorkingDay | None = None
    days_off: DaysOff = NO_DAYS_OFF
    send_between: SendBetween | None = None

    def __post_init__(self) -> None:
        if (self.cadence is Cadence.CRON) != (self.cron is not None):
            raise ValueError("a cron line belongs to the cadence cron, and to no other")

    def at_or_before(self, moment: datetime) -> datetime:
        """The last due time that is not after the moment, in UTC."""
        return self.before(moment + _INSTANT)

    def before(self, moment: datetime) -> datetime:
        """The last due time before the moment, in UTC."""
        return _last_before(self, moment.astimezone(UTC))

    def after(self, moment: datetime) -> datetime:
        """The first due time after the moment, in UTC."""
        # In UTC, since two local times that are called alike count as equal, whichever of them is meant.
        return _first_after(self, moment.astimezone(UTC))

    @functools.cached_property
    def _dues(self) -> "Dues":
        """A report waits for its hours first: the day on which these begin may be a day off."""
        dues: Dues = _DuesOfCadence(self)
        if self.send_between:
            dues = WithinHours(dues, self.send_between, self.time_zone)
        return WithoutDaysOff(dues, self.days_off, self.time_zone) if self.days_off.dates else dues

    @property
    def covers_calendar(self) -> bool:
        """Whether reports cover whole units of the calendar."""
        if self.covers is not None:
            return self.covers is Covers.CALENDAR
        return self.cron.is_due_at_most_daily if self.cron else self.cadence is not Cadence.HOURLY

    def covered_until(self, due_at: datetime) -> datetime:
        """The end of the time that a report covers, by its due time."""
        if not self.covers_calendar:
            return self.at_or_before(due_at)
        if (self.send_between or self.days_off.dates) and self.at_or_before(due_at) == due_at:
            due_at = self._dues.meant(due_at)
        return self.unit_start(due_at)

    def next_due(self, reported_until: datetime, *, later_than: datetime | None = None) -> datetime:
        """The first due time whose report covers time after a moment.

        Args:
            reported_until: the end of the last period that was reported.
            later_than: a due time that is past: the next one is strictly later.
        """
        due_at = self.after(max(reported_until, later_than or reported_until))
        if self.covered_until(due_at) > reported_until:
            return due_at
        # The last report reached into a unit of the calendar: nothing more ends before that unit does.
        due_at = self.after(max(self.unit_end(reported_until) - _INSTANT, later_than or reported_until))
        while self.covered_until(due_at) <= reported_until:
            # It was due before, and has waited.
            due_at = self.after(due_at)
        return due_at

    def unit_start(self, moment: datetime) -> datetime:
        """The start, in UTC, of the unit of the calendar that a moment is in: an hour, a day, or the
        cadence's weeks, from a Monday, or months, of the recipient's own. By cron the unit is a day."""
        local = moment.astimezone(self.time_zone)
        first = local.date()
        if self.cadence is Cadence.HOURLY:
            # The offset is the moment's own, so that both hours of the same name begin.
            return moment - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        if months := self.cadence.months:
            first = first.replace(month=first.month - (first.month - 1) % months, day=1)
        elif weeks := self.cadence.weeks:
            first -= timedelta(days=(first - _FIRST_MONDAY).days % (7 * weeks))
        return start_of(first, self.time_zone)

    def unit_end(self, moment: datetime) -> datetime:
        """The start, in UTC, of the unit of the calendar that follows the one that a moment is in."""
        start = self.unit_start(moment)
        if self.cadence is Cadence.HOURLY:
            return start + timedelta(hours=1)
        longest = 31 * self.cadence.months or 7 * self.cadence.weeks or 1
        # At noon so many days after the first one the next unit has begun, whatever the clocks do.
        first = start.astimezone(self.time_zone).date()
        return self.unit_start(first_shown(datetime.combine(first + timedelta(days=longest), time(12)), self.time_zone))

    def day_start(self, moment: datetime) -> datetime:
        """The start, in UTC, of the recipient's day that a moment is in."""
        return start_of(moment.astimezone(self.time_zone).date(), self.time_zone)

    def _around(self, moment: datetime, width: int) -> Iterator[datetime]:
        """The cadence's due times on both sides of a moment, in no order; none on a side where the clocks skip all of
        them."""
        local = moment.astimezone(self.time_zone).replace(tzinfo=None)
        if self.cadence is Cadence.HOURLY:
            this_hour = local.replace(minute=0, second=0, microsecond=0)
            for hours in range(-width, width + 1):
                hour = this_hour + timedelta(hours=hours)
                # The clocks skip this hour, so it does not count.
                if is_shown(hour, self.time_zone) or is_shown(hour + timedelta(minutes=59), self.time_zone):
                    for fold in (0, 1):
                        yield first_shown(hour.replace(minute=self.minute), self.time_zone, fold=fold)
        elif self.cron is not None:
            yield from self._by_cron(self.cron, local, width)
        else:
            for day in self._days_around(local.date(), width):
                yield first_shown(datetime.combine(day, time(self.hour, self.minute)), self.time_zone)

    def _by_cron(self, cron: "CronLine", local: datetime, width: int) -> Iterator[datetime]:
        folds = (0, 1) if cron.runs_every_hour else (0,)
        a_minute, leap = timedelta(minutes=1), self._leap(local)
        before = cron.preceding(local + a_minute, width, until=local - leap)
        for due in (*before, *cron.following(local - a_minute, width, until=local + leap)):
            for fold in folds:
                yield first_shown(due, self.time_zone, fold=fold)

    def _leap(self, local: datetime) -> timedelta:
        """How far the clocks leap around a local time: there, times that are next to each other on the wall clock may
        lie so far apart."""
        day_before, day_after = (
            (local + timedelta(days=days)).replace(tzinfo=self.time_zone).utcoffset() or timedelta() for days in (-2, 2)
        )
        return abs(day_after - day_before)

    def _days_around(self, today: date, width: int) -> Iterator[date]:
        units = range(-width, width + 1)
        if months := self.cadence.months:
            this_unit = (today.year * 12 + today.month - 1) // months
            yield from (self._day_of_month((this_unit + each) * months) for each in units)
        elif weeks := self.cadence.weeks:
            begin = today - timedelta(days=(today - _FIRST_MONDAY).days % (7 * weeks))
            yield from (begin + timedelta(days=self.weekday - 1, weeks=each * weeks) for each in units)
        else:
            for day in (today + timedelta(days=each) for each in units):
                # A zone that crosses the date line skips a whole day: there is nothing to report about that day.
                if any(
                    is_shown(datetime.combine(day, hour), self.time_zone) for hour in (time.min, time(12), time.max)
                ):
                    yield day

    def _day_of_month(self, months: int) -> date:
        """The day on which a report is due in a month, counted from January of the year 0."""
        year, month = divmod(months, 12)
        last = calendar.monthrange(year, month + 1)[1]
        if self.working_day is None:
            return date(year, month + 1, min(self.day, last))
        days = [date(year, month + 1, day) for day in range(1, last + 1)]
        # A month may have none.
        working = list(filter(self.days_off.is_working_day, days)) or days
        return working[0] if self.working_day is WorkingDay.FIRST else working[-1]


@dataclass(frozen=True)
class _DuesOfCadence:
    """The due times that a schedule's cadence alone has."""

    schedule: Schedule

    def before(self, moment: datetime) -> datetime:
        return max(self._nearest(moment, lambda due_at: due_at < moment))

    def after(self, moment: datetime) -> datetime:
        return min(self._nearest(moment, lambda due_at: due_at > moment))

    def meant(self, due_at: datetime) -> datetime:
        return due_at

    def _nearest(self, moment: datetime, is_wanted: Callable[[datetime], bool]) -> Sequence[datetime]:
        """The wanted due times around a moment, searched as far away as needed to find one."""
        around = self.schedule._around
        wanted = ([due_at for due_at in around(moment, width) if is_wanted(due_at)] for width in _WIDTHS)
        return next(filter(None, wanted))


# Kept, since the reports of a run fell due at the same few moments, by the same few schedules.
@functools.lru_cache(maxsize=4096)
def _first_after(schedule: Schedule, moment: datetime) -> datetime:
    return schedule._dues.after(moment)


@functools.lru_cache(maxsize=4096)
def _last_before(schedule: Schedule, moment: datetime) -> datetime:
    return schedule._dues.before(moment)
