"""A time limit for a call over the network. Those of sockets start again with each byte, and looking a name up has
none."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, work: Callable[[], T]) -> T:
    """Do some work in a thread of its own, and wait for it only so long.

    Args:
        seconds: how long to wait.
        work: the work; its connection has a time limit, too, so that the thread ends.

    Raises:
        TimeoutError: it is not done. The thread ends with its connection, or with the process.
        Exception: whatever the work raises.
    """
    outcome: Future[T] = Future()

    def carry_out() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001  raised again in the waiting thread
            outcome.set_exception(error)

    threading.Thread(target=copy_context().run, args=(carry_out,), name="within", daemon=True).start()
    return outcome.result(max(seconds, 0.0))
