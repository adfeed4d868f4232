"""When a user's reports must fall due, found out by looking at clocks. Pure.

The functions reckon with calendars; this counts quarters of an hour and looks at each what the clock on the user's
wall shows. It knows nothing of times that a zone leaves out, which is why those who are not sent a report every hour
live where the clocks are not changed.
"""

import calendar
import functools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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

    def after(self, moment: datetime) -> datetime:
        """The next due time."""
        return _nearest(self, _floor(moment) + _STEP, _STEP)

    def before(self, moment: datetime) -> datetime:
        """The due time before."""
        return _nearest(self, _floor(moment - timedelta(microseconds=1)), -_STEP)

    def until(self, moment: datetime) -> datetime:
        """The last due time, this moment included."""
        return _nearest(self, _floor(moment), -_STEP)


@functools.lru_cache(maxsize=10_000)
def _nearest(plan: Plan, moment: datetime, step: timedelta) -> datetime:
    while not plan.is_due(moment):
        moment += step
    return moment


def _floor(moment: datetime) -> datetime:
    moment = moment.astimezone(UTC)
    return moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)
