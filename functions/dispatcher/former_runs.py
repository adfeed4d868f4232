"""What former runs have already done for a report that is still due: whether it waits in a queue or got lost. Pure."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import NamedTuple

from functions.dispatcher.queue_clock import QueueClock
from functions.shared.ids import run_id


@dataclass(frozen=True, kw_only=True)
class FormerRun:
    """A run that has come to its end.

    Attributes:
        scheduled_for: the time that it was for.
        started_at: when it began to read who is due.
        finished_at: when it had enqueued its tasks.
        due: how many reports it found due: at most as many tasks did it make.
        is_behind: whether it found tasks waiting that should have been over. Then it made second ones only for reports
            whose task was gone, and nobody knows for which.
    """

    scheduled_for: datetime
    started_at: datetime
    finished_at: datetime
    due: int
    is_behind: bool = False


class Standing(Enum):
    """How a report that is due stands in the queues."""

    FRESH = auto()
    """It fell due since the run before: no task was made for it yet."""

    QUEUED = auto()
    """A former run made a task for it that may still be under way."""

    OVERDUE = auto()
    """Every task made for it has had its whole time: one that the queue no longer holds died without a trace."""


class Place(NamedTuple):
    """A report's standing, and the name of the task that it is to have.

    Attributes:
        standing: as above.
        salt: for `task_id()`: empty for a report's first task, then the id of the run that made the newest one. A run
            that is repeated finds the same salt, so what it enqueues again is refused as known.
        newest_task_from: when the run began that made the newest task, for each user who was due by then; None where
            there was no such run.
        salts: of the tasks that it may have by now, the oldest first.
    """

    standing: Standing
    salt: str
    newest_task_from: datetime | None = None
    salts: tuple[str, ...] = ("",)


class FormerRuns:
    """The runs before this one, and what follows from them for each report that is due now.

    The first run at or after a report's due time made its first task. When that task must have ended, which is when
    the queue has worked off the run's tasks and the longest retry time has passed, the next run makes a second one,
    and so on. All of these times are the queues' own: while they stand still no task comes closer to its end. This only
    says whose task the queue is to be asked for (waiting_tasks.py); a task that it still holds is not dead.

    Args:
        runs: those that ended, in any order; runs that were killed are left out, since it is not known what they did.
        run_time: the time that this run is for.
        retry_time: how long a task may be tried.
        dispatches_per_second: how many tasks all queues together start.
        clock: the queues'.
    """

    def __init__(
        self,
        runs: Sequence[FormerRun],
        *,
        run_time: datetime,
        retry_time: timedelta,
        dispatches_per_second: float,
        clock: QueueClock | None = None,
    ) -> None:
        clock = clock or QueueClock()
        before = sorted((run for run in runs if run.scheduled_for < run_time), key=lambda run: run.scheduled_for)
        self._run_time = run_time
        self._now = clock.reading(run_time)
        self._times = [run.scheduled_for for run in before]
        self._readings = [clock.reading(at) for at in self._times]
        # The local cloud's time may be ahead of the machine's, by which a run begins before the time that it is for.
        self._behind = [run.is_behind for run in before]
        self._started = [max(run.started_at, run.scheduled_for) for run in before]
        self._tasks_gone: list[datetime] = []
        drained = datetime.min.replace(tzinfo=run_time.tzinfo)
        for run in before:
            begun = max(drained, clock.reading(max(run.finished_at, run.scheduled_for)))
            drained = begun + timedelta(seconds=run.due / max(dispatches_per_second, 0.001))
            self._tasks_gone.append(drained + retry_time)
        self._places: dict[int, Place] = {}

    def place(self, due_at: datetime) -> Place:
        """Where the report that fell due at a moment, and still is, stands."""
        first = bisect_left(self._times, due_at)
        place = self._places.get(first)
        if place is None:
            place = self._places[first] = self._follow(first)
        return place

    def salts(self, due_at: datetime) -> list[str]:
        """What may set apart the tasks that former runs have made for a report; the newest first."""
        later = [run_id(at) for at in self._times[bisect_left(self._times, due_at) :]]
        return [*reversed(later), ""]

    def _follow(self, first: int) -> Place:
        if first == len(self._times):
            return Place(Standing.FRESH, "")
        salt = ""
        newest = first
        while (following := self._following(newest)) is not None:
            newest = following
            salt = run_id(self._times[newest])
        if self._tasks_gone[newest] > self._now:
            return Place(Standing.QUEUED, salt, self._started[newest])
        doubtful = [run_id(self._times[index]) for index in range(first + 1, len(self._times)) if self._behind[index]]
        salts = tuple(dict.fromkeys(["", salt, *doubtful]))
        return Place(Standing.OVERDUE, run_id(self._run_time), self._started[newest], salts)

    def _following(self, newest: int) -> int | None:
        """The run that made the next task after the newest known one, if there was such a run."""
        later = range(bisect_left(self._readings, self._tasks_gone[newest], newest + 1), len(self._times))
        return next((index for index in later if not self._behind[index]), None)
