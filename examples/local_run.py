"""A function of the examples on the local cloud: its queue, its identity, its dead letters, and what else it needs."""

import asyncio
import json
import os
import socket
import sys
import tempfile
import warnings
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from google.cloud.tasks_v2 import HttpMethod, HttpRequest, OidcToken, Queue, Task
from google.pubsub_v1 import SubscriberAsyncClient

from local_cloud.clock import Clock
from local_cloud.flags_file import read_flags_file
from local_cloud.identity import IdentityProvider
from local_cloud.pubsub.server import PubSubEmulator
from local_cloud.tasks.server import TasksEmulator
from local_cloud.tasks.settings import queue_from_flags
from local_pipeline import clients
from local_pipeline.function_process import FunctionProcess

HOST = "127.0.0.1"
PROJECT = "local-project"
LOCATION = "us-central1"
INVOKER = f"tasks-invoker@{PROJECT}.iam.gserviceaccount.com"
ROOT = Path(__file__).resolve().parents[1]

_TOPIC = "dead-letters"
_SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/shown"
_RUN_SECONDS = 60.0


class Part(Protocol):
    """A server of the local cloud."""

    @property
    def port(self) -> int:
        """The bound port, once started."""

    async def start(self) -> None:
        """Serve."""

    async def stop(self) -> None:
        """Serve no more."""


@dataclass(kw_only=True)
class Running:
    """A function that runs, with its queue.

    Attributes:
        clock: of the local cloud: moved on, a retry that is due in an hour is due now.
        function: its process.
    """

    clock: Clock
    function: FunctionProcess
    _queue: str
    _url: str
    _tasks: TasksEmulator
    _subscriber: SubscriberAsyncClient

    async def enqueue(self, *bodies: Mapping[str, Any] | bytes) -> None:
        """Put tasks into the queue."""
        client = clients.tasks(f"{HOST}:{self._tasks.port}")
        for body in bodies:
            request = HttpRequest(
                url=self._url,
                http_method=HttpMethod.POST,
                headers={"Content-Type": "application/json"},
                body=body if isinstance(body, bytes) else json.dumps(body).encode(),
                oidc_token=OidcToken(service_account_email=INVOKER, audience=self._url),
            )
            await client.create_task(parent=self._queue, task=Task(http_request=request))

    async def drained(self) -> None:
        """Return when the queue has nothing left. The clock jumps to the next retry, so this does not wait for it."""
        async with asyncio.timeout(_RUN_SECONDS):
            while self._tasks.counts(self._queue).depth:
                # The clock does not jump while a task runs: the task would seem to take too long.
                if not self._tasks.counts(self._queue).running:
                    self.clock.advance(timedelta(seconds=10))
                await asyncio.sleep(0.05)

    async def dead_letters(self) -> list[dict[str, Any]]:
        """The dead letters since the last call."""
        with warnings.catch_warnings():
            # Deprecated for the real service, where it may miss messages; here it finds all of them.
            warnings.simplefilter("ignore", DeprecationWarning)
            answer = await self._subscriber.pull(
                subscription=_SUBSCRIPTION, max_messages=100, return_immediately=True, timeout=5
            )
        if answer.received_messages:
            ids = [message.ack_id for message in answer.received_messages]
            await self._subscriber.acknowledge(subscription=_SUBSCRIPTION, ack_ids=ids)
        return [json.loads(message.message.data) for message in answer.received_messages]


@asynccontextmanager
async def running(
    name: str,
    *,
    clock: Clock,
    parts: Sequence[Part] = (),
    variables: Callable[[], Mapping[str, str]] = dict,
    port: int | None = None,
) -> AsyncIterator[Running]:
    """Start a function of the examples, and end it with all that belongs to it.

    Args:
        name: its folder and its entry point.
        clock: that the parts were made with.
        parts: the other servers that it needs; started here.
        variables: by which the function finds them, once they are started.
        port: where the function listens; any free one where it is not said.
    """
    flags = read_flags_file(ROOT / "examples" / name / "queue.yaml")
    # A clock of its own, which no one moves: the function checks tokens against the machine's clock.
    identity = IdentityProvider(host=HOST, port=0, clock=Clock())
    tasks = TasksEmulator(host=HOST, port=0, clock=clock, mint_token=identity.mint)
    pubsub = PubSubEmulator(host=HOST, port=0, clock=clock)
    port = port or _free_port()
    url = f"http://{HOST}:{port}"
    async with AsyncExitStack() as stack:
        for part in (*parts, identity, tasks, pubsub):
            await part.start()
            stack.push_async_callback(part.stop)
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "FUNCTION_URL": url,
            "TASKS_INVOKER": INVOKER,
            "DEAD_LETTER_TOPIC": _TOPIC,
            "MAX_ATTEMPTS": str(flags["--max-attempts"]),
            "OIDC_CERTS_URL": identity.certs_url,
            "OIDC_ISSUER": identity.issuer,
            "PUBSUB_EMULATOR_HOST": f"{HOST}:{pubsub.port}",
            **variables(),
        }
        function = FunctionProcess(
            name=name,
            source=ROOT / "examples" / name / "main.py",
            target=name,
            port=port,
            environment=environment,
            log_directory=Path(stack.enter_context(tempfile.TemporaryDirectory())),
            on_event=lambda line: print(line, file=sys.stderr),
        )
        subscriber = await _make_topic(pubsub)
        await function.start()
        stack.push_async_callback(function.stop)
        yield Running(
            clock=clock,
            function=function,
            _queue=await _make_queue(tasks, name, flags),
            _url=url,
            _tasks=tasks,
            _subscriber=subscriber,
        )


async def _make_queue(tasks: TasksEmulator, name: str, flags: dict[str, Any]) -> str:
    parent = f"projects/{PROJECT}/locations/{LOCATION}"
    queue = queue_from_flags(flags)
    queue.name = f"{parent}/queues/{name.replace('_', '-')}"
    await clients.tasks(f"{HOST}:{tasks.port}").create_queue(parent=parent, queue=Queue.wrap(queue))
    return str(queue.name)


async def _make_topic(pubsub: PubSubEmulator) -> SubscriberAsyncClient:
    host, topic = f"{HOST}:{pubsub.port}", f"projects/{PROJECT}/topics/{_TOPIC}"
    await clients.publisher(host).create_topic(name=topic)
    subscriber = clients.subscriber(host)
    await subscriber.create_subscription(name=_SUBSCRIPTION, topic=topic)
    return subscriber


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
