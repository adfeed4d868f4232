"""How long the queues have worked: time without that in which they stood still. Pure.

A report's 24 hours, and the time that its task may take, are times in which a queue could have dispatched it. Time in
which the queue was paused counts towards neither, and nor does time in which tasks waited behind others for longer
than the queue's rate explains. Each run records how it found the queues; that is what this clock reads.
"""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple


class QueueCondition(StrEnum):
    """What `runs/{run_id}` has in `queues`, where they did not simply work."""

    PAUSED = "paused"
    """One of them was paused or disabled when the run looked."""
    BEHIND = "behind"
    """A task was still waiting that should have been over, by the queues' rate and retry policy."""


class Look(NamedTuple):
    """How a run found the queues.

    Attributes:
        at: the time that the run was for.
        condition: None where they worked.
    """

    at: datetime
    condition: QueueCondition | None


class QueueClock:
    """A clock that stands still while the queues do.

    Between two runs the queues count as standing where either found them paused, since nobody knows when in between
    that began or ended, and where the first found them behind.

    Args:
        looks: of the former runs and of this one, in any order.
    """

    def __init__(self, looks: Iterable[Look] = ()) -> None:
        self._ends: list[datetime] = []
        self._stood: list[timedelta] = []
        self._starts: list[datetime] = []
        stood = timedelta(0)
        for before, after in pairwise(sorted(looks, key=lambda look: look.at)):
            if before.condition is not None or after.condition is QueueCondition.PAUSED:
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
