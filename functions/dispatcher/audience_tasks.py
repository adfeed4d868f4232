"""Has a worker read the query that names a kind's recipients, where its time has come."""

from datetime import datetime

import structlog

from functions.dispatcher.run_counters import RunCounters
from functions.dispatcher.run_dependencies import RunDependencies
from functions.shared.queues.task_queue import NewTask
from functions.shared.records.audience import AudienceTask
from functions.shared.records.ids import run_id, task_id
from functions.shared.records.last_reading import LastReading, audience_path

_logger = structlog.get_logger()


def enqueue_audiences(dependencies: RunDependencies, run_time: datetime, counters: RunCounters) -> None:
    """Make a task for each kind whose query is to be read with a run. A run that is repeated makes none twice.

    Args:
        dependencies: what the run works with.
        run_time: the time that the run is for, in UTC.
        counters: where a failure is counted as an error.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Firestore cannot be read.
    """
    run = run_id(run_time)
    for kind in dependencies.audiences:
        last = LastReading.from_fields(dependencies.firestore.get(audience_path(kind)).fields)
        if not last.is_due(run_time):
            continue
        body = AudienceTask(kind=kind, run_id=run).to_json()
        (creation,) = dependencies.audience_queue.enqueue([NewTask(task_id(f"audience-{kind}", run), body)])
        if not creation.is_made:
            counters.add_error()
            _logger.error(
                "audience_not_enqueued", run_id=run, kind=kind, status=creation.status, reason=creation.message
            )
