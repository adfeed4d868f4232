"""When a cron line is due, in the unix-cron format that Cloud Scheduler takes.

https://cloud.google.com/scheduler/docs/configuring/cron-job-schedules
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from croniter import CroniterBadDateError, CroniterError, croniter

# croniter accepts more than Cloud Scheduler does (seconds, L, #, random and hashed values). Refuse such lines here,
# since the service would refuse them.
_NAME = r"(?:\d{1,2}|[A-Za-z]{3})"
_PART = rf"(?:\*|{_NAME}(?:-{_NAME})?)(?:/\d+)?"
_FIELD = re.compile(rf"{_PART}(?:,{_PART})*", re.ASCII)
_STEP_WITHOUT_RANGE = re.compile(r"(?:^|,)\w+/")
_FIELDS = ("minute", "hour", "day of the month", "month", "day of the week")
_PROBE = timedelta(hours=12)
"""Shorter than a zone keeps an offset."""
_SECOND = timedelta(seconds=1)


class InvalidSchedule(ValueError):
    """A cron line that Cloud Scheduler would refuse. The text says which field, and what is wrong."""


@dataclass(frozen=True)
class CronSchedule:
    """A cron line in a time zone.

    It goes by the wall clock: a time that the clock skips when summer time begins is not due that day, and one that
    it shows twice when summer time ends is due twice. The service promises no more than that such jobs "run or not run
    unexpectedly"; Etc/UTC has neither.

    Args:
        line: five fields, such as `0 9 * * 1-5`. Where both days are restricted, either will do.
        time_zone: whose wall clock.

    Raises:
        InvalidSchedule: the line is none.
    """

    line: str
    time_zone: ZoneInfo

    def __post_init__(self) -> None:
        fields = self.line.split()
        if len(fields) != len(_FIELDS):
            raise InvalidSchedule(
                f"{self.line!r} must have five fields ({', '.join(_FIELDS)}), such as 0 * * * *; it has {len(fields)}"
            )
        for name, field in zip(_FIELDS, fields, strict=True):
            if not _FIELD.fullmatch(field):
                raise InvalidSchedule(
                    f"{field!r} is no {name}: it may hold numbers, ranges, lists, * and steps, as in 0,30 or 8-18/2"
                )
            if _STEP_WITHOUT_RANGE.search(field):
                raise InvalidSchedule(f"{field!r} is no {name}: a step follows a range or *, as in 0-23/2 or */2")
        try:
            self._next_on_the_wall(datetime(2000, 1, 1))  # noqa: DTZ001 - a wall clock has no zone
        except CroniterBadDateError as error:
            raise InvalidSchedule(f"{self.line!r} is never due") from error
        except CroniterError as error:
            raise InvalidSchedule(f"{self.line!r} is not a cron line: {error}") from error

    def __str__(self) -> str:
        return f"{self.line} in {self.time_zone}"

    def after(self, moment: datetime) -> datetime:
        """The first due time later than a moment.

        Args:
            moment: any time, with its zone.

        Returns:
            The due time, on a whole minute of the wall clock, in UTC.
        """
        # Between two changes of the zone's offset the wall clock runs evenly and is as good as UTC, so that each
        # stretch is searched on its own.
        stretch = later_than = moment.astimezone(UTC)
        while True:
            offset = self._offset(stretch)
            wall_clock = (later_than + offset).replace(tzinfo=None)
            due = self._next_on_the_wall(wall_clock).replace(tzinfo=UTC) - offset
            change = self._first_change(stretch, due)
            if change is None:
                return due
            stretch, later_than = change, change - _SECOND

    def _next_on_the_wall(self, wall_clock: datetime) -> datetime:
        due: datetime = croniter(self.line, wall_clock).get_next(datetime)
        return due

    def _offset(self, moment: datetime) -> timedelta:
        return moment.astimezone(self.time_zone).utcoffset() or timedelta()

    def _first_change(self, start: datetime, end: datetime) -> datetime | None:
        """The first second between the two, the end included, at which the offset is not that of the start."""
        offset = self._offset(start)
        before = start.replace(microsecond=0)
        while before < end:
            probe = min(before + _PROBE, end)
            if self._offset(probe) != offset:
                while probe - before > _SECOND:
                    middle = before + timedelta(seconds=(probe - before) // _SECOND // 2)
                    if self._offset(middle) == offset:
                        before = middle
                    else:
                        probe = middle
                return probe
            before = probe
        return None
