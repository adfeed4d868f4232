"""What tests of several parts share."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from google.api_core.exceptions import DeadlineExceeded

from local_cloud.background import Background as Background
from local_cloud.rpc import Middleware

REPOSITORY = Path(__file__).parent.parent
"""Where the project is checked out."""

PATIENCE_SECONDS = 240.0
"""After so long what a test waits for does not come. No machine is so busy, and pytest's own limit (pyproject.toml) is
still longer, so that the message is the test's."""


def now() -> datetime:
    """The machine's present, for what is not to be told another."""
    return datetime.now(UTC)


def variables_of_real_time() -> dict[str, str]:
    """The environment of a program that libfaketime stops: PostgreSQL's time limits never come, and Chromium hangs."""
    return {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}


@dataclass
class Faults:
    """What goes wrong on the way to a service: nothing, until a test sets `middleware`."""

    middleware: Middleware | None = None

    async def __call__(self, method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        if self.middleware is None:
            return await carry_out()
        return await self.middleware(method, carry_out)


_BLOCK = 20
_BLOCKS = range(20_000, 32_000, _BLOCK)
"""The first port of each block; who is bound to it has the others.

Below the ports that systems give to those that ask for any: 32768 and up on Linux, 49152 and up elsewhere."""


class _Ports:
    """Hands out ports of blocks that this process has, each once."""

    def __init__(self) -> None:
        self._held: list[socket.socket] = []
        self._free: list[int] = []

    def take(self, count: int) -> int:
        while True:
            while len(self._free) >= count:
                ports, self._free = self._free[:count], self._free[count:]
                if all(map(_is_free, ports)):
                    return ports[0]
            self._free = list(range((first := self._hold_block()) + 1, first + _BLOCK))

    def _hold_block(self) -> int:
        for first in random.sample(_BLOCKS, len(_BLOCKS)):
            # A port, not a file: whoever else tests on this machine sees it, with another user and temporary folder,
            # too. Until this process ends. What it starts does not inherit the socket.
            if holder := _bound(first):
                self._held.append(holder)
                return first
        raise RuntimeError("no ports are left")


def _bound(port: int) -> socket.socket | None:
    """A socket that has a port; None if that is taken."""
    bound = socket.socket()
    try:
        bound.bind(("127.0.0.1", port))
    except OSError:
        bound.close()
        return None
    return bound


def _is_free(port: int) -> bool:
    if bound := _bound(port):
        bound.close()
    return bound is not None


_ports = _Ports()


class Interrupted(NamedTuple):
    """How a command ended on Ctrl-C.

    Attributes:
        status: the exit status.
        printed: the standard output.
        said: the standard error.
    """

    status: int
    printed: str
    said: str


def interrupt(module: str, *arguments: str, after_lines: int) -> Interrupted:
    """Run a module of this repository, and press Ctrl-C.

    Args:
        module: its name.
        arguments: of its command line.
        after_lines: how many lines it has printed by then.
    """
    with subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        before = "".join(process.stdout.readline() for _ in range(after_lines))
        # As a terminal does it: to each process of the group.
        os.killpg(process.pid, signal.SIGINT)
        printed, said = process.communicate(timeout=PATIENCE_SECONDS)
    return Interrupted(process.returncode, before + printed, said)


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds, and fail if it does not come to that."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.02)


def free_ports(count: int) -> int:
    """The first of `count` consecutive free ports, 19 at most, that no other test gets."""
    return _ports.take(count)


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
