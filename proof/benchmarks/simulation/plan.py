"""The settings of a deployment, and the recommended ones for a number of due reports."""

from dataclasses import dataclass
from datetime import timedelta
from math import ceil, floor, log

from functions.shared.queues.retry_policy import RetryPolicy
from functions.shared.records.ids import SHARDS
from proof.benchmarks.simulation import limits
from proof.benchmarks.simulation.request_cost import RequestKind, measured

SHIPPED_RETRIES = RetryPolicy(
    max_attempts=8,
    max_retry_duration=timedelta(0),
    min_backoff=timedelta(seconds=10),
    max_backoff=timedelta(seconds=300),
    max_doublings=3,
)
"""Those of queue.yaml."""


MOST_BUSY = 0.5
"""The share of an instance's CPU. Above that, a report waits longer for the CPU than it computes."""

_SENDGRID_SECONDS = 0.150
"""How long SendGrid takes to accept a mail: assumed."""

_REPORT = measured()[RequestKind.REPORT]

_SHIPPED_RATE = 10
"""Dispatches a second, in queue.yaml."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast the functions are, and how quickly what they call answers. The dispatcher's default is that of
    docs/explanation/performance.md, the worker's are what `python -m proof.benchmarks.simulate measure` has found.

    Attributes:
        tasks_a_second: what one dispatcher enqueues.
        cpu_seconds: what a worker computes for a report.
        wait_seconds: what it waits for others for a report.
        start_seconds: until a new instance takes requests.
        reads: documents that a report costs, its own data included.
        writes: documents that it writes.
    """

    tasks_a_second: float = 12_000
    cpu_seconds: float = _REPORT.cpu_seconds
    wait_seconds: float = _REPORT.wait_seconds + _SENDGRID_SECONDS
    start_seconds: float = 3.0
    reads: float = _REPORT.reads
    writes: float = _REPORT.writes


@dataclass(frozen=True)
class RisingIndex:
    """An index of Firestore whose values rise with time.

    Attributes:
        name: what the index finds.
        shards: into how many ranges its values are spread.
        writes: into it, for each report.
    """

    name: str
    shards: int
    writes: int

    @property
    def reports_a_second(self) -> float:
        """How many reports Firestore lets it take."""
        return limits.RISING_INDEX_WRITES_A_SECOND * self.shards / self.writes


