"""Celery: two workers with several processes each."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from functions.shared.settings import MailProviderName
from local_pipeline.machine_variables import machine_variables
from proof.benchmarks.peers.environment import locked_version
from proof.benchmarks.peers.system import AT_ONCE, PACE, Order, Told
from proof.faults.world import INSTANCES
from tests.support import REPOSITORY

_APP = "proof.benchmarks.peers.apps.celery_app"
_POLL_SECONDS = 0.5
_STILL_SECONDS = 15.0
"""How long nothing must happen after the last task has ended: Celery notices a lost process within 10 seconds."""
_STUCK_SECONDS = 150.0
"""After how long without an email or an end the tasks that are left are not waited for: the longest backoff is 64
seconds."""


@dataclass(frozen=True, kw_only=True)
class CeleryWorkers:
    """See apps/celery_app.py. Its Python is that of the environment that has Celery. Time is the machine's here: Celery
    keeps its own."""

    python: Path
    redis: str
    provider: MailProviderName = MailProviderName.SENDGRID

    @property
    def name(self) -> str:
        """In the table."""
        return f"Celery {locked_version('celery')}"

    async def send(self, order: Order) -> Told:
        """Enqueue the reports, and wait until every task has ended, or no more comes."""
        endings = order.folder / "endings"
        endings.touch()
        environment = {
            **machine_variables(),
            **order.world.variables,
            "CELERY_BROKER": f"{self.redis}/0",
            "CELERY_BACKEND": f"{self.redis}/1",
            "ENDINGS_FILE": str(endings),
            "PYTHONPATH": str(REPOSITORY),
        }
        async with self._workers(order.folder, environment):
            enqueue = await asyncio.create_subprocess_exec(
                *(self.python, "-m", _APP), env=environment, cwd=REPOSITORY, stdin=subprocess.PIPE
            )
            assert enqueue.stdin is not None
            for report in order.reports:
                enqueue.stdin.write(f"{report}\n".encode())
                await asyncio.sleep(1 / PACE)
            enqueue.stdin.close()
            await enqueue.wait()
            await _until_ended(order, endings)
        return Told(failed={report for ending, report in _endings(endings) if ending == "failed"})

    async def kill(self, order: Order, report: str, request: bytes) -> None:
        """Kill the processes of the worker that sends a report: each carries out a task. The worker itself starts
        others, and gives the tasks of the lost ones back."""
        sender = json.loads(request)["personalizations"][0]["custom_args"]["pid"]
        worker = await _output("ps", "-o", "ppid=", "-p", sender)
        for pid in (await _output("pgrep", "-P", worker)).split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)

    @asynccontextmanager
    async def _workers(self, folder: Path, environment: dict[str, str]) -> AsyncIterator[None]:
        processes = []
        try:
            for number in range(INSTANCES):
                with (folder / f"celery-{number}.log").open("wb") as log:
                    processes.append(
                        await asyncio.create_subprocess_exec(
                            *(self.python, "-m", "celery", "--app", _APP, "worker", "--loglevel", "INFO"),
                            *("--hostname", f"worker{number}@localhost"),
                            *("--concurrency", str(AT_ONCE // INSTANCES)),
                            env=environment,
                            cwd=REPOSITORY,
                            stdout=log,
                            stderr=log,
                            start_new_session=True,
                        )
                    )
            yield
        finally:
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()


async def _until_ended(order: Order, endings: Path) -> None:
    seen, since = (0, 0), time.monotonic()
    while True:
        ended = _endings(endings)
        now = len(ended), len(order.world.inbox.mails)
        if now != seen:
            seen, since = now, time.monotonic()
        is_complete = len({report for _, report in ended}) == len(order.keys)
        if time.monotonic() - since > (_STILL_SECONDS if is_complete else _STUCK_SECONDS):
            return
        await asyncio.sleep(_POLL_SECONDS)


def _endings(file: Path) -> list[tuple[str, str]]:
    """How tasks have ended, by report."""
    pairs = (line.split() for line in file.read_text(encoding="utf-8").splitlines())
    return [(ending, report) for ending, report in pairs]


async def _output(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    output, _ = await process.communicate()
    return output.decode().strip()
