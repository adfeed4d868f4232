"""Cloud Tasks on its ports: the API over gRPC and over REST, and for each queue the loop that dispatches its tasks."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask

from local_cloud.clock import Clock
from local_cloud.identity import MintToken
from local_cloud.rest import RestServer
from local_cloud.rpc import Middleware, RpcServer
from local_cloud.tasks import messages, methods, moments
from local_cloud.tasks.dispatch import DeliveryMiddleware, Dispatcher
from local_cloud.tasks.queue import Attempt, Counts, DroppedTask, Outcome, Queue
from local_cloud.tasks.queues import Queues
from local_cloud.tasks.service import CloudTasksService


class TasksEmulator:
    """Cloud Tasks v2, in memory.

    Use it from its event loop's own thread only.

    Args:
        host: the address to bind.
        port: the port of the gRPC API, 0 for any free one.
        rest_port: that of the REST API; None for none.
        clock: where the time comes from.
        mint_token: signs the OIDC tokens that tasks carry: given a service account's email and an audience.
        middleware: wrapped around every API call (local_cloud.rpc).
        delivery_middleware: wrapped around every delivery of a task, the first outermost (dispatch.DeliveryMiddleware);
            the attribute is a list that may change while the emulator runs.
        tombstone: how long the name of an ended task is refused. The service: up to 24 hours.
        queue_tombstone: how long the name of a deleted queue is refused. The service: up to 3 days.

    Attributes:
        port: the bound port, after start().
        rest_port: that of the REST API; None where there is none.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        rest_port: int | None = None,
        clock: Clock,
        mint_token: MintToken,
        middleware: Sequence[Middleware] = (),
        delivery_middleware: Sequence[DeliveryMiddleware] = (),
        tombstone: timedelta = timedelta(hours=24),
        queue_tombstone: timedelta = timedelta(days=3),
    ) -> None:
        self.port = port
        self.rest_port = rest_port
        self.delivery_middleware = list(delivery_middleware)
        self._clock = clock
        self._queues = Queues(task_tombstone=tombstone, queue_tombstone=queue_tombstone)
        self._dispatcher = Dispatcher(clock=clock, mint_token=mint_token, middleware=self.delivery_middleware)
        self._loops: dict[Queue, _DispatchLoop] = {}
        self._attempts: set[asyncio.Task[None]] = set()
        self._progress = asyncio.Event()
        self._started = False
        self._rpc = RpcServer("Cloud Tasks", host, port, middleware)
        implementation = CloudTasksService(
            queues=self._queues, now=self._now, dispatch=self._dispatch, woken=self._woken, removed=self._removed
        )
        self._rest = None if rest_port is None else RestServer("Cloud Tasks over REST", host, rest_port, middleware)
        for server in self._servers:
            server.add_service(methods.CLOUD_TASKS, methods.METHODS, implementation)
            server.add_service(methods.OPERATIONS, methods.OPERATION_METHODS, implementation)
            server.add_service(methods.LOCATIONS, methods.LOCATION_METHODS, implementation)

    async def start(self) -> None:
        """Bind and begin to serve and to dispatch.

        Raises:
            PortInUse: another process has the port.
        """
        async with AsyncExitStack() as undo:
            await self._dispatcher.start()
            undo.push_async_callback(self._dispatcher.stop)
            for server in self._servers:
                await server.start()
                undo.push_async_callback(server.stop)
            undo.pop_all()
        self.port = self._rpc.port
        self.rest_port = None if self._rest is None else self._rest.port
        self._started = True
        for queue in self._queues.all():
            self._woken(queue)

    async def stop(self) -> None:
        """Stop serving and dispatching; requests under way are cut off."""
        for server in self._servers:
            await server.stop()
        self._started = False
        loops = [loop.cancel() for loop in self._loops.values()]
        self._loops.clear()
        for attempt in self._attempts:
            attempt.cancel()
        if ending := {*loops, *self._attempts}:
            await asyncio.wait(ending)
        await self._dispatcher.stop()

    def create_queue(self, name: str, queue: Any) -> None:
        """Make a queue as CreateQueue does, or change it as UpdateQueue does if there is one.

        Args:
            name: its full name.
            queue: a protobuf Queue, such as settings.queue_from_flags() gives.

        Raises:
            RpcError: as those methods.
        """
        message = messages.Queue()
        message.CopyFrom(queue)
        message.name = name
        self._woken(self._queues.update(message, FieldMask(), self._now()))

    def counts(self, queue: str) -> Counts:
        """A queue in figures.

        Args:
            queue: its full name.

        Raises:
            RpcError: INVALID_ARGUMENT, NOT_FOUND.
        """
        return self._queues.get(queue).counts()

    def dropped(self, queue: str) -> list[DroppedTask]:
        """The tasks of a queue that were given up, the latest 1,000, oldest first: the service forgets them.

        Raises:
            RpcError: INVALID_ARGUMENT, NOT_FOUND.
        """
        return list(self._queues.get(queue).dropped)

    async def idle(self, *, due_only: bool = False) -> None:
        """Return when no queue has anything left to do. A paused queue with tasks never gets there.

        Args:
            due_only: leave tasks out whose time has not come, such as those that wait for a retry.
        """
        while any(queue.has_due(self._now()) if due_only else queue.counts().depth > 0 for queue in self._queues.all()):
            self._progress.clear()
            await self._progress.wait()

    async def redeliver(self, task: str) -> Outcome:
        """Deliver a task once more, as a duplicate: with the headers of its latest dispatch, whether it waits, runs or
        has ended (the latest 1,000 that ended are remembered). Its queue ignores the answer.

        Args:
            task: its full name.

        Raises:
            RpcError: INVALID_ARGUMENT, NOT_FOUND.
        """
        queue, task_id = self._queues.of_task(task)
        return await self._dispatcher.send(queue, queue.duplicate(task_id, self._now()))

    @property
    def _servers(self) -> list[RpcServer | RestServer]:
        return [self._rpc] if self._rest is None else [self._rpc, self._rest]

    def _woken(self, queue: Queue) -> None:
        """Wake the dispatch loop of a queue whose tasks or settings changed."""
        self._progress.set()
        if not self._started:
            return
        if queue not in self._loops:
            self._loops[queue] = _DispatchLoop(queue, self._clock, self._dispatch, self._progress)
        self._loops[queue].wake()

    def _removed(self, queue: Queue) -> None:
        """End the dispatch loop of a deleted queue."""
        self._progress.set()
        self._loops.pop(queue).cancel()

    def _dispatch(self, queue: Queue, attempt: Attempt) -> None:
        sending = asyncio.create_task(self._send(queue, attempt))
        self._attempts.add(sending)
        sending.add_done_callback(self._attempts.discard)

    async def _send(self, queue: Queue, attempt: Attempt) -> None:
        outcome = await self._dispatcher.send(queue, attempt)
        queue.finish(attempt, outcome)
        self._progress.set()
        if (loop := self._loops.get(queue)) is not None:
            loop.wake()

    def _now(self) -> int:
        return moments.from_datetime(self._clock.now())


