"""A time limit for code that may never end, such as a team's own report."""

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from queue import SimpleQueue
from typing import TypeVar

import structlog

MOST_HANGING = 8
"""How many calls may go on beyond their limit at once. Nothing can end them, and each keeps its thread and memory."""

T = TypeVar("T")

_logger = structlog.get_logger()


class TookTooLong(Exception):
    """The work was not done in time. It may still go on; its result is dropped."""


class TimeLimit:
    """Runs work in a thread of its own and stops waiting for it after a while. Safe for threads.

    Python cannot end a thread. A thread that hangs ends by itself, or with the process: it is a daemon. One whose work
    is done takes the next: what a new thread has to set up, also in gRPC, is a seventh of a report's CPU.

    Args:
        too_many_hang: called once, when MOST_HANGING threads hang: a new process should replace this one.
    """

    def __init__(self, too_many_hang: Callable[[], None]) -> None:
        self._too_many_hang = too_many_hang
        self._lock = threading.Lock()
        self._idle: list[SimpleQueue[Callable[[], None]]] = []
        """Those of the threads that wait for work."""
        self._hanging = 0
        self._has_called = False

    def run(self, work: Callable[[], T], *, seconds: float) -> T:
        """Do some work, and return what it returns.

        Args:
            work: the work.
            seconds: how long to wait for it.

        Raises:
            TookTooLong: it was not done in time.
            BaseException: whatever the work raises.
        """
        outcome: Future[T] = Future()
        late = False

        def carry_out() -> None:
            try:
                returned = work()
            except BaseException as error:  # noqa: BLE001  raised again in the waiting thread
                outcome.set_exception(error)
            else:
                outcome.set_result(returned)
            with self._lock:
                self._idle.append(jobs)
                if late:
                    self._hanging -= 1
                    _logger.info("late_work_ended", hanging=self._hanging)

        with self._lock:
            jobs = self._idle.pop() if self._idle else _start_thread()
        context = copy_context()
        jobs.put(lambda: context.run(carry_out))
        with contextlib.suppress(TimeoutError):
            outcome.exception(timeout=max(seconds, 0.0))
        with self._lock:
            if not outcome.done():
                late = True
                self._hanging += 1
            hanging = self._hanging
            is_too_much = hanging >= MOST_HANGING and not self._has_called
            self._has_called = self._has_called or is_too_much
        if not late:
            return outcome.result()
        _logger.error("work_abandoned", seconds=round(seconds, 1), hanging=hanging)
        if is_too_much:
            self._too_many_hang()
        raise TookTooLong(f"not done after {seconds:.0f} s")


def _start_thread() -> "SimpleQueue[Callable[[], None]]":
    """Start a thread, and return what it takes its work from, for ever."""
    jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def serve() -> None:
        while True:
            jobs.get()()

    threading.Thread(target=serve, name="time-limited", daemon=True).start()
    return jobs
