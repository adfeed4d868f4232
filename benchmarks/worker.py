"""The worker: reports a second, what one costs, and what a second instance brings."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

from benchmarks.cloud import DUE_AT, TASKS, Cloud
from benchmarks.load import Load, send
from benchmarks.table import Table, number, times
from functions.shared.models import ReportTask, delivery_id
from local_cloud.sample_users import sample_users

CONCURRENCIES = (1, 8, 80)
REPORTS = 300
_THREADS = "10"
"""WORKER_CONCURRENCY as deploy.sh has it: the threads of an instance."""

_WORKER_URL = "https://worker.example.com"
_OWN_READS = ("BatchGetDocuments", "GetDocument")
"""Queries are the report's own data: the events of two periods."""

_RUN_ID = "20261124T1200Z"


def measure(*, concurrencies: Sequence[int] = CONCURRENCIES, reports: int = REPORTS) -> Iterator[Table]:
    """Send so many reports at each concurrency to one instance, and then to two."""
    with Cloud() as cloud, ExitStack() as stack:
        token = cloud.token(TASKS, _WORKER_URL)
        instances = [
            stack.enter_context(cloud.function("worker", WORKER_URL=_WORKER_URL, THREADS=_THREADS)) for _ in range(2)
        ]
        numbers = iter(range(1, 1_000_000))

        def new_tasks(count: int) -> list[ReportTask]:
            return _put_in(cloud, [next(numbers) for _ in range(count)])

        # The first request makes the clients and loads the fonts: that is the cold start's figure.
        send(new_tasks(8), urls=[instance.url for instance in instances], token=token, concurrency=2)
        yield _bill(cloud, new_tasks(20), instances[0].url, token)
        measured: dict[tuple[int, int], tuple[Load, float]] = {}
        for concurrency in concurrencies:
            count = reports if concurrency > 1 else max(reports // 4, 10)
            for used in (instances[:1], instances):
                tasks = new_tasks(count)
                before = sum(instance.cpu_seconds() for instance in used)
                load = send(tasks, urls=[instance.url for instance in used], token=token, concurrency=concurrency)
                cpu = sum(instance.cpu_seconds() for instance in used) - before
                measured[concurrency, len(used)] = load, cpu / count
        yield _throughput(measured, concurrencies)


def _bill(cloud: Cloud, tasks: Sequence[ReportTask], url: str, token: str) -> Table:
    cloud.bill()
    send(tasks, urls=[url], token=token, concurrency=1)
    bill = cloud.bill()
    own = sum(bill["reads"].get(method, 0) for method in _OWN_READS)
    events = sum(bill["reads"].values()) - own
    writes = sum(bill["writes"].values())
    return Table(
        title="What Firestore bills for a report",
        columns=["", "a report", "at most"],
        rows=[
            ["document reads: user and ledger", number(own / len(tasks)), "3"],
            ["document writes: ledger and user", number(writes / len(tasks)), "3"],
            ["document reads: the report's own data", number(events / len(tasks)), "–"],
        ],
        note=f"Counted by the local Firestore over {len(tasks)} reports of sample users with some 40 events each.",
    )


def _throughput(measured: dict[tuple[int, int], tuple[Load, float]], concurrencies: Sequence[int]) -> Table:
    rows = []
    for concurrency in concurrencies:
        one, two = measured[concurrency, 1][0], measured[concurrency, 2][0]
        cpu = measured[concurrency, 1][1]
        rows.append(
            [
                str(concurrency),
                times(two.rate / one.rate),
                number(one.rate),
                number(two.rate),
                f"{cpu * 1000:.0f}",
                *(f"{load.percentile(share) * 1000:.0f}" for load in (one, two) for share in (0.5, 0.99)),
            ]
        )
    return Table(
        title="The worker",
        columns=[
            "at once",
            "two instances to one",
            "reports/s, one",
            "reports/s, two",
            "CPU ms a report",
            *("p50 ms, one", "p99 ms, one", "p50 ms, two", "p99 ms, two"),
        ],
        rows=rows,
        note=f"An instance has {_THREADS} threads, as deployed: what is sent beyond that waits in it. Firestore, the "
        "mail provider and the sender of the load are on the same machine and take their share of it.",
    )


def _put_in(cloud: Cloud, numbers: Sequence[int]) -> list[ReportTask]:
    """Write sample users who are due, with their events, and return their tasks."""
    wanted = set(numbers)
    users = [user for number, user in enumerate(sample_users(max(numbers), now=DUE_AT), start=1) if number in wanted]

    def documents() -> Iterator[tuple[str, dict[str, Any]]]:
        for user in users:
            own = {"email": f"{user.id}@example.com", "active": True, "next_report_at": DUE_AT}
            yield f"users/{user.id}", {**user.document, **own}
            for index, event in enumerate(user.events):
                yield f"users/{user.id}/events/e{index}", {**event, "at": event["at"] - timedelta(microseconds=index)}

    cloud.put_in(documents())
    return [
        ReportTask(user_id=user.id, delivery_id=delivery_id(user.id, DUE_AT), due_at=DUE_AT, run_id=_RUN_ID)
        for user in users
    ]
