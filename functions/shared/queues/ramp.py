"""The ramp of a new domain or address: so many reports on the first day, and more on each day after it. Pure.

The ramp works by the queues' rate: a day's allowance, spread over the day and the report queues. What is held back
waits as tasks in the queues. The script that deploys computes with this module, too, so it needs only Python itself.
"""

import math
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

DEFAULT_FIRST_DAY = 200
MOST_FIRST_DAY = 10**9
DEFAULT_GROWTH = 1.5
"""Slower than an email provider's own warmup of an address, which begins with 20 emails an hour and grows by 1.4 a
day."""

GROWTHS = (1.01, 10.0)
"""The least growth and the most."""

_DAY_SECONDS = 86_400

_SAME = 1e-6
"""The relative difference up to which two rates are the same: a rate passes through JSON and command lines."""


class Ramp(NamedTuple):
    """A ramp, from its first day to the day on which the queues reach their full rate.

    Days are those of UTC and counted from 1. Before the ramp starts, the allowance is that of its first day.

    Attributes:
        start: the first day.
        first_day: how many reports it allows; at least 1.
        growth: the factor by which each day allows more than the day before; above 1.
        full_rate: the most dispatches a second of one queue after the ramp.
        queues: among how many queues the reports are spread.
    """

    start: date
    first_day: int
    growth: float
    full_rate: float
    queues: int = 1

    @property
    def days(self) -> int:
        """How many days the ramp has: on each, the allowance is below the full rate."""
        full = self.full_rate * self.queues * _DAY_SECONDS
        return max(0, math.ceil(math.log(full / self.first_day) / math.log(self.growth)))

    def day(self, today: date) -> int:
        """Which day it is."""
        return max(1, (today - self.start).days + 1)

    def is_over(self, today: date) -> bool:
        """Whether the queues may have their full rate."""
        return self.day(today) > self.days

    def allowance(self, day: int) -> int:
        """How many reports a day of the ramp allows.

        Args:
            day: from 1 to `days`.
        """
        return math.floor(self.first_day * self.growth ** (day - 1))

    def rate(self, today: date) -> float:
        """How many dispatches a second each queue may have: never more than the full rate."""
        return self._rate_of(self.day(today))

    def rate_to_set(self, current: float, today: date) -> float | None:
        """The rate to give a queue; None where it keeps the rate that it has.

        A rate below that of the ramp is raised only if the ramp itself had set it on an earlier day. So a queue that an
        operator has slowed down stays slow, and after the ramp each queue gets its full rate once.

        Args:
            current: the queue's rate.
            today: the present day.
        """
        wanted = self.rate(today)
        if _is_same(current, wanted):
            return None
        if current > wanted:
            return None if self.is_over(today) else wanted
        earlier = range(1, min(self.day(today), self.days + 1))
        return wanted if any(_is_same(current, self._rate_of(day)) for day in earlier) else None

    def sent_by(self, tasks: int, now: datetime) -> datetime:
        """When the queues have sent so many reports, if they go at the ramp's rate.

        Args:
            tasks: how many reports wait.
            now: the present, in UTC.
        """
        moment, left = now, float(tasks)
        while not self.is_over(moment.date()):
            midnight = datetime.combine(moment.date() + timedelta(days=1), time(), moment.tzinfo)
            allowed = self._rate_of_all(moment) * (midnight - moment).total_seconds()
            if allowed >= left:
                break
            moment, left = midnight, left - allowed
        return moment + timedelta(seconds=left / self._rate_of_all(moment))

    def _rate_of_all(self, moment: datetime) -> float:
        return self.rate(moment.date()) * self.queues

    def _rate_of(self, day: int) -> float:
        allowed = math.inf if day > self.days else self.allowance(day) / _DAY_SECONDS / self.queues
        return min(allowed, self.full_rate)


def _is_same(rate: float, other: float) -> bool:
    return math.isclose(rate, other, rel_tol=_SAME)
