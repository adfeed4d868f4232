"""The methods of google.cloud.tasks.v2.CloudTasks, and of the other services that its client library calls."""

import bisect
import hashlib
from collections.abc import Callable
from typing import Any

import grpc
from google.cloud.location import locations_pb2
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.protobuf.empty_pb2 import Empty

from local_cloud.rpc import RpcError
from local_cloud.tasks import messages, names, operations, queue_filter, refusals
from local_cloud.tasks.operations import Operations
from local_cloud.tasks.paging import page_size, page_token, read_page_token
from local_cloud.tasks.queue import Attempt, Queue
from local_cloud.tasks.queues import Queues
from local_cloud.tasks.task_view import abridge, render

MAX_CREATES = 100
MAX_DELETES = 1000
_MAX_QUEUES_A_PAGE = 9800
_MAX_TASKS_A_PAGE = 1000


class CloudTasksService:
    """Reads requests of the API, calls the right queue, and makes the answers.

    Args:
        queues: all queues.
        now: the present, in microseconds since 1970.
        dispatch: sends an attempt out; RunTask does not wait for the answer.
        woken: called with a queue whose tasks or settings changed.
        removed: called with a queue that was deleted.
    """

    def __init__(
        self,
        *,
        queues: Queues,
        now: Callable[[], int],
        dispatch: Callable[[Queue, Attempt], None],
        woken: Callable[[Queue], None],
        removed: Callable[[Queue], None],
    ) -> None:
        self._queues = queues
        self._now = now
        self._dispatch = dispatch
        self._woken = woken
        self._removed = removed
        self._operations = Operations()
        self._policies: dict[str, Any] = {}

    async def list_queues(self, request: Any, _context: Any) -> Any:
        names.check_location(request.parent)
        now = self._now()
        after = read_page_token(request.page_token, now)
        size = page_size(request.page_size, _MAX_QUEUES_A_PAGE)
        passes = queue_filter.parse(request.filter)
        found = [queue for queue in self._queues.of(request.parent) if passes(queue.message)]
        start = bisect.bisect_right(found, after, key=lambda queue: queue.name)
        page = found[start : start + size]
        response = messages.ListQueuesResponse(queues=[queue.message for queue in page])
        if start + size < len(found):
            response.next_page_token = page_token(page[-1].name, now)
        return response

    async def get_queue(self, request: Any, _context: Any) -> Any:
        return self._queues.get(request.name).message

    async def create_queue(self, request: Any, _context: Any) -> Any:
        names.check_location(request.parent)
        if names.location_of(request.queue.name) != request.parent:
            raise refusals.invalid(
                f"The location from request ('{request.parent}') must be the same as the location in the named queue "
                f"('{names.location_of(request.queue.name)}')."
            )
        queue = self._queues.create(request.queue, self._now())
        self._woken(queue)
        return queue.message

    async def update_queue(self, request: Any, _context: Any) -> Any:
        queue = self._queues.update(request.queue, request.update_mask, self._now())
        self._woken(queue)
        return queue.message

    async def delete_queue(self, request: Any, _context: Any) -> Empty:
        self._removed(self._queues.delete(request.name, self._now()))
        self._policies.pop(request.name, None)
        return Empty()

    async def purge_queue(self, request: Any, _context: Any) -> Any:
        queue = self._queues.get(request.name)
        queue.purge(self._now())
        self._woken(queue)
        return queue.message

    async def pause_queue(self, request: Any, _context: Any) -> Any:
        return self._set_state(request.name, messages.PAUSED)

    async def resume_queue(self, request: Any, _context: Any) -> Any:
        return self._set_state(request.name, messages.RUNNING)

    async def get_iam_policy(self, request: Any, _context: Any) -> Any:
        self._queues.get(request.resource)
        return self._policies.get(request.resource, policy_pb2.Policy(etag=b"ACAB"))

    async def set_iam_policy(self, request: Any, _context: Any) -> Any:
        self._queues.get(request.resource)
        policy = policy_pb2.Policy()
        policy.CopyFrom(request.policy)
        current = self._policies.get(request.resource)
        if policy.etag and current is not None and policy.etag != current.etag:
            raise RpcError(
                grpc.StatusCode.ABORTED,
                "There were concurrent policy changes. Please retry the whole read-modify-write.",
            )
        policy.etag = b""
        policy.etag = hashlib.sha256(policy.SerializeToString(deterministic=True)).digest()[:8]
        self._policies[request.resource] = policy
        return policy

    async def test_iam_permissions(self, request: Any, _context: Any) -> Any:  # noqa: PT019 - an RPC, not a test
        # The local cloud refuses no caller. "If the resource does not exist, this will return an empty set of
        # permissions, not a NOT_FOUND error."
        held = request.permissions if self._queues.exists(request.resource) else []
        return iam_policy_pb2.TestIamPermissionsResponse(permissions=held)

    async def list_tasks(self, request: Any, _context: Any) -> Any:
        queue = self._queues.get(request.parent)
        now = self._now()
        after = read_page_token(request.page_token, now)
        if after and not (after.isascii() and after.isdigit()):
            raise refusals.invalid("The page_token is not valid.")
        size = page_size(request.page_size, _MAX_TASKS_A_PAGE)
        page = queue.page(after=int(after or 0), size=size)
        response = messages.ListTasksResponse()
        response.tasks.extend(render(task, request.response_view) for task in page)
        if len(page) == size and queue.page(after=page[-1].number, size=1):
            response.next_page_token = page_token(str(page[-1].number), now)
        return response

    async def get_task(self, request: Any, _context: Any) -> Any:
        queue, task_id = self._queues.of_task(request.name)
        return render(queue.find(task_id, self._now()), request.response_view)

    async def create_task(self, request: Any, _context: Any) -> Any:
        queue = self._queues.get(request.parent)
        task = _take(queue, request, self._now())
        self._woken(queue)
        return task

    async def batch_create_tasks(self, request: Any, _context: Any) -> Any:
        parent = request.parent
        queue = self._queues.get(parent)
        requests = request.requests
        if not 1 <= len(requests) <= MAX_CREATES:
            raise refusals.invalid(
                f"BatchCreateTasksRequest.requests must have between 1 and {MAX_CREATES} elements, not {len(requests)}."
            )
        for index, create in enumerate(requests):
            if create.parent not in ("", parent):
                raise refusals.invalid(
                    f"BatchCreateTasksRequest.requests[{index}].parent ('{create.parent}') must be the same as "
                    f"BatchCreateTasksRequest.parent ('{parent}')."
                )
        name = operations.operation_name(queue.name, "create", request.request_id)
        if (known := self._operations.known(name)) is not None:
            return known
        started = self._now()
        failures: dict[int, RpcError] = {}
        response = messages.BatchCreateTasksResponse()
        for index, create in enumerate(requests):
            try:
                response.tasks.append(_take(queue, create, started))
            except RpcError as error:
                failures[index] = error
        self._woken(queue)
        return self._finish(name, messages.BatchCreateTasksMetadata(), started, failures, len(requests), response)

    async def delete_task(self, request: Any, _context: Any) -> Empty:
        queue, task_id = self._queues.of_task(request.name)
        queue.delete(task_id, self._now())
        self._woken(queue)
        return Empty()

    async def batch_delete_tasks(self, request: Any, _context: Any) -> Any:
        queue = self._queues.get(request.parent)
        if not 1 <= len(request.names) <= MAX_DELETES:
            raise refusals.invalid(
                f"BatchDeleteTasksRequest.names must have between 1 and {MAX_DELETES} elements, "
                f"not {len(request.names)}."
            )
        name = operations.operation_name(queue.name, "delete", request.request_id)
        if (known := self._operations.known(name)) is not None:
            return known
        started = self._now()
        failures: dict[int, RpcError] = {}
        for index, task_name in enumerate(request.names):
            try:
                queue.delete(names.task_id_in(queue.name, task_name), started)
            except RpcError as error:
                failures[index] = error
        self._woken(queue)
        return self._finish(name, messages.BatchDeleteTasksMetadata(), started, failures, len(request.names), Empty())

    async def run_task(self, request: Any, _context: Any) -> Any:
        queue, task_id = self._queues.of_task(request.name)
        attempt = queue.run(task_id, self._now())
        self._dispatch(queue, attempt)
        return render(attempt.task, request.response_view)

    async def get_operation(self, request: Any, _context: Any) -> Any:
        return self._operations.get(request.name)

    async def wait_operation(self, request: Any, _context: Any) -> Any:
        return self._operations.get(request.name)

    async def delete_operation(self, request: Any, _context: Any) -> Empty:
        self._operations.delete(request.name)
        return Empty()

    async def list_locations(self, request: Any, _context: Any) -> Any:
        response = locations_pb2.ListLocationsResponse()
        response.locations.extend(
            _location(location) for location in self._queues.locations() if location.startswith(f"{request.name}/")
        )
        return response

    async def get_location(self, request: Any, _context: Any) -> Any:
        names.check_location(request.name)
        return _location(request.name)

    def _finish(
        self, name: str, metadata: Any, started: int, failures: dict[int, RpcError], total: int, response: Any
    ) -> Any:
        operation = operations.finished(
            name,
            metadata=metadata,
            started=started,
            now=self._now(),
            failures=failures,
            total=total,
            response=response,
        )
        self._operations.keep(operation)
        return operation

    def _set_state(self, name: str, state: int) -> Any:
        queue = self._queues.get(name)
        queue.message.state = state
        self._woken(queue)
        return queue.message


def _take(queue: Queue, request: Any, now: int) -> Any:
    """Take the task of a CreateTaskRequest in, and turn it into what the answer shows."""
    task = request.task
    queue.add(task, now)
    abridge(task, request.response_view)
    return task


def _location(name: str) -> Any:
    return locations_pb2.Location(name=name, location_id=name.rpartition("/")[2])
