"""The errors that Cloud Tasks answers with: its status codes, and its wording where that is known.

The wording was recorded from the service by the conformance suite of the emulator aertje/cloud-tasks-emulator
(test/conformance/golden/errors.json, 2026); client applications do match on these texts.
"""

import grpc
from google.rpc.error_details_pb2 import Help

from local_cloud.rpc import RpcError

_REFERENCE = "https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues"


def invalid(message: str) -> RpcError:
    """An argument that breaks a rule."""
    return RpcError(grpc.StatusCode.INVALID_ARGUMENT, message)


def invalid_location(name: str) -> RpcError:
    return invalid(f'Location name must be formatted: "projects/<PROJECT_ID>/locations/<LOCATION_ID>", not "{name}".')


def invalid_queue_name() -> RpcError:
    return RpcError(
        grpc.StatusCode.INVALID_ARGUMENT,
        'Queue name must be formatted: "projects/<PROJECT_ID>/locations/<LOCATION_ID>/queues/<QUEUE_ID>".',
        [_help("Definition of queue name", f"{_REFERENCE}#Queue.FIELDS.name")],
    )


def invalid_queue_id(queue_id: str) -> RpcError:
    return RpcError(
        grpc.StatusCode.INVALID_ARGUMENT,
        f'Queue ID "{queue_id}" can contain only letters ([A-Za-z]), numbers ([0-9]), or hyphens (-). '
        "Queue ID must be between 1 and 100 characters.",
        [_help("Definition of queue name", f"{_REFERENCE}#Queue.FIELDS.name")],
    )


def invalid_task_name() -> RpcError:
    return RpcError(
        grpc.StatusCode.INVALID_ARGUMENT,
        "Task name must be formatted: "
        '"projects/<PROJECT_ID>/locations/<LOCATION_ID>/queues/<QUEUE_ID>/tasks/<TASK_ID>".',
        [_help("Definition of task name", f"{_REFERENCE}.tasks#Task.FIELDS.name")],
    )


def invalid_task_id(task_id: str) -> RpcError:
    return RpcError(
        grpc.StatusCode.INVALID_ARGUMENT,
        f'Task ID "{task_id}" can contain only letters ([A-Za-z]), numbers ([0-9]), hyphens (-), or underscores (_). '
        "Task ID must between 1 and 500 characters.",
        [_help("Definition of task ID", f"{_REFERENCE}.tasks#Task.FIELDS.name")],
    )


def other_queue(requested: str, named: str) -> RpcError:
    """The task's name belongs to another queue than the call's."""
    return invalid(
        f"The queue name from request ('{requested}') must be the same as the queue name in the named task ('{named}')."
    )


def no_queue() -> RpcError:
    return RpcError(
        grpc.StatusCode.NOT_FOUND,
        "Queue does not exist. If you just created the queue, wait at least a minute for the queue to initialize.",
    )


def queue_exists() -> RpcError:
    return RpcError(grpc.StatusCode.ALREADY_EXISTS, "Queue already exists")


def queue_existed() -> RpcError:
    """The name of a queue that was deleted too recently."""
    return RpcError(
        grpc.StatusCode.FAILED_PRECONDITION,
        "The queue cannot be created because a queue with this name existed too recently.",
    )


def not_found() -> RpcError:
    """A task that never existed, or a queue to delete that does not exist."""
    return RpcError(grpc.StatusCode.NOT_FOUND, "Requested entity was not found.")


def task_gone() -> RpcError:
    """A task that ended or was deleted recently."""
    return RpcError(
        grpc.StatusCode.NOT_FOUND,
        "The task no longer exists, though a task with this name existed recently. "
        "The task either successfully completed or was deleted.",
    )


def task_exists() -> RpcError:
    return RpcError(grpc.StatusCode.ALREADY_EXISTS, "Requested entity already exists")


def task_existed() -> RpcError:
    """The name of a task that ended or was deleted too recently."""
    return RpcError(
        grpc.StatusCode.ALREADY_EXISTS,
        "The task cannot be created because a task with this name existed too recently. "
        f"For more information about task de-duplication see {_REFERENCE}.tasks/create#body.request_body.FIELDS.task.",
    )


def app_engine() -> RpcError:
    """There is no App Engine behind the local cloud."""
    return RpcError(
        grpc.StatusCode.UNIMPLEMENTED, "The local cloud has no App Engine: give the task an http_request instead."
    )


def _help(description: str, url: str) -> Help:
    return Help(links=[Help.Link(description=description, url=url)])
