"""When a user's reports must fall due, and what they must cover, found out by looking at clocks. Pure.

The functions reckon with calendars; this counts quarters of an hour and looks at each what the clock on the user's
wall shows. It knows nothing of times that a zone leaves out, which is why those who are not sent a report every hour
live where the clocks are not changed.
"""

import calendar
import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

_STEP = timedelta(minutes=15)


@dataclass(frozen=True)
class Plan:
    """How often, and when, as a user's document says it.

    Attributes:
        cadence: `hourly`, `daily`, `weekly` or `monthly`.
        zone: of the IANA database.
        hour: for all but hourly reports.
        weekday: for weekly ones, 1 is Monday.
        day: for monthly ones.
    """

    cadence: str
    zone: str
    hour: int = 8
    weekday: int = 1
    day: int = 1

    @classmethod
    def due_at(cls, moment: datetime, cadence: str, zone: str) -> "Plan":
        """The plan by which a report falls due at a moment, or in the hour of the zone that has begun by then."""
        local = moment.astimezone(ZoneInfo(zone))
        return cls(cadence, zone, local.hour, local.isoweekday(), local.day)

    def to_fields(self) -> dict[str, object]:
        """The fields of a user's document."""
        report = {"cadence": self.cadence, "hour": self.hour, "weekday": self.weekday, "day": self.day}
        return {"time_zone": self.zone, "report": report}

    def is_due(self, moment: datetime) -> bool:
        """Whether a report falls due at a moment."""
        local = moment.astimezone(ZoneInfo(self.zone))
        if (local.minute, local.second, local.microsecond) != (0, 0, 0):
            return False
        if self.cadence == "hourly":
            return True
        days_of_month = calendar.monthrange(local.year, local.month)[1]
        on_this_day = {
            "daily": True,
            "weekly": local.isoweekday() == self.weekday,
            "monthly": local.day == min(self.day, days_of_month),
        }
        return local.hour == self.hour and on_this_day[self.cadence]

    def is_end(self, moment: datetime) -> bool:
        """Whether the time that a report covers may end at a moment: at a due time, or from daily reports up with a
        day, a week that begins on Monday, or a month."""
        local = moment.astimezone(ZoneInfo(self.zone))
        if self.cadence == "hourly":
            return self.is_due(moment)
        begins = {"daily": True, "weekly": local.isoweekday() == 1, "monthly": local.day == 1}
        return local.time() == time() and begins[self.cadence]

    def until(self, moment: datetime) -> datetime:
        """The last due time, this moment included."""
        return _nearest(self.is_due, _floor(moment), -_STEP)

    def covered_until(self, due_at: datetime) -> datetime:
        """Where the time ends that the report of a moment covers."""
        return _nearest(self.is_end, _floor(due_at), -_STEP)

    def covered_from(self, due_at: datetime) -> datetime:
        """Where the time begins that a user's first report covers, due at a moment."""
        return _nearest(self.is_end, self.covered_until(due_at) - _STEP, -_STEP)

    def next_due(self, reported_until: datetime, *, later_than: datetime) -> datetime:
        """The first due time with something to report that ends after a moment, and that is itself after another."""
        moment = max(reported_until, later_than)
        while True:
            moment = _nearest(self.is_due, _floor(moment) + _STEP, _STEP)
            if self.covered_until(moment) > reported_until:
                return moment


@functools.lru_cache(maxsize=10_000)
def _nearest(is_it: Callable[[datetime], bool], moment: datetime, step: timedelta) -> datetime:
    while not is_it(moment):
        moment += step
    return moment


def _floor(moment: datetime) -> datetime:
    moment = moment.astimezone(UTC)
    return moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)
