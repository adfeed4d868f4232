"""Where each part of the pipeline meets its first limit as it is shipped, and what is set then. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from proof.benchmarks.simulation import limits
from proof.benchmarks.simulation.following import (
    CONSOLE,
    MAIL_EVENTS,
    PREFERENCES,
    Following,
    Habits,
    call_of_events,
    page_of,
)
from proof.benchmarks.simulation.plan import DUE_INDEX, MAIL_INDEX, NEIGHBOURS, NEW_DELIVERIES, RUN_INDEX, Plan
from proof.benchmarks.simulation.request_cost import RequestCosts, RequestKind
from proof.benchmarks.simulation.scale import WITHIN, Case, span
from proof.benchmarks.table import Table, number

_HOUR = 3600
_ROUNDS = 40


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What a part takes as it is shipped.

    Attributes:
        part: of the pipeline.
        what: limits it.
        mails_a_second: until when it keeps up.
        setting: what is changed then.
    """

    part: str
    what: str
    mails_a_second: float
    setting: str


def shipped_limits(costs: RequestCosts, habits: Habits | None = None) -> list[Limit]:
    """The limits of all parts, the first to be met first."""
    habits = habits or Habits()
    shipped = Plan(reports=0)
    seconds = shipped.pace.cpu_seconds + shipped.pace.wait_seconds
    found = [
        Limit(
            part="queue",
            what=f"{shipped.rate:g} dispatches a second",
            mails_a_second=shipped.rate,
            setting="`--max-dispatches-per-second` in `queue.yaml`, up to 500",
        ),
        Limit(
            part="queue",
            what="500 dispatches a second of one queue",
            mails_a_second=limits.QUEUE_DISPATCHES_A_SECOND,
            setting="`deploy.sh --queues`",
        ),
        Limit(
            part="worker",
            what=f"{shipped.concurrent} reports at once",
            mails_a_second=min(shipped.concurrent / seconds, shipped.instances / shipped.pace.cpu_seconds),
            setting="`--max-concurrent-dispatches` in `queue.yaml`; `WORKER_MAX_INSTANCES` follows",
        ),
        Limit(
            part="worker",
            what=f"{limits.REGIONAL_CPUS:,} CPUs in a region",
            mails_a_second=limits.REGIONAL_CPUS * min(0.5 / shipped.pace.cpu_seconds, shipped.concurrency / seconds),
            setting="[a quota of more CPUs](../guides/deployment.md#cpus)",
        ),
        Limit(
            part="dispatcher",
            what="the pace of one instance",
            mails_a_second=shipped.pace.tasks_a_second,
            setting="[a second project](#beyond-one-dispatcher)",
        ),
        Limit(part="SendGrid", what="the account", mails_a_second=limits.MAILS_A_SECOND, setting="several accounts"),
        Limit(
            part="Firestore",
            what="the index of a run's deliveries",
            mails_a_second=RUN_INDEX.reports_a_second,
            setting="[remove it](#indexes-that-rise-with-time)",
        ),
        Limit(
            part="Firestore",
            what="the index of what is due",
            mails_a_second=DUE_INDEX.reports_a_second,
            setting="spread the reports over the hours",
        ),
        Limit(
            part="Firestore",
            what="the index of delivered emails",
            mails_a_second=MAIL_INDEX.reports_a_second,
            setting="[remove it](#indexes-that-rise-with-time)",
        ),
        Limit(
            part="Firestore",
            what="neighbouring documents, if 500 writes a second hold for them, too",
            mails_a_second=NEIGHBOURS.reports_a_second,
            setting="[nothing yet](#hot-spots)",
        ),
        Limit(
            part="Firestore",
            what="a new collection in its first five minutes (500/50/5)",
            mails_a_second=limits.FIRESTORE_FIRST_OPERATIONS_A_SECOND / NEW_DELIVERIES.operations,
            setting="[`RAMP_START`](../guides/deliverability.md#a-new-domain-the-ramp), or a lower rate "
            "for the first run",
        ),
        Limit(
            part="mail events",
            what=f"{MAIL_EVENTS.instances} instances",
            mails_a_second=_mails_at_most(costs, habits),
            setting=f"`{MAIL_EVENTS.setting}`; until then events are late",
        ),
        Limit(
            part="preferences",
            what=f"{PREFERENCES.instances} instances",
            mails_a_second=PREFERENCES.most_a_second(page_of(costs, habits))
            / (habits.scanned + habits.opened + habits.unsubscribed),
            setting=f"`{PREFERENCES.setting}`; until then people see an error page",
        ),
    ]
    return sorted(found, key=lambda limit: limit.mails_a_second)