class _DispatchLoop:
    """Sends out what a queue may dispatch, and sleeps until there is more.

    Args:
        queue: the queue.
        clock: what it sleeps by.
        dispatch: sends an attempt out, without waiting for its answer.
        progress: set after each look at the queue, which may have given up tasks for their age.
    """

    def __init__(
        self, queue: Queue, clock: Clock, dispatch: Callable[[Queue, Attempt], None], progress: asyncio.Event
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._dispatch = dispatch
        self._progress = progress
        self._woken = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def wake(self) -> None:
        """Look again: something changed."""
        self._woken.set()

    def cancel(self) -> asyncio.Task[None]:
        """End the loop; what is returned is done when it has ended."""
        self._task.cancel()
        return self._task

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            while (attempt := self._queue.take(self._now())) is not None:
                self._dispatch(self._queue, attempt)
            self._progress.set()
            moment = self._queue.next_moment(self._now())
            if moment is None:
                await self._woken.wait()
            else:
                await self._woken_or(moment)

    async def _woken_or(self, moment: int) -> None:
        woken = asyncio.ensure_future(self._woken.wait())
        reached = asyncio.ensure_future(self._clock.sleep_until(moments.to_datetime(moment)))
        try:
            await asyncio.wait((woken, reached), return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
            reached.cancel()

    def _now(self) -> int:
        return moments.from_datetime(self._clock.now())
