"""Does reads at the same time: each waits for an answer."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_THREADS = 24


def in_threads(work: Callable[[T], R], items: Sequence[T], *, at_once: int = _THREADS) -> list[R]:
    """Do the same with all items at the same time, and return what comes of it in the items' order. Once it has failed
    with one, it is not begun with others.
    """
    if len(items) < 2:
        return [work(each) for each in items]
    with ThreadPoolExecutor(min(len(items), at_once)) as threads:
        try:
            return list(threads.map(work, items))
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise
