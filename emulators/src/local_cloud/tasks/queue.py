"""A queue: holds its tasks, decides when each may be dispatched, and handles each answer.

Nothing here waits or talks to a network: the present comes as an argument, and answers are handed in.
"""

import bisect
import dataclasses
import heapq
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

from google.rpc.code_pb2 import Code

from local_cloud.rpc import has
from local_cloud.tasks import messages, moments, new_task, refusals, settings
from local_cloud.tasks.moments import SECOND
from local_cloud.tasks.rate import TokenBucket
from local_cloud.tasks.retry import RetryPolicy
from local_cloud.tasks.throttle import OVERLOAD_STATUSES, Throttle
from local_cloud.tasks.tombstones import Tombstones

RETENTION = 31 * 24 * 3600 * SECOND
"""How long a task lives, dispatched or not: https://cloud.google.com/tasks/docs/quotas#limits"""

_REMEMBERED = 1000
"""How many ended tasks a queue keeps, so that people can look at those that were given up, or deliver one again."""


class TaskState(Enum):
    """Where a task is."""

    WAITING = auto()
    RUNNING = auto()
    GONE = auto()


class QueuedTask:
    """A task in a queue.

    Attributes:
        task_id: the last part of its name.
        number: its place in the order of creation.
        stored: the protobuf Task as it was accepted, serialized: a queue may hold hundreds of thousands of them.
        policy: its own retry policy; None for the queue's.
        created: when, in microseconds since 1970 as all times here.
        due: when it is to be dispatched next.
        state: where it is.
        attempts: dispatches so far.
        responses: those of them that were answered.
        executions: those that were answered with something else than 5xx.
        running: dispatches under way: RunTask adds one to another.
        first_dispatch: when the first one went out.
        last: the latest one.
        entry: which entry of the queue's schedule is the valid one.
    """

    __slots__ = (
        "attempts",
        "created",
        "due",
        "entry",
        "executions",
        "first_dispatch",
        "last",
        "number",
        "policy",
        "responses",
        "running",
        "state",
        "stored",
        "task_id",
    )

    def __init__(
        self, *, task_id: str, number: int, stored: bytes, policy: RetryPolicy | None, created: int, due: int
    ) -> None:
        self.task_id = task_id
        self.number = number
        self.stored = stored
        self.policy = policy
        self.created = created
        self.due = due
        self.state = TaskState.WAITING
        self.attempts = 0
        self.responses = 0
        self.executions = 0
        self.running = 0
        self.first_dispatch = 0
        self.last: Attempt | None = None
        self.entry = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The outcome of a dispatch.

    Attributes:
        at: when.
        answered: whether the worker answered.
        http_status: what it answered; 504 where its time ran out, as the service reports that; None where no answer
            came for another reason.
        code: the status as Cloud Tasks reports it in `last_attempt`.
        message: the same in words.
        held_until: the moment that the answer's Retry-After asks to wait for.
    """

    at: int
    answered: bool
    http_status: int | None
    code: int
    message: str
    held_until: int | None = None

    @property
    def succeeded(self) -> bool:
        return self.code == int(Code.OK)


@dataclass(kw_only=True, slots=True)
class Attempt:
    """One dispatch of a task.

    Attributes:
        task: the task.
        retry: how many dispatches there were before.
        executions: how many of those were answered with something else than 5xx.
        due: when this one was scheduled.
        dispatched: when it went out.
        previous_status: the HTTP status of the one before; None for the first, or where none came back.
        forced: made by RunTask: the wait for the next one counts from its dispatch, not from its failure.
        outcome: how it ended; None while it is under way.
    """

    task: QueuedTask
    retry: int
    executions: int
    due: int
    dispatched: int
    previous_status: int | None
    forced: bool
    outcome: Outcome | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DroppedTask:
    """A task that was given up.

    Attributes:
        name: its full name.
        attempts: how many there were.
        message: how the last one ended.
        at: when.
    """

    name: str
    attempts: int
    message: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """A queue in figures.

    Attributes:
        waiting: tasks that wait for their time, for a token or for a place.
        running: dispatches under way.
        done: tasks that a worker answered with 2xx.
        dropped: tasks given up after their last attempt, or for their age.
        deleted: tasks deleted or purged.
    """

    waiting: int
    running: int
    done: int
    dropped: int
    deleted: int

    @property
    def depth(self) -> int:
        """The number of tasks that have not ended."""
        return self.waiting + self.running


class Queue:
    """A queue and its tasks.

    Args:
        message: the protobuf Queue, named and complete (settings.complete).
        now: the present, in microseconds since 1970.
        tombstone: how long the name of an ended task is refused.

    Attributes:
        message: what GetQueue shows.
        dropped: the tasks that were given up, the latest 1,000 of them.
    """

    def __init__(self, message: Any, *, now: int, tombstone: timedelta) -> None:
        self.message = message
        self.name: str = message.name
        self.dropped: deque[DroppedTask] = deque(maxlen=_REMEMBERED)
        self._names = Tombstones(moments.length(tombstone))
        self._tasks: dict[str, QueuedTask] = {}
        self._ended: deque[QueuedTask] = deque(maxlen=_REMEMBERED)
        self._in_order: list[QueuedTask] = []
        self._schedule: list[tuple[int, int, QueuedTask]] = []
        self._entries = 0
        self._dispatches = 0
        self._busy = 0
        self._done = 0
        self._dropped_count = 0
        self._deleted = 0
        self._policy = settings.policy(message.retry_config)
        self._throttle = Throttle()
        limits = message.rate_limits
        self._bucket = TokenBucket(rate=limits.max_dispatches_per_second, burst=limits.max_burst_size, now=now)

    @property
    def paused(self) -> bool:
        return bool(self.message.state == messages.PAUSED)

    def counts(self) -> Counts:
        """The queue in figures."""
        return Counts(
            waiting=len(self._tasks) - self._busy,
            running=self._dispatches,
            done=self._done,
            dropped=self._dropped_count,
            deleted=self._deleted,
        )

    def has_due(self, now: int) -> bool:
        """Whether a task is under way, or its time has come."""
        following = self._following()
        return self._dispatches > 0 or (following is not None and following.due <= now)

    def configure(self, message: Any, now: int) -> None:
        """Change the settings; tasks and state stay."""
        self.message = message
        self._policy = settings.policy(message.retry_config)
        self._set_rate(now)

    def add(self, task: Any, now: int) -> QueuedTask:
        """Take a task in.

        Args:
            task: the protobuf Task; it is brought into the form that is stored (new_task.prepare).
            now: the present.

        Raises:
            RpcError: INVALID_ARGUMENT or UNIMPLEMENTED for a task that cannot be taken; ALREADY_EXISTS for a name that
                is in use, or was until recently.
        """
        task_id, due = new_task.prepare(task, queue=self.message, now=now)
        if task_id in self._tasks:
            raise refusals.task_exists()
        if self._names.holds(task_id, now):
            raise refusals.task_existed()
        stored = task.SerializeToString()
        new_task.check_size(stored)
        self._entries += 1
        queued = QueuedTask(
            task_id=task_id,
            number=self._entries,
            stored=stored,
            policy=settings.policy(task.retry_config) if has(task, "retry_config") else None,
            created=now,
            due=due,
        )
        self._tasks[task_id] = queued
        self._in_order.append(queued)
        self._put_off(queued, due)
        return queued

    def find(self, task_id: str, now: int) -> QueuedTask:
        """A task by its id.

        Raises:
            RpcError: NOT_FOUND.
        """
        task = self._tasks.get(task_id)
        if task is None:
            raise refusals.task_gone() if self._names.holds(task_id, now) else refusals.not_found()
        return task

    def page(self, *, after: int, size: int) -> list[QueuedTask]:
        """So many tasks in the order of creation, from the first whose number is greater than `after`."""
        tasks = []
        for index in range(bisect.bisect_right(self._in_order, after, key=_number), len(self._in_order)):
            task = self._in_order[index]
            if task.state is not TaskState.GONE:
                tasks.append(task)
                if len(tasks) == size:
                    break
        return tasks

    def delete(self, task_id: str, now: int) -> None:
        """Delete a task. A dispatch under way continues, but its answer no longer counts.

        Raises:
            RpcError: NOT_FOUND.
        """
        self._end(self.find(task_id, now), now)
        self._deleted += 1

    def purge(self, now: int) -> None:
        """Delete all tasks."""
        self._deleted += len(self._tasks)
        for task in list(self._tasks.values()):
            self._end(task, now)
        moments.write(self.message.purge_time, now)

    def take(self, now: int) -> Attempt | None:
        """The next dispatch, if there is one that may go out now."""
        while True:
            task = self._following()
            if (
                task is None
                or task.due > now
                or self.paused
                or self._dispatches >= self.message.rate_limits.max_concurrent_dispatches
                or self._throttle.held_until > now
            ):
                return None
            if now - task.created > RETENTION:
                self._drop(task, now, "The task is older than 31 days.")
            elif self._bucket.take(now):
                heapq.heappop(self._schedule)
                return self._begin(task, now, forced=False)
            else:
                return None

    def next_moment(self, now: int) -> int | None:
        """When to call take() again; None: not before something else happens."""
        task = self._following()
        if task is None or self.paused or self._dispatches >= self.message.rate_limits.max_concurrent_dispatches:
            return None
        return max(task.due, self._throttle.held_until, self._bucket.ready_at(now))

    def run(self, task_id: str, now: int) -> Attempt:
        """Dispatch a task at once, regardless of its schedule, the rate, the cap, and a pause.

        Raises:
            RpcError: NOT_FOUND.
        """
        return self._begin(self.find(task_id, now), now, forced=True)

    def duplicate(self, task_id: str, now: int) -> Attempt:
        """A dispatch that repeats the latest one of a task, or anticipates its first; the queue does not count it.

        Raises:
            RpcError: NOT_FOUND: there is no such task, and none among the latest 1,000 that ended.
        """
        task = self._tasks.get(task_id) or next((task for task in self._ended if task.task_id == task_id), None)
        if task is None:
            raise refusals.not_found()
        return dataclasses.replace(task.last or _next_attempt(task, now, forced=True), outcome=None)

    def finish(self, attempt: Attempt, outcome: Outcome) -> None:
        """Handle the outcome of a dispatch: the task is done, waits for a retry, or is given up."""
        task, now = attempt.task, outcome.at
        self._dispatches -= 1
        task.running -= 1
        attempt.outcome = outcome
        if outcome.answered and outcome.http_status is not None:
            task.responses += 1
            task.executions += outcome.http_status < 500
        self._adapt(outcome)
        if task.state is TaskState.GONE:
            return
        if outcome.succeeded:
            self._done += 1
            self._end(task, now)
            return
        if task.running > 0:
            return  # the dispatch that is still under way decides
        if (task.policy or self._policy).gives_up(
            attempts=task.attempts, since_first_attempt=timedelta(microseconds=now - task.first_dispatch)
        ):
            self._drop(task, now, outcome.message)
        else:
            wait = (task.policy or self._policy).backoff(task.attempts)
            self._put_off(task, (attempt.dispatched if attempt.forced else now) + moments.length(wait))

    def _following(self) -> QueuedTask | None:
        while self._schedule:
            _, entry, task = self._schedule[0]
            if task.entry == entry and task.state is TaskState.WAITING:
                return task
            heapq.heappop(self._schedule)
        return None

    def _put_off(self, task: QueuedTask, due: int) -> None:
        if task.state is TaskState.RUNNING:
            self._busy -= 1
        task.state = TaskState.WAITING
        task.due = due
        self._entries += 1
        task.entry = self._entries
        heapq.heappush(self._schedule, (due, task.entry, task))

    def _begin(self, task: QueuedTask, now: int, *, forced: bool) -> Attempt:
        attempt = _next_attempt(task, now, forced=forced)
        if task.state is not TaskState.RUNNING:
            task.state = TaskState.RUNNING
            self._busy += 1
        if task.attempts == 0:
            task.first_dispatch = now
        task.attempts += 1
        task.running += 1
        task.last = attempt
        self._dispatches += 1
        return attempt

    def _drop(self, task: QueuedTask, now: int, message: str) -> None:
        self.dropped.append(
            DroppedTask(
                name=f"{self.name}/tasks/{task.task_id}",
                attempts=task.attempts,
                message=message,
                at=moments.to_datetime(now),
            )
        )
        self._dropped_count += 1
        self._end(task, now)

    def _end(self, task: QueuedTask, now: int) -> None:
        if task.state is TaskState.RUNNING:
            self._busy -= 1
        task.state = TaskState.GONE
        del self._tasks[task.task_id]
        self._ended.append(task)
        self._names.bury(task.task_id, now)
        # Rebuild when half of them are gone: on average this copies one task for each that ends.
        if len(self._in_order) > 2 * len(self._tasks) + _REMEMBERED:
            self._in_order = [task for task in self._in_order if task.state is not TaskState.GONE]

    def _adapt(self, outcome: Outcome) -> None:
        share = self._throttle.share
        if outcome.succeeded:
            self._throttle.succeeded(outcome.at)
        elif outcome.answered and outcome.http_status in OVERLOAD_STATUSES:
            self._throttle.overloaded(outcome.at)
        if outcome.held_until is not None and not outcome.succeeded:
            longest = outcome.at + moments.length(self._policy.max_backoff)
            self._throttle.hold(min(outcome.held_until, longest))
        if self._throttle.share != share:
            self._set_rate(outcome.at)

    def _set_rate(self, now: int) -> None:
        limits, share = self.message.rate_limits, self._throttle.share
        self._bucket.change(
            rate=limits.max_dispatches_per_second * share, burst=max(1.0, limits.max_burst_size * share), now=now
        )


def _number(task: QueuedTask) -> int:
    return task.number


def _next_attempt(task: QueuedTask, now: int, *, forced: bool) -> Attempt:
    previous = task.last.outcome if task.last else None
    return Attempt(
        task=task,
        retry=task.attempts,
        executions=task.executions,
        due=now if forced else task.due,
        dispatched=now,
        previous_status=previous.http_status if previous else None,
        forced=forced,
    )
