"""Fan-out beside another version: whole runs of both dispatchers in turn, on one local cloud and each on its own."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial

from proof.benchmarks import fan_out_strategies
from proof.benchmarks.checkout import THIS, Checkout, in_turns
from proof.benchmarks.cloud import Cloud
from proof.benchmarks.fan_out import in_a_new_queue, whole_run
from proof.benchmarks.fan_out_strategies import FanOutStrategy, FanOutTimes
from proof.benchmarks.table import Table, number, times

SIZES = (1_000, 200_000)
TURNS = 3

_LIMITS: Mapping[str, FanOutStrategy] = {
    "limit: reading raw bytes over REST, alone": fan_out_strategies.raw_bytes_over_rest,
    "limit: raw BatchCreateTasks, alone": fan_out_strategies.the_limit,
}


def measure_beside(checkout: Checkout, *, sizes: tuple[int, ...] = SIZES, turns: int = TURNS) -> Iterator[Table]:
    """Make runs of each size by both dispatchers in turn."""
    with ExitStack() as stack:
        apart = stack.enter_context(Cloud(tasks_apart=True))
        together = stack.enter_context(Cloud())
        own = stack.enter_context(Cloud(root=checkout.path))
        for size in sizes:
            for cloud in (apart, together, own):
                cloud.put_in_users(size)
            for title, cloud, other, limits in (
                ("Firestore and Cloud Tasks in two processes", apart, apart, _LIMITS),
                ("Firestore and Cloud Tasks in one process", together, together, {}),
                ("each on its own local cloud, in one process", together, own, {}),
            ):
                measures: Mapping[str, Callable[[], FanOutTimes]] = {
                    THIS.name: partial(whole_run, cloud, size),
                    checkout.name: partial(whole_run, other, size, checkout),
                    **{name: partial(in_a_new_queue, cloud, limit, size) for name, limit in limits.items()},
                }
                measured = {name: _least(taken) for name, taken in in_turns(measures, turns=turns).items()}
                yield _table(f"A run of {size:,} beside another version: {title}", measured, size, turns)


def _table(title: str, measured: Mapping[str, FanOutTimes], size: int, turns: int) -> Table:
    ours = measured[THIS.name]
    return Table(
        title=title,
        columns=["", "reports/s", "ours to it", "CPU µs a report", "ours to it", "of the local cloud"],
        rows=[
            [
                name,
                number(size / _seconds(taken)),
                times(_seconds(taken) / _seconds(ours)),
                number(_cpu(taken) / size * 1e6),
                times(_cpu(ours) / _cpu(taken)),
                number(taken.cloud_cpu / size * 1e6),
            ]
            for name, taken in measured.items()
        ],
        note=f"Whole runs over HTTP, in turn; the best of {turns} each, each figure by itself. The CPU is that of the "
        "dispatcher's processes, then that of the local cloud's."
        + (" The limits do half of the work, with requests that are ready." if len(measured) > 2 else ""),
    )


def _least(taken: list[FanOutTimes]) -> FanOutTimes:
    """The least of each figure: whatever disturbs a measurement adds to it."""
    return FanOutTimes(
        read=min(each.read for each in taken),
        read_cpu=min(each.read_cpu for each in taken),
        enqueue=min(each.enqueue for each in taken),
        enqueue_cpu=min(each.enqueue_cpu for each in taken),
        cloud_cpu=min(each.cloud_cpu for each in taken),
    )


def _seconds(taken: FanOutTimes) -> float:
    return taken.read + taken.enqueue


def _cpu(taken: FanOutTimes) -> float:
    return taken.read_cpu + taken.enqueue_cpu
