"""Measures how long the queues have worked, without the time in which they stood still. Pure.

A report's 24 hours, and the time that its task may take, are time in which a queue could have dispatched the task. Time
in which the queue was paused counts towards neither. Nor does time in which tasks waited behind others for longer than
the queue's rate explains, nor time in which the breaker had stopped the runs, which would have made a second task. Each
run records how it found the queues, and whether it was stopped; this clock reads those records.
"""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from functions.shared.run import QueueCondition


class QueueReading(NamedTuple):
    """The state in which a run found the queues.

    Attributes:
        at: the time that the run was for.
        condition: None where they worked.
        is_stopped: whether the breaker had stopped the run.
    """

    at: datetime
    condition: QueueCondition | None
    is_stopped: bool = False


class QueueClock:
    """A clock that stands still while the queues do.

    Between two runs the queues count as standing still if either run found them paused, since the pause may have begun
    or ended at any time in between, or if the first found them behind, or was stopped.

    Args:
        readings: of the earlier runs and of this one, in any order.
    """

    def __init__(self, readings: Iterable[QueueReading] = ()) -> None:
        self._ends: list[datetime] = []
        self._stood: list[timedelta] = []
        self._starts: list[datetime] = []
        stood = timedelta(0)
        for before, after in pairwise(sorted(readings, key=lambda reading: reading.at)):
            if before.is_stopped or before.condition is not None or after.condition is QueueCondition.PAUSED:
                self._starts.append(before.at)
                self._ends.append(after.at)
                stood += after.at - before.at
                self._stood.append(stood)

    def reading(self, moment: datetime) -> datetime:
        """The moment, less all the time before it in which the queues stood still."""
        over = bisect_right(self._ends, moment)
        stood = self._stood[over - 1] if over else timedelta(0)
        if over < len(self._ends):
            stood += max(moment - self._starts[over], timedelta(0))
        return moment - stood

    def between(self, begin: datetime, end: datetime) -> timedelta:
        """How long the queues worked between two moments."""
        return self.reading(end) - self.reading(begin)
