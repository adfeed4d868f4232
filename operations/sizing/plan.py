"""The settings for a number of reports, when the last of them is sent, and what the run costs: a closed formula. Pure.

docs/guides/size.md says what it leaves out.
"""

from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from operations.sizing.limits import (
    EMAILS_A_SECOND,
    MOST_BUSY,
    QUEUE_CONCURRENT_DISPATCHES,
    QUEUE_DISPATCHES_A_SECOND,
    REGIONAL_CPUS,
    REPORT_CPU_SECONDS,
    REPORT_SECONDS,
    SHIPPED_RATE,
    TASKS_A_SECOND,
    WORKER_CONCURRENCY,
    Limit,
    lowest_lasting,
)
from operations.sizing.price_list import (
    COUNTED_FOR_A_READ,
    DOLLARS_A_CPU_SECOND,
    DOLLARS_A_GIB_SECOND,
    DOLLARS_A_READ,
    DOLLARS_A_REQUEST,
    DOLLARS_A_TASK_OPERATION,
    DOLLARS_A_WRITE,
)

WITHIN = timedelta(minutes=30)

OWN_READS = 3
WRITES = 3
DATA_READS = 1.7
"""Documents of a report; the last are its user's own, if the report reads figures: `make bench ARGS=worker`
(docs/explanation/performance.md)."""

_FAILURES = 0.01
"""The share of attempts that fail and are repeated: assumed."""

_START_SECONDS = 3
_RETRY_SECONDS = 10
"""Until a new instance takes requests: assumed. The first wait before a retry, in queue.yaml."""

_LEAST_INSTANCES = 2

_WORKER_GIB = 1.0
_DISPATCHER_GIB = 0.5
"""WORKER_MEMORY and DISPATCHER_MEMORY, as deploy.sh has them."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The settings for a number of reports, and what comes of them.

    Attributes:
        reports: how many are due at once.
        queues: how many report queues.
        rate: dispatches a second, of each.
        concurrent: dispatches under way, of each.
        instances: of the worker, at most, each with one CPU.
        limit: the lowest limit that no setting lifts.
        data_reads: documents of its user's own that a report reads.
    """

    reports: int
    queues: int
    rate: int
    concurrent: int
    instances: int
    limit: Limit
    data_reads: float = DATA_READS

    @property
    def seconds(self) -> float:
        """Until the last report is sent."""
        is_any_repeated = self.reports * _FAILURES >= 1
        sending = self._attempts / min(self.rate * self.queues, self.limit.a_second)
        return _START_SECONDS + sending + _RETRY_SECONDS * is_any_repeated

    @property
    def firestore(self) -> float:
        """Dollars. A run reads each subscription that is due, and counts users and subscriptions twice."""
        reads = self._attempts * (OWN_READS + self.data_reads) + self.reports * (1 + 4 / COUNTED_FOR_A_READ)
        return reads * DOLLARS_A_READ + self._attempts * WRITES * DOLLARS_A_WRITE

    @property
    def cloud_tasks(self) -> float:
        """Dollars."""
        return (self.reports + self._attempts) * DOLLARS_A_TASK_OPERATION

    @property
    def cloud_run(self) -> float:
        """Dollars, if all instances are up until the last report is sent."""
        worker = self.instances * self.seconds * _dollars_a_second(_WORKER_GIB)
        dispatcher = (self.reports / TASKS_A_SECOND + 1) * _dollars_a_second(_DISPATCHER_GIB)
        return worker + dispatcher + self._attempts * DOLLARS_A_REQUEST

    @property
    def dollars(self) -> float:
        """Google's, without the email provider's."""
        return self.firestore + self.cloud_tasks + self.cloud_run

    @property
    def _attempts(self) -> float:
        return self.reports * (1 + _FAILURES)


def recommended(
    reports: int,
    *,
    within: timedelta = WITHIN,
    emails_a_second: int = EMAILS_A_SECOND,
    data_reads: float = DATA_READS,
) -> Plan:
    """The settings that send a number of reports within a time, or as fast as the limits allow.

    Args:
        reports: how many.
        within: until when the last first attempt is to be made.
        emails_a_second: what the email provider takes.
        data_reads: documents of its user's own that a report reads.
    """
    limit = lowest_lasting(emails_a_second)
    wanted = min(max(reports / within.total_seconds(), SHIPPED_RATE), limit.a_second)
    queues = ceil(wanted / QUEUE_DISPATCHES_A_SECOND)
    needed = ceil(wanted * max(REPORT_CPU_SECONDS, REPORT_SECONDS / WORKER_CONCURRENCY) / MOST_BUSY)
    instances = min(max(needed, _LEAST_INSTANCES), REGIONAL_CPUS)
    return Plan(
        reports=reports,
        queues=queues,
        rate=ceil(wanted / queues),
        concurrent=min(ceil(instances * WORKER_CONCURRENCY / queues), QUEUE_CONCURRENT_DISPATCHES),
        instances=instances,
        limit=limit,
        data_reads=data_reads,
    )


def _dollars_a_second(gib: float) -> float:
    return DOLLARS_A_CPU_SECOND + gib * DOLLARS_A_GIB_SECOND


def span(seconds: float) -> str:
    """A time as a person says it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:,.1f} h"
