"""The long-running operations of BatchCreateTasks and BatchDeleteTasks.

Nothing runs long here: an operation is done when the call that started it returns. It is kept so that the client
library, or a caller that repeats its request, finds it again.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import grpc
from google.longrunning.operations_pb2 import Operation

from local_cloud.rpc import RpcError
from local_cloud.tasks import moments

_KEPT = 1000
"""How many operations are remembered."""


class Operations:
    """The latest 1,000 operations."""

    def __init__(self) -> None:
        self._by_name: OrderedDict[str, bytes] = OrderedDict()

    def known(self, name: str) -> Operation | None:
        """An operation that already exists, so that a repeated request is harmless."""
        kept = self._by_name.get(name)
        return None if kept is None else Operation.FromString(kept)

    def get(self, name: str) -> Operation:
        """An operation by its name.

        Raises:
            RpcError: NOT_FOUND.
        """
        operation = self.known(name)
        if operation is None:
            raise RpcError(grpc.StatusCode.NOT_FOUND, f"Operation {name} was not found.")
        return operation

    def keep(self, operation: Operation) -> None:
        """Remember an operation."""
        self._by_name[operation.name] = operation.SerializeToString()
        if len(self._by_name) > _KEPT:
            self._by_name.popitem(last=False)

    def delete(self, name: str) -> None:
        """Forget an operation.

        Raises:
            RpcError: NOT_FOUND.
        """
        self.get(name)
        del self._by_name[name]


def operation_name(queue: str, method: str, request_id: str) -> str:
    """The name of the operation of a call; the same request id for the same queue is the same operation.

    The documentation does not say how far a request id reaches. If it reached beyond its queue, a batch for another
    queue would silently make no tasks.
    """
    location, _, queue_id = queue.partition("/queues/")
    # A dot, which no queue's id has: with a dash, the request a-b of q would be the request b of q-a.
    return f"{location}/operations/{method}-{queue_id}.{request_id or uuid4()}"


def finished(
    name: str, *, metadata: Any, started: int, now: int, failures: Mapping[int, RpcError], total: int, response: Any
) -> Operation:
    """The operation of a batch that was carried out.

    https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues.tasks/batchDelete

    Args:
        name: the operation's name.
        metadata: an empty BatchCreateTasksMetadata or BatchDeleteTasksMetadata.
        started: when the call came, in microseconds since 1970.
        now: the present.
        failures: what failed, by its index in the request.
        total: how many there were.
        response: the answer, if not all failed.
    """
    moments.write(metadata.start_time, started)
    moments.write(metadata.end_time, now)
    metadata.state = metadata.PARTIALLY_SUCCEEDED if failures else metadata.SUCCEEDED
    for index, failure in failures.items():
        metadata.failed_requests[index].CopyFrom(failure.to_status())
    operation = Operation(name=name, done=True)
    operation.metadata.Pack(metadata)
    if len(failures) == total:
        operation.error.code = grpc.StatusCode.ABORTED.value[0]
        operation.error.message = (
            f"None of the requests succeeded, refer to {type(metadata).__name__}.failed_requests for individual error "
            "details"
        )
    else:
        operation.response.Pack(response)
    return operation
