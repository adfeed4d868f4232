"""Reads and changes the report queues at Cloud Tasks: their tasks, their rate and their retry policy."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from google.api_core.exceptions import FailedPrecondition, InvalidArgument, ServiceUnavailable
from google.api_core.exceptions import NotFound as GoogleNotFound
from google.api_core.retry import Retry, if_exception_type
from google.cloud import tasks_v2
from google.protobuf.field_mask_pb2 import FieldMask
from google.rpc import code_pb2

from functions.shared.queues.task_queue import cloud_tasks_client
from operations.errors import NotFound, OperatorError
from operations.failures import describe
from operations.queues.queue_change import PATHS, QueueSettings, field_of

COUNTED_TASKS = 1_000
"""How many tasks are counted at most: the service has no count, and lists a thousand a call."""

COUNTED_HELD_TASKS = 20_000
"""The same while a ramp holds tasks back."""

_REST_OF_A_RUN = "/dispatch"
"""The end of the URL by which the dispatcher calls itself."""


@dataclass(frozen=True, kw_only=True)
class QueuedTask:
    """A task and its body.

    Attributes:
        body: what the worker gets.
        is_running: whether a worker has it now, as far as the queue knows.
    """

    queue: str
    name: str
    body: bytes
    is_running: bool


class Queues:
    """Reads and changes queues. Every method raises NotFound if there is no such queue.

    Args:
        read_seconds: how long each call that reads may take; None for as long as Google's client has it.
    """

    def __init__(self, *, project: str, location: str, read_seconds: float | None = None) -> None:
        self._parent = f"projects/{project}/locations/{location}"
        # The client would try again beyond a timeout.
        retry = Retry(predicate=if_exception_type(ServiceUnavailable), timeout=read_seconds)
        self._patience: Mapping[str, Any] = {} if read_seconds is None else {"timeout": read_seconds, "retry": retry}

    def show(self, queue: str, *, counted: int = COUNTED_TASKS) -> dict[str, Any]:
        """A queue's state, settings and depth, as JSON shows them. `failing` counts the tasks that are tried again,
        and `waiting_since` is when the first of those that were never tried was to be.
        """
        found = self._call(queue, self._get_queue)
        settings = _settings_of(found)
        listed = list(islice(self._list(queue), counted + 1))
        failed = [_has_failed(task) for task in listed]
        return {
            "queue": queue,
            "state": found.state.name.lower(),
            "tasks": min(len(failed), counted),
            "more_tasks": len(failed) > counted,
            "failing": sum(failed[:counted]),
            "waiting_since": min(filter(None, map(_untried_since, listed)), default=None),
            "rate": settings.rate,
            "burst": found.rate_limits.max_burst_size,
            "concurrent": settings.concurrent,
            "max_attempts": settings.max_attempts,
            "min_backoff_seconds": _seconds(settings.min_backoff),
            "max_backoff_seconds": _seconds(settings.max_backoff),
            "max_doublings": settings.max_doublings,
            "max_retry_duration_seconds": _seconds(settings.max_retry_duration),
        }

    def settings(self, queue: str) -> QueueSettings:
        """The current values of the settings that the command can change."""
        return _settings_of(self._call(queue, self._get_queue))

    def change(self, queue: str, wanted: QueueSettings) -> QueueSettings:
        """Change the given settings and leave the rest.

        Returns:
            the settings as the service has them now.

        Raises:
            OperatorError: the service refuses a value; the message is its own.
        """
        given = wanted.given()
        limits = {field_of(name): given[name] for name in ("rate", "concurrent") if name in given}
        retries = {field_of(name): value for name, value in given.items() if PATHS[name].startswith("retry_config.")}
        mask = FieldMask(paths=[PATHS[name] for name in given])

        def update(name: str) -> tasks_v2.Queue:
            changed = tasks_v2.Queue(
                name=name,
                rate_limits=tasks_v2.RateLimits(**limits),
                retry_config=tasks_v2.RetryConfig(**retries),
            )
            # UpdateQueue would make a queue that does not exist.
            cloud_tasks_client().get_queue(name=name)
            return cloud_tasks_client().update_queue(queue=changed, update_mask=mask)

        return _settings_of(self._call(queue, update))

    def pause(self, queue: str) -> None:
        """Stop the queue's dispatches until it is resumed."""
        self._call(queue, lambda name: cloud_tasks_client().pause_queue(name=name))

    def resume(self, queue: str) -> None:
        """Let the queue's tasks be dispatched."""
        self._call(queue, lambda name: cloud_tasks_client().resume_queue(name=name))

    def tasks(self, queue: str, limit: int | None) -> list[dict[str, Any]]:
        """Tasks that the queue holds, as JSON shows them."""
        held = self._list(queue, page_size=min(limit or 1_000, 1_000))
        return [_task_row(queue, task) for task in islice(held, limit)]

    def find_task(self, queue: str, task: str) -> dict[str, Any] | None:
        """A task, as JSON shows it; None where the queue holds none of this id."""
        try:
            name = f"{self._name(queue)}/tasks/{task}"
            found = cloud_tasks_client().get_task(name=name, **self._patience)
        except GoogleNotFound:
            return None
        return _task_row(queue, tasks_v2.Task.pb(found))

    def search(self, queue: str, is_wanted: Callable[[bytes], bool]) -> Iterator[QueuedTask]:
        """Tasks whose body is wanted. All that the queue holds are read, a thousand a call.

        Leaves out the tasks by which the dispatcher hands the rest of a run to itself: erasing one would end the run.
        """
        for task in self._list(queue, with_bodies=True):
            if not task.http_request.url.endswith(_REST_OF_A_RUN) and is_wanted(task.http_request.body):
                last = task.last_attempt
                yield QueuedTask(
                    queue=queue,
                    name=task.name.rpartition("/")[2],
                    body=task.http_request.body,
                    # https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues.tasks#Attempt
                    is_running=last.HasField("dispatch_time") and not last.HasField("response_time"),
                )

    def delete_task(self, queue: str, task: str) -> None:
        """Delete a task, if the queue still holds it. A worker that has it goes on."""
        with contextlib.suppress(GoogleNotFound):
            cloud_tasks_client().delete_task(name=f"{self._name(queue)}/tasks/{task}")

    def run_task(self, queue: str, task: str) -> dict[str, Any] | None:
        """Dispatch a task now, regardless of the queue's rate, and even if the queue is paused.

        Returns:
            the task; None where the queue holds none of this id.
        """
        try:
            found = cloud_tasks_client().run_task(name=f"{self._name(queue)}/tasks/{task}")
        except GoogleNotFound:
            return None
        except (FailedPrecondition, InvalidArgument) as error:
            raise OperatorError(f"{task} cannot be run: {error.message}") from error
        return _task_row(queue, tasks_v2.Task.pb(found))

    def _list(self, queue: str, page_size: int = 1_000, *, with_bodies: bool = False) -> Iterator[Any]:
        """All tasks, as protobuf has them: those of proto-plus take several times the CPU."""
        view = tasks_v2.Task.View.FULL if with_bodies else tasks_v2.Task.View.BASIC
        request = tasks_v2.ListTasksRequest(parent=self._name(queue), page_size=page_size, response_view=view)
        found = self._call(queue, lambda _name: cloud_tasks_client().list_tasks(request=request, **self._patience))
        return (task for page in found.pages for task in tasks_v2.ListTasksResponse.pb(page).tasks)

    def _get_queue(self, name: str) -> tasks_v2.Queue:
        return cloud_tasks_client().get_queue(name=name, **self._patience)

    def _name(self, queue: str) -> str:
        return f"{self._parent}/queues/{queue}"

    def _call(self, queue: str, call: Callable[[str], Any]) -> Any:
        try:
            return call(self._name(queue))
        except GoogleNotFound as error:
            raise NotFound(
                f"There is no queue {queue} in {self._parent}: REPORT_QUEUES and LOCATION say which there are."
            ) from error
        except InvalidArgument as error:
            raise OperatorError(f"Queue {queue}: {error.message}") from error


