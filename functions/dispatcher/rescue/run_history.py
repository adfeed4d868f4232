"""Finds what earlier runs have done for a report that is still due: how old its newest task is, and what follows.
Pure."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import NamedTuple

from functions.dispatcher.rescue.queue_clock import QueueClock, QueueReading
from functions.shared.ids import run_id
from functions.shared.run import QueueCondition, RunCounter, RunState, StoredRun

_MOST_DUE = 1_000_000_000
"""The most reports that an earlier run may have found due: ten times what docs/explanation/scale.md covers."""


class PastRun(NamedTuple):
    """A run that has ended.

    Attributes:
        scheduled_for: the time that it was for.
        started_at: when it began to read who is due.
        finished_at: when it had enqueued its tasks.
        due: how many reports it found due: it made at most as many tasks.
        is_behind: whether it found tasks that still waited although they should have ended. Then it made second tasks
            only for reports whose task was gone, and no record names these reports.
    """

    scheduled_for: datetime
    started_at: datetime
    finished_at: datetime
    due: int
    is_behind: bool = False

    @classmethod
    def of(cls, run: StoredRun) -> "PastRun | None":
        """What a stored run did; None where it has not ended, was stopped, or its document does not say."""
        if run.latest.state is RunState.STOPPED:
            return None
        started_at, finished_at = run.latest.started_at, run.latest.finished_at
        due = run.latest.counters.get(RunCounter.DUE)
        if run.scheduled_for is None or started_at is None or finished_at is None or due is None or due > _MOST_DUE:
            return None
        return cls(
            scheduled_for=run.scheduled_for,
            started_at=started_at,
            finished_at=finished_at,
            due=due,
            is_behind=run.queues is QueueCondition.BEHIND,
        )


class PastRuns(NamedTuple):
    """What is known of the earlier runs.

    Attributes:
        ended: those that have ended.
        readings: how each run found the queues, also one that was killed.
    """

    ended: list[PastRun]
    readings: list[QueueReading]


def past_runs(pages: Iterable[Sequence[StoredRun]], *, run_time: datetime, enough: timedelta) -> PastRuns:
    """Read the earlier runs back as far as they matter.

    Args:
        pages: the earlier runs, the latest first.
        run_time: the time that this run is for.
        enough: how long the queues must have worked since the oldest run that is read, whatever pauses and stopped
            runs lie between.
    """
    runs = PastRuns([], [])
    for page in pages:
        for run in page:
            if run.scheduled_for:
                is_stopped = run.latest.state is RunState.STOPPED
                runs.readings.append(QueueReading(run.scheduled_for, run.queues, is_stopped=is_stopped))
            if ended := PastRun.of(run):
                runs.ended.append(ended)
        if runs.readings and QueueClock(runs.readings).between(runs.readings[-1].at, run_time) > enough:
            break
    return runs


class TaskStatus(Enum):
    """What follows for a due report from the age of its newest task."""

    FRESH = auto()
    """It fell due since the run before: no run has made a task for it."""

    QUEUED = auto()
    """An earlier run made a task for it that may still be under way."""

    OVERDUE = auto()
    """Every task made for it has had its whole time: one that the queue no longer holds died without a trace."""


class TaskAge(NamedTuple):
    """A report's newest task, as far as the earlier runs tell, and the name of the task that it is to have now.

    Attributes:
        status: as above.
        salt: for `task_id()`: empty for a report's first task, then the id of the run that made the newest one. A run
            that is repeated finds the same salt, so the queue refuses what it enqueues again as known. After a restore
            of Firestore the first task has another name: Cloud Tasks still refuses those of the time before.
        newest_task_from: when the run began that made the newest task, for each subscription that was due by then; None
            where there was no such run.
        salts: those of the tasks that it may have by now, the oldest first.
    """

    status: TaskStatus
    salt: str
    newest_task_from: datetime | None = None
    salts: tuple[str, ...] = ("",)

    def likely_salts_first(self, updated_at: datetime) -> list[str]:
        """The salts, in the order in which to ask for the tasks: each is a call, and a backlog of days has many.

        A subscription that was written since the newest task should have been made may have come to this due time only
        then, moved on by a report that was late. The first run after that made its task.

        Args:
            updated_at: when the subscription was last written.
        """
        if self.newest_task_from is None or updated_at <= self.newest_task_from:
            return list(self.salts)
        since = run_id(updated_at)
        return sorted(self.salts, key=lambda salt: (salt < since, salt))


class RunHistory:
    """The runs before this one, and what follows from them for each report that is due now.

    The first run at or after a report's due time made its first task. That task must have ended once the queue has
    worked off the run's tasks and the longest retry time has passed; the next run then makes a second one, and so on.
    All of these times are the queues' own: while the queues stand still, no task comes closer to its end. The history
    only says for which tasks to ask the queue (waiting_tasks.py); a task that the queue still holds is not dead.

    Args:
        runs: those that ended, in any order. Runs that were killed are left out, since no record says what they did.
        run_time: the time that this run is for.
        retry_time: how long a task may be tried.
        dispatches_per_second: how many tasks all queues together start; infinite where that is not known.
        clock: the queues'.
        restored_at: the deployment's RESTORED_AT; None where Firestore was not restored.
    """

    def __init__(
        self,
        runs: Sequence[PastRun],
        *,
        run_time: datetime,
        retry_time: timedelta,
        dispatches_per_second: float,
        clock: QueueClock | None = None,
        restored_at: datetime | None = None,
    ) -> None:
        clock = clock or QueueClock()
        before = sorted((run for run in runs if run.scheduled_for < run_time), key=lambda run: run.scheduled_for)
        self._run_time = run_time
        self._now = clock.reading(run_time)
        self._times = [run.scheduled_for for run in before]
        self._readings = [clock.reading(at) for at in self._times]
        self._behind = [run.is_behind for run in before]
        # The local cloud's clock may be ahead of the machine's: then a run begins before the time that it is for.
        self._started = [max(run.started_at, run.scheduled_for) for run in before]
        self._tasks_gone: list[datetime] = []
        drained = datetime.min.replace(tzinfo=run_time.tzinfo)
        for run in before:
            begun = max(drained, clock.reading(max(run.finished_at, run.scheduled_for)))
            drained = begun + timedelta(seconds=run.due / max(dispatches_per_second, 0.001))
            self._tasks_gone.append(drained + retry_time)
        self._ages: dict[int, TaskAge] = {}
        self._restored_at = restored_at

    @property
    def last_run(self) -> datetime | None:
        """The time of the latest run before this one that has ended; None where there was none."""
        return self._times[-1] if self._times else None

    def task_age(self, due_at: datetime) -> TaskAge:
        """The age of the newest task of a report that fell due at a moment and is still due."""
        first = bisect_left(self._times, due_at)
        age = self._ages.get(first)
        if age is None:
            age = self._ages[first] = self._follow(first)
        restored = self._restored_salts(due_at)
        return age._replace(salt=age.salt or restored[0], salts=(*age.salts, *restored)) if restored else age

    def salts(self, due_at: datetime) -> list[str]:
        """What may set apart the tasks that earlier runs made for a report; the newest first."""
        later = [run_id(at) for at in self._times[bisect_left(self._times, due_at) :]]
        return [*reversed(later), *self._restored_salts(due_at), ""]

    def _restored_salts(self, due_at: datetime) -> list[str]:
        """What sets apart the first task since a restore, of a report that was due before; nothing for any other."""
        if self._restored_at is None or due_at >= self._restored_at:
            return []
        return [f"restored-{run_id(self._restored_at)}"]

    def _follow(self, first: int) -> TaskAge:
        if first == len(self._times):
            return TaskAge(TaskStatus.FRESH, "")
        salt = ""
        newest = first
        while (following := self._following(newest)) is not None:
            newest = following
            salt = run_id(self._times[newest])
        if self._tasks_gone[newest] > self._now:
            return TaskAge(TaskStatus.QUEUED, salt, self._started[newest])
        doubtful = [run_id(self._times[index]) for index in range(first + 1, len(self._times)) if self._behind[index]]
        salts = tuple(dict.fromkeys(["", salt, *doubtful]))
        return TaskAge(TaskStatus.OVERDUE, run_id(self._run_time), self._started[newest], salts)

    def _following(self, newest: int) -> int | None:
        """The run that made the next task after the newest known one, if there was such a run."""
        later = range(bisect_left(self._readings, self._tasks_gone[newest], newest + 1), len(self._times))
        return next((index for index in later if not self._behind[index]), None)
