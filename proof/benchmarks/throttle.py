"""A fraction of a core for a process, so that several instances and the servers fit on one machine."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from proof.benchmarks.cpu_time import cpu_seconds

_POLL_SECONDS = 0.004
_BURST_SECONDS = 0.02
"""The CPU seconds that processes may use at once after they have waited."""


class Throttle:
    """Lets the processes of a group compute for a share of one core's time, as Cloud Run does with a fraction of a CPU.

    It stops and continues them by signals, depending on their CPU time: a process that waits for the network loses
    nothing. A context manager; Linux only.

    Args:
        group: the process group that is stopped.
        pids: the processes of the group whose time counts.
        share: of one core.
    """

    def __init__(self, group: int, pids: Callable[[], Iterable[int]], share: float) -> None:
        self._group = group
        self._pids = pids
        self._share = share
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        allowed, is_stopped = _BURST_SECONDS, False
        before, used_before = time.monotonic(), 0.0
        while not self._done.wait(_POLL_SECONDS):
            now, used = time.monotonic(), sum(map(cpu_seconds, self._pids()))
            allowed = min(allowed + (now - before) * self._share, _BURST_SECONDS) - max(used - used_before, 0)
            before, used_before = now, used
            if is_stopped != (allowed < 0):
                is_stopped = not is_stopped
                try:
                    os.killpg(self._group, signal.SIGSTOP if is_stopped else signal.SIGCONT)
                except ProcessLookupError:
                    return
