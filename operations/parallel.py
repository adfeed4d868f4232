"""Works on many items, several at a time, with a progress bar. Ctrl-C stops it between two items."""

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
"""How many items to work on at once: each takes a few calls, one after another."""


@dataclass(frozen=True, kw_only=True)
class ParallelResults(Generic[Done]):
    """The results of work on many items.

    Attributes:
        results: those of the items that were done, in the order of the items.
        interrupted: whether Ctrl-C stopped it before all were done.
    """

    results: list[Done]
    interrupted: bool


def in_parallel(
    items: Sequence[Item], work: Callable[[Item], Done], *, what: str, console: Console
) -> ParallelResults[Done]:
    """Work on each of many items. If the work raises an error, this stops, as with Ctrl-C, and raises the error.

    Args:
        work: works on one item; called from several threads.
        what: the text beside the progress bar.
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
            # Lets the items under way finish.
            threads.shutdown(wait=True, cancel_futures=True)
    results = [future.result() for future in futures if not future.cancelled()]
    return ParallelResults(results=results, interrupted=interrupted)


@contextmanager
def progress(console: Console, what: str, *, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show a progress bar, on a terminal only.

    Args:
        total: how much there is; None if that is unknown.

    Yields:
        a function to call with how much more is done.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task: TaskID = bar.add_task(what, total=total)
        yield lambda more: bar.advance(task, more)
