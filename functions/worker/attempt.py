"""One call of the worker by the queue."""

from datetime import datetime
from typing import NamedTuple

from functions.shared.records.delivery_attempt import AttemptResult, DeliveryAttempt


class Attempt(NamedTuple):
    """One call of the worker by the queue.

    Attributes:
        number: 1 for the first. https://cloud.google.com/tasks/docs/creating-http-target-tasks#handler
        task_name: the task's name in Cloud Tasks; empty for a call by hand.
        last: whether the queue deletes the task after this attempt, whatever the answer.
        started_at: when it began, in UTC.
    """

    number: int
    task_name: str
    last: bool
    started_at: datetime

    def entry(self, *, now: datetime, is_over: bool = True) -> DeliveryAttempt:
        """What the delivery keeps of it (functions.shared.records.delivery_table.written says what came of it).

        Args:
            now: the present, in UTC.
            is_over: whether it ends now. If not, it claims the delivery now.
        """
        entry = DeliveryAttempt(at=self.started_at, number=self.number, result=AttemptResult.CLAIMED)
        if not is_over:
            return entry._replace(claimed_at=now)
        return entry._replace(seconds=round(max((now - self.started_at).total_seconds(), 0.0), 3))
