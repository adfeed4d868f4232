"""Calls Cloud Tasks: puts many tasks into one queue, and asks the queue for its state."""

import functools
import time
from collections.abc import Sequence
from concurrent.futures import TimeoutError as OperationTimeout
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

from google.api_core.exceptions import GoogleAPICallError, MethodNotImplemented, NotFound
from google.api_core.future.polling import DEFAULT_POLLING
from google.api_core.retry import exponential_sleep_generator
from google.cloud.tasks_v2 import (
    BatchCreateTasksMetadata,
    BatchCreateTasksRequest,
    CloudTasksClient,
    CreateTaskRequest,
    HttpMethod,
    Queue,
    RateLimits,
)
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport
from google.protobuf.field_mask_pb2 import FieldMask
from google.rpc import code_pb2

from functions.shared.clients import emulator_channel
from functions.shared.queues.retry_policy import DISPATCH_DEADLINE, RetryPolicy

BATCH_SIZE = 100
"""The most tasks that BatchCreateTasks takes.
https://cloud.google.com/tasks/docs/reference/rpc/google.cloud.tasks.v2#batchcreatetasksrequest"""

_OK: int = code_pb2.OK
_ALREADY_EXISTS: int = code_pb2.ALREADY_EXISTS

_CALL_SECONDS = 30.0
_OPERATION_POLLING = DEFAULT_POLLING.with_delay(initial=0.05, maximum=2.0, multiplier=2.0).with_timeout(60.0)
_ATTEMPTS = 6
_FIRST_WAIT_SECONDS = 0.25
_LONGEST_WAIT_SECONDS = 8.0
_TRANSIENT = frozenset({code_pb2.UNAVAILABLE, code_pb2.DEADLINE_EXCEEDED, code_pb2.RESOURCE_EXHAUSTED})


class NewTask(NamedTuple):
    """A task to be made.

    Attributes:
        task_id: its name within the queue.
        body: what is POSTed.
        at: not before when, in UTC; None for at once.
    """

    task_id: str
    body: bytes
    at: datetime | None = None


class TaskCreation(NamedTuple):
    """The result of creating one task.

    Attributes:
        code: of google.rpc.Code: OK, ALREADY_EXISTS where a task of this name exists or did so lately, or an error.
        message: the service's, for an error.
    """

    code: int
    message: str = ""

    @property
    def is_created(self) -> bool:
        return self.code == _OK

    @property
    def is_known(self) -> bool:
        """Whether the task had been made before."""
        return self.code == _ALREADY_EXISTS

    @property
    def is_made(self) -> bool:
        """Whether the task has been made, now or before."""
        return self.is_created or self.is_known

    @property
    def status(self) -> str:
        """The code's name."""
        return str(code_pb2.Code.Name(self.code))


CREATED = TaskCreation(_OK)


class QueueState(NamedTuple):
    """The state and settings of a queue.

    Attributes:
        is_running: false while it is paused or disabled: its tasks wait.
        dispatches_per_second: the most it starts in a second.
        retry_policy: how long it tries.
    """

    is_running: bool
    dispatches_per_second: float
    retry_policy: RetryPolicy


@functools.cache
def cloud_tasks_client() -> CloudTasksClient:
    """The Cloud Tasks client; CLOUD_TASKS_EMULATOR_HOST, where set, is what it talks to."""
    channel = emulator_channel("CLOUD_TASKS_EMULATOR_HOST")
    return CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel)) if channel else CloudTasksClient()


