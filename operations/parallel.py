"""Does the same with many items, several at a time, with a progress bar. Ctrl-C stops it between two of them."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

Item = TypeVar("Item")
Done = TypeVar("Done")

PARALLEL = 16
"""How many are under way at once: each is a few calls, one after another."""


@dataclass(frozen=True, kw_only=True)
class ParallelResults(Generic[Done]):
    """What came of many items.

    Attributes:
        results: those of the items that were done, in the order of the items.
        interrupted: whether Ctrl-C stopped it before all were done.
    """

    results: list[Done]
    interrupted: bool


def in_parallel(
    items: Sequence[Item], work: Callable[[Item], Done], *, what: str, console: Console
) -> ParallelResults[Done]:
    """Do something with each of many items. An error that the work raises stops it all, as Ctrl-C does, and is raised.

    Args:
        items: the items.
        work: does it with one; called from several threads.
        what: the text beside the progress bar.
        console: where to show the progress bar.
    """
    threads = ThreadPoolExecutor(PARALLEL, thread_name_prefix="parallel")
    futures = [threads.submit(work, item) for item in items]
    interrupted = False
    with progress(console, what, total=len(items)) as advance:
        try:
            for future in as_completed(futures):
                future.result()
                advance(1)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            # Lets what is under way finish.
            threads.shutdown(wait=True, cancel_futures=True)
    results = [future.result() for future in futures if not future.cancelled()]
    return ParallelResults(results=results, interrupted=interrupted)


@contextmanager
def progress(console: Console, what: str, *, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show a progress bar, on a terminal only.

    Args:
        console: where.
        what: the text beside it.
        total: how much there is; None if that is unknown.

    Yields:
        a function to call with how much more is done.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task: TaskID = bar.add_task(what, total=total)
        yield lambda more: bar.advance(task, more)
