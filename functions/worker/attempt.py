"""One call of the worker by the queue."""

from datetime import datetime
from typing import NamedTuple

from functions.shared.delivery_attempt import AttemptResult, DeliveryAttempt


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

    def claimed(self, *, now: datetime) -> DeliveryAttempt:
        """What the delivery keeps of it while it holds the claim.

        Args:
            now: the present, in UTC.
        """
        return DeliveryAttempt(at=self.started_at, number=self.number, claimed_at=now, result=AttemptResult.CLAIMED)

    def ended(self, result: AttemptResult, *, now: datetime, error: str = "") -> DeliveryAttempt:
        """What the delivery keeps of it.

        Args:
            result: what came of it.
            now: the present, in UTC.
            error: why it failed; empty where it did not.
        """
        seconds = max((now - self.started_at).total_seconds(), 0.0)
        return DeliveryAttempt(
            at=self.started_at, number=self.number, seconds=round(seconds, 3), result=result, error=error
        )
