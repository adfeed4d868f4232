"""What tests of several parts share."""

import asyncio
import random
import socket
import threading
import warnings
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from google.api_core.exceptions import DeadlineExceeded

from local_cloud.rpc import Middleware

Result = TypeVar("Result")


class Background:
    """An event loop in a thread of its own, so that a synchronous test talks to asyncio servers over their sockets."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, Result], timeout: float = 30) -> Result:
        """Run a coroutine on the loop and wait for its result, for so many seconds at most."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout)

    def close(self) -> None:
        """Cancel what still runs, and end the loop and its thread."""

        async def cancel_all() -> None:
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self.run(cancel_all())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


@dataclass
class Faults:
    """What goes wrong on the way to a service: nothing, until a test sets `middleware`."""

    middleware: Middleware | None = None

    async def __call__(self, method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        if self.middleware is None:
            return await carry_out()
        return await self.middleware(method, carry_out)


def free_ports(count: int) -> int:
    """The first of so many consecutive ports that nobody uses at the moment."""
    for first in random.sample(range(20_000, 32_000, 20), 600):
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise RuntimeError("no free ports")


def pull_now(subscriber: Any, subscription: str) -> list[Any]:
    """The messages that wait in a subscription, up to a hundred, without waiting for any. They are not acknowledged."""
    try:
        with warnings.catch_warnings():
            # Deprecated for real queues, where it may find nothing although there is something; not so here.
            warnings.simplefilter("ignore", DeprecationWarning)
            response = subscriber.pull(subscription=subscription, max_messages=100, return_immediately=True, timeout=5)
    except DeadlineExceeded:
        return []
    return list(response.received_messages)
