"""Decides what a run does with a report whose tasks have all ended, or that has been due for long. Pure."""

from datetime import datetime, timedelta
from enum import Enum, auto

from functions.dispatcher.rescue.queue_clock import QueueClock
from functions.shared.delivery import Delivery

LOST_AFTER = timedelta(hours=24)
"""How long the pipeline tries to send a report before a person must look at it."""


class RescueStep(Enum):
    """What a run does with the report."""

    ENQUEUE = auto()
    """Makes a task for it. Where its delivery is final already, the worker sees that and moves the subscription
    on."""

    IN_PROGRESS = auto()
    """Does nothing: a worker is sending it right now."""

    GIVE_UP = auto()
    """Gives it up as lost: publishes a dead letter, and moves its subscription on."""


def rescue_step(
    delivery: Delivery | None,
    *,
    due_at: datetime,
    run_time: datetime,
    clock: QueueClock | None = None,
) -> RescueStep:
    """Decide by the delivery.

    A report without a delivery was never tried, however long ago it fell due: an application may have set its due time
    back, or the whole pipeline may have stood still. The 24 hours therefore count from the creation of the delivery,
    and only hours count in which the queues worked, after a restore of Firestore those since then. A report whose task
    the queue still holds must not be given up; the caller asks the queue.

    Args:
        delivery: the report's; None where there is none.
        due_at: when the report fell due.
        run_time: the time of the run that asks.
        clock: the queues'.
    """
    if delivery is None or delivery.is_final:
        return RescueStep.ENQUEUE
    if delivery.is_claimed(run_time):
        return RescueStep.IN_PROGRESS
    begun = max(filter(None, (due_at, delivery.created_at, delivery.restored_at)))
    tried = (clock or QueueClock()).between(begun, run_time)
    return RescueStep.GIVE_UP if tried >= LOST_AFTER else RescueStep.ENQUEUE


def task_died(delivery: Delivery | None, *, updated_at: datetime, newest_task_from: datetime | None) -> bool:
    """Whether an overdue report had a task, which died. The report gets another one in any case.

    The run only infers from the subscription's due time that an earlier run made a task. This is wrong if the
    subscription got its due time after that run: a slow task of the hour before may move it on to a due time in the
    past. Two things prove that it had this due time before: its document was not written since the run began to read,
    or the report has a delivery that is as old.

    The comparison uses the beginning of the run. With its end, every report whose task before ended during a run would
    count. With its beginning, two kinds of dead tasks are left out at first: a task that the run made for a
    subscription that was written while it went on, and one whose subscription the team's application has written since.
    Neither is left out for good: the run writes a pending delivery for it, which is the proof that the next run uses if
    this run's task dies, too.

    A task whose delivery is final has done its work. The run read the subscription before that, or the subscription was
    set back since.

    Args:
        delivery: the report's; None where there is none.
        updated_at: when the subscription was last written.
        newest_task_from: when the run began that is taken to have made the newest task; None where there was none.
    """
    known_since = updated_at
    if delivery is not None and delivery.is_final:
        return False
    if delivery is not None and delivery.created_at is not None:
        known_since = min(known_since, delivery.created_at)
    return newest_task_from is not None and known_since <= newest_task_from
