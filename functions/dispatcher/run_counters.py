"""Counts the results of a run. Safe for threads."""

import threading
from collections import Counter
from collections.abc import Mapping

from functions.shared.records.run import RunCounter


class RunCounters:
    """The counters of a run, or of a share of it.

    Args:
        carried: what the parts before this one counted.
    """

    def __init__(self, carried: Mapping[str, int] | None = None) -> None:
        self._counts: Counter[str] = Counter(carried or {})
        self._lock = threading.Lock()
        self.errors_here = 0
        """The errors of this part alone."""

    def add(self, counter: RunCounter, number: int = 1) -> None:
        """Add to a counter; to ERRORS by `add_error()`."""
        with self._lock:
            self._counts[counter] += number

    def add_error(self, number: int = 1) -> None:
        """Count errors of this part."""
        with self._lock:
            self._counts[RunCounter.ERRORS] += number
            self.errors_here += number

    @property
    def has_errors_here(self) -> bool:
        """Whether this part had a failure that a repeated run may fix."""
        return self.errors_here > 0

    def to_dict(self) -> dict[str, int]:
        """All counters by their names."""
        with self._lock:
            return {counter.value: self._counts[counter] for counter in RunCounter}
