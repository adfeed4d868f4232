"""What a run does with a report that should be final by now. Pure."""

from datetime import datetime, timedelta

from functions.shared.records.delivery import Delivery
from functions.shared.records.delivery_attempt import AttemptResult

LOST_AFTER = timedelta(hours=24)
"""How long the pipeline tries to send a report, at least, before a person must look at it."""

LEAST_RESCUES = 12
"""How many runs make another task for it meanwhile, at least. While its task waits in a queue, however long, and while
no run makes tasks, a report is not being tried, whatever the clock says."""


def is_under_way(delivery: Delivery | None, *, run_time: datetime, read_from: datetime) -> bool:
    """Whether the queues need not be asked about a report: a worker acts on it, or has just finished.

    Args:
        delivery: the report's; None where there is none.
        run_time: the time that the run is for.
        read_from: when the run began to read who is due. A delivery that became final after that has moved its
            subscription on since. In any other case the next run meets it again.
    """
    if delivery is None:
        return False
    if delivery.is_final:
        return delivery.version is not None and delivery.version >= read_from
    return delivery.is_claimed(run_time)


def is_lost(
    delivery: Delivery | None, *, due_at: datetime, run_time: datetime, resumed_at: datetime | None = None
) -> bool:
    """Whether a run gives up a report for which no queue holds a task, with a dead letter. Otherwise it makes another
    task. Where its delivery is final already, the worker sees that and moves the subscription on.

    A report without a delivery was never tried, however long ago it fell due: an application may have set its due time
    back, or the whole pipeline may have stood still.

    Args:
        delivery: the report's, which is not under way; None where there is none.
        due_at: when the report fell due.
        run_time: the time that the run is for.
        resumed_at: when its kind was resumed last; None where it never was.
    """
    if delivery is None or delivery.is_final:
        return False
    replayed = (each.at for each in delivery.history if each.result is AttemptResult.REPLAYED)
    begun = max(filter(None, (due_at, delivery.created_at, delivery.restored_at, resumed_at, *replayed)))
    return delivery.rescues >= LEAST_RESCUES and run_time - begun >= LOST_AFTER


def task_died(delivery: Delivery | None, *, updated_at: datetime, made_from: datetime) -> bool:
    """Whether a report that gets another task had one, which died.

    A run only infers from the subscription's due time that an earlier run made a task. This is wrong if the
    subscription got its due time after that run: a slow task of the hour before may move it on to a due time in the
    past. Two things prove that it had this due time before: its document was not written since that run began to read,
    or there is a delivery from then. A report without such a proof gets its task in any case, and with it a record,
    which is the proof that the next run uses. A task whose delivery is final has done its work.

    Args:
        delivery: the report's; None where there is none.
        updated_at: when the subscription was last written.
        made_from: when the run began that is taken to have made the task.
    """
    if delivery and delivery.is_final:
        return False
    return min(filter(None, (updated_at, delivery and delivery.created_at))) <= made_from
