"""The same for many, several at once, with a progress bar; Ctrl-C ends it between two of them."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

Item = TypeVar("Item")
Done = TypeVar("Done")

PARALLEL = 16
"""How many are under way at once: each is a few calls that wait for one another."""


@dataclass(frozen=True, kw_only=True)
class Bulk(Generic[Done]):
    """What came of many.

    Attributes:
        results: of those that were done.
        interrupted: whether Ctrl-C ended it before all were.
    """

    results: list[Done]
    interrupted: bool


def do_many(items: Sequence[Item], work: Callable[[Item], Done], *, what: str, console: Console) -> Bulk[Done]:
    """Do something with each of many.

    Args:
        items: with which.
        work: what; called from several threads.
        what: what the progress bar says.
        console: where the progress bar is shown.
    """
    results: list[Done] = []
    threads = ThreadPoolExecutor(PARALLEL, thread_name_prefix="bulk")
    waiting = iter(items)
    under_way: set[Future[Done]] = set()
    with progress(console, what, total=len(items)) as advance:
        try:
            while under_way or len(results) < len(items):
                for item in islice(waiting, 2 * PARALLEL - len(under_way)):
                    under_way.add(threads.submit(work, item))
                finished, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                for future in finished:
                    results.append(future.result())
                    advance(1)
        except KeyboardInterrupt:
            threads.shutdown(wait=True, cancel_futures=True)
            results += [future.result() for future in under_way if future.done() and not future.cancelled()]
            return Bulk(results=results, interrupted=True)
        finally:
            threads.shutdown(wait=True, cancel_futures=True)
    return Bulk(results=results, interrupted=False)


@contextmanager
def progress(console: Console, what: str, *, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show a progress bar, where somebody looks.

    Args:
        console: where.
        what: what it says.
        total: how much there is; None where nobody knows.

    Yields:
        what to call with how much more is done.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task: TaskID = bar.add_task(what, total=total)
        yield lambda more: bar.advance(task, more)
