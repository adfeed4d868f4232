"""Keeps figures that take long to count, so that a page does not wait for them each time."""

import math
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


class KeptFigures:
    """The figures of a page. Safe for threads.

    Args:
        clock: seconds of the time that documents have, which the local cloud can move.
        fresh_seconds: how long the figures are fresh: pages that are opened in several places count no more often.
        waits: whether a caller waits for fresh ones. Else old ones are shown while new ones are counted beside.
    """

    def __init__(self, clock: Callable[[], float], *, fresh_seconds: float, waits: bool) -> None:
        self._fresh_seconds = fresh_seconds
        self._waits = waits
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: tuple[Any, float] | None = None
        self._counting: Future[Any] | None = None

    def get(self, count: Callable[[], Any]) -> Any:
        """The figures; None where there are none yet, and no caller waits.

        Args:
            count: counts them.

        Raises:
            Exception: what `count` has raised, where there are no figures to show.
        """
        failed: Future[Any] | None = None
        with self._lock:
            kept, age = (None, 0.0) if self._kept is None else (self._kept[0], self._clock() - self._kept[1])
            if kept is not None and age <= self._fresh_seconds:
                return kept
            counting = self._counting
            if counting is not None and counting.done():
                failed, counting = counting, None
            if counting is None:
                counting = self._counting = Future()
                threading.Thread(target=self._carry_out, args=[count, counting], name="figures", daemon=True).start()
        if self._waits:
            return counting.result()
        return failed.result() if failed and kept is None else kept

    def forget(self) -> None:
        """Count again for the next caller: something has been changed, perhaps after it was counted. Where no caller
        waits, what is kept is shown meanwhile."""
        with self._lock:
            self._counting = None
            self._kept = (self._kept[0], -math.inf) if self._kept and not self._waits else None

    def _carry_out(self, count: Callable[[], Any], counting: "Future[Any]") -> None:
        began = self._clock()
        try:
            figures = count()
        except Exception as error:  # noqa: BLE001  a caller raises it
            counting.set_exception(error)
            return
        with self._lock:
            if self._counting is counting:
                self._kept, self._counting = (figures, began), None
        counting.set_result(figures)
