"""A run in numbers."""

import threading
from collections import Counter

FIGURES = ("due", "dispatched", "already_dispatched", "overdue", "lost", "enrolled", "errors")
"""`due`: reports found due; each of them is also one of `dispatched`, `already_dispatched`, `lost` and `errors`.
`overdue`: those among them that had a task which died without a trace. `enrolled`: newcomers. `errors`: reports for
which no task could be made, and users whose document does not say when the next one is due."""


class Figures:
    """Counts, from several threads.

    Args:
        carried: the figures of the parts of the run before, where it is carried on.
    """

    def __init__(self, carried: dict[str, int] | None = None) -> None:
        self._counts = Counter(carried or {})
        self._lock = threading.Lock()
        self.mendable_errors = 0
        """The errors of this part of the run that a retry may mend."""

    def add(self, name: str, number: int = 1) -> None:
        with self._lock:
            self._counts[name] += number

    def add_error(self, *, mendable: bool) -> None:
        with self._lock:
            self._counts["errors"] += 1
            self.mendable_errors += mendable

    def to_dict(self) -> dict[str, int]:
        with self._lock:
            return {name: self._counts[name] for name in FIGURES}
