"""What open pages show, kept for all viewers of an instance.

What a page costs bounds how often it is read again, so that an open page costs no more than MOST_READS_AN_HOUR. Where
an index knows the newest change, that is asked for first.
"""

import math
import secrets
import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from operations.reading.kept import Kept

MOST_READS_AN_HOUR = 4_000
"""What an open page costs Firestore at most, beside the questions whether anything is new."""

_EVERY_SECONDS = 30
_MOST_PAGES = 200


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a page shows.

    Attributes:
        template: the name of its template.
        context: what the template gets.
        reads: how many reads of Firestore it took, at most.
        every: after how many seconds at least an open page asks again; 0 for never.
        by_version: whether it stays as it is until the newest change is another one.
    """

    template: str
    context: Mapping[str, Any]
    reads: int = 0
    every: int = _EVERY_SECONDS
    by_version: bool = True

    @property
    def least_seconds(self) -> float:
        """How long it is shown before it may be read again."""
        return max(self.every, math.ceil(self.reads * 3_600 / MOST_READS_AN_HOUR))


@dataclass(kw_only=True)
class Reading:
    """What a page showed when it was read.

    Attributes:
        shown: what.
        version: the newest change at that time; empty where none is known.
        read_at: when, in seconds of the clock.
        true_at: when it was last found to be as it still was.
        id: names it.
    """

    shown: Shown
    version: str
    read_at: float
    true_at: float
    id: str = field(default_factory=lambda: secrets.token_hex(6))


class Readings:
    """The latest reading of each page, for all viewers. Safe for threads.

    Args:
        clock: seconds of the time that documents have, which the local cloud can move.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._readings: Kept[Any, Reading] = Kept(_MOST_PAGES)
        # Those of the pages that are being read now.
        self._turns: weakref.WeakValueDictionary[Any, threading.Lock] = weakref.WeakValueDictionary()

    def get(
        self, key: Any, *, is_open: bool, read: Callable[[], Shown], version: Callable[[], str] | None
    ) -> tuple[Reading, float]:
        """What a page shows, and how many seconds ago that was so.

        Args:
            key: names the page.
            is_open: whether it is open already, and may show again what it shows.
            read: reads it.
            version: reads the newest change; None where no index knows it.
        """
        with self._lock:
            turn = self._turns.setdefault(key, threading.Lock())
        with turn:
            now, kept = self._clock(), self._readings.get(key)
            if is_open and kept and now - kept.true_at < 0.9 * kept.shown.every:
                return kept, now - kept.true_at
            newest = version() if version else ""
            if is_open and kept:
                if version and kept.shown.by_version and newest == kept.version:
                    kept.true_at = now
                    return kept, 0.0
                if now - kept.read_at < kept.shown.least_seconds:
                    return kept, now - kept.true_at
            reading = Reading(shown=read(), version=newest, read_at=now, true_at=now)
            self._readings.put(key, reading)
            return reading, self._clock() - now

    def forget(self) -> None:
        """Read all pages again: something was changed."""
        self._readings = Kept(_MOST_PAGES)
