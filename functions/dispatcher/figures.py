"""A run in numbers."""

import threading
from collections import Counter

FIGURES = ("due", "dispatched", "already_dispatched", "overdue", "lost", "enrolled", "malformed", "errors")
"""`due`: reports found due; each of them is also one of `dispatched`, `already_dispatched`, `lost`, `malformed` and
`errors`. `overdue`: those among them that had a task which died without a trace. `enrolled`: newcomers. `malformed`:
users who get no report, since their document is malformed; a person has a dead letter of each. `errors`: what failed
and may go well when the run is repeated."""


class Figures:
    """Counts, from several threads.

    Args:
        carried: the figures of the parts of the run before, where it is carried on.
    """

    def __init__(self, carried: dict[str, int] | None = None) -> None:
        self._counts = Counter(carried or {})
        self._lock = threading.Lock()
        self.errors_here = 0
        """Those of this part of the run alone."""

    def add(self, name: str, number: int = 1) -> None:
        with self._lock:
            self._counts[name] += number

    def add_error(self, number: int = 1) -> None:
        with self._lock:
            self._counts["errors"] += number
            self.errors_here += number

    def to_dict(self) -> dict[str, int]:
        with self._lock:
            return {name: self._counts[name] for name in FIGURES}
