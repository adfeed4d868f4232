"""Makes the task that decides about a delivery of unknown outcome once the provider's records must show its email."""

from datetime import timedelta

import structlog

from functions.shared.queues.queue_choice import choose_queue
from functions.shared.records.report_task import ReportTask
from functions.shared.settings import WorkerSettings
from functions.worker.transitions import Wait

_CLOCKS = timedelta(seconds=10)
"""How far the clocks of Cloud Tasks and of the worker may differ."""

_logger = structlog.get_logger()


def make_settling_task(settings: WorkerSettings, task: ReportTask, wait: Wait) -> bool:
    """Make the task of a delivery, in its user's queue. Made again, it is made once.

    Args:
        settings: of the worker.
        task: what its queue tried until now.
        wait: until when.

    Returns:
        whether there is one.
    """
    # Its client takes long to import, and few processes need it.
    from functions.shared.queues.task_queue import NewTask, TaskQueue

    queue = TaskQueue(
        project=settings.google_cloud_project,
        location=settings.location,
        queue=settings.report_queues[choose_queue(task.user_id, settings.report_queues)],
        url=f"{settings.worker_url}/tasks/send-report",
        service_account=settings.tasks_invoker,
        audience=settings.worker_url,
    )
    [creation] = queue.enqueue([NewTask(wait.task_name, task.to_json(), at=wait.until + _CLOCKS)])
    if not creation.is_made:
        _logger.error("settling_task_not_made", delivery_id=task.delivery_id, error=creation.status)
    return creation.is_made
