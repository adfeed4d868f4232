"""Whether the queue still holds a report's task: what it holds is not dead, however long it has waited.

No clock and no model of a queue tells that for certain: the queue may have been paused between two runs, or slowed down
by answers of 429 and 503. Cloud Tasks knows: a task is there until it has succeeded or was tried for the last time.
https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues.tasks/get
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

import structlog
from google.api_core.exceptions import GoogleAPIError

from functions.dispatcher.due_user import DueUser
from functions.dispatcher.queue_clock import QueueClock
from functions.shared.ids import delivery_id, task_id
from functions.shared.queue_choice import choose_queue
from functions.shared.task_queue import TaskQueue

_THREADS = 32

_TASK_ID = re.compile(r"[A-Za-z0-9_-]{1,500}")

_logger = structlog.get_logger()


class Waiting(Enum):
    """What a queue says of a report's tasks."""

    GONE = auto()
    """It holds none: they have succeeded or were tried for the last time."""
    HELD = auto()
    """It holds one."""
    HELD_LONG = auto()
    """It holds one that should have been over by now: the queue is behind."""
    UNKNOWN = auto()
    """It cannot be asked."""

    @property
    def is_held(self) -> bool:
        """Whether a task of it may still send it."""
        return self in {Waiting.HELD, Waiting.HELD_LONG}


class WaitingTasks:
    """Asks the queues.

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

    def look(self, reports: Sequence[tuple[DueUser, Sequence[str], bool]]) -> list[Waiting]:
        """Ask for tasks of reports.

        Args:
            reports: whose, the ids that its tasks may have, and whether to ask all queues rather than only the user's.
                A task made before `REPORT_QUEUES` changed may wait in another queue.

        Returns:
            the answers, in their order.
        """
        if not reports:
            return []
        with ThreadPoolExecutor(min(_THREADS, len(reports))) as threads:
            return list(threads.map(lambda report: self._look(*report), reports))

    def _look(self, user: DueUser, tasks: Sequence[str], is_everywhere: bool) -> Waiting:
        queue = self._queues[choose_queue(user.user_id, self._names)]
        places = [(queue, task) for task in tasks]
        if is_everywhere:
            places += [(other, task) for other in self._queues if other is not queue for task in tasks]
        try:
            created_at = next((found for each, task in places if (found := each.created_at(task))), None)
        except GoogleAPIError as error:
            _logger.error(  # noqa: TRY400  the traceback is the library's own
                "The queue does not say whether it holds a report's task, so the report is left as it is. "
                "The dispatcher's account needs roles/cloudtasks.viewer on the queue.",
                run_id=self._run_id,
                user_id=user.user_id,
                queue=queue.queue,
                error=type(error).__name__,
            )
            return Waiting.UNKNOWN
        if created_at is None:
            return Waiting.GONE
        is_long = self._clock.between(created_at, self._run_time) >= self._retry_time
        return Waiting.HELD_LONG if is_long else Waiting.HELD


def task_ids(user: DueUser, delivery: Mapping[str, Any] | None, salts: Iterable[str]) -> list[str]:
    """The ids that a report's tasks may have. Pure.

    Args:
        user: whose report.
        delivery: its fields; None where there is none. An operator's task is named there.
        salts: what may set apart the tasks that runs have made.
    """
    name = delivery_id(user.user_id, user.due_at)
    by_hand = (delivery or {}).get("task")
    recorded = [by_hand] if isinstance(by_hand, str) and _TASK_ID.fullmatch(by_hand) else []
    return list(dict.fromkeys([*recorded, *(task_id(name, salt) for salt in salts)]))