class TaskQueue:
    """One queue, filled with tasks that all call the same URL.

    The parts of a request that are the same for every task are built once; protobuf's own classes are used, since
    proto-plus costs more than everything else together here.

    Args:
        project: the Google Cloud project's id.
        location: the queue's.
        queue: the queue's id.
        url: what the tasks call, by POST, with a JSON body.
        service_account: the email address of the account whose OIDC token each request carries.
        audience: the token's audience.
        dispatch_deadline: how long one attempt may take; 15 s to 30 min.
    """

    def __init__(
        self,
        *,
        project: str,
        location: str,
        queue: str,
        url: str,
        service_account: str,
        audience: str,
        dispatch_deadline: timedelta = DISPATCH_DEADLINE,
    ) -> None:
        self.queue = queue
        self._path = f"projects/{project}/locations/{location}/queues/{queue}"
        self._template = CreateTaskRequest.pb()(parent=self._path)
        request = self._template.task.http_request
        request.url = url
        request.http_method = HttpMethod.POST
        request.headers["Content-Type"] = "application/json"
        request.oidc_token.service_account_email = service_account
        request.oidc_token.audience = audience
        self._template.task.dispatch_deadline.FromTimedelta(dispatch_deadline)
        self._takes_batches = True

    def state(self) -> QueueState:
        """Ask the queue for its configuration.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: there is no such queue, or the service cannot be reached.
        """
        queue = cloud_tasks_client().get_queue(name=self._path)
        retry = Queue.pb(queue).retry_config
        return QueueState(
            is_running=queue.state == Queue.State.RUNNING,
            dispatches_per_second=queue.rate_limits.max_dispatches_per_second,
            retry_policy=RetryPolicy(
                max_attempts=retry.max_attempts,
                max_retry_duration=retry.max_retry_duration.ToTimedelta(),
                min_backoff=retry.min_backoff.ToTimedelta(),
                max_backoff=retry.max_backoff.ToTimedelta(),
                max_doublings=retry.max_doublings,
            ),
        )

    def set_rate(self, dispatches_per_second: float) -> None:
        """Set how many tasks the queue starts in a second at most, which may be far below 1, and leave the rest of its
        configuration.

        https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues/patch

        Raises:
            google.api_core.exceptions.GoogleAPICallError: the service refuses, or cannot be reached.
        """
        limits = RateLimits(max_dispatches_per_second=dispatches_per_second)
        mask = FieldMask(paths=["rate_limits.max_dispatches_per_second"])
        cloud_tasks_client().update_queue(queue=Queue(name=self._path, rate_limits=limits), update_mask=mask)

    def holds(self, task: str) -> bool:
        """Whether the queue still holds a task: it keeps one until it has succeeded or was tried for the last time.

        https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues.tasks/get

        Args:
            task: its id.

        Raises:
            google.api_core.exceptions.GoogleAPIError: the service cannot be asked.
        """
        try:
            cloud_tasks_client().get_task(name=f"{self._path}/tasks/{task}")
        except NotFound:
            return False
        return True

    def enqueue(self, tasks: Sequence[NewTask]) -> list[TaskCreation]:
        """Make tasks, and retry those that the service cannot take at the moment: six times, over about ten seconds.

        A call whose answer was lost may have made its tasks. Their names prevent the next call from making them twice,
        and they then count as known.

        Args:
            tasks: at most BATCH_SIZE.

        Returns:
            what became of each, in their order. Nothing is raised for a task or a call that failed.
        """
        creations = self._create(tasks)
        waits = exponential_sleep_generator(initial=_FIRST_WAIT_SECONDS, maximum=_LONGEST_WAIT_SECONDS)
        for wait in islice(waits, _ATTEMPTS - 1):
            transient = [index for index, creation in enumerate(creations) if creation.code in _TRANSIENT]
            if not transient:
                break
            time.sleep(wait)
            for index, creation in zip(transient, self._create([tasks[index] for index in transient]), strict=True):
                creations[index] = creation
        return creations

    def _create(self, tasks: Sequence[NewTask]) -> list[TaskCreation]:
        if self._takes_batches and len(tasks) > 1:
            try:
                return self._create_batch(tasks)
            except MethodNotImplemented:
                self._takes_batches = False
            except GoogleAPICallError as error:
                failed = _failed_creation(error)
                # One bad task makes the service refuse the whole call: find that task, and make the others.
                if failed.code != code_pb2.INVALID_ARGUMENT:
                    return [failed] * len(tasks)
        return [self._create_one(task) for task in tasks]

    def _create_batch(self, tasks: Sequence[NewTask]) -> list[TaskCreation]:
        batch = BatchCreateTasksRequest.pb()(parent=self._path)
        for task in tasks:
            self._fill_in(batch.requests.add(), task)
        operation = cloud_tasks_client().batch_create_tasks(
            BatchCreateTasksRequest.wrap(batch), retry=None, timeout=_CALL_SECONDS
        )
        if not operation.operation.done:
            try:
                operation.result(polling=_OPERATION_POLLING)  # type: ignore[no-untyped-call]  # google-api-core
            except OperationTimeout:
                return [TaskCreation(code_pb2.DEADLINE_EXCEEDED, "the batch was not done in time")] * len(tasks)
            except GoogleAPICallError as error:
                # The code below reads the operation's own error. This error means that the operation could not be
                # polled.
                if not operation.operation.done:
                    return [_failed_creation(error)] * len(tasks)
        metadata = BatchCreateTasksMetadata.pb()()
        operation.operation.metadata.Unpack(metadata)
        failed = metadata.failed_requests
        if operation.operation.HasField("error") and not failed:
            whole = operation.operation.error
            return [TaskCreation(whole.code, whole.message)] * len(tasks)
        return [
            TaskCreation(failed[index].code, failed[index].message) if index in failed else CREATED
            for index in range(len(tasks))
        ]

    def _create_one(self, task: NewTask) -> TaskCreation:
        request = CreateTaskRequest.pb()()
        self._fill_in(request, task)
        try:
            cloud_tasks_client().create_task(CreateTaskRequest.wrap(request), retry=None, timeout=_CALL_SECONDS)
        except GoogleAPICallError as error:
            return _failed_creation(error)
        return CREATED

    def _fill_in(self, request: Any, task: NewTask) -> None:
        request.CopyFrom(self._template)
        request.task.name = f"{self._path}/tasks/{task.task_id}"
        request.task.http_request.body = task.body
        if task.at is not None:
            request.task.schedule_time.FromDatetime(task.at)


def _failed_creation(error: GoogleAPICallError) -> TaskCreation:
    code = error.grpc_status_code.value[0] if error.grpc_status_code else code_pb2.UNKNOWN
    return TaskCreation(code, error.message or "")
