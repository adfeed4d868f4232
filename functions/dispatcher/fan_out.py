"""Makes a task for each due report, in batches and with several calls at once. Only these batches are in memory."""

import functools
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import datetime
from json.encoder import encode_basestring as text_to_json
from types import TracebackType
from typing import Self

import structlog
from google.rpc import code_pb2

from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.run_counters import RunCounters
from functions.shared.queues.queue_choice import choose_queue
from functions.shared.queues.task_queue import BATCH_SIZE, NewTask, TaskCreation, TaskQueue
from functions.shared.records.ids import task_id
from functions.shared.records.report_task import ReportTask
from functions.shared.records.run import RunCounter
from functions.shared.threads import Threads

CALLS_IN_FLIGHT = 24
"""How many batches are in flight at once. Each takes a thread and some 100 kB."""

_logger = structlog.get_logger()


class FanOut:
    """Makes a task for each report that is added. A context manager: when it exits, the queues have all the tasks.

    Args:
        queues: those among which the users are spread.
        run_id: the id of the run.
        counters: where `dispatched`, `already_dispatched` and `errors` are counted.
    """

    def __init__(self, queues: Sequence[TaskQueue], *, run_id: str, counters: RunCounters) -> None:
        self._queues = queues
        self._names = [queue.queue for queue in queues]
        self._run_id = run_id
        self._counters = counters
        self._batches: list[list[tuple[DueSubscription, NewTask]]] = [[] for _ in queues]
        self._threads = Threads(CALLS_IN_FLIGHT, thread_name_prefix="enqueue")
        # One more than in flight, so that a batch is ready when a thread is.
        self._slots = threading.BoundedSemaphore(CALLS_IN_FLIGHT + 1)
        self._failure: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Even if an error ended the run: every report that was added is due.
        for index in range(len(self._queues)):
            self._submit(index)
        self._threads.shutdown(wait=True)
        if error is None and self._failure is not None:
            raise self._failure

    def add(self, due: DueSubscription, salt: str = "") -> None:
        """Enqueue a report; waits while the most batches are in flight.

        Args:
            due: whose report.
            salt: what sets this task apart from the report's others.
        """
        index = choose_queue(due.user_id, self._names)
        batch = self._batches[index]
        batch.append((due, report_task(due, self._run_id, salt)))
        if len(batch) == BATCH_SIZE:
            self._submit(index)

    def _submit(self, index: int) -> None:
        batch, self._batches[index] = self._batches[index], []
        if not batch:
            return
        self._slots.acquire()
        self._threads.submit(self._enqueue, self._queues[index], batch).add_done_callback(self._done)

    def _done(self, future: "Future[None]") -> None:
        self._failure = self._failure or future.exception()
        self._slots.release()

    def _enqueue(self, queue: TaskQueue, batch: list[tuple[DueSubscription, NewTask]]) -> None:
        creations = self._create(queue, [task for _, task in batch])
        created = sum(creation.is_created for creation in creations)
        known = sum(creation.is_known for creation in creations)
        self._counters.add(RunCounter.DISPATCHED, created)
        self._counters.add(RunCounter.ALREADY_DISPATCHED, known)
        if created + known < len(batch):
            for (due, task), creation in zip(batch, creations, strict=True):
                if not creation.is_made:
                    self._refused(queue, due, task, creation)

    def _create(self, queue: TaskQueue, tasks: Sequence[NewTask]) -> list[TaskCreation]:
        """Create tasks. An unexpected error, such as an unreadable answer, does not affect other batches."""
        try:
            return queue.enqueue(tasks)
        except Exception as error:
            if len(tasks) > 1:
                return [creation for task in tasks for creation in self._create(queue, [task])]
            _logger.exception("task_not_created", run_id=self._run_id, queue=queue.queue, task=tasks[0].task_id)
            return [TaskCreation(code_pb2.INTERNAL, type(error).__name__)]

    def _refused(self, queue: TaskQueue, due: DueSubscription, task: NewTask, creation: TaskCreation) -> None:
        self._counters.add_error()
        _logger.error(
            "task_refused",
            run_id=self._run_id,
            user_id=due.user_id,
            subscription_id=due.subscription_id,
            queue=queue.queue,
            task=task.task_id,
            status=creation.status,
            reason=creation.message,
        )


def report_task(due: DueSubscription, run_id: str, salt: str = "") -> NewTask:
    """The task of a report: its name follows from subscription, due time and salt alone."""
    delivery = due.delivery_id
    before, after_user, after_subscription, after = _body_around_ids(due.due_at, run_id, due.kind)
    body = (
        f"{before}{text_to_json(due.user_id)}{after_user}{text_to_json(due.subscription_id)}"
        f"{after_subscription}{text_to_json(delivery)}{after}"
    )
    return NewTask(task_id(delivery, salt), body.encode())


@functools.lru_cache(maxsize=1024)
def _body_around_ids(due_at: datetime, run_id: str, kind: str) -> tuple[str, str, str, str]:
    """A task's JSON without its three ids: what is before, between and after them.

    Building a model for each report takes longer than all the rest of making a task, and most tasks of a run differ
    only in their ids.
    """
    ids = {"user_id": "<user_id>", "subscription_id": "<subscription_id>", "delivery_id": "<delivery_id>"}
    task = ReportTask(**ids, due_at=due_at, run_id=run_id, kind=kind)
    before, _, rest = task.to_json().decode().partition(text_to_json(ids["user_id"]))
    after_user, _, rest = rest.partition(text_to_json(ids["subscription_id"]))
    after_subscription, _, after = rest.partition(text_to_json(ids["delivery_id"]))
    return before, after_user, after_subscription, after
