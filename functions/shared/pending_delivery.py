"""The record of a delivery that waits for its task: what the ledger has before any worker has claimed it. Pure.

It is written by whoever makes a task of which nobody else would notice that it died without a trace: the dispatcher
for an overdue report, the operator for a replay and for a report that is sent by hand.
"""

from datetime import datetime
from typing import Any

from functions.shared.delivery import DELIVERY_RETENTION, DeliveryState
from functions.shared.report_task import ReportTask


def pending_delivery(task: ReportTask, *, now: datetime, by_hand: bool, task_name: str = "") -> dict[str, Any]:
    """The fields of a new record.

    Args:
        task: the delivery's.
        now: when it is written: from then on it counts how long the report is tried, and kept.
        by_hand: whether its user is not due for it: then the dispatcher finds it by this mark alone, should its task
            die.
        task_name: the id of a task that an operator makes. Those that runs make are known by their runs; of any other
            the dispatcher learns here, to ask the queue whether it still holds it.
    """
    return {
        "user_id": task.user_id,
        "due_at": task.due_at,
        "run_id": task.run_id,
        "kind": task.kind,
        "state": DeliveryState.PENDING.value,
        **({"by_hand": True} if by_hand else {}),
        **({"task": task_name} if task_name else {}),
        "attempts": 0,
        "created_at": now,
        "updated_at": now,
        "expire_at": now + DELIVERY_RETENTION,
    }
