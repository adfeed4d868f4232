"""When a report is due, and which time it covers. Pure: time goes in as an argument.

A due time is a whole hour of the user's own time zone. A local time that does not exist on a day (the clocks went
forward) is taken at the next moment that does; one that exists twice is taken once, the first time. Hours themselves
are counted as they pass: when the clocks go back, an hourly report comes for both of the hours of the same name.
"""

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Literal, assert_never
from zoneinfo import ZoneInfo

from functions.shared.plausible_time import plausible


class Cadence(StrEnum):
    """How often a user is sent a report."""

    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


_ByDay = Literal[Cadence.DAILY, Cadence.WEEKLY, Cadence.MONTHLY]
"""Cadences whose due times are an hour of some days."""


@dataclass(frozen=True)
class Period:
    """The time that a report covers: from `start`, up to and without `end`, both in UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When one user's reports are due.

    Attributes:
        cadence: how often.
        time_zone: the user's own, in which the rest is meant.
        hour: 0 to 23; not used by hourly reports.
        weekday: 1 (Monday) to 7 (Sunday), as ISO 8601 counts; used by weekly reports.
        day: 1 to 31; used by monthly reports, and the last day of a month that has no such day.
    """

    cadence: Cadence
    time_zone: ZoneInfo
    hour: int = 8
    weekday: int = 1
    day: int = 1

    def at_or_before(self, moment: datetime) -> datetime:
        """The last due time that is not after the moment, in UTC."""
        return max(due for due in self._around(moment) if due <= moment)

    def before(self, moment: datetime) -> datetime:
        """The last due time before the moment, in UTC."""
        return max(due for due in self._around(moment) if due < moment)

    def after(self, moment: datetime) -> datetime:
        """The first due time after the moment, in UTC."""
        return min(due for due in self._around(moment) if due > moment)

    def _around(self, moment: datetime) -> Iterator[datetime]:
        """Due times on both sides of a moment, at least two on each, in no order."""
        match self.cadence:
            case Cadence.HOURLY:
                # Looked up from moments rather than from local hours: a leap over the date line leaves 24 of those out.
                shown = (
                    (moment + half_hours * timedelta(minutes=30)).astimezone(self.time_zone)
                    for half_hours in range(-6, 7)
                )
                for hour in {each.replace(tzinfo=None, minute=0, second=0, microsecond=0, fold=0) for each in shown}:
                    for fold in (0, 1):
                        yield self._in_utc(hour, fold)
            case Cadence.DAILY | Cadence.WEEKLY | Cadence.MONTHLY:
                for day in self._days_around(moment.astimezone(self.time_zone).date(), self.cadence):
                    yield self._in_utc(datetime.combine(day, time(self.hour)), fold=0)
            case _:
                assert_never(self.cadence)

    def _days_around(self, today: date, cadence: _ByDay) -> Iterator[date]:
        match cadence:
            case Cadence.DAILY:
                for days in range(-3, 4):
                    day = today + timedelta(days=days)
                    # A zone that crosses the date line leaves a whole day out: there is nothing to report of it.
                    if any(self._is_shown(datetime.combine(day, hour)) for hour in (time.min, time(12), time.max)):
                        yield day
            case Cadence.WEEKLY:
                this_week = today + timedelta(days=self.weekday - today.isoweekday())
                for weeks in range(-3, 4):
                    yield this_week + timedelta(weeks=weeks)
            case Cadence.MONTHLY:
                for months in range(-3, 4):
                    year, month = divmod(today.year * 12 + today.month - 1 + months, 12)
                    yield date(year, month + 1, min(self.day, calendar.monthrange(year, month + 1)[1]))
            case _:
                assert_never(cadence)

    def _is_shown(self, local: datetime) -> bool:
        moment = local.replace(tzinfo=self.time_zone).astimezone(UTC)
        return moment.astimezone(self.time_zone).replace(tzinfo=None) == local

    def _in_utc(self, local: datetime, fold: int) -> datetime:
        moment = local.replace(tzinfo=self.time_zone, fold=fold).astimezone(UTC)
        if moment.astimezone(self.time_zone).replace(tzinfo=None) == local:
            return moment
        return self._end_of_gap(local)

    def _end_of_gap(self, local: datetime) -> datetime:
        """The moment at which the clocks leaped over a local time.

        Taken with the offset of before, a time in the gap is after the leap; with that of afterwards, before it. The
        leap is where the offset changes between the two.
        """
        after = local.replace(tzinfo=self.time_zone, fold=0).astimezone(UTC)
        before = local.replace(tzinfo=self.time_zone, fold=1).astimezone(UTC)
        offset_before = before.astimezone(self.time_zone).utcoffset()
        while after - before > timedelta(seconds=1):
            middle = (before + (after - before) / 2).replace(microsecond=0)
            if middle.astimezone(self.time_zone).utcoffset() == offset_before:
                before = middle
            else:
                after = middle
        return after


def period_to_report(
    schedule: Schedule, *, due_at: datetime, run_time: datetime, reported_until: datetime | None = None
) -> Period:
    """The time that the report due at a moment covers when the run that sends it is at another, perhaps much later.

    It begins where the last report ended, so that nothing is reported twice or left out whatever happened to the
    schedule meanwhile; without a last report it begins one cadence before the due time. It ends with the last due time
    that the run has reached, so that missed runs are caught up by one report. The next report is due at
    `schedule.after(period.end)`.

    Args:
        schedule: the user's, as it is now.
        due_at: when the report fell due. Not a time of the schedule where the user has just been enrolled or has
            changed the schedule since.
        run_time: the time of the dispatcher's run.
        reported_until: the end of the last period that was reported or given up, where there was one.
    """
    first_end = schedule.at_or_before(due_at)
    start = plausible(reported_until) or schedule.before(first_end)
    end = schedule.at_or_before(max(due_at, run_time))
    if end <= start and due_at > start:
        # The schedule was changed to one whose next due time is not reached yet: report up to the promised moment.
        end = due_at
    elif end <= start:
        # The due time was set back by hand, to have a report again: the period that was due then.
        start, end = schedule.before(first_end), first_end
    return Period(start=start, end=end)
