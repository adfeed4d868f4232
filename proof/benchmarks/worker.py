"""The worker: reports a second, the cost of a report, and the gain from more instances."""

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from functions.shared.records.ids import delivery_id
from functions.shared.records.kind_pauses import NOTICED_WITHIN
from functions.shared.records.report_task import ReportTask
from functions.shared.records.subscription import (
    DEFAULT_SUBSCRIPTION,
    SUBSCRIPTIONS,
    SubscriptionDefaults,
    default_fields,
    scheduled_fields,
)
from functions.shared.records.user import USERS
from functions.shared.times.schedule import Cadence
from local_pipeline.sample_figures import add_up
from local_pipeline.sample_users import SampleSubscription, SampleUser, sample_users
from proof.benchmarks.checkout import THIS, Checkout, least_of_turns
from proof.benchmarks.cloud import DEFAULTS, DUE_AT, TASKS, Cloud
from proof.benchmarks.function import Function
from proof.benchmarks.load import Load, repeats_in_words, send
from proof.benchmarks.table import Table, number, times

CONCURRENCIES = (1, 8, 80)
REPORTS = 300
INSTANCES = (1, 2, 4)
CORES = 1 / 8
"""The share of a core for each instance if several are compared: together with all servers they must fit on this
machine, or they would take CPU from each other."""

_THREADS = "10"
"""WORKER_CONCURRENCY as deploy.sh has it: the threads of an instance."""

_AT_ONCE = 8
"""How many requests are under way at once where versions are compared."""

_WORKER_URL = "https://worker.example.com"
_OWN_READS = ("BatchGetDocuments", "GetDocument")
"""The reads for deliveries, users and subscriptions. Queries read the report's own data: the events of two periods."""

TURNS = 5
"""How often `measure_beside` measures each."""

_FLOOR = "the floor"

_RUN_ID = "20261124T1200Z"


