"""Keeps figures that take long to count, so that a page does not wait for them each time."""

import threading
import time
from collections.abc import Callable
from typing import Any

FRESH_SECONDS = 8.0
"""How long the figures are shown as they are: pages that stay open in several places count no more often."""

SHOWN_SECONDS = 60.0
"""How old figures may be that are shown while they are counted again."""


class KeptFigures:
    """The figures of a page. Safe for threads.

    Args:
        clock: seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._reading = threading.Lock()
        self._kept: tuple[Any, float] | None = None

    def get(self, read: Callable[[], Any]) -> Any:
        """The figures: those that are kept, or new ones. Fresh ones are shown as they are, and older ones while new
        ones are counted. Where there are none, or they are too old, the caller waits.

        Args:
            read: counts them.
        """
        kept, age = self._look()
        if kept is None or age > SHOWN_SECONDS:
            with self._reading:
                kept, age = self._look()
                return self._read(read) if kept is None or age > FRESH_SECONDS else kept
        if age > FRESH_SECONDS and self._reading.acquire(blocking=False):
            threading.Thread(target=self._read_and_release, args=[read], name="figures", daemon=True).start()
        return kept

    def forget(self) -> None:
        """Count again for the next caller: something has been changed."""
        self._kept = None

    def _look(self) -> tuple[Any, float]:
        kept = self._kept
        return (None, 0.0) if kept is None else (kept[0], self._clock() - kept[1])

    def _read(self, read: Callable[[], Any]) -> Any:
        began = self._clock()
        figures = read()
        self._kept = (figures, began)
        return figures

    def _read_and_release(self, read: Callable[[], Any]) -> None:
        try:
            self._read(read)
        finally:
            self._reading.release()
