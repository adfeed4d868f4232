"""Kills a run again and again, and checks how the queue and Cloud Scheduler complete it."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import requests
from google.cloud.tasks_v2 import ListTasksRequest, Queue, RetryConfig

from proof.benchmarks.cloud import PARENT, Cloud
from proof.benchmarks.function import Function

_POLL_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of a run.

    Attributes:
        seconds: from the first call to the end.
        kills: how often the dispatcher was killed.
        parts: how many requests began.
        left_out: due reports without a task.
        twice: due reports with more than one task.
        figures: the dispatcher's record of the run in `runs/`.
    """

    seconds: float
    kills: int
    parts: int
    left_out: int
    twice: int
    figures: dict[str, Any]


def carry_out(
    cloud: Cloud,
    *,
    reports: int,
    time_limit: float,
    kill_every: float | None,
    most_kills: int | None = None,
    seed: int,
    give_up: float,
) -> Outcome:
    """Make a run over all due reports of the cloud, and meanwhile kill the dispatcher.

    Args:
        cloud: the cloud, which has the due reports.
        reports: the number of due reports.
        time_limit: DISPATCH_TIME_LIMIT in seconds.
        kill_every: the dispatcher is killed and started again when the run has begun, and then after so many seconds on
            average; None for never.
        most_kills: how often at most; None for no limit. A machine on which a start takes longer than the time between
            two kills would never end the run.
        seed: chooses when to kill.
        give_up: after how many seconds.

    Raises:
        TimeoutError: the run has not ended by then.
    """
    queue = cloud.new_queue()
    continuations = "continuations"
    cloud.queues.create_queue(
        parent=PARENT,
        queue=Queue(
            name=f"{PARENT}/queues/{continuations}",
            retry_config=RetryConfig(max_attempts=100, min_backoff={"nanos": 100_000_000}, max_backoff={"seconds": 1}),
        ),
    )
    chance = random.Random(seed)  # noqa: S311  when to kill
    began = time.monotonic()
    with cloud.function(
        "dispatcher",
        REPORT_QUEUES=queue,
        CONTINUATION_QUEUE=continuations,
        DISPATCHER_URL="http://self",
        DISPATCH_TIME_LIMIT=str(time_limit),
        LOG_LEVEL="INFO",
    ) as dispatcher:
        done = threading.Event()
        scheduler = threading.Thread(target=_schedule, args=(cloud, dispatcher, done), daemon=True)
        scheduler.start()
        kills = 0
        if kill_every:
            while not cloud.run_record():
                _check_time(began, give_up)
        next_kill = time.monotonic()
        while not (done.is_set() and cloud.counts(continuations)["depth"] == 0):
            _check_time(began, give_up)
            if kill_every and kills != most_kills and time.monotonic() >= next_kill:
                dispatcher.kill()
                kills += 1
                dispatcher.start()
                next_kill = time.monotonic() + chance.expovariate(1 / kill_every)
            time.sleep(_POLL_SECONDS)
        seconds = time.monotonic() - began
        scheduler.join(10)
        parts = dispatcher.log.read_text(errors="replace").count("run_finished")
    tasks = Counter(_deliveries(cloud, queue))
    return Outcome(
        seconds=seconds,
        kills=kills,
        parts=parts + kills,
        left_out=reports - len(tasks),
        twice=sum(number > 1 for number in tasks.values()),
        figures=cloud.run_record(),
    )


def _check_time(began: float, give_up: float) -> None:
    if time.monotonic() - began > give_up:
        raise TimeoutError(f"the run is not done after {give_up:.0f} s")


def _schedule(cloud: Cloud, dispatcher: Function, done: threading.Event) -> None:
    """Call the dispatcher until it answers well, as Cloud Scheduler does."""
    while not done.is_set():
        try:
            cloud.dispatch(dispatcher)
            done.set()
        except requests.RequestException:
            time.sleep(_POLL_SECONDS)


def _deliveries(cloud: Cloud, queue: str) -> Iterator[str]:
    """Which deliveries have a task in a queue: the delivery's id follows the hash at the start of a task's name."""
    request = ListTasksRequest(parent=f"{PARENT}/queues/{queue}", page_size=1000)
    for task in cloud.queues.list_tasks(request):
        yield task.name.rpartition("/")[2].split("-")[1]
