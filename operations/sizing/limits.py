"""The first limit of each part of the pipeline: what Google and SendGrid publish, and what was measured. Pure."""

from dataclasses import dataclass

from functions.shared.records.ids import SHARDS

QUEUE_DISPATCHES_A_SECOND = 500
QUEUE_CONCURRENT_DISPATCHES = 5_000
"""https://cloud.google.com/tasks/docs/quotas,
https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues#RateLimits"""

REGIONAL_CPUS = 1_000
"""The quota in the example there; a project has its own, which Google raises on request.
https://cloud.google.com/run/docs/configuring/max-instances-limits"""

EMAILS_A_SECOND = 10_000
"""Assumed. SendGrid publishes no number; each account has one, in X-RateLimit-Limit. This was in its documentation
once. https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/rate-limits"""

RISING_INDEX_WRITES_A_SECOND = 500
"""Into an index whose values rise together, as times do; with shards in front, into each of them.
https://firebase.google.com/docs/firestore/solutions/shard-timestamp"""

NEW_COLLECTION_OPERATIONS_A_SECOND = 500
"""In its first five minutes. https://firebase.google.com/docs/firestore/best-practices#ramping_up_traffic"""

TASKS_A_SECOND = 12_000
"""What one dispatcher enqueues: less than half of what `make bench ARGS=fan-out` measures for 200,000 due reports
(docs/explanation/performance.md), since a CPU of Cloud Run may be slower."""

REPORT_CPU_SECONDS = 0.0081
"""What the worker computes for a report with a chart: `make bench ARGS=worker` (docs/explanation/performance.md)."""

REPORT_SECONDS = REPORT_CPU_SECONDS + 0.116 + 0.15
"""From a report's request to its answer. 0.116 s of it is waiting for Firestore, 15 ms a call: measured on 2026-11-26
by a benchmark that Git has at fbc12a90 (`simulate measure`), as the next two. 0.15 s for SendGrid is assumed."""

EVENT_CPU_SECONDS = 0.00062
"""What mail_events computes for an event, in calls of a full 768 KB, 1% of them bounces."""

PAGE_CPU_SECONDS = 0.00786
"""What preferences computes for a request."""

EVENTS_AN_EMAIL = 1.02
VISITS_AN_EMAIL = 0.106
"""Assumed: 2% of the emails are deferred first; the email servers of 10% of the recipients open the page, 0.5% of the
recipients do, and 0.1% unsubscribe by one click."""

WORKER_CONCURRENCY = 10
_OTHER_INSTANCES = 3
"""Requests at once of an instance, and most instances of mail_events and preferences, as deploy.sh has them."""

SHIPPED_RATE = 10
_SHIPPED_CONCURRENT = 100
"""In queue.yaml."""

_MORE_AT_ONCE = "`--max-concurrent-dispatches`; `WORKER_MAX_INSTANCES` follows"
_MORE_FOR_EVENTS = "`MAIL_EVENTS_MAX_INSTANCES`; until then events are late, and none is lost"
_MORE_FOR_VISITS = "`PREFERENCES_MAX_INSTANCES`; until then people see an error page"
_REMOVE = "remove it (docs/guides/size.md#indexes-that-rise-with-time)"
_SPREAD = "spread the reports over the hours"
_DIVIDE = "a second project (docs/guides/size.md#beyond-one-dispatcher)"
_MORE_CPUS = "a quota of more (docs/guides/deployment.md#cpus)"

MOST_BUSY = 0.5
"""How much of what an instance can take is planned for."""


@dataclass(frozen=True)
class Limit:
    """What a part of the pipeline takes.

    Attributes:
        part: of the pipeline.
        what: the limit's name.
        a_second: how many reports.
        then: what to do about it.
    """

    part: str
    what: str
    a_second: float
    then: str

    @property
    def an_hour(self) -> int:
        """How many reports, with three significant digits."""
        return int(float(f"{self.a_second * 3600:.3g}"))


def all_limits(emails_a_second: int = EMAILS_A_SECOND) -> list[Limit]:
    """The limits of the pipeline as it is shipped, the lowest first.

    Args:
        emails_a_second: what the email provider takes.
    """
    # A report writes two documents of deliveries, and its mail event reads one.
    first_run = NEW_COLLECTION_OPERATIONS_A_SECOND / 3
    events = _OTHER_INSTANCES / EVENT_CPU_SECONDS / EVENTS_AN_EMAIL
    visits = _OTHER_INSTANCES / PAGE_CPU_SECONDS / VISITS_AN_EMAIL
    found = [
        Limit("queue", f"{SHIPPED_RATE} dispatches a second", SHIPPED_RATE, "`--max-dispatches-per-second`, to 500"),
        Limit("worker", "100 reports at once", _SHIPPED_CONCURRENT / REPORT_SECONDS, _MORE_AT_ONCE),
        Limit("queue", "500 dispatches a second of one queue", QUEUE_DISPATCHES_A_SECOND, "`deploy.sh --queues`"),
        Limit("mail events", "3 instances", events, _MORE_FOR_EVENTS),
        Limit("preferences", "3 instances", visits, _MORE_FOR_VISITS),
        Limit("Firestore", "a new collection in its first five minutes", first_run, "nothing: it comes once"),
        *_lasting(emails_a_second),
    ]
    return sorted(found, key=lambda limit: limit.a_second)


def lowest_lasting(emails_a_second: int) -> Limit:
    """The first limit that no setting lifts.

    Args:
        emails_a_second: what the email provider takes.
    """
    return min(_lasting(emails_a_second), key=lambda limit: limit.a_second)


def _lasting(emails_a_second: int) -> list[Limit]:
    index = RISING_INDEX_WRITES_A_SECOND * SHARDS
    instance = MOST_BUSY * min(1 / REPORT_CPU_SECONDS, WORKER_CONCURRENCY / REPORT_SECONDS)
    emails = f"{emails_a_second:,} emails a second" + ", which is assumed" * (emails_a_second == EMAILS_A_SECOND)
    return [
        # A report is written when a worker claims it, and when it is final.
        Limit("Firestore", "the index of a run's deliveries", index / 2, _REMOVE),
        Limit("email provider", emails, emails_a_second, "several accounts"),
        Limit("dispatcher", "the pace of one instance", TASKS_A_SECOND, _DIVIDE),
        Limit("Firestore", "the index of what is due", index, _SPREAD),
        Limit("worker", f"{REGIONAL_CPUS:,} CPUs in a region", REGIONAL_CPUS * instance, _MORE_CPUS),
    ]
