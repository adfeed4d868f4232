"""The console: how long a page takes, over HTTP, with the documents of 90 days, and what an open one costs.

The hour of an open page is played: the console sees the time of a file, which the benchmark moves between two questions
of the page.
"""

import hashlib
import math
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any

import requests

from functions.shared.records.dead_letter import DEAD_LETTERS, DeadLetterReason, DeadLetterState
from functions.shared.records.run import RUNS, RunState
from local_pipeline.machine_variables import machine_variables
from local_pipeline.shared_time import FILE_VARIABLE, SharedClock
from operations.operator_actions import OPERATOR_ACTIONS
from proof.benchmarks.child_process import start_process
from proof.benchmarks.cloud import LOCATION, NO_SERVER, REPOSITORY, SCHEDULER, TASKS, Cloud
from proof.benchmarks.console_data import CAUSES, DAYS, REPLAYED, ConsoleData
from proof.benchmarks.cpu_time import cpu_seconds
from proof.benchmarks.documents import PROJECT
from proof.benchmarks.failure import BenchmarkFailed
from proof.benchmarks.table import Table

DELIVERIES = 1_000_000
LETTERS = 5_000
USERS = 200_000
TASKS_WAITING = 200

_ASKED = 60
_TRIES = 3
_PAGE_SECONDS = 60.0
_START_SECONDS = 60.0
_COUNTED_SECONDS = 0.2


def measure(
    *,
    deliveries: int = DELIVERIES,
    dead_letters: int = LETTERS,
    users: int = USERS,
    asked: int = _ASKED,
    tries: int = _TRIES,
    hour_seconds: int = 3_600,
) -> Iterator[Table]:
    """Ask for each page so often, several times, and keep the best of each figure. Then keep each page open for an
    hour, and count what Firestore would bill."""
    last_run = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    data = ConsoleData(last=last_run, deliveries=deliveries, dead_letters=dead_letters, users=users)
    with Cloud(data=data) as cloud:
        queue = cloud.new_queue()
        cloud.put_in_tasks(queue, TASKS_WAITING)
        yield _measure_pages(cloud, queue, data, asked=asked, tries=tries)
        yield _measure_reads(cloud, queue, data, seconds=hour_seconds)


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


def _measure_reads(cloud: Cloud, queue: str, data: ConsoleData, *, seconds: int) -> Table:
    rows = []
    with TemporaryDirectory() as folder:
        clock = SharedClock(Path(folder) / "time")
        with running(cloud.addresses, queue, time_file=clock.file) as (url, _), requests.Session() as browser:
            await_charts(browser, url)
            hour = _Hour(cloud, browser, clock, seconds=seconds)
            for name, path in pages(browser, url, data).items():
                quiet = hour.play(url + path, is_busy=False)
                busy = hour.play(url + path, is_busy=True)
                rows.append([name, *(f"{reads:,}" for reads in (quiet.look, quiet.hour, busy.hour))])
    return Table(
        title="What an open page reads",
        columns=["", "a look", "an hour, nothing new", "an hour, always something new"],
        rows=rows,
        note=f"Documents that Firestore bills, with {data.deliveries:,} deliveries, {data.dead_letters:,} open dead "
        "letters and as many users and tasks as above: for all viewers of the page together. In the last column a dead "
        "letter, a run and an action have come each time that the page asks.",
    )


@dataclass(frozen=True, kw_only=True)
class _Reads:
    """What a page cost: when it was opened, and in an hour in which it was open."""

    look: int
    hour: int


