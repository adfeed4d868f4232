"""The names of locations, queues and tasks.

https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues.tasks#Task.FIELDS.name
"""

import re

from local_cloud.project_id import PROJECT_ID
from local_cloud.tasks import refusals

_LOCATION = rf"projects/{PROJECT_ID}/locations/[A-Za-z0-9\-]+"
_LOCATION_NAME = re.compile(_LOCATION)
_QUEUE_NAME = re.compile(rf"({_LOCATION})/queues/([^/]+)")
_TASK_NAME = re.compile(rf"({_LOCATION}/queues/[^/]+)/tasks/(.+)", re.DOTALL)
_QUEUE_ID = re.compile(r"[A-Za-z0-9\-]{1,100}")
_TASK_ID = re.compile(r"[A-Za-z0-9_\-]{1,500}")


def check_location(name: str) -> None:
    """Accept `projects/P/locations/L`.

    Raises:
        RpcError: INVALID_ARGUMENT for anything else.
    """
    if not _LOCATION_NAME.fullmatch(name):
        raise refusals.invalid_location(name)


def location_of(queue: str) -> str:
    """The location of `projects/P/locations/L/queues/Q`.

    Raises:
        RpcError: INVALID_ARGUMENT: the name is not a queue's.
    """
    match = _QUEUE_NAME.fullmatch(queue)
    if match is None:
        raise refusals.invalid_queue_name()
    if not _QUEUE_ID.fullmatch(match[2]):
        raise refusals.invalid_queue_id(match[2])
    return match[1]


def split_task(name: str) -> tuple[str, str]:
    """The queue's name and the task's id of `projects/P/locations/L/queues/Q/tasks/T`.

    Raises:
        RpcError: INVALID_ARGUMENT: the name is not a task's.
    """
    match = _TASK_NAME.fullmatch(name)
    if match is None:
        raise refusals.invalid_task_name()
    if not _TASK_ID.fullmatch(match[2]):
        raise refusals.invalid_task_id(match[2])
    return match[1], match[2]


def task_id_in(queue: str, name: str) -> str:
    """The id of a task that must be of this queue.

    Raises:
        RpcError: INVALID_ARGUMENT: the name is not a task's, or one of another queue.
    """
    prefix = f"{queue}/tasks/"
    # The usual case, tens of thousands of times a second.
    if name.startswith(prefix) and _TASK_ID.fullmatch(name, len(prefix)):
        return name[len(prefix) :]
    named_queue, task_id = split_task(name)
    if named_queue != queue:
        raise refusals.other_queue(queue, named_queue)
    return task_id