def measure(
    *, concurrencies: Sequence[int] = CONCURRENCIES, reports: int = REPORTS, instances: Sequence[int] = INSTANCES
) -> Iterator[Table]:
    """Send reports at each concurrency to one instance, and then a part of them to each of several."""
    with Cloud() as cloud:
        token = cloud.token(TASKS, _WORKER_URL)
        numbers = iter(range(1, 1_000_000))

        def new_tasks(count: int) -> list[ReportTask]:
            return put_in(cloud, [next(numbers) for _ in range(count)])

        with cloud.function("worker", WORKER_URL=_WORKER_URL, THREADS=_THREADS) as worker:
            # The first request makes the clients and loads the fonts: the cold start benchmark measures that.
            send(new_tasks(8), urls=[worker.url], token=token, concurrency=2)
            without = put_in(cloud, [next(numbers) for _ in range(20)], figures=False)
            yield _bill(cloud, new_tasks(20), without, worker.url, token)
            measured: dict[int, tuple[Load, float]] = {}
            for concurrency in concurrencies:
                tasks = new_tasks(reports if concurrency > 1 else max(reports // 4, 10))
                before = worker.cpu_seconds()
                load = send(tasks, urls=[worker.url], token=token, concurrency=concurrency)
                measured[concurrency] = load, (worker.cpu_seconds() - before) / len(tasks)
        yield _throughput(measured)
        with ExitStack() as stack:
            workers = [
                stack.enter_context(cloud.function("worker", cores=CORES, WORKER_URL=_WORKER_URL, THREADS=_THREADS))
                for _ in range(max(instances))
            ]
            urls = [worker.url for worker in workers]
            send(new_tasks(8 * len(urls)), urls=urls, token=token, concurrency=len(urls))
            loads = {
                count: send(
                    new_tasks(count * reports // 3), urls=urls[:count], token=token, concurrency=count * int(_THREADS)
                )
                for count in instances
            }
        yield _instances(loads)


def measure_beside(checkout: Checkout, *, turns: int = TURNS, reports: int = REPORTS // 3) -> Iterator[Table]:
    """Send the same reports, with a chart and without, to this worker and to that of another version."""
    with Cloud() as cloud, ExitStack() as stack:
        token = cloud.token(TASKS, _WORKER_URL)
        workers = {
            each.name: stack.enter_context(
                cloud.function("worker", root=each.path, WORKER_URL=_WORKER_URL, THREADS=_THREADS)
            )
            for each in (THIS, checkout)
        }
        workers[_FLOOR] = stack.enter_context(
            cloud.function("send_report", source="proof/benchmarks/floor.py", THREADS=_THREADS)
        )
        turn = itertools.count()

        def cpu_ms(worker: Function, count: int, has_chart: bool) -> float:
            tasks = _put_in_alike(cloud, f"turn-{next(turn)}", count, has_chart=has_chart)
            before = worker.cpu_seconds()
            send(tasks, urls=[worker.url], token=token, concurrency=_AT_ONCE)
            return (worker.cpu_seconds() - before) / len(tasks) * 1000

        measures: dict[str, Callable[[int, bool], float]] = {
            name: functools.partial(cpu_ms, worker) for name, worker in workers.items()
        }
        for measure_one in measures.values():
            for has_chart in (True, False):
                measure_one(_AT_ONCE, has_chart)
        with_chart, without = (
            least_of_turns(
                {name: functools.partial(each, reports, has_chart) for name, each in measures.items()}, turns=turns
            )
            for has_chart in (True, False)
        )
    yield Table(
        title="A report beside others",
        columns=["", "with a chart, CPU ms", "this checkout to it", "without, CPU ms", "this checkout to it"],
        rows=[
            [
                name,
                number(with_chart[name]),
                times(with_chart[THIS.name] / with_chart[name]),
                number(without[name]),
                times(without[THIS.name] / without[name]),
            ]
            for name in measures
        ],
        note=f"CPU time of all processes of an instance, {_AT_ONCE} requests at once. The least of {turns} turns of "
        f"{reports} reports each. With a chart: a daily report to sample users with some 40 events in three days. "
        f"Without: the same users with no events. {_FLOOR.capitalize()} is `proof/benchmarks/floor.py`, which makes "
        "the same calls to Firestore and to the email provider, with messages made beforehand, and nothing else.",
    )


def _bill(
    cloud: Cloud, tasks: Sequence[ReportTask], without_figures: Sequence[ReportTask], url: str, token: str
) -> Table:
    def billed(tasks: Sequence[ReportTask]) -> tuple[float, float, float]:
        """A report's reads by the pipeline, its writes, and the reads of its user's data."""
        cloud.bill()
        load = send(tasks, urls=[url], token=token, concurrency=1)
        bill = cloud.bill()
        own = sum(bill["reads"].get(method, 0) for method in _OWN_READS)
        # Which kinds are paused is read once for many reports, whatever their number.
        asked = min(own % len(tasks), 1 + int(load.seconds / NOTICED_WITHIN.total_seconds()))
        counts = (own - asked, sum(bill["writes"].values()), sum(bill["reads"].values()) - own)
        reads, writes, data = (count / len(tasks) for count in counts)
        return reads, writes, data

    *_, events = billed(without_figures)
    reads, writes, figures = billed(tasks)
    return Table(
        title="What Firestore bills for a report",
        columns=["", "a report", "at most"],
        rows=[
            ["document reads: user, and subscription twice", number(reads), "3"],
            ["document writes: delivery and subscription", number(writes), "3"],
            ["document reads: the user's data, with figures", number(figures), "–"],
            ["document reads: the user's data, each event", number(events), "–"],
        ],
        note=f"Counted by the local Firestore over {len(tasks)} reports each to sample users with some 40 events each. "
        f"Beside that, each instance asks once in {NOTICED_WITHIN.seconds} seconds which kinds are paused.",
    )


def _throughput(measured: dict[int, tuple[Load, float]]) -> Table:
    return Table(
        title="The worker",
        columns=["at once", "reports/s", "CPU ms a report", "p50 ms", "p99 ms"],
        rows=[
            [
                str(concurrency),
                number(load.rate),
                f"{cpu * 1000:.1f}",
                *(f"{load.percentile(share) * 1000:.0f}" for share in (0.5, 0.99)),
            ]
            for concurrency, (load, cpu) in measured.items()
        ],
        note=f"One instance with {_THREADS} threads, as deployed: what is sent beyond that waits in it. Firestore, the "
        "email provider and the sender of the load are on the same machine and take their share of it."
        f"{repeats_in_words([load for load, _ in measured.values()])}",
    )


def _instances(loads: dict[int, Load]) -> Table:
    first = next(iter(loads.values()))
    return Table(
        title="More instances of the worker",
        columns=["instances", "to one", "reports/s", "p50 ms", "p99 ms"],
        rows=[
            [
                str(count),
                times(load.rate / first.rate),
                number(load.rate),
                *(f"{load.percentile(share) * 1000:.0f}" for share in (0.5, 0.99)),
            ]
            for count, load in loads.items()
        ],
        note=f"Each instance has {CORES:.3g} of a core, so that they and what they talk to have room on this machine, "
        f"and {_THREADS} requests at once. What they share is Firestore and the email provider."
        f"{repeats_in_words(list(loads.values()))}",
    )


def put_in(cloud: Cloud, numbers: Sequence[int], *, figures: bool = True) -> list[ReportTask]:
    """Write these sample users, and return the tasks for their reports.

    Args:
        cloud: where to.
        numbers: of the users.
        figures: whether their reports may read figures, and not each event.
    """
    wanted = set(numbers)
    users = [user for number, user in enumerate(sample_users(max(numbers), now=DUE_AT), start=1) if number in wanted]
    if not figures:
        users = [replace(user, document={**user.document, "event_figures_since": None}) for user in users]
    return _write(cloud, users)


def _put_in_alike(cloud: Cloud, prefix: str, count: int, *, has_chart: bool) -> list[ReportTask]:
    """Write sample users with a daily report, the same each time but for their ids, and return the tasks.

    Args:
        cloud: where to.
        prefix: of their ids.
        count: how many.
        has_chart: whether there is something to report: some 40 events, spread over three days.
    """
    lively = (user for user in sample_users(2 * count, now=DUE_AT) if user.events)
    daily = SubscriptionDefaults("activity", Cadence.DAILY)

    def alike(user: SampleUser) -> SampleUser:
        user_id = f"{prefix}-{user.id}"
        pause = timedelta(days=3) / len(user.events)
        spread = [{**event, "at": DUE_AT - pause * (number + 0.5)} for number, event in enumerate(user.events)]
        subscription = SampleSubscription(
            id=DEFAULT_SUBSCRIPTION, document=default_fields(user_id, daily, due_at=DUE_AT)
        )
        return replace(user, id=user_id, subscriptions=[subscription], events=spread if has_chart else [])

    return _write(cloud, [alike(user) for user in itertools.islice(lively, count)])


def _write(cloud: Cloud, users: Sequence[SampleUser]) -> list[ReportTask]:
    """Write users with one subscription each, which is due, and with their events. Returns the tasks."""

    def documents() -> Iterator[tuple[str, Mapping[str, Any]]]:
        for user in users:
            path = f"{USERS}/{user.id}"
            yield path, {**user.document, "email": f"{user.id}@example.com", "active": True}
            yield f"{path}/{SUBSCRIPTIONS}/{DEFAULT_SUBSCRIPTION}", _subscription(user)
            events = [
                {**event, "at": event["at"] - timedelta(microseconds=index)} for index, event in enumerate(user.events)
            ]
            for index, event in enumerate(events):
                yield f"{path}/events/e{index}", event
            for month, figures in add_up(events, by="type").items():
                yield f"{path}/event_figures/{month}", figures

    cloud.put_in(documents())
    return [
        ReportTask(
            user_id=user.id,
            subscription_id=DEFAULT_SUBSCRIPTION,
            delivery_id=delivery_id(user.id, DEFAULT_SUBSCRIPTION, DUE_AT),
            due_at=DUE_AT,
            run_id=_RUN_ID,
            kind="activity",
        )
        for user in users
    ]


def _subscription(user: SampleUser) -> dict[str, Any]:
    """The user's own subscription to `activity`, which reports the events, or the one that a new user gets, as an
    earlier report has left it. Each report is an email, also that of a user who has done nothing."""
    written = (each.document for each in user.subscriptions if each.document and each.document["kind"] == "activity")
    return {
        **next(written, default_fields(user.id, DEFAULTS, due_at=DUE_AT)),
        **scheduled_fields(user.id, DEFAULT_SUBSCRIPTION, due_at=DUE_AT),
        "skip_empty": False,
        "settled_at": datetime.now(UTC),
    }