@dataclass(frozen=True)
class NewCollection:
    """A collection whose first document comes with this run. Firestore's 500/50/5 rule says how fast it should grow.

    Attributes:
        name: of the collection.
        operations: reads and writes in it, for each report.
    """

    name: str
    operations: int

    @staticmethod
    def advised_by(seconds: float) -> float:
        """How many operations the rule allows in so many seconds from the beginning."""
        periods = int(seconds // limits.FIRESTORE_GROWTH_SECONDS)
        return _in_periods(periods) + (seconds - periods * limits.FIRESTORE_GROWTH_SECONDS) * _in_period(periods)

    @staticmethod
    def seconds_for(operations: float) -> float:
        """After how many seconds it allows so many."""
        first = limits.FIRESTORE_FIRST_OPERATIONS_A_SECOND * limits.FIRESTORE_GROWTH_SECONDS
        periods = floor(log(operations * (limits.FIRESTORE_GROWTH - 1) / first + 1, limits.FIRESTORE_GROWTH))
        return periods * limits.FIRESTORE_GROWTH_SECONDS + (operations - _in_periods(periods)) / _in_period(periods)


def _in_period(number: int) -> float:
    """How many operations a second the rule allows in a period, counted from 0."""
    return limits.FIRESTORE_FIRST_OPERATIONS_A_SECOND * float(limits.FIRESTORE_GROWTH**number)


def _in_periods(periods: int) -> float:
    """How many operations the rule allows in so many whole periods."""
    first = limits.FIRESTORE_FIRST_OPERATIONS_A_SECOND * limits.FIRESTORE_GROWTH_SECONDS
    return first * (float(limits.FIRESTORE_GROWTH**periods) - 1) / (limits.FIRESTORE_GROWTH - 1)


NEW_DELIVERIES = NewCollection("deliveries", 3)
"""A worker writes a delivery when it claims it, and when it is final; the webhook reads it with the email's event."""

DUE_INDEX = RisingIndex("what is due", SHARDS, 1)
"""Of subscriptions: each report moves its own on, once."""

RUN_INDEX = RisingIndex("a run's deliveries", SHARDS, 2)
"""Of deliveries: each is written when a worker claims it, and when it is final."""


MAIL_INDEX = RisingIndex("delivered emails", SHARDS, 1)
"""Of mail events: each email is delivered once."""

NEIGHBOURS = RisingIndex("neighbouring documents", 1, 2)
"""Deliveries themselves, as if their ids were such an index: a run claims those that fell due at one moment in the
order of their users' ids. Firestore advises against writing neighbouring documents at a high rate, and publishes no
number for it: this is the one that it publishes for values that rise."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The settings of a deployment, and its load.

    Attributes:
        reports: how many are due.
        queues: how many report queues.
        rate: dispatches a second, of each.
        concurrent: dispatches under way, of each.
        instances: of the worker, at most, each with one CPU.
        concurrency: requests at once in an instance.
        rising: the indexes that every report is written into and that rise.
        new: the collection that begins with this run; None where all are in use.
        mails_a_second: what SendGrid takes.
        failure_rate: the share of attempts that fail in a way that goes away.
        retries: of the queues.
        burst: dispatches that a queue makes at once after it was idle.
        pace: the speed of the functions.
    """

    reports: int
    queues: int = 1
    rate: float = 10
    concurrent: int = 100
    instances: int = 10
    concurrency: int = 10
    rising: tuple[RisingIndex, ...] = (DUE_INDEX, RUN_INDEX)
    new: NewCollection | None = None
    mails_a_second: float = limits.MAILS_A_SECOND
    failure_rate: float = 0.01
    retries: RetryPolicy = SHIPPED_RETRIES
    burst: float | None = None
    pace: Pace = Pace()

    @property
    def dispatches_a_second(self) -> float:
        """The dispatches a second of all queues together."""
        return self.rate * self.queues

    @property
    def tightest_index(self) -> RisingIndex | None:
        """The rising index that takes the fewest reports a second; None where there is none."""
        return min(self.rising, key=lambda index: index.reports_a_second, default=None)


def recommended(reports: int, *, within: timedelta, pace: Pace | None = None) -> Plan:
    """The settings that send a number of reports within a time, as far as the limits allow.

    Args:
        reports: how many.
        within: until when the last first attempt is to be made.
        pace: how fast the functions are.
    """
    pace = pace or Pace()
    concurrency = 10
    # As fast as necessary, but no faster than the email provider and Firestore's indexes allow.
    most = min(limits.MAILS_A_SECOND, DUE_INDEX.reports_a_second, RUN_INDEX.reports_a_second)
    wanted = min(max(reports / within.total_seconds(), _SHIPPED_RATE), most)
    queues = ceil(wanted / limits.QUEUE_DISPATCHES_A_SECOND)
    rate = ceil(wanted / queues)
    instances = ceil(
        max(wanted * pace.cpu_seconds / MOST_BUSY, wanted * (pace.wait_seconds + pace.cpu_seconds) / concurrency)
    )
    instances = min(max(instances, 2), limits.REGIONAL_CPUS)
    concurrent = min(ceil(instances * concurrency / queues), limits.QUEUE_CONCURRENT_DISPATCHES)
    return Plan(
        reports=reports,
        queues=queues,
        rate=rate,
        concurrent=concurrent,
        instances=instances,
        concurrency=concurrency,
        pace=pace,
    )
