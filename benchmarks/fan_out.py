"""Fan-out: how many users a second get from Firestore to the queue, in ours and in others' way."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from benchmarks import ways
from benchmarks.cloud import Cloud
from benchmarks.table import Table, number, times
from benchmarks.ways import Taken, Way

TUTORIAL = "(a) create_task, one after another"
ASYNC = "(b) async client, 100 in flight"
GCLOUD_AIO = "(c) gcloud-aio-taskqueue, 100 in flight"
OURS = "(d) ours, the enqueueing alone"
WHOLE = "(d) ours, the whole run over HTTP"
LIMIT = "(e) limit: raw BatchCreateTasks"

_WAYS: Mapping[str, Way] = {
    TUTORIAL: ways.one_after_another,
    ASYNC: ways.a_hundred_in_flight,
    GCLOUD_AIO: ways.gcloud_aio,
    OURS: ways.ours,
    LIMIT: ways.the_limit,
}
_BEARABLE_SECONDS = 40.0
"""A way is not measured at a size at which it would take longer than this, going by the size before."""

_TRIES = 3
"""As long as they are quick."""

SIZES = (1_000, 10_000, 200_000)
LATENCIES = (0.0, 15.0)
_NOTE = "A dash: the way would have taken more than {seconds:.0f} s at this size. The best of up to {tries} tries each."

Results = dict[tuple[str, int], Taken]


def measure(*, sizes: tuple[int, ...] = SIZES, latencies: tuple[float, ...] = LATENCIES) -> Iterator[Table]:
    """Measure every way, at every size that it can bear, at each latency."""
    for latency_ms in latencies:
        with Cloud(latency_ms=latency_ms) as cloud:
            results: Results = {}
            for size in sizes:
                cloud.put_in_users(size)
                for name, way in _WAYS.items():
                    if _is_bearable(name, size, results):
                        results[name, size] = _best(partial(_in_a_new_queue, cloud, way, size))
                results[WHOLE, size] = _best(partial(_whole_run, cloud, size))
            yield _ratios(results, sizes, latency_ms)
            yield _rates(results, sizes, latency_ms)
            yield _cpu(results, latency_ms)


def _is_bearable(name: str, size: int, results: Results) -> bool:
    before = [(users, taken) for (way, users), taken in results.items() if way == name]
    if not before:
        return True
    users, taken = max(before, key=lambda item: item[0])
    return (taken.read + taken.enqueue) / users * size <= _BEARABLE_SECONDS


def _best(measure: Callable[[], Taken]) -> Taken:
    """The quickest of several: what the machine does beside only ever makes them slower."""
    taken = [measure()]
    while len(taken) < _TRIES and sum(one.read + one.enqueue for one in taken) < _BEARABLE_SECONDS / _TRIES:
        taken.append(measure())
    return min(taken, key=lambda one: one.read + one.enqueue)


def _in_a_new_queue(cloud: Cloud, way: Way, size: int) -> Taken:
    return ways.in_a_process_of_its_own(way, cloud.new_queue(), size, cloud.addresses)


def _whole_run(cloud: Cloud, size: int) -> Taken:
    with cloud.function("dispatcher", REPORT_QUEUES=cloud.new_queue()) as dispatcher:
        before = dispatcher.cpu_seconds()
        answer = cloud.dispatch(dispatcher)
        if (answer["dispatched"], answer["errors"]) != (size, 0):
            raise RuntimeError(f"the run went wrong: {answer}")
        return Taken(enqueue=answer["seconds"], enqueue_cpu=dispatcher.cpu_seconds() - before)


def _rate(results: Results, name: str, size: int, *, reading: bool) -> float | None:
    """Users a second; of a way that was too slow for this size, at the largest that it could bear."""
    sizes = [users for way, users in results if way == name and users <= size]
    if not sizes:
        return None
    taken = results[name, max(sizes)]
    return max(sizes) / (taken.enqueue + (taken.read if reading else 0))


def _ratios(results: Results, sizes: tuple[int, ...], latency_ms: float) -> Table:
    def row(title: str, name: str, of: str, *, reading: bool) -> list[str]:
        cells = []
        for size in sizes:
            rate, other = (_rate(results, way, size, reading=reading) for way in (name, of))
            cells.append(times(rate / other) if rate and other else "–")
        return [title, *cells]

    return Table(
        title=f"Fan-out with {latency_ms:g} ms of latency: ratios",
        columns=["users", *(f"{size:,}" for size in sizes)],
        rows=[
            row("with reading the users: ours to (a)", WHOLE, TUTORIAL, reading=True),
            row("with reading the users: ours to (b)", WHOLE, ASYNC, reading=True),
            row("with reading the users: ours to (c)", WHOLE, GCLOUD_AIO, reading=True),
            row("enqueueing alone: ours to (a)", OURS, TUTORIAL, reading=False),
            row("enqueueing alone: ours to (b)", OURS, ASYNC, reading=False),
            row("enqueueing alone: ours to (c)", OURS, GCLOUD_AIO, reading=False),
            row("enqueueing alone: ours to the limit (e)", OURS, LIMIT, reading=False),
        ],
        note="Where another way was too slow for a size, the ratio is to its rate at the largest that it could bear.",
    )


def _rates(results: Results, sizes: tuple[int, ...], latency_ms: float) -> Table:
    def row(name: str, *, reading: bool) -> list[str]:
        cells = []
        for size in sizes:
            rate = _rate(results, name, size, reading=reading) if (name, size) in results else None
            cells.append(number(rate) if rate else "–")
        return [f"{name}, with reading" if reading and name != WHOLE else name, *cells]

    return Table(
        title=f"Fan-out with {latency_ms:g} ms of latency: users a second",
        columns=["users", *(f"{size:,}" for size in sizes)],
        rows=[
            row(TUTORIAL, reading=True),
            row(TUTORIAL, reading=False),
            row(ASYNC, reading=True),
            row(ASYNC, reading=False),
            row(GCLOUD_AIO, reading=True),
            row(GCLOUD_AIO, reading=False),
            row(WHOLE, reading=True),
            row(OURS, reading=False),
            row(LIMIT, reading=False),
        ],
        note=_NOTE.format(seconds=_BEARABLE_SECONDS, tries=_TRIES),
    )


def _cpu(results: Results, latency_ms: float) -> Table:
    def largest(name: str) -> tuple[int, Taken]:
        size = max(size for way, size in results if way == name)
        return size, results[name, size]

    rows = []
    for name in (TUTORIAL, ASYNC, GCLOUD_AIO):
        size, taken = largest(name)
        rows.append([name, f"{size:,}", *_microseconds(size, taken.read_cpu, taken.enqueue_cpu)])
    size, whole = largest(WHOLE)
    enqueue = results[OURS, size].enqueue_cpu
    rows.append(["(d) ours", f"{size:,}", *_microseconds(size, whole.enqueue_cpu - enqueue, enqueue)])
    return Table(
        title=f"Fan-out with {latency_ms:g} ms of latency: microseconds of CPU a user, in the caller",
        columns=["", "users", "reading", "enqueueing", "together"],
        rows=rows,
        note="What the calling process computes, all its threads together, at the largest size. Ours reads while it "
        "enqueues: its reading is the whole run, over HTTP, less the enqueueing alone.",
    )


def _microseconds(users: int, *cpu: float) -> list[str]:
    return [number(seconds / users * 1e6) for seconds in (*cpu, sum(cpu))]
