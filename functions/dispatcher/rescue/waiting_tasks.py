"""Asks the queues whether they still hold a report's task: such a task is not dead, however long it has waited.

Cloud Tasks knows that for certain: it keeps a task until it has succeeded or was tried for the last time.
"""

import re
from collections.abc import Sequence
from enum import Enum, auto

import structlog
from google.api_core.exceptions import GoogleAPIError

from functions.dispatcher.due_subscription import DueSubscription
from functions.shared.queues.queue_choice import choose_queue
from functions.shared.queues.task_queue import TaskQueue
from functions.shared.records.delivery import Delivery
from functions.shared.records.ids import task_id
from functions.shared.threads import Threads

_THREADS = 32

_TASK_ID = re.compile(r"[A-Za-z0-9_-]{1,500}")

_logger = structlog.get_logger()


class QueueAnswer(Enum):
    """What the queues say about a report's tasks."""

    GONE = auto()
    """They hold none: all have succeeded or were tried for the last time."""
    HELD = auto()
    """One of them holds one, which may still send the report."""
    UNKNOWN = auto()
    """They cannot be asked, and may hold one."""


def ask_queues(
    queues: Sequence[TaskQueue], reports: Sequence[tuple[DueSubscription, Delivery | None, str]], *, run_id: str
) -> list[QueueAnswer]:
    """Ask the queues for the tasks of reports: the first one, the latest that a run made, an operator's, and the one
    that decides about an unknown outcome.

    Every queue, since a task may wait in another one than the user's tasks go to by now.

    Args:
        queues: among which the reports are spread.
        reports: each one's subscription, its delivery, and what sets its first task apart.
        run_id: of the run that asks, for the log.

    Returns:
        The answers, in the reports' order.
    """
    if not reports:
        return []
    names = [queue.queue for queue in queues]

    def ask(due: DueSubscription, delivery: Delivery | None, first: str) -> QueueAnswer:
        own = queues[choose_queue(due.user_id, names)]
        tasks, others = _task_ids(due, delivery, first), [queue for queue in queues if queue is not own]
        try:
            is_held = any(queue.holds(task) for queue in (own, *others) for task in tasks)
        except GoogleAPIError as error:
            _logger.error(  # noqa: TRY400  the traceback is the library's own
                "task_lookup_failed",
                run_id=run_id,
                user_id=due.user_id,
                subscription_id=due.subscription_id,
                queue=own.queue,
                error=type(error).__name__,
                hint="the report is left as it is; the dispatcher's account needs roles/cloudtasks.viewer on the queue",
            )
            return QueueAnswer.UNKNOWN
        return QueueAnswer.HELD if is_held else QueueAnswer.GONE

    with Threads(min(_THREADS, len(reports))) as threads:
        return list(threads.map(lambda report: ask(*report), reports))


def _task_ids(due: DueSubscription, delivery: Delivery | None, first: str) -> list[str]:
    by_hand = [delivery.task] if delivery and _TASK_ID.fullmatch(delivery.task) else []
    rescued = [delivery.run_id] if delivery and delivery.rescues else []
    settling = delivery.settling_tasks if delivery else ()
    others = (task_id(due.delivery_id, salt) for salt in (*rescued, first, ""))
    return list(dict.fromkeys([*by_hand, *settling, *others]))
