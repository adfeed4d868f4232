"""Which tasks of the earlier runs should be over by now: this run looks closer at their reports."""

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from functions.dispatcher.run_store import RunStore
from functions.shared.queues.retry_policy import DISPATCH_DEADLINE
from functions.shared.queues.task_queue import TaskQueue
from functions.shared.records.run import RunCounter, RunState, StoredRun
from functions.shared.threads import Threads

_MOST_DUE = 1_000_000_000
"""The most reports that an earlier run may have found due: ten times what docs/guides/size.md covers."""


class PastRun(NamedTuple):
    """A run that has ended.

    Attributes:
        scheduled_for: the time that it was for.
        started_at: when it began to read who is due.
        finished_at: when it had enqueued its tasks.
        due: how many reports it found due: it made at most as many tasks.
    """

    scheduled_for: datetime
    started_at: datetime
    finished_at: datetime
    due: int

    @classmethod
    def of(cls, run: StoredRun) -> "PastRun | None":
        """What a stored run did; None where it has not ended, was stopped, or its document does not say."""
        at, latest, due = run.scheduled_for, run.latest, run.latest.counters.get(RunCounter.DUE, _MOST_DUE)
        if latest.state is RunState.STOPPED or not (at and latest.started_at and latest.finished_at):
            return None
        # The local cloud's clock may be ahead of the machine's: then a run begins before the time that it is for.
        times = at, max(latest.started_at, at), max(latest.finished_at, at)
        return cls(*times, due) if due < _MOST_DUE else None


class EarlierTasks(NamedTuple):
    """What the earlier runs have put into the queues.

    Attributes:
        retry_time: how long a queue tries a task.
        last_run: the latest run that has ended; None where there was none.
        over: the latest whose tasks should be over: a task that no queue holds died without a trace, if its delivery is
            not final. None where there is none, and while a queue is paused, since no task comes to its end then.
        is_paused: whether a queue is paused.
    """

    retry_time: timedelta
    last_run: PastRun | None
    over: PastRun | None
    is_paused: bool


def earlier_tasks(
    queues: Sequence[TaskQueue], store: RunStore, *, run_time: datetime, threads: Threads, is_held_back: bool
) -> EarlierTasks:
    """Ask the queues, and the records of the earlier runs.

    Args:
        queues: those among which the reports are spread.
        store: the records.
        run_time: the time that the run is for.
        threads: those in which to ask.
        is_held_back: whether a ramp holds the queues back. Then their rate changes from day to day and does not say
            when a run's tasks should have been worked off, so the queues are asked about each task that waits.

    Raises:
        google.api_core.exceptions.GoogleAPIError: Firestore or a queue's configuration cannot be read.
    """
    reading = threads.submit(store.runs_before, run_time)
    states = list(threads.map(TaskQueue.state, queues))
    retry_time = max(state.retry_policy.longest_retry_time(DISPATCH_DEADLINE) for state in states)
    rate = math.inf if is_held_back else sum(state.dispatches_per_second for state in states)
    runs = [past for run in reading.result() if (past := PastRun.of(run))]
    is_paused = not all(state.is_running for state in states)
    over = None if is_paused else latest_over(runs, now=run_time, retry_time=retry_time, dispatches_per_second=rate)
    return EarlierTasks(retry_time, max(runs, default=None), over, is_paused)


def latest_over(
    runs: Iterable[PastRun], *, now: datetime, retry_time: timedelta, dispatches_per_second: float
) -> PastRun | None:
    """The latest run whose tasks should be over: the queues have worked them off after those of the runs before, and
    the longest retry time has passed since then. Pure.

    No more than a guess, which saves a call for each report that waits in a backlog. The queue says whether a task is
    over: it may have been paused between two runs, or slowed down by answers of 429 and 503.

    Args:
        runs: those that have ended, in any order.
        now: the time that this run is for.
        retry_time: how long a task may be tried.
        dispatches_per_second: how many tasks all queues together start; infinite where that is not known.
    """
    over, worked_off = None, datetime.min.replace(tzinfo=UTC)
    for run in sorted(runs):
        begun = max(worked_off, run.finished_at)
        worked_off = begun + timedelta(seconds=run.due / max(dispatches_per_second, 0.001))
        over = run if worked_off + retry_time <= now else over
    return over
