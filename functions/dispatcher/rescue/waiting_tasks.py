"""Asks the queue whether it still holds a report's task: such a task is not dead, however long it has waited.

No clock and no model of a queue knows that for certain: the queue may have been paused between two runs, or slowed down
by answers of 429 and 503. Cloud Tasks knows: it keeps a task until it has succeeded or was tried for the last time.
https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues.tasks/get
"""

import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from enum import Enum, auto

import structlog
from google.api_core.exceptions import GoogleAPIError

from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.rescue.queue_clock import QueueClock
from functions.shared.delivery import Delivery
from functions.shared.ids import task_id
from functions.shared.queue_choice import choose_queue
from functions.shared.task_queue import TaskQueue

_THREADS = 32

_TASK_ID = re.compile(r"[A-Za-z0-9_-]{1,500}")

_logger = structlog.get_logger()


class AskedQueues(Enum):
    """The queues to ask for a report's tasks."""

    OWN = auto()
    """The one that the user's tasks go to now. A second task does no harm if the first waits in another queue."""
    ALL = auto()
    """All, before a report is given up: a task made before `REPORT_QUEUES` changed may wait in another queue."""


class QueueAnswer(Enum):
    """What a queue says about a report's tasks."""

    GONE = auto()
    """It holds none: they have succeeded or were tried for the last time."""
    HELD = auto()
    """It holds one."""
    HELD_LONG = auto()
    """It holds one that should be over by now: the queue is behind."""
    UNKNOWN = auto()
    """It cannot be asked."""

    @property
    def is_held(self) -> bool:
        """Whether one of the report's tasks may still send it."""
        return self in {QueueAnswer.HELD, QueueAnswer.HELD_LONG}


class WaitingTasks:
    """Asks the queues whether they still hold tasks.

    Args:
        queues: among which the reports are spread.
        run_id: the run's.
        run_time: the time that the run is for.
        retry_time: how long a task may be tried.
        clock: the queues'.
    """

    def __init__(
        self, queues: Sequence[TaskQueue], *, run_id: str, run_time: datetime, retry_time: timedelta, clock: QueueClock
    ) -> None:
        self._queues = queues
        self._names = [queue.queue for queue in queues]
        self._run_id = run_id
        self._run_time = run_time
        self._retry_time = retry_time
        self._clock = clock

    def ask(self, reports: Sequence[tuple[DueSubscription, Sequence[str], AskedQueues]]) -> list[QueueAnswer]:
        """Ask the queues for the tasks of reports.

        Args:
            reports: each one's subscription, the ids that its tasks may have, and the queues to ask.

        Returns:
            the answers, in the reports' order.
        """
        if not reports:
            return []
        with ThreadPoolExecutor(min(_THREADS, len(reports))) as threads:
            return list(threads.map(lambda report: self._ask(*report), reports))

    def _ask(self, due: DueSubscription, tasks: Sequence[str], asked: AskedQueues) -> QueueAnswer:
        queue = self._queues[choose_queue(due.user_id, self._names)]
        places = [(queue, task) for task in tasks]
        if asked is AskedQueues.ALL:
            places += [(other, task) for other in self._queues if other is not queue for task in tasks]
        try:
            created_at = next((found for each, task in places if (found := each.created_at(task))), None)
        except GoogleAPIError as error:
            _logger.error(  # noqa: TRY400  the traceback is the library's own
                "task_lookup_failed",
                run_id=self._run_id,
                user_id=due.user_id,
                subscription_id=due.subscription_id,
                queue=queue.queue,
                error=type(error).__name__,
                hint="the report is left as it is; the dispatcher's account needs roles/cloudtasks.viewer on the queue",
            )
            return QueueAnswer.UNKNOWN
        if created_at is None:
            return QueueAnswer.GONE
        is_long = self._clock.between(created_at, self._run_time) >= self._retry_time
        return QueueAnswer.HELD_LONG if is_long else QueueAnswer.HELD


def task_ids(due: DueSubscription, delivery: Delivery | None, salts: Iterable[str]) -> list[str]:
    """The ids that a report's tasks may have. Pure.

    Args:
        due: the report's subscription.
        delivery: its delivery, which names the task that an operator made; None where there is none.
        salts: what may set apart the tasks that runs made.
    """
    by_hand = [delivery.task] if delivery and _TASK_ID.fullmatch(delivery.task) else []
    return list(dict.fromkeys([*by_hand, *(task_id(due.delivery_id, salt) for salt in salts)]))
