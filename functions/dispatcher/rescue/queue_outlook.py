"""The state of the queues, and what earlier runs put into them: a run reads both before it enqueues anything."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import NamedTuple

from functions.dispatcher.rescue.policy import LOST_AFTER
from functions.dispatcher.rescue.queue_clock import QueueClock, QueueReading
from functions.dispatcher.rescue.run_history import RunHistory, past_runs
from functions.dispatcher.run_store import RunStore
from functions.shared.retry_policy import DISPATCH_DEADLINE
from functions.shared.run import QueueCondition
from functions.shared.task_queue import TaskQueue


class QueueOutlook(NamedTuple):
    """The state of the queues, and what earlier runs put into them.

    Attributes:
        clock: how long the queues have worked.
        history: what earlier runs have done for a report.
        retry_time: how long a queue tries a task.
        is_paused: whether a queue is paused now.
    """

    clock: QueueClock
    history: RunHistory
    retry_time: timedelta
    is_paused: bool


def queue_outlook(
    queues: Sequence[TaskQueue],
    store: RunStore,
    *,
    run_time: datetime,
    threads: ThreadPoolExecutor,
    is_held_back: bool = False,
    restored_at: datetime | None = None,
) -> QueueOutlook:
    """Ask the queues and the records of the earlier runs.

    Args:
        queues: those among which the reports are spread.
        store: the records.
        run_time: the time that the run is for.
        threads: those in which to ask.
        is_held_back: whether a ramp holds the queues back. Then their rate changes from day to day and does not say
            when a run's tasks should have been worked off, so the queues are asked about each task that waits.
        restored_at: the deployment's RESTORED_AT; None where Firestore was not restored.

    Raises:
        google.api_core.exceptions.GoogleAPIError: Firestore or a queue's configuration cannot be read.
    """
    reading_runs = threads.submit(lambda: past_runs(store.pages_before(run_time), run_time=run_time, enough=LOST_AFTER))
    states = list(threads.map(TaskQueue.state, queues))
    is_paused = not all(state.is_running for state in states)
    retry_time = max(state.retry_policy.longest_retry_time(DISPATCH_DEADLINE) for state in states)
    runs = reading_runs.result()
    now = QueueReading(run_time, QueueCondition.PAUSED if is_paused else None)
    clock = QueueClock([*runs.readings, now])
    history = RunHistory(
        runs.ended,
        run_time=run_time,
        retry_time=retry_time,
        dispatches_per_second=math.inf if is_held_back else sum(state.dispatches_per_second for state in states),
        clock=clock,
        restored_at=restored_at,
    )
    return QueueOutlook(clock=clock, history=history, retry_time=retry_time, is_paused=is_paused)
