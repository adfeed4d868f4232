"""Side by side: from how many due reports on it pays to divide a run among several instances."""

import time
from collections.abc import Iterator, Sequence
from itertools import pairwise

from google.cloud.tasks_v2 import Queue

from proof.benchmarks.cloud import PARENT, Cloud
from proof.benchmarks.failure import BenchmarkFailed
from proof.benchmarks.instances import Instances
from proof.benchmarks.table import Table, number, times

SIZES = (10_000, 25_000, 50_000, 100_000, 200_000)
SHARES = (1, 2, 4)
LATENCY_MS = 15.0
DILATION = 10
"""How many times slower than in reality instances and network are: this machine runs an instance for each share and all
servers together, and none of them may wait for a core that another uses. Time dilation, as
https://www.usenix.org/legacy/event/nsdi06/tech/gupta.html has it."""

_GIVE_UP_SECONDS = 900.0
_POLL_SECONDS = 0.05


def measure(
    *, sizes: Sequence[int] = SIZES, shares: Sequence[int] = SHARES, dilation: int = DILATION
) -> Iterator[Table]:
    """Make runs of each size in one piece and in several."""
    measured: dict[int, list[float]] = {}
    with Cloud(latency_ms=LATENCY_MS * dilation) as cloud:
        for size in sizes:
            cloud.put_in_users(size)
            measured[size] = [_run(cloud, size, count, dilation) / dilation for count in shares]
    begins = [
        f"{count} shares from {number(first)} reports on" if first else f"{count} shares at no size that was measured"
        for index, count in enumerate(shares)
        if index
        for first in [_begins_to_pay({size: (seconds[0], seconds[index]) for size, seconds in measured.items()})]
    ]
    yield Table(
        title="Side by side",
        columns=[
            "due reports",
            *(f"{count} shares to one" for count in shares[1:]),
            *(f"{count} share{'s' if count > 1 else ''}, s" for count in shares),
        ],
        rows=[
            [
                f"{size:,}",
                *(times(seconds[0] / other) for other in seconds[1:]),
                *(f"{one:.2f}" for one in seconds),
            ]
            for size, seconds in measured.items()
        ],
        note=f"It pays: {', '.join(begins)}, between the sizes in proportion. Until every report has a task, with "
        f"{LATENCY_MS:g} ms of latency. One instance is up; each other is started, as Cloud Run does it, when its "
        f"share is there. Everything was {dilation} times slower than that, and the seconds are reckoned back: an "
        f"instance had {1 / dilation:.0%} of a core and the latency was {LATENCY_MS * dilation:g} ms, so that all of "
        "them and the servers had room on this machine's cores, as they have on machines of their own. Only the "
        "servers were not slowed down: they stand for servers that are so many times faster than these.",
    )


def _begins_to_pay(seconds: dict[int, tuple[float, float]]) -> float | None:
    """The number of reports from which several shares are faster than one, by the seconds of both; None for never."""
    gains = [(size, one - several) for size, (one, several) in sorted(seconds.items())]
    if gains and gains[0][1] > 0:
        return gains[0][0]
    for (size, loss), (next_size, gain) in pairwise(gains):
        if loss <= 0 < gain:
            return size + (next_size - size) * -loss / (gain - loss)
    return None


def _run(cloud: Cloud, due: int, shares: int, dilation: int) -> float:
    """Seconds until a run in so many shares is finished."""
    reports, continuations = cloud.new_queue(), f"continuations-{due}-{shares}"
    cloud.queues.create_queue(parent=PARENT, queue=Queue(name=f"{PARENT}/queues/{continuations}"))
    with Instances(
        lambda url: cloud.new_function(
            "dispatcher",
            cores=1 / dilation,
            REPORT_QUEUES=reports,
            CONTINUATION_QUEUE=continuations,
            DISPATCHER_URL=url,
            DISPATCH_SHARES=str(shares),
        )
    ) as dispatcher:
        began = time.monotonic()
        cloud.call_dispatcher(dispatcher.url, dispatcher.url)
        while (record := cloud.run_record())["state"] == "running":
            if time.monotonic() - began > _GIVE_UP_SECONDS:
                raise TimeoutError(f"a run of {due} reports in {shares} shares does not come to an end")
            time.sleep(_POLL_SECONDS)
        seconds = time.monotonic() - began
    if record["state"] != "finished" or record["dispatched"] != due or len(record["shares"]) != shares:
        raise BenchmarkFailed(f"the run went wrong: {record}")
    return seconds
