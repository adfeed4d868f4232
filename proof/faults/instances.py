"""The worker's instances. Gives each task to one of them, as Cloud Run does in front of a service."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import aiohttp

from local_cloud.tasks.dispatch import Answer, AnswerLost, Delivery
from local_pipeline.server_process import ServerProcess
from proof.faults.injection_points import delivery_in

Send = Callable[[], Awaitable[Answer]]
"""Delivers a task, as far as the scenario is concerned."""


@dataclass(eq=False)
class Instance:
    """A function as a process.

    Attributes:
        process: a server that keeps a child for the requests. Killing the child has the effect of running out of
            memory: the server starts another within a moment, and knows nothing of what the child was doing.
        in_flight: the deliveries that it works on, and by how many requests.
        available: false while no request is given to it.
    """

    process: ServerProcess
    in_flight: Counter[str] = field(default_factory=Counter)
    available: bool = True

    def kill(self) -> None:
        """Kill the processes that serve the requests."""
        self.send(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the processes that serve the requests."""
        for child in self.children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)

    async def freeze(self) -> None:
        """Freeze the processes that serve the requests, and return when they stand still: the signal takes a moment."""
        self.send(signal.SIGSTOP)
        await until(self._stands_still, what=f"the {self.process.name} to stand still")

    def _stands_still(self) -> bool:
        pids = ",".join(map(str, self.children()))
        states = subprocess.run(["ps", "-o", "stat=", "-p", pids], capture_output=True, text=True, check=False)
        return all(state.startswith("T") for state in states.stdout.split())

    def send_to_server(self, number: signal.Signals) -> None:
        """Send a signal to the server, as Cloud Run does to a container."""
        if self.process.pid is not None:
            os.kill(self.process.pid, number)

    async def answers(self) -> None:
        """Return when it answers again, after it stood still."""
        async with aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(f"http://127.0.0.1:{self.process.port}/health") as response:
                        if response.ok:
                            return
                except aiohttp.ClientError:
                    await asyncio.sleep(0.05)

    def children(self) -> list[int]:
        """The processes that serve the requests."""
        found = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False)
        return [int(pid) for pid in found.stdout.split()]


class FrontEnd:
    """Gives the worker's tasks to its instances in turn: delivery middleware of the local Cloud Tasks.

    Args:
        worker_url: what the tasks call.
        on_cut_off: called with each delivery that got no answer because its instance ended.
    """

    def __init__(self, *, worker_url: str, on_cut_off: Callable[[str], None]) -> None:
        self._worker_url = worker_url
        self._on_cut_off = on_cut_off
        self._turn = 0
        self._session: aiohttp.ClientSession | None = None
        self.instances: Sequence[Instance] = ()
        self.delivered: defaultdict[str, list[Delivery]] = defaultdict(list)
        """The requests sent for each delivery, the oldest first."""
        self.ended: Counter[str] = Counter()
        """How many of those requests have ended, with or without an answer."""
        self.before: Callable[[str, Send], Awaitable[Answer]] | None = None
        """A scenario's own handling of an attempt, if it sets one."""
        self.choose: Callable[[str], Instance] | None = None
        """A scenario's own choice of the instance for a delivery, if it makes one."""

    async def __call__(self, delivery: Delivery, send: Send) -> Answer:
        """Deliver a task."""
        if not delivery.url.startswith(self._worker_url):
            return await send()
        subject = delivery_in(delivery.body)
        self.delivered[subject].append(delivery)

        async def carry_out() -> Answer:
            return await self._route(delivery, subject)

        return await (self.before(subject, carry_out) if self.before else carry_out())

    def clear(self) -> None:
        """Forget what was delivered."""
        self.delivered.clear()
        self.ended.clear()

    async def stop(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def instance_of(self, subject: str) -> Instance | None:
        """The instance that works on a delivery."""
        return next((instance for instance in self.instances if instance.in_flight[subject]), None)

    @property
    def in_flight(self) -> Sequence[str]:
        """The deliveries that the instances work on."""
        return [delivery for each in self.instances for delivery, count in each.in_flight.items() if count]

    @property
    def is_idle(self) -> bool:
        """Whether no instance works, apart from frozen ones. A request continues even if the queue no longer waits for
        its answer: another copy of the task may have lost its own."""
        return not any(instance.in_flight.total() for instance in self.instances if instance.available)

    async def _route(self, delivery: Delivery, subject: str) -> Answer:
        available = [instance for instance in self.instances if instance.available]
        if not available:
            # https://cloud.google.com/run/docs/troubleshooting#no-available-instance
            return Answer(status=500)
        self._turn += 1
        instance = self.choose(subject) if self.choose else available[self._turn % len(available)]
        instance.in_flight[subject] += 1
        try:
            return await self._post(instance, delivery)
        except (aiohttp.ClientError, OSError) as error:
            self._on_cut_off(subject)
            raise AnswerLost("the instance ended") from error
        finally:
            instance.in_flight[subject] -= 1
            self.ended[subject] += 1

    async def _post(self, instance: Instance, delivery: Delivery) -> Answer:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=1)
            self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None))
        url = f"http://127.0.0.1:{instance.process.port}{delivery.url.removeprefix(self._worker_url)}"
        while True:
            try:
                async with self._session.post(url, data=delivery.body, headers=delivery.headers) as response:
                    await response.read()
                    return Answer(status=response.status, headers=response.headers)
            except aiohttp.ClientConnectorError:
                # It is starting. Cloud Run keeps a request for that long, too, and the world's time stands still.
                await asyncio.sleep(0.05)


async def until(condition: Callable[[], bool], *, what: str, seconds: float = 30) -> None:
    """Wait until a condition holds.

    Raises:
        TimeoutError: the condition does not hold in time.
    """
    try:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise TimeoutError(f"waited {seconds:g} s for {what}") from None
