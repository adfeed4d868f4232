"""A worker for tasks to be delivered to, and a Cloud Tasks beside it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import grpc
from aiohttp import web
from google.cloud import tasks_v2
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

from local_cloud.background import Background
from local_cloud.clock import Clock
from local_cloud.http import HttpServer
from local_cloud.tasks.server import TasksEmulator
from local_cloud.tasks.settings import queue_from_flags

LOCATION = "projects/my-project/locations/europe-west1"
QUEUE = f"{LOCATION}/queues/reports"


@dataclass(frozen=True)
class Received:
    """A request as the worker got it; header names in lower case, those that came twice joined by a comma."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def task(self) -> str:
        return self.headers["x-cloudtasks-taskname"]


class Worker:
    """Answers 200 unless told otherwise, and remembers what came."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answer: Callable[[Received], Awaitable[web.Response]] = self._fine
        self.connections: set[Any] = set()
        app = web.Application(client_max_size=2**21)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._server = HttpServer("worker", app, "127.0.0.1", 0)

    async def start(self) -> None:
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.port}"

    def answer_in_turn(self, *statuses: int, **headers: str) -> None:
        """Answer with these statuses one after the other, then with 200."""
        left = list(statuses)

        async def answer(_request: Received) -> web.Response:
            return web.Response(status=left.pop(0) if left else 200, headers=headers)

        self.answer = answer

    def answer_always(self, status: int) -> None:
        async def answer(_request: Received) -> web.Response:
            return web.Response(status=status)

        self.answer = answer

    def hold(self) -> asyncio.Event:
        """Answer nothing until the event is set."""
        released = asyncio.Event()

        async def answer(_request: Received) -> web.Response:
            await released.wait()
            return web.Response()

        self.answer = answer
        return released

    async def _fine(self, _request: Received) -> web.Response:
        return web.Response()

    async def _handle(self, request: web.Request) -> web.Response:
        received = Received(
            method=request.method,
            path=request.path_qs,
            headers={name.lower(): ", ".join(request.headers.getall(name)) for name in request.headers},
            body=await request.read(),
        )
        self.received.append(received)
        if request.transport is not None:
            self.connections.add(request.transport.get_extra_info("peername"))
        return await self.answer(received)


class Tasks:
    """A Cloud Tasks with a queue, a worker, and Google's own client, for a test that is synchronous."""

    def __init__(self, background: Background) -> None:
        self._background = background
        self.clock = Clock(still=True)
        self.worker = Worker()
        self.emulator = background.run(self._make())
        background.run(self.worker.start())
        background.run(self.emulator.start())
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.emulator.port}")
        # Its annotations know neither the dicts that it takes nor the datetimes that it gives.
        self.client: Any = tasks_v2.CloudTasksClient(transport=CloudTasksGrpcTransport(channel=self.channel))

    async def _make(self) -> TasksEmulator:
        return TasksEmulator(
            host="127.0.0.1",
            port=0,
            rest_port=0,
            clock=self.clock,
            mint_token=lambda email, audience: f"{email}|{audience}",
        )

    def close(self) -> None:
        self.channel.close()
        self._background.run(self.emulator.stop())
        self._background.run(self.worker.stop())

    def make_queue(self, name: str = QUEUE, **flags: Any) -> None:
        """Make the queue, with gcloud's flags."""
        message = queue_from_flags({f"--{flag.replace('_', '-')}": value for flag, value in flags.items()})

        async def make() -> None:
            self.emulator.create_queue(name, message)

        self._background.run(make())

    def task(
        self, task_id: str = "", *, queue: str = QUEUE, path: str = "/tasks/send", **fields: Any
    ) -> dict[str, Any]:
        """A task for the worker, as the client takes it."""
        request = {"url": f"{self.worker.url}{path}", **fields.pop("http_request", {})}
        name = {"name": f"{queue}/tasks/{task_id}"} if task_id else {}
        return {**name, "http_request": request, **fields}

    def create(self, task_id: str = "", **fields: Any) -> Any:
        return self.client.create_task(parent=QUEUE, task=self.task(task_id, **fields))

    def get(self, task_id: str, **fields: Any) -> Any:
        return self.client.get_task(tasks_v2.GetTaskRequest(name=f"{QUEUE}/tasks/{task_id}", **fields))

    def advance(self, **by: float) -> None:
        async def move() -> None:
            self.clock.advance(timedelta(**by))

        self._background.run(move())

    def run(self, coroutine: Any) -> Any:
        """Run a coroutine on the emulator's loop."""
        return self._background.run(coroutine)

    def call(self, function: Callable[[], Any]) -> Any:
        """Call a function on the emulator's loop."""

        async def call() -> Any:
            return function()

        return self._background.run(call())

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The emulator's loop."""
        return self._background.loop

    def counts(self) -> Any:
        return self.call(lambda: self.emulator.counts(QUEUE))

    def idle(self, *, due_only: bool = False) -> None:
        """Wait until nothing is left to do."""
        self._background.run(self.emulator.idle(due_only=due_only))

    def wait_for(self, count: int) -> list[Received]:
        """Wait until the worker got so many requests."""
        until(lambda: len(self.worker.received) >= count)
        return self.worker.received


def until(condition: Callable[[], bool], seconds: float = 100) -> None:
    """Wait until a condition holds, and fail if it takes too long."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.005)
