"""Starts the processes that are measured, so that Ctrl-C ends the benchmark with one line and leaves none behind."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any


def start_process(command: Sequence[str], **options: Any) -> "subprocess.Popen[Any]":
    """Start a process in a session of its own: a terminal's Ctrl-C does not come to it, and the benchmark ends it.

    Args:
        command: what to run.
        options: those of subprocess.Popen.

    Raises:
        KeyboardInterrupt: Ctrl-C came meanwhile; the process is ended.
    """
    process = None
    try:
        with _ctrl_c_waits():
            process = subprocess.Popen(command, start_new_session=True, **options)
    except KeyboardInterrupt:
        if process is not None:
            # It has no session yet where Ctrl-C itself has ended it.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        raise
    return process


@contextmanager
def _ctrl_c_waits() -> Iterator[None]:
    """Have Ctrl-C take effect at the end only. Within, the process may be there already, and not yet be known."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Only the main thread is interrupted.
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt
