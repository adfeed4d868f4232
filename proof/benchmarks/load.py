"""Load on the worker: sends tasks as a queue would, several at once."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp

from functions.shared.records.ids import task_id
from functions.shared.records.report_task import ReportTask
from proof.benchmarks.failure import BenchmarkFailed

_MOST_RETRIES = 7
"""As many as a task has in queue.yaml."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """The result of a load.

    Attributes:
        seconds: from the first request to the last answer.
        latencies: the latency of each task in seconds, repeats included, sorted.
        repeats: how many requests were repeated because the server had closed the connection.
    """

    seconds: float
    latencies: Sequence[float]
    repeats: int

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """The latency that this share of the requests did not exceed, in seconds."""
        return self.latencies[min(int(share * len(self.latencies)), len(self.latencies) - 1)]


def repeats_in_words(loads: Sequence[Load]) -> str:
    """A sentence about them for a table's note; empty if no request was repeated."""
    repeats = sum(load.repeats for load in loads)
    requests = sum(len(load.latencies) for load in loads)
    if not repeats:
        return ""
    return f" {repeats} of {requests:,} requests were repeated, since the server had closed the connection."


def send(tasks: Sequence[ReportTask], *, urls: Sequence[str], token: str, concurrency: int) -> Load:
    """Send tasks, each until it is answered.

    As Cloud Tasks does, it repeats a request whose connection the server has closed: a worker sends a report once,
    however often it is called. A server does so to a connection that was idle, and a slow machine gives it time to.

    Args:
        tasks: the tasks.
        urls: the worker's instances, which get them in turn.
        token: the tasks' OIDC token.
        concurrency: how many are under way at once.

    Raises:
        BenchmarkFailed: an answer other than 200, after which the results would not be comparable, or none.
    """
    return asyncio.run(_send(tasks, urls, token, concurrency))


async def _send(tasks: Sequence[ReportTask], urls: Sequence[str], token: str, concurrency: int) -> Load:
    latencies: list[float] = []
    repeats = 0
    waiting = list(enumerate(tasks))
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "X-CloudTasks-QueueName": "reports",
        "X-CloudTasks-TaskExecutionCount": "0",
    }

    async def deliver(session: aiohttp.ClientSession, url: str, task: ReportTask) -> None:
        nonlocal repeats
        for retry in range(_MOST_RETRIES + 1):
            headers = {
                "X-CloudTasks-TaskName": task_id(task.delivery_id),
                "X-CloudTasks-TaskRetryCount": str(retry),
            }
            try:
                async with session.post(url, data=task.to_json(), headers=headers) as answer:
                    body = await answer.text()
            except aiohttp.ClientConnectorError as error:
                raise BenchmarkFailed(f"the worker takes no connections: {error}") from error
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                repeats += 1
                continue
            # A request that is repeated may have been carried out before.
            if answer.status != 200 or not (retry or '"sent"' in body):
                raise BenchmarkFailed(f"the worker answered {answer.status}: {body[:300]}")
            return
        raise BenchmarkFailed(f"the worker closed the connection of a task {_MOST_RETRIES + 1} times")

    async def carry_on(session: aiohttp.ClientSession) -> None:
        while waiting:
            index, task = waiting.pop()
            began = time.perf_counter()
            await deliver(session, f"{urls[index % len(urls)]}/tasks/send-report", task)
            latencies.append(time.perf_counter() - began)

    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0)) as session:
        began = time.perf_counter()
        await asyncio.gather(*(carry_on(session) for _ in range(concurrency)))
        seconds = time.perf_counter() - began
    return Load(seconds=seconds, latencies=sorted(latencies), repeats=repeats)