class _Hour:
    """An hour in which a page is open.

    Args:
        cloud: what has the documents.
        browser: asks for the page.
        clock: the time that the console sees.
        seconds: how long the hour is.
    """

    def __init__(self, cloud: Cloud, browser: requests.Session, clock: SharedClock, *, seconds: int) -> None:
        self._cloud = cloud
        self._browser = browser
        self._clock = clock
        self._seconds = seconds
        self._changes = 0
        self._settled = -1

    def play(self, url: str, *, is_busy: bool) -> _Reads:
        """Open a page, and have it ask as its script does.

        Args:
            url: the page's.
            is_busy: whether something new has come each time.
        """
        # What was read for the page before is old.
        self._clock.advance(timedelta(hours=1))
        began = self._read()
        answer = self._browser.get(url, timeout=_PAGE_SECONDS)
        look = self._read() - began
        passed = 0
        while asks := re.search(r'data-every="(\d+)" data-reading="(\w+)"', answer.text):
            every, reading = int(asks[1]), asks[2]
            while passed < self._seconds:
                passed += every
                self._clock.advance(timedelta(seconds=every))
                if is_busy:
                    self._cloud.put_in(self._news())
                again = self._browser.get(url, headers={"X-Reading": reading}, timeout=_PAGE_SECONDS)
                again.raise_for_status()
                if again.text:
                    answer = again
                    break
            if passed >= self._seconds:
                break
        return _Reads(look=look, hour=self._read() - began)

    def _read(self) -> int:
        """How many documents were read so far, also for charts that are counted in the background."""
        while (reads := int(self._cloud.bill()["all_reads"])) != self._settled:
            self._settled = reads
            time.sleep(_COUNTED_SECONDS)
        return reads

    def _news(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        self._changes += 1
        now, name = datetime.now(UTC) + timedelta(seconds=self._changes), f"new-{self._changes}"
        yield (
            f"{DEAD_LETTERS}/{name}",
            {
                "state": DeadLetterState.OPEN.value,
                "cause": hashlib.sha256(str(self._changes % CAUSES).encode()).hexdigest()[:32],
                "reason": DeadLetterReason.RETRIES_EXHAUSTED.value,
                "received_at": now,
            },
        )
        yield f"{RUNS}/{name}", {"state": RunState.FINISHED.value, "scheduled_for": now, "finished_at": now}
        yield f"{OPERATOR_ACTIONS}/{name}", {"action": "Replay 1 dead letter", "began_at": now, "ended_at": now}


def pages(browser: requests.Session, url: str, data: ConsoleData) -> Mapping[str, str]:
    """The paths of the console's pages, by what they show."""
    letters = browser.get(f"{url}/dead-letters", timeout=_PAGE_SECONDS).text
    cause = letters.partition("cause=")[2][:32]
    return {
        "overview, from figures that are kept": "/",
        "an incident of a day": f"/incident?from={data.last - timedelta(days=1):%Y-%m-%dT%H:%MZ}",
        "runs": "/runs",
        "one run": f"/runs/{data.last_run}",
        "deliveries": "/deliveries",
        "deliveries of the latest run": f"/deliveries?run={data.last_run}",
        "deliveries of a kind that has none": "/deliveries?kind=usage",
        "deliveries that are dead": "/deliveries?state=dead",
        "deliveries that were sent": "/deliveries?state=sent&kind=activity",
        "deliveries whose emails do not arrive": "/deliveries?mail=undelivered",
        "one delivery": f"/deliveries/{data.dead_delivery}",
        "dead letters": "/dead-letters",
        "dead letters of a cause": f"/dead-letters?cause={cause}",
        "one dead letter": f"/dead-letters/{data.dead_delivery}",
        "queues": "/queues",
        "people": "/people",
        "one user": "/people/u1",
        "actions": "/operator-actions",
        f"a replay of {REPLAYED} reports": f"/operator-actions/{data.replay}",
        "subscriptions": "/subscriptions",
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
def running(addresses: Mapping[str, str], queue: str, *, time_file: Path | None = None) -> Iterator[tuple[str, int]]:
    """The console in a process of its own; yields its address and the id of the process.

    Args:
        addresses: of the local cloud.
        queue: the only report queue.
        time_file: has the time that the console sees; None for the machine's.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    environment = {
        **machine_variables(),
        **addresses,
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "LOCATION": LOCATION,
        "REPORT_QUEUES": queue,
        "DEFAULT_KIND": "activity",
        "WORKER_URL": NO_SERVER,
        "TASKS_INVOKER": TASKS,
        "SCHEDULER_INVOKER": SCHEDULER,
    }
    module = ["operations"]
    if time_file is not None:
        environment[FILE_VARIABLE] = str(time_file)
        module = ["local_pipeline.shared_time", "operations"]
    command = [sys.executable, "-m", *module, "console", "--port", str(port)]
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
