"""Fan-out: how many due reports a second a run takes from Firestore to the queue, also beside another version."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from proof.benchmarks.checkout import THIS, Checkout, in_turns
from proof.benchmarks.cloud import Cloud
from proof.benchmarks.deployed import lay_out
from proof.benchmarks.failure import BenchmarkFailed
from proof.benchmarks.table import Table, number, times

SIZES = (1_000, 10_000, 200_000)
LATENCY_MS = 15.0
"""Of each call, as within a region."""
TURNS = 3


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a run took, in seconds.

    Attributes:
        seconds: until each due report has its task.
        cpu: of the dispatcher's processes.
        cloud_cpu: of the local cloud meanwhile.
    """

    seconds: float
    cpu: float
    cloud_cpu: float


def measure(*, sizes: Sequence[int] = SIZES, turns: int = TURNS) -> Iterator[Table]:
    """Make runs of each size."""
    with Cloud(latency_ms=LATENCY_MS) as cloud:
        for size in sizes:
            cloud.put_in_users(size)
            runs = in_turns({THIS.name: partial(_run, cloud, size)}, turns=turns)
            yield _table(f"A run of {size:,}, {LATENCY_MS:g} ms a call", runs, size, turns)


def measure_beside(
    checkout: Checkout, *, sizes: Sequence[int] = (1_000, 200_000), turns: int = TURNS
) -> Iterator[Table]:
    """Make runs of each size by both dispatchers in turn, on one local cloud, and each on its own."""
    with ExitStack() as stack:
        shared, own = stack.enter_context(Cloud()), stack.enter_context(Cloud(root=checkout.path))
        for size in sizes:
            for cloud in (shared, own):
                cloud.put_in_users(size)
            for title, other in (("on one local cloud", shared), ("each on its own local cloud", own)):
                measures = {
                    THIS.name: partial(_run, shared, size),
                    checkout.name: partial(_run, other, size, checkout),
                }
                yield _table(
                    f"A run of {size:,} beside another version, {title}", in_turns(measures, turns=turns), size, turns
                )


def _run(cloud: Cloud, size: int, checkout: Checkout = THIS) -> Run:
    """A run over HTTP, by the dispatcher of a version as it is deployed.

    Raises:
        BenchmarkFailed: not every report got its task.
    """
    with (
        TemporaryDirectory() as folder,
        cloud.function(
            "dispatcher", root=lay_out(checkout, "dispatcher", Path(folder)), REPORT_QUEUES=cloud.new_queue()
        ) as dispatcher,
    ):
        before, cloud_before = dispatcher.cpu_seconds(), cloud.cpu_seconds()
        answer = cloud.dispatch(dispatcher)
        if (answer["dispatched"], answer["errors"]) != (size, 0):
            raise BenchmarkFailed(f"the run went wrong: {answer}")
        return Run(
            seconds=answer["seconds"],
            cpu=dispatcher.cpu_seconds() - before,
            cloud_cpu=cloud.cpu_seconds() - cloud_before,
        )


def _table(title: str, runs: Mapping[str, list[Run]], size: int, turns: int) -> Table:
    # Whatever disturbs a measurement adds to it.
    least = {
        name: Run(
            seconds=min(each.seconds for each in taken),
            cpu=min(each.cpu for each in taken),
            cloud_cpu=min(each.cloud_cpu for each in taken),
        )
        for name, taken in runs.items()
    }
    ours = least[THIS.name]
    return Table(
        title=title,
        columns=["", "reports/s", "ours to it", "CPU µs a report", "ours to it", "of the local cloud"],
        rows=[
            [
                name,
                number(size / one.seconds),
                times(one.seconds / ours.seconds),
                number(one.cpu / size * 1e6),
                times(ours.cpu / one.cpu),
                number(one.cloud_cpu / size * 1e6),
            ]
            for name, one in least.items()
        ],
        note=f"Whole runs over HTTP, in turn; the best of {turns} each, each figure by itself. The CPU is that of the "
        "dispatcher's processes, then that of the local cloud's.",
    )
