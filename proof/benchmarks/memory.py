"""Memory: whether the dispatcher needs more memory when more reports are due."""

from collections.abc import Iterator

from proof.benchmarks.cloud import Cloud
from proof.benchmarks.table import Table

SIZES = (1_000, 10_000, 100_000, 200_000)


def measure(*, sizes: tuple[int, ...] = SIZES) -> Iterator[Table]:
    """Make a run of each size in a process of its own, and measure the peak memory of the process."""
    peaks = []
    with Cloud() as cloud:
        for size in sizes:
            cloud.put_in_users(size)
            with cloud.function("dispatcher", REPORT_QUEUES=cloud.new_queue()) as dispatcher:
                cloud.dispatch(dispatcher)
                peaks.append(dispatcher.peak_megabytes())
    yield Table(
        title="Memory of the dispatcher",
        columns=["due reports", *(f"{size:,}" for size in sizes)],
        rows=[
            ["peak, MB", *(f"{peak:.0f}" for peak in peaks)],
            [f"more than with {sizes[0]:,}, MB", *(f"{peak - peaks[0]:+.1f}" for peak in peaks)],
        ],
        note="The peak of the server process's resident memory (VmHWM) in a run over HTTP, without latency.",
    )
