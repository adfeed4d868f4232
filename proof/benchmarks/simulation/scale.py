"""From a thousand reports to a hundred million: which settings, until when, at what cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from proof.benchmarks.simulation.cost import Cost, cost
from proof.benchmarks.simulation.model import Outcome, simulate
from proof.benchmarks.simulation.plan import DUE_INDEX, NEIGHBOURS, NEW_DELIVERIES, RUN_INDEX, Plan, recommended
from proof.benchmarks.table import Table, number

SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
WITHIN = timedelta(minutes=30)
_MOST_SHIPPED = 100_000
"""Up to where the settings as they are shipped are shown: beyond, a run takes more than a day."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A plan with its outcome and its cost."""

    plan: Plan
    outcome: Outcome
    cost: Cost


def case(plan: Plan) -> Case:
    """Simulate a plan, and compute its cost."""
    outcome = simulate(plan)
    return Case(plan=plan, outcome=outcome, cost=cost(plan, outcome))


def recommended_cases(sizes: Sequence[int] = SIZES) -> list[Case]:
    """Each size with the settings that suit it."""
    return [case(recommended(size, within=WITHIN)) for size in sizes]


def shipped_cases(sizes: Sequence[int] = SIZES) -> list[Case]:
    """Each size with queue.yaml as it is shipped."""
    return [case(Plan(reports=size)) for size in sizes if size <= _MOST_SHIPPED]


def one_queue_cases(sizes: Sequence[int] = SIZES) -> list[Case]:
    """Each size with one queue as fast as it can be."""
    plans = [Plan(reports=size, rate=500, concurrent=400, instances=40) for size in sizes]
    return [case(plan) for plan in plans if plan.reports <= 10_000_000]


def settings_table(cases: Sequence[Case]) -> Table:
    """What to set for each size."""
    return Table(
        title="Settings",
        columns=[
            "reports due at once",
            "`--queues`",
            "`--max-dispatches-per-second`",
            "`--max-concurrent-dispatches`",
            "`WORKER_MAX_INSTANCES`",
        ],
        rows=[
            [
                f"{found.plan.reports:,}",
                f"{found.plan.queues}",
                f"{found.plan.rate:g}",
                f"{found.plan.concurrent}",
                f"{found.plan.instances}",
            ]
            for found in cases
        ],
    )


def outcome_table(cases: Sequence[Case]) -> Table:
    """The outcome for each size."""
    return Table(
        title="What comes of them",
        columns=[
            "reports due at once",
            *("last task made", "half sent", "last report sent", "reports/s in the best minute", "instances"),
            *("what it waits for", "dollars a run", "of it Firestore", "Cloud Tasks", "Cloud Run"),
        ],
        rows=[
            [
                f"{found.plan.reports:,}",
                *(span(seconds) for seconds in (found.outcome.enqueued, found.outcome.half_sent)),
                span(found.outcome.last_sent),
                number(found.outcome.peak_rate),
                f"{found.outcome.instances}",
                found.outcome.bottleneck,
                *(
                    f"{dollars:,.2f}"
                    for dollars in (
                        found.cost.total,
                        found.cost.firestore,
                        found.cost.cloud_tasks,
                        found.cost.cloud_run,
                    )
                ),
            ]
            for found in cases
        ],
    )


def first_run_cases(cases: Sequence[Case]) -> list[Case]:
    """The same runs, where no delivery has been written before."""
    return [case(replace(each.plan, new=NEW_DELIVERIES)) for each in cases]


def first_run_table(cases: Sequence[Case], first: Sequence[Case]) -> Table:
    """What Firestore's rule for a new collection does to a first run."""
    return Table(
        title="A first run",
        columns=[
            "reports due at once",
            "operations a second on `deliveries`",
            "last report sent",
            "by the rule",
            "half sent by the rule",
            "what it waits for",
        ],
        rows=[
            [
                f"{found.plan.reports:,}",
                number(found.outcome.peak_rate * NEW_DELIVERIES.operations),
                span(found.outcome.last_sent),
                span(ruled.outcome.last_sent),
                span(ruled.outcome.half_sent),
                ruled.outcome.bottleneck,
            ]
            for found, ruled in zip(cases, first, strict=True)
        ],
    )


def index_table() -> Table:
    """The limits of the rising indexes, with and without shards."""
    sharded = (DUE_INDEX, RUN_INDEX)
    return Table(
        title="Indexes that rise with time",
        columns=["index", "shards", "writes a report", "reports a second", "reports an hour"],
        rows=[
            [
                index.name,
                f"{index.shards}",
                f"{index.writes}",
                f"{index.reports_a_second:,.0f}",
                f"{index.reports_a_second * 3600:,.0f}",
            ]
            for each in sharded
            for index in (replace(each, shards=1), each)
        ],
    )


def what_if_cases(reports: int) -> dict[str, Case]:
    """One size as recommended, and with one thing changed at a time."""
    base = recommended(reports, within=WITHIN)
    plans = {
        "as recommended": base,
        "one queue, 500/s": replace(base, queues=1, rate=500, concurrent=base.concurrent * base.queues),
        "half the instances": replace(base, instances=max(base.instances // 2, 1)),
        "a tenth of the instances": replace(base, instances=max(base.instances // 10, 1)),
        "SendGrid takes 200 emails a second": replace(base, mails_a_second=200),
        "5 % of the attempts fail": replace(base, failure_rate=0.05),
        "20 % of the attempts fail": replace(base, failure_rate=0.2),
        "the due index without shards": replace(base, rising=(replace(DUE_INDEX, shards=1),)),
        "a first run, by Firestore's 500/50/5 rule": replace(base, new=NEW_DELIVERIES),
        "500 writes a second for neighbouring documents": replace(base, rising=(*base.rising, NEIGHBOURS)),
        "no index with shards": replace(base, rising=(replace(DUE_INDEX, shards=1), replace(RUN_INDEX, shards=1))),
    }
    return {title: case(plan) for title, plan in plans.items()}


def what_if_table(cases: Mapping[str, Case]) -> Table:
    """The effect of each setting."""
    reports = next(iter(cases.values())).plan.reports
    return Table(
        title=f"What if, for {reports:,} reports",
        columns=[
            *("", "last task made", "last report sent", "what it waits for", "dead letters", "attempts a report"),
            "dollars a run",
        ],
        rows=[
            [
                title,
                span(found.outcome.enqueued),
                span(found.outcome.last_sent),
                found.outcome.bottleneck,
                f"{found.outcome.dead:,}",
                number(found.outcome.attempts / reports),
                f"{found.cost.total:,.2f}",
            ]
            for title, found in cases.items()
        ],
    )


def span(seconds: float) -> str:
    """A time as a person says it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
