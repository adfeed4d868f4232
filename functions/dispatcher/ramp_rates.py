"""Gives each report queue the rate of the ramp's day, at the beginning of a run."""

from collections.abc import Sequence
from datetime import date

import structlog
from google.api_core.exceptions import GoogleAPIError

from functions.shared.queues.ramp import Ramp
from functions.shared.queues.task_queue import TaskQueue

_logger = structlog.get_logger()


def set_ramp_rates(ramp: Ramp, queues: Sequence[TaskQueue], *, today: date, run_id: str) -> str:
    """Give each queue the rate of the day, unless it has it or an operator has slowed the queue down.

    Raises nothing: the run goes on at the rates that the queues have.

    Args:
        ramp: the ramp, which may be over.
        queues: the report queues.
        today: the day of the run, in UTC.
        run_id: the run's.

    Returns:
        what failed, for people; empty where nothing did.
    """
    return "; ".join(filter(None, (_set_rate(ramp, queue, today, run_id) for queue in queues)))


def _set_rate(ramp: Ramp, queue: TaskQueue, today: date, run_id: str) -> str:
    current = rate = None
    try:
        current = queue.state().dispatches_per_second
        rate = ramp.rate_to_set(current, today)
        if rate is None:
            return ""
        queue.set_rate(rate)
    except GoogleAPIError as error:
        _logger.error(  # noqa: TRY400  the traceback is the library's own
            "ramp_rate_not_set",
            run_id=run_id,
            queue=queue.queue,
            rate=current,
            wanted=rate,
            error=type(error).__name__,
            hint="the dispatcher's account needs roles/cloudtasks.queueAdmin on the queue, which a deployment grants",
        )
        rates = "" if current is None else f" has {current:g} reports a second, and the ramp wants {rate:g}"
        return f"the queue {queue.queue}{rates}: {type(error).__name__}"
    _logger.info("ramp_rate_set", run_id=run_id, queue=queue.queue, before=current, rate=rate, day=ramp.day(today))
    return ""
