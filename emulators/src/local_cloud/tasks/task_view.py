"""A task as GetTask and ListTasks show it."""

from typing import Any

from local_cloud.tasks import messages, moments
from local_cloud.tasks.queue import QueuedTask


def render(task: QueuedTask, view: int) -> Any:
    """The protobuf Task with its attempts so far.

    https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues.tasks#Task.View

    Args:
        task: the task.
        view: FULL, or anything else for BASIC, which leaves out the body.
    """
    message = messages.Task.FromString(task.stored)
    moments.write(message.schedule_time, task.due)
    message.dispatch_count = task.attempts
    message.response_count = task.responses
    if task.last is not None:
        moments.write(message.first_attempt.dispatch_time, task.first_dispatch)
        last = message.last_attempt
        moments.write(last.schedule_time, task.last.due)
        moments.write(last.dispatch_time, task.last.dispatched)
        if (outcome := task.last.outcome) is not None:
            moments.write(last.response_time, outcome.at)
            last.response_status.code = outcome.code
            last.response_status.message = outcome.message
    abridge(message, view)
    return message


def abridge(message: Any, view: int) -> None:
    """Leave out what a view does not show, in place, and say which view it is."""
    if view == messages.FULL:
        message.view = messages.FULL
    else:
        message.view = messages.BASIC
        message.http_request.ClearField("body")
