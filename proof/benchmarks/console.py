"""The console: how long a page takes, over HTTP, with the documents of 90 days."""

import math
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import quantiles

import requests

from proof.benchmarks.child_process import start_process
from proof.benchmarks.cloud import LOCATION, NO_SERVER, REPOSITORY, SCHEDULER, TASKS, Cloud
from proof.benchmarks.console_data import CAUSES, DAYS, ConsoleData
from proof.benchmarks.cpu_time import cpu_seconds
from proof.benchmarks.documents import PROJECT
from proof.benchmarks.failure import BenchmarkFailed
from proof.benchmarks.table import Table

DELIVERIES = 1_000_000
DEAD_LETTERS = 5_000
USERS = 200_000
TASKS_WAITING = 200

_ASKED = 60
_TRIES = 3
_PAGE_SECONDS = 60.0
_START_SECONDS = 60.0


def measure(
    *,
    deliveries: int = DELIVERIES,
    dead_letters: int = DEAD_LETTERS,
    users: int = USERS,
    asked: int = _ASKED,
    tries: int = _TRIES,
) -> Iterator[Table]:
    """Ask for each page so often, several times, and keep the best of each figure."""
    last_run = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    data = ConsoleData(last=last_run, deliveries=deliveries, dead_letters=dead_letters, users=users)
    with Cloud(data=data) as cloud:
        queue = cloud.new_queue()
        cloud.put_in_tasks(queue, TASKS_WAITING)
        table = _measure_pages(cloud, queue, data, asked=asked, tries=tries)
    yield table


@dataclass(frozen=True, kw_only=True)
class _PageTime:
    """How long a page took.

    Attributes:
        median: seconds until its last byte.
        most: the 95th percentile of these.
        cpu: seconds for which the console computed.
        firestore_cpu: seconds for which the local cloud did.
    """

    median: float
    most: float
    cpu: float
    firestore_cpu: float

    def best(self, other: "_PageTime | None") -> "_PageTime":
        """The best of both, each figure for itself: other load can only make it worse."""
        return _PageTime(**{name: min(value, getattr(other or self, name)) for name, value in vars(self).items()})

    def cells(self) -> list[str]:
        return [
            *(f"{seconds * 1000:.0f}" for seconds in (self.median, self.most)),
            *(f"{seconds * 1000:.1f}" for seconds in (self.cpu, self.firestore_cpu)),
        ]


def _measure_pages(cloud: Cloud, queue: str, data: ConsoleData, *, asked: int, tries: int) -> Table:
    first, measured = math.inf, dict[str, _PageTime]()
    for _ in range(tries):
        with running(cloud.addresses, queue) as (url, pid), requests.Session() as browser:
            first = min(first, _seconds(browser, url))
            await_charts(browser, url)
            for name, path in pages(browser, url, data).items():
                before = cpu_seconds(pid), cloud.cpu_seconds()
                median, most = _percentiles([_seconds(browser, url + path) for _ in range(asked)])
                cpu, firestore_cpu = cpu_seconds(pid) - before[0], cloud.cpu_seconds() - before[1]
                found = _PageTime(median=median, most=most, cpu=cpu / asked, firestore_cpu=firestore_cpu / asked)
                measured[name] = found.best(measured.get(name))
    return Table(
        title="The console's pages",
        columns=["", "p50, ms", "p95, ms", "CPU of the console, ms", "CPU of the local cloud, ms"],
        rows=[
            ["overview, for the first time", f"{first * 1000:.0f}", "–", "–", "–"],
            *([name, *found.cells()] for name, found in measured.items()),
        ],
        note=f"Over HTTP, with {data.deliveries:,} deliveries of {DAYS} days, {data.dead_letters:,} open dead letters "
        f"of {CAUSES} causes, {data.users:,} users with a subscription each, and {TASKS_WAITING} tasks that wait. Each "
        f"page was asked for {asked} times, one request after another, in each of {tries} processes; of each figure "
        "the best of these.",
    )


def pages(browser: requests.Session, url: str, data: ConsoleData) -> Mapping[str, str]:
    """The paths of the console's pages, by what they show."""
    letters = browser.get(f"{url}/dead-letters", timeout=_PAGE_SECONDS).text
    cause = letters.partition("cause=")[2][:32]
    return {
        "overview, from figures that are kept": "/",
        "runs": "/runs",
        "one run": f"/runs/{data.last_run}",
        "deliveries of the latest run": "/deliveries",
        "deliveries that are dead": "/deliveries?state=dead",
        "deliveries that were sent": "/deliveries?state=sent&kind=activity",
        "one delivery": f"/deliveries/{data.dead_delivery}",
        "dead letters": "/dead-letters",
        "dead letters of a cause": f"/dead-letters?cause={cause}",
        "one dead letter": f"/dead-letters/{data.dead_delivery}",
        "queues": "/queues",
        "people": "/people",
        "one user": "/people/u1",
        "actions": "/operator-actions",
        "kinds": "/kinds",
    }


def await_charts(browser: requests.Session, url: str) -> None:
    """Wait until the overview has all its charts, so that no page is measured beside their counts."""
    while "It is being counted" in browser.get(url, timeout=_PAGE_SECONDS).text:
        time.sleep(0.1)


def _seconds(browser: requests.Session, url: str) -> float:
    began = time.perf_counter()
    browser.get(url, timeout=_PAGE_SECONDS).raise_for_status()
    return time.perf_counter() - began


def _percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    """The median and the 95th percentile."""
    twentieths = quantiles(seconds, n=20)
    return twentieths[9], twentieths[18]


@contextmanager
def running(addresses: Mapping[str, str], queue: str) -> Iterator[tuple[str, int]]:
    """The console in a process of its own; yields its address and the id of the process."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    environment = {
        **{key: value for key, value in os.environ.items() if key in {"PATH", "HOME", "LANG", "TMPDIR"}},
        **addresses,
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "LOCATION": LOCATION,
        "REPORT_QUEUES": queue,
        "WORKER_URL": NO_SERVER,
        "TASKS_INVOKER": TASKS,
        "SCHEDULER_INVOKER": SCHEDULER,
    }
    command = [sys.executable, "-m", "operations", "console", "--port", str(port)]
    process = start_process(command, env=environment, cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + _START_SECONDS
        while True:
            try:
                requests.get(f"{url}/kinds", timeout=_PAGE_SECONDS).raise_for_status()
            except requests.ConnectionError as error:
                if time.monotonic() > until or process.poll() is not None:
                    raise BenchmarkFailed("the console does not start; above is what it said") from error
                time.sleep(0.1)
            else:
                break
        yield url, process.pid
    finally:
        process.terminate()
        process.wait()
