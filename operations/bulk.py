"""The same for many, several at once, with a progress bar; Ctrl-C ends it between two of them."""

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
"""How many are under way at once: each is a few calls that wait for one another."""


@dataclass(frozen=True, kw_only=True)
class Bulk(Generic[Done]):
    """What came of many.

    Attributes:
        results: of those that were done, in the order of the items.
        interrupted: whether Ctrl-C ended it before all were.
    """

    results: list[Done]
    interrupted: bool


def do_many(items: Sequence[Item], work: Callable[[Item], Done], *, what: str, console: Console) -> Bulk[Done]:
    """Do something with each of many. An error that the work raises ends it all, as Ctrl-C does, and is raised.

    Args:
        items: with which.
        work: what; called from several threads.
        what: what the progress bar says.
        console: where the progress bar is shown.
    """
    threads = ThreadPoolExecutor(PARALLEL, thread_name_prefix="bulk")
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
            # What is under way comes to its end.
            threads.shutdown(wait=True, cancel_futures=True)
    results = [future.result() for future in futures if not future.cancelled()]
    return Bulk(results=results, interrupted=interrupted)


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
