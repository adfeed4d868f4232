"""The settings of a deployment, and which of them a number of users asks for."""

from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from functions.dispatcher.division.shares import MOST_SHARES
from functions.dispatcher.division.split_points import LOOK_AFTER

from benchmarks.simulation import limits
from functions.shared.retry_policy import RetryPolicy

SHIPPED_RETRIES = RetryPolicy(
    max_attempts=8,
    max_retry_duration=timedelta(0),
    min_backoff=timedelta(seconds=10),
    max_backoff=timedelta(seconds=300),
    max_doublings=3,
)
"""Those of queue.yaml."""


_MOST_BUSY = 0.5
"""The share of an instance's CPU. Above that, a report waits longer for the CPU than it computes."""

_SHIPPED_RATE = 10
"""Dispatches a second, in queue.yaml."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast the functions are, and how quickly what they call answers. The defaults are measured figures of
    docs/performance.md, with 15 ms a call to Firestore and 150 ms to SendGrid.

    Attributes:
        users_a_second: what one dispatcher enqueues.
        cpu_seconds: what a worker computes for a report.
        wait_seconds: what it waits for others for a report.
        start_seconds: until a new instance takes requests.
        look_seconds: until a dispatcher knows where to cut a run.
        reads: documents that a report costs, its own data included.
        writes: documents that it writes.
    """

    users_a_second: float = 12_000
    cpu_seconds: float = 0.020
    wait_seconds: float = 0.240
    start_seconds: float = 3.0
    look_seconds: float = 3.0
    reads: float = 23
    writes: float = 3


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is deployed, and what it is to do.

    Attributes:
        users: how many reports are due.
        queues: how many report queues.
        rate: dispatches a second, of each.
        concurrent: dispatches under way, of each.
        instances: of the worker, at most, each with one CPU.
        concurrency: requests at once in an instance.
        share_size: about how many users a share has where a run is divided.
        mails_a_second: what SendGrid takes.
        failure_rate: the share of attempts that fail in a way that goes away.
        retries: of the queues.
        burst: dispatches that a queue makes at once after it was idle.
        pace: how fast all that is.
    """

    users: int
    queues: int = 1
    rate: float = 10
    concurrent: int = 100
    instances: int = 10
    concurrency: int = 10
    share_size: int = 500_000
    mails_a_second: float = limits.MAILS_A_SECOND
    failure_rate: float = 0.01
    retries: RetryPolicy = SHIPPED_RETRIES
    burst: float | None = None
    pace: Pace = Pace()

    @property
    def looked_after(self) -> int:
        """After how many users it is looked where to cut."""
        return min(max(int(self.share_size * LOOK_AFTER), 1), self.users)

    @property
    def shares(self) -> int:
        """In how many shares the dispatcher makes the run."""
        left = self.users - self.looked_after
        return 1 if left <= self.share_size else min(ceil(left / self.share_size), MOST_SHARES)


def recommended(users: int, *, within: timedelta, pace: Pace | None = None) -> Plan:
    """The settings by which so many reports are sent within a time, as far as the limits allow.

    Args:
        users: how many.
        within: until when the last first attempt is to be made.
        pace: how fast the functions are.
    """
    pace = pace or Pace()
    concurrency = 10
    # As fast as it must be, and no faster than what the mail provider takes.
    wanted = min(max(users / within.total_seconds(), _SHIPPED_RATE), limits.MAILS_A_SECOND)
    queues = ceil(wanted / limits.QUEUE_DISPATCHES_A_SECOND)
    rate = ceil(wanted / queues)
    instances = ceil(
        max(wanted * pace.cpu_seconds / _MOST_BUSY, wanted * (pace.wait_seconds + pace.cpu_seconds) / concurrency)
    )
    instances = min(max(instances, 2), limits.REGIONAL_CPUS)
    concurrent = min(ceil(instances * concurrency / queues), limits.QUEUE_CONCURRENT_DISPATCHES)
    return Plan(
        users=users,
        queues=queues,
        rate=rate,
        concurrent=concurrent,
        instances=instances,
        concurrency=concurrency,
        pace=pace,
    )
