"""Side by side: what it costs to divide a run, and from how many users on that is worth it."""

import time
from collections.abc import Iterator, Sequence

from google.cloud.tasks_v2 import Queue

from benchmarks.cloud import DUE_AT, PARENT, RUN_AT, Cloud
from benchmarks.table import Table, times
from functions.dispatcher.cursor import Cursor
from functions.dispatcher.division import Division

SIZES = (25_000, 50_000, 100_000, 200_000)
SHARES = (1, 2, 4)
LATENCY_MS = 15.0
_GIVE_UP_SECONDS = 600.0
_POLL_SECONDS = 0.05


def measure(*, sizes: Sequence[int] = SIZES, shares: Sequence[int] = SHARES) -> Iterator[Table]:
    """Make runs of each size in one piece and in several, each on an instance of its own."""
    rows = []
    with Cloud(latency_ms=LATENCY_MS) as cloud:
        for size in sizes:
            cloud.put_in_users(size)
            measured = [_run(cloud, size, count) for count in shares]
            whole = measured[0]
            rows.append(
                [
                    f"{size:,}",
                    *(times(whole / seconds) for seconds in measured[1:]),
                    *(f"{seconds:.1f}" for seconds in measured),
                    f"{_looking(cloud, size // shares[-1]):.2f}",
                ]
            )
    yield Table(
        title="Side by side",
        columns=[
            "users",
            *(f"{count} shares to one" for count in shares[1:]),
            *(f"{count} share{'s' if count > 1 else ''}, s" for count in shares),
            "looking where to cut, s",
        ],
        rows=rows,
        note=f"Until everybody has a task, with {LATENCY_MS:g} ms of latency, on instances that are up already. All "
        "instances and the servers share this machine's cores, so this shows what dividing costs, not what as many "
        "machines bring. To cut, the local Firestore walks through all users; Firestore itself knows where.",
    )


def _looking(cloud: Cloud, share_size: int) -> float:
    """Seconds that it takes to find out where to cut a run over all users."""
    began = time.monotonic()
    with cloud.firestore() as client:
        Division(client).divide(RUN_AT, after=Cursor(next_report_at=DUE_AT, user_id="u1"), share_size=share_size)
    return time.monotonic() - began


def _run(cloud: Cloud, users: int, shares: int) -> float:
    """Seconds until a run in so many shares is finished."""
    reports, continuations = cloud.new_queue(), f"continuations-{users}-{shares}"
    cloud.queues.create_queue(parent=PARENT, queue=Queue(name=f"{PARENT}/queues/{continuations}"))
    with cloud.function(
        "dispatcher",
        REPORT_QUEUES=reports,
        CONTINUATION_QUEUE=continuations,
        DISPATCHER_URL="http://self",
        # A run is divided when the first share is done: of n equal ones, the rest makes n - 1.
        DISPATCH_SHARE_SIZE=str(users if shares == 1 else -(-users // shares)),
        WORKERS=str(shares),
        THREADS="1",
    ) as dispatcher:
        began = time.monotonic()
        cloud.dispatch(dispatcher)
        while (record := cloud.run_record())["state"] == "running":
            if time.monotonic() - began > _GIVE_UP_SECONDS:
                raise TimeoutError(f"a run of {users} users in {shares} shares does not come to an end")
            time.sleep(_POLL_SECONDS)
        seconds = time.monotonic() - began
    if record["state"] != "finished" or record["dispatched"] != users:
        raise RuntimeError(f"the run went wrong: {record}")
    return seconds
