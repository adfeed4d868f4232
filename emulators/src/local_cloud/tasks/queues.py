"""All queues, and the names of deleted queues."""

from datetime import timedelta
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from sortedcontainers import SortedDict

from local_cloud.tasks import messages, moments, names, refusals, settings
from local_cloud.tasks.queue import Queue
from local_cloud.tasks.tombstones import Tombstones

_SETTABLE = [
    field
    for field in (
        "rate_limits",
        "retry_config",
        "http_target",
        "stackdriver_logging_config",
        "app_engine_routing_override",
    )
    if field in messages.Queue.DESCRIPTOR.fields_by_name
]
_OUTPUT_ONLY = frozenset({"name", "state", "purge_time", "rate_limits.max_burst_size"})


class Queues:
    """The queues of all projects and locations.

    Args:
        task_tombstone: how long the name of an ended task is refused.
        queue_tombstone: how long the name of a deleted queue is refused.
    """

    def __init__(self, *, task_tombstone: timedelta, queue_tombstone: timedelta) -> None:
        self._task_tombstone = task_tombstone
        self._names = Tombstones(moments.length(queue_tombstone))
        self._by_name: SortedDict[str, Queue] = SortedDict()

    def all(self) -> list[Queue]:
        """Every queue, by name."""
        return list(self._by_name.values())

    def of(self, location: str) -> list[Queue]:
        """The queues of a location, by name."""
        prefix = f"{location}/queues/"
        return [self._by_name[name] for name in self._by_name.irange(prefix, prefix + "\x7f")]

    def locations(self) -> list[str]:
        """The locations that have a queue."""
        return sorted({names.location_of(name) for name in self._by_name})

    def get(self, name: str) -> Queue:
        """A queue by its name.

        Raises:
            RpcError: INVALID_ARGUMENT for what is no queue's name, NOT_FOUND.
        """
        queue = self._by_name.get(name)
        if queue is None:
            names.location_of(name)
            raise refusals.no_queue()
        found: Queue = queue
        return found

    def exists(self, name: str) -> bool:
        """Whether there is a queue of that name."""
        return name in self._by_name

    def of_task(self, name: str) -> tuple[Queue, str]:
        """The queue of a task, and the task's id.

        Raises:
            RpcError: INVALID_ARGUMENT for what is no task's name, NOT_FOUND for a missing queue.
        """
        queue, task_id = names.split_task(name)
        return self.get(queue), task_id

    def create(self, message: Any, now: int) -> Queue:
        """Make a queue from a protobuf Queue. Missing settings get the service's defaults.

        Raises:
            RpcError: INVALID_ARGUMENT, ALREADY_EXISTS, or FAILED_PRECONDITION for the name of a queue that was deleted
                too recently.
        """
        names.location_of(message.name)
        if message.name in self._by_name:
            raise refusals.queue_exists()
        if self._names.holds(message.name, now):
            raise refusals.queue_existed()
        own = messages.Queue()
        own.CopyFrom(message)
        own.state = messages.RUNNING
        own.ClearField("purge_time")
        settings.complete(own)
        queue = Queue(own, now=now, tombstone=self._task_tombstone)
        self._by_name[queue.name] = queue
        return queue

    def update(self, message: Any, mask: FieldMask, now: int) -> Queue:
        """Change the settings that a mask names, or without a mask all of them; make the queue if there is none.

        Raises:
            RpcError: INVALID_ARGUMENT, or FAILED_PRECONDITION as create().
        """
        names.location_of(message.name)
        for path in mask.paths:
            if not FieldMask(paths=[path]).IsValidForDescriptor(messages.Queue.DESCRIPTOR):
                raise refusals.invalid(f"The update_mask names '{path}', which is no field of a queue.")
        if message.name not in self._by_name:
            return self.create(message, now)
        queue = self.get(message.name)
        changed = messages.Queue()
        changed.CopyFrom(queue.message)
        paths = [path for path in mask.paths if path not in _OUTPUT_ONLY] if mask.paths else _SETTABLE
        FieldMask(paths=paths).MergeMessage(message, changed, replace_message_field=True, replace_repeated_field=True)
        settings.complete(changed)
        queue.configure(changed, now)
        return queue

    def delete(self, name: str, now: int) -> Queue:
        """Delete a queue with its tasks, and return it, empty.

        Raises:
            RpcError: INVALID_ARGUMENT, NOT_FOUND.
        """
        if name not in self._by_name:
            names.location_of(name)
            raise refusals.not_found()
        queue: Queue = self._by_name.pop(name)
        queue.purge(now)
        self._names.bury(name, now)
        return queue
