"""Load on the worker: sends tasks as a queue would, several at once."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp

from functions.shared.report_task import ReportTask


@dataclass(frozen=True, kw_only=True)
class Load:
    """The result of a load.

    Attributes:
        seconds: from the first request to the last answer.
        latencies: the latency of each request in seconds, sorted.
    """

    seconds: float
    latencies: Sequence[float]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """The latency that this share of the requests did not exceed, in seconds."""
        return self.latencies[min(int(share * len(self.latencies)), len(self.latencies) - 1)]


def send(tasks: Sequence[ReportTask], *, urls: Sequence[str], token: str, concurrency: int) -> Load:
    """Send tasks, each once.

    Args:
        tasks: the tasks.
        urls: the worker's instances, which get them in turn.
        token: the tasks' OIDC token.
        concurrency: how many are under way at once.

    Raises:
        RuntimeError: an answer other than 200, after which the results would not be comparable.
    """
    return asyncio.run(_send(tasks, urls, token, concurrency))


async def _send(tasks: Sequence[ReportTask], urls: Sequence[str], token: str, concurrency: int) -> Load:
    latencies: list[float] = []
    waiting = list(enumerate(tasks))
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "X-CloudTasks-QueueName": "reports",
        "X-CloudTasks-TaskName": "benchmark",
        "X-CloudTasks-TaskRetryCount": "0",
        "X-CloudTasks-TaskExecutionCount": "0",
    }

    async def carry_on(session: aiohttp.ClientSession) -> None:
        while waiting:
            index, task = waiting.pop()
            url = f"{urls[index % len(urls)]}/tasks/send-report"
            began = time.perf_counter()
            async with session.post(url, data=task.to_json()) as answer:
                body = await answer.text()
                if answer.status != 200 or '"sent"' not in body:
                    raise RuntimeError(f"the worker answered {answer.status}: {body[:300]}")
            latencies.append(time.perf_counter() - began)

    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0)) as session:
        began = time.perf_counter()
        await asyncio.gather(*(carry_on(session) for _ in range(concurrency)))
        seconds = time.perf_counter() - began
    return Load(seconds=seconds, latencies=sorted(latencies))
