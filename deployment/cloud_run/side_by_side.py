"""Does the same to several things at once."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def side_by_side(act: Callable[[T], R], things: Sequence[T]) -> Iterator[R]:
    """What comes of an act on each of several things, in their order. What has begun comes to its end, also where
    another fails: the first error is raised after all others."""
    if len(things) == 1:
        yield act(things[0])
        return
    threads = ThreadPoolExecutor(max(len(things), 1))
    failed: Exception | None = None
    try:
        for future in [threads.submit(act, each) for each in things]:
            try:
                yield future.result()
            except Exception as error:  # noqa: BLE001  it is raised in the end
                failed = failed or error
    finally:
        # An interrupted run waits for none of them.
        threads.shutdown(wait=False, cancel_futures=True)
    if failed is not None:
        raise failed
