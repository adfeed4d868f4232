"""A process with a port, as Cloud Run has it: started again when it dies."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from local_cloud.errors import LocalCloudError, PortInUse

_FIRST_RESTART_SECONDS = 0.5
_LONGEST_RESTART_SECONDS = 10.0
_STOP_SECONDS = 10.0
"""Cloud Run gives a container ten seconds between SIGTERM and SIGKILL.
https://cloud.google.com/run/docs/container-contract#instance-shutdown"""


class Process(Protocol):
    """A process that was started, the leader of a process group."""

    @property
    def pid(self) -> int:
        """Its id."""

    @property
    def returncode(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""

    async def wait(self) -> int:
        """Its exit code, when it ends."""


class ServerProcess:
    """Runs one server.

    Args:
        name: what it is called in messages.
        port: where it listens, on 127.0.0.1.
        log_file: where its output goes; it is emptied first.
        spawn: starts the process.
        on_event: called with one line for each unexpected end.
    """

    def __init__(
        self,
        *,
        name: str,
        port: int,
        log_file: Path,
        spawn: Callable[[], Awaitable[Process]],
        on_event: Callable[[str], None],
    ) -> None:
        self.name = name
        self.port = port
        self.log_file = log_file
        self._spawn_process = spawn
        self._on_event = on_event
        self._process: Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Start the process and return when it takes connections.

        Raises:
            LocalCloudError: it ended instead; the text is its own last line.
            PortInUse: another process has the port.
        """
        if await _accepts_connections(self.port):
            raise PortInUse(self.port, self.name)
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        self.log_file.write_bytes(b"")
        await self._spawn()
        if not await self._ready():
            await self.stop()
            raise LocalCloudError(f"The {self.name} does not start: {self._last_line()} (see {self.log_file})")
        self._keeper = asyncio.create_task(self._keep_running())

    async def stop(self) -> None:
        """End the process and its children by SIGTERM, and after ten seconds by SIGKILL."""
        if self._keeper:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None
        if self._process is None:
            return
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            pass
        # The group, since the server's own children may outlive it.
        self._signal(signal.SIGKILL)
        await self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    async def _spawn(self) -> None:
        self._process = await self._spawn_process()

    async def _ready(self) -> bool:
        """Wait until the process takes connections; false when it ended first."""
        assert self._process is not None  # noqa: S101  called after _spawn only
        while self._process.returncode is None:
            if await _accepts_connections(self.port):
                return True
            await asyncio.sleep(0.05)
        return False

    async def _keep_running(self) -> None:
        wait = _FIRST_RESTART_SECONDS
        while True:
            assert self._process is not None  # noqa: S101  started before the keeper
            code = await self._process.wait()
            self._signal(signal.SIGKILL)
            self._on_event(f"The {self.name} ended ({_describe(code)}): starting it again in {wait:g} s.")
            await asyncio.sleep(wait)
            await self._spawn()
            wait = _FIRST_RESTART_SECONDS if await self._ready() else min(wait * 2, _LONGEST_RESTART_SECONDS)

    def _last_line(self) -> str:
        lines = self.log_file.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


async def _accepts_connections(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


def _describe(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
