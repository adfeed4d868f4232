"""How much of a quota is used, and how much will be. Pure.

The forecast goes on at the pace since the quota was renewed. It is a straight line, which a reader can check in the
head, and it is not made from less than a day.
"""

import bisect
import itertools
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from kinds.usage.quota import Quota
from report_kit import Cadence, Period, Schedule, starts_of_days, usable_amount

_TOO_EARLY = timedelta(days=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a quota stands.

    Attributes:
        quota: which.
        window: from when to when it counts.
        as_of: the moment of all this.
        used: how much is used in the window so far.
        expected: how much will have been at its end, at this pace; None where it is too early to say.
        used_up_at: when all that is allowed will be used, at this pace; None where that is not within the window.
        days: the days of the window.
        per_day: what had been used by the end of each day so far.
        expected_per_day: what will have been by the end of each day that follows; empty without a forecast.
    """

    quota: Quota
    window: Period
    as_of: datetime
    used: float
    expected: float | None
    used_up_at: datetime | None
    days: list[date]
    per_day: list[float]
    expected_per_day: list[float]

    @property
    def for_programs(self) -> dict[str, str | float | None]:
        """What schema.json describes."""
        return {
            "quota": self.quota.id,
            "unit": self.quota.unit,
            "allowed": self.quota.allowed,
            "used": self.used,
            "expected": self.expected,
        }

    @property
    def is_over(self) -> bool:
        """Whether the window has ended."""
        return self.as_of >= self.window.end

    @property
    def is_used_up(self) -> bool:
        """Whether nothing is left."""
        return self.used >= self.quota.allowed

    @property
    def strain(self) -> float:
        """How much of what is allowed will be used, as a share: what is worth a look comes first."""
        return max(self.used, self.expected or 0.0) / self.quota.allowed


class Consumption:
    """Adds up what is used of one quota, in the month that a report is about.

    That is the month in which the report's period ends; or the one before, where that ended within the period's last
    half day: a report that comes on the first tells how the month went that is over.

    Args:
        quota: which.
        period: the report's.
        zone: the user's, whose midnight the quota begins at.
    """

    def __init__(self, quota: Quota, period: Period, zone: ZoneInfo) -> None:
        schedule = Schedule(cadence=Cadence.MONTHLY, time_zone=zone, hour=0, day=quota.renews_on)
        within = period.end - min(period.end - period.start, _DAY) / 2
        self.quota = quota
        self.window = Period(start=schedule.at_or_before(within), end=schedule.after(within))
        self.as_of = min(period.end, self.window.end)
        self._edges = list(starts_of_days(self.window, zone))
        self._days = [edge.astimezone(zone).date() for edge in self._edges]
        self._amounts = [0.0] * len(self._days)

    @property
    def edges(self) -> list[datetime]:
        """The moments on whose two sides usages count separately."""
        return [*self._edges, self.as_of]

    @property
    def days_so_far(self) -> list[Period]:
        """The days that have begun, the last as far as it has come."""
        begun = [edge for edge in self._edges if edge < self.as_of]
        return [Period(start, end) for start, end in itertools.pairwise([*begun, self.as_of])]

    def add(self, at: datetime, amount: Any) -> bool:
        """Count a usage; false where its amount cannot be. What is given back has an amount below zero."""
        usable = usable_amount(amount)
        if usable is not None:
            self.add_sum(at, usable)
        return usable is not None

    def add_sum(self, at: datetime, amount: float) -> None:
        """Count usages that are added up already."""
        if self.window.start <= at < self.as_of:
            self._amounts[max(0, bisect.bisect_right(self._edges, at) - 1)] += amount

    def end_at(self, moment: datetime) -> None:
        """Say how the quota stood at an earlier moment, until which all that was used has been added."""
        self.as_of = max(self.window.start, min(self.as_of, moment))

    def standing(self) -> Standing:
        """How the quota stands with what was added so far."""
        used = sum(self._amounts)
        begun = max(1, bisect.bisect_left(self._edges, self.as_of))
        per_day, total = [], 0.0
        for amount in self._amounts[:begun]:
            total += amount
            per_day.append(total)
        elapsed, left = self.as_of - self.window.start, self.window.end - self.as_of
        expected = used_up_at = None
        expected_per_day: list[float] = []
        if elapsed >= _TOO_EARLY:
            pace = max(used, 0.0) / elapsed.total_seconds()
            expected = used + pace * left.total_seconds()
            ends = [*self._edges[1:], self.window.end]
            expected_per_day = [used + pace * (end - self.as_of).total_seconds() for end in ends[begun:]]
            if used < self.quota.allowed < expected:
                used_up_at = self.as_of + timedelta(seconds=(self.quota.allowed - used) / pace)
        return Standing(
            quota=self.quota,
            window=self.window,
            as_of=self.as_of,
            used=used,
            expected=expected,
            used_up_at=used_up_at,
            days=self._days,
            per_day=per_day,
            expected_per_day=expected_per_day,
        )