def _mails_at_most(costs: RequestCosts, habits: Habits) -> float:
    """How many emails a second the webhook keeps up with: larger calls cost less for each event."""
    least, most = 0.0, 1e6
    for _ in range(_ROUNDS):
        middle = (least + most) / 2
        events, cost = call_of_events(middle * habits.events, costs, habits)
        if middle * habits.events <= MAIL_EVENTS.most_a_second(cost) * events:
            least = middle
        else:
            most = middle
    return least


def limits_table(found: Sequence[Limit]) -> Table:
    """Where each part breaks first."""
    return Table(
        title="The first limit of each part",
        columns=["part", "what limits it, as shipped", "emails a second", "an hour", "what is set then"],
        rows=[
            [
                limit.part,
                limit.what,
                number(limit.mails_a_second),
                f"{float(number(limit.mails_a_second).replace(',', '')) * _HOUR:,.0f}",
                limit.setting,
            ]
            for limit in found
        ],
    )


def met_table(sizes: Sequence[int], found: Sequence[Limit]) -> Table:
    """Which limit each part meets first, by the number of reports that are due at once."""
    parts = dict.fromkeys(limit.part for limit in found)

    def first(part: str, reports: int) -> str:
        rate = reports / WITHIN.total_seconds()
        return next((limit.what for limit in found if limit.part == part and limit.mails_a_second < rate), "–")

    return Table(
        title="Which limits are met, as shipped",
        columns=["reports due at once", *parts],
        rows=[[f"{reports:,}", *(first(part, reports) for part in parts)] for reports in sizes],
        note=f"To be sent within {span(WITHIN.total_seconds())}. A dash: the part keeps up.",
    )


def following_table(cases: Sequence[Case], follows: Sequence[Following], costs: RequestCosts) -> Table:
    """What follows a run of each size."""
    return Table(
        title="What follows a run",
        columns=[
            "reports due at once",
            *("mails/s in the best minute", "events a call", f"`{MAIL_EVENTS.setting}`"),
            f"events late with {MAIL_EVENTS.instances}",
            *("page requests/s", f"`{PREFERENCES.setting}`", f"error pages with {PREFERENCES.instances}"),
            *("dollars for events", "for pages", "an hour with the overview open"),
        ],
        rows=[
            [
                f"{case.plan.reports:,}",
                number(case.outcome.peak_rate),
                number(found.events_a_call),
                _needed(found.calls.instances, MAIL_EVENTS.instances),
                _late(found.calls.late),
                number(found.pages.peak),
                _needed(found.pages.instances, PREFERENCES.instances),
                f"{found.pages.refused / found.pages.requests:.1%}",
                f"{found.calls.dollars:,.2f}",
                f"{found.pages.dollars:,.2f}",
                f"{found.dollars_of_counts:,.2f}",
            ]
            for case, found in zip(cases, follows, strict=True)
        ],
        note=_note(costs),
    )


def _needed(instances: int, shipped: int) -> str:
    return f"{instances}" if instances > shipped else f"{shipped}, as shipped"


def _late(seconds: float) -> str:
    if seconds > limits.EVENT_REPEATED_SECONDS:
        return "some are lost"
    return span(seconds) if seconds >= 1 else "no"


def _note(costs: RequestCosts) -> str:
    habits = Habits()
    looks = CONSOLE.most_a_second(costs[RequestKind.CONSOLE_PAGE]) * habits.page_each
    return (
        f"Assumed: {habits.bounced:.0%} of the emails bounce, {habits.deferred:.0%} are deferred first; the email "
        f"servers of {habits.scanned:.0%} of the recipients open the link to the page at once; {habits.opened:.1%} of "
        f"the recipients open it, {habits.opened_after / 60:.0f} minutes later on average, and "
        f"{habits.unsubscribed:.1%} unsubscribe by one click. The console's one instance has room for {number(looks)} "
        f"operators who each open a page every {habits.page_each:g} seconds."
    )


def costs_table(costs: RequestCosts) -> Table:
    """What a request of each function costs."""
    return Table(
        title="What a request costs",
        columns=["", "CPU, ms", "waiting for Firestore, ms", "document reads", "writes"],
        rows=[
            [
                kind.value,
                f"{cost.cpu_seconds * 1000:.2f}",
                f"{cost.wait_seconds * 1000:.1f}",
                number(cost.reads),
                number(cost.writes),
            ]
            for kind, cost in costs.costs.items()
        ],
        note=f"Measured on {costs.measured_on}, with 15 ms for each call to Firestore.",
    )