def _settings_of(queue: tasks_v2.Queue) -> QueueSettings:
    # The types of proto-plus say Duration where it returns a timedelta; the types of protobuf are correct.
    limits, retry = queue.rate_limits, tasks_v2.Queue.pb(queue).retry_config
    return QueueSettings(
        rate=limits.max_dispatches_per_second,
        concurrent=limits.max_concurrent_dispatches,
        max_attempts=retry.max_attempts,
        min_backoff=retry.min_backoff.ToTimedelta(),
        max_backoff=retry.max_backoff.ToTimedelta(),
        max_doublings=retry.max_doublings,
        max_retry_duration=retry.max_retry_duration.ToTimedelta(),
    )


def _has_failed(task: Any) -> bool:
    """Whether the answer to a task's last attempt was a failure, so that it is tried again."""
    return bool(task.last_attempt.response_status.code)


def _untried_since(task: Any) -> datetime | None:
    """When a task was to be tried first; None where it was tried."""
    return None if task.dispatch_count else _moment(task, "schedule_time")


def _task_row(queue: str, task: Any) -> dict[str, Any]:
    last = task.last_attempt
    was_answered = last.HasField("response_time")
    return {
        "task": task.name.rpartition("/")[2],
        "queue": queue,
        "scheduled_for": _moment(task, "schedule_time"),
        "created_at": _moment(task, "create_time"),
        "attempts": task.dispatch_count,
        "responses": task.response_count,
        "last_attempt_at": _moment(last, "dispatch_time"),
        "last_status": code_pb2.Code.Name(last.response_status.code) if was_answered else None,
        "last_message": describe(last.response_status.message) if was_answered else None,
    }


def _moment(message: Any, field: str) -> datetime | None:
    return getattr(message, field).ToDatetime(tzinfo=UTC) if message.HasField(field) else None


def _seconds(duration: timedelta | None) -> float:
    return duration.total_seconds() if duration else 0.0
