"""Finds when a subscription's reports must fall due, and what they must cover, by stepping through a clock. Pure.

The functions calculate with calendars; this steps through quarters of an hour and reads the recipient's wall clock at
each. It does not handle times that a zone skips. So users without hourly reports live where the clocks do not change.
"""

import calendar
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_STEP = timedelta(minutes=15)
_INSTANT = timedelta(microseconds=1)

_LOWEST = (0, 0, 1, 1, 0)
"""The lowest values of the five fields of a cron line."""


@dataclass(frozen=True)
class Plan:
    """How often, and when, as a subscription's document says it.

    Attributes:
        cadence: `hourly`, `daily`, `weekly`, `biweekly`, `monthly` or `cron`.
        zone: of the IANA database.
        hour: for all but hourly reports and those by cron.
        minute: a quarter of an hour; for all but those by cron.
        weekday: for weekly and biweekly ones, 1 is Monday.
        day: for monthly ones.
        cron: the line, of numbers, ranges, steps and lists, due at quarters of an hour.
        covers: `calendar` or `since-last`; empty for the default.
        send_between: hours of one day in which reports come, such as 08:00-18:00; empty for all.
        calendar: the name of the calendar with the days off; empty for none.
        days_off: the days from which reports move to the next working day.
    """

    cadence: str
    zone: str
    hour: int = 8
    minute: int = 0
    weekday: int = 1
    day: int = 1
    cron: str = ""
    covers: str = ""
    send_between: str = ""
    calendar: str = ""
    days_off: frozenset[date] = frozenset()

    @classmethod
    def due_at(
        cls, moment: datetime, cadence: str, zone: str, *, minute: int = 0, cron: str = "", covers: str = ""
    ) -> "Plan":
        """The plan by which a report falls due at a moment, or in the hour of the zone that has begun by then.

        Args:
            moment: when.
            cadence: see above.
            zone: see above.
            minute: see above.
            cron: a line in which `{hour}`, `{weekday}` and `{parity}` stand for those of the moment; the last is 0 or
                1, the first of every other hour.
            covers: see above.
        """
        local = moment.astimezone(ZoneInfo(zone))
        line = cron.format(hour=local.hour, weekday=local.isoweekday() % 7, parity=local.hour % 2)
        return cls(cadence, zone, local.hour, minute, local.isoweekday(), local.day, line, covers)

    def to_fields(self) -> dict[str, object]:
        """The fields of a subscription's document, all but the time zone."""
        when = {"hour": self.hour, "minute": self.minute, "weekday": self.weekday, "day": self.day}
        return {
            "cadence": self.cadence,
            **({"cron": self.cron} if self.cron else when),
            **({"covers": self.covers} if self.covers else {}),
            **({"send_between": self.send_between} if self.send_between else {}),
            **({"calendar": self.calendar} if self.calendar else {}),
        }

    def is_due(self, moment: datetime) -> bool:
        """Whether a report falls due at a moment."""
        local = moment.astimezone(ZoneInfo(self.zone))
        if local.date() in self.days_off:
            return False
        return any(map(self._is_due_in_hours, (local, *self._moved_from(local))))

    def _moved_from(self, local: datetime) -> Iterator[datetime]:
        """The same time of the days off whose reports move to this day."""
        day = local - timedelta(days=1)
        while _is_working_day(local, self.days_off) and not _is_working_day(day, self.days_off):
            if day.date() in self.days_off:
                yield day
            day -= timedelta(days=1)

    def _is_due_in_hours(self, moment: datetime) -> bool:
        if not self._is_open(moment):
            return False
        while not (is_meant := self._is_meant(moment)) and not self._is_open(moment - _STEP):
            moment -= _STEP
        return is_meant

    def _is_open(self, moment: datetime) -> bool:
        opens, _, closes = self.send_between.partition("-")
        return not closes or opens <= f"{moment.astimezone(ZoneInfo(self.zone)):%H:%M}" < closes

    def _comes_at(self, meant: datetime) -> datetime:
        """When a report falls due that the cadence alone would have fall due at a moment."""
        moment = _nearest(Plan._is_open, self, meant, _STEP).astimezone(ZoneInfo(self.zone))
        if moment.date() in self.days_off:
            while not _is_working_day(moment, self.days_off):
                moment += timedelta(days=1)
        return moment

    def _is_meant(self, moment: datetime) -> bool:
        """Whether a report falls due at a moment by the cadence alone."""
        local = moment.astimezone(ZoneInfo(self.zone))
        if (local.second, local.microsecond) != (0, 0):
            return False
        if self.cadence == "cron":
            return self._is_due_by_cron(local)
        if local.minute != self.minute:
            return False
        if self.cadence == "hourly":
            return True
        days_of_month = calendar.monthrange(local.year, local.month)[1]
        on_this_day = {
            "daily": True,
            "weekly": local.isoweekday() == self.weekday,
            "biweekly": local.isoweekday() == self.weekday and _is_first_week(local),
            "monthly": local.day == min(self.day, days_of_month),
        }
        return local.hour == self.hour and on_this_day[self.cadence]

    def _is_due_by_cron(self, local: datetime) -> bool:
        shown = (local.minute, local.hour, local.day, local.month, local.isoweekday() % 7)
        fields = self.cron.split()
        minute, hour, day, month, weekday = map(_matches, fields, shown, _LOWEST)
        # Where both days are restricted, either will do.
        on_this_day = day or weekday if "*" not in fields[2] + fields[4] else day and weekday
        return minute and hour and month and on_this_day

    @property
    def covers_calendar(self) -> bool:
        """Whether reports cover whole hours, days, weeks or months."""
        if self.covers or self.cadence == "hourly":
            return self.covers == "calendar"
        minute, hour, *_ = (self.cron or "0 0 * * *").split()
        return minute.isdigit() and hour.isdigit()

    def is_end(self, moment: datetime) -> bool:
        """Whether the time that a report covers may end at a moment: at a due time or, where it covers the calendar,
        with an hour, a day, a week that begins on Monday, or a month."""
        if not self.covers_calendar:
            return self.is_due(moment)
        local = moment.astimezone(ZoneInfo(self.zone))
        if self.cadence == "hourly":
            return (local.minute, local.second, local.microsecond) == (0, 0, 0)
        is_monday = local.isoweekday() == 1
        begins = {"weekly": is_monday, "biweekly": is_monday and _is_first_week(local), "monthly": local.day == 1}
        return local.time() == time() and begins.get(self.cadence, True)

    def until(self, moment: datetime) -> datetime:
        """The last due time, this moment included."""
        return _nearest(Plan.is_due, self, _floor(moment), -_STEP)

    def covered_until(self, due_at: datetime) -> datetime:
        """The end of the time that a report covers, by its due time."""
        moment = _floor(due_at)
        if self.covers_calendar and self.is_due(due_at):
            # By the report that was meant to come last, of those that come by then.
            while not (self._is_meant(moment) and self._comes_at(moment) <= due_at):
                moment -= _STEP
        return _nearest(Plan.is_end, self, moment, -_STEP)

    def covered_from(self, due_at: datetime) -> datetime:
        """The start of the time that a subscription's first report covers, by its due time."""
        return _nearest(Plan.is_end, self, self.covered_until(due_at) - _STEP, -_STEP)

    def next_due(self, reported_until: datetime, *, later_than: datetime) -> datetime:
        """The first due time with something to report that ends after a moment, and that is itself after another."""
        moment = max(reported_until, later_than)
        while True:
            moment = _nearest(Plan.is_due, self, _floor(moment) + _STEP, _STEP)
            if self.covered_until(moment) > reported_until:
                return moment

    def after_pause(self, reported_until: datetime, since: datetime, until: datetime) -> datetime:
        """Where the next report begins after a pause: at the end of the last period whose report fell due within it.

        Args:
            reported_until: where it would begin without the pause.
            since: the beginning of the pause.
            until: its end.
        """
        last = self.until(until - _INSTANT)
        return max(reported_until, self.covered_until(last)) if last >= since else reported_until

    def first_due(self, reported_until: datetime, *, not_before: datetime) -> datetime:
        """The first due time of a subscription that is scheduled, or resumed, at a moment: that moment included."""
        return self.next_due(reported_until, later_than=not_before - _INSTANT)


def _is_working_day(day: datetime, days_off: frozenset[date]) -> bool:
    return day.isoweekday() <= 5 and day.date() not in days_off


def _is_first_week(day: datetime) -> bool:
    """Whether a week is the first of two: pairs are counted from that of Monday 5 January 1970."""
    return (day.date() - date(1970, 1, 5)).days // 7 % 2 == 0


def _matches(field: str, shown: int, lowest: int) -> bool:
    """Whether a field of a cron line names what a clock or a calendar shows."""
    for part in field.split(","):
        values, _, step = part.partition("/")
        first, _, last = values.partition("-")
        begin = lowest if first == "*" else int(first)
        end = shown if first == "*" else int(last or first)
        if begin <= shown <= end and (shown - begin) % int(step or 1) == 0:
            return True
    return False


@functools.lru_cache(maxsize=10_000)
def _nearest(is_it: Callable[[Plan, datetime], bool], plan: Plan, moment: datetime, step: timedelta) -> datetime:
    while not is_it(plan, moment):
        moment += step
    return moment


def _floor(moment: datetime) -> datetime:
    moment = moment.astimezone(UTC)
    return moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)
