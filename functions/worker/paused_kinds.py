"""Whether a kind is paused, as it was within the last seconds: a report costs no read of that."""

import threading
import time
from collections.abc import Callable

from functions.shared.records.kind_pauses import NOTICED_WITHIN, KindPauses


class PausedKinds:
    """Says which kinds are paused. Safe for threads.

    Args:
        read: reads the document.
        clock: seconds that pass.
    """

    def __init__(self, read: Callable[[], KindPauses], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._clock = clock
        self._kept: tuple[float, KindPauses] | None = None
        self._lock = threading.Lock()

    def __call__(self, kind: str) -> bool:
        """Whether a kind is paused, or was within NOTICED_WITHIN.

        Args:
            kind: the kind.

        Raises:
            GoogleAPICallError: Firestore does not answer.
        """
        # One reads for all.
        with self._lock:
            now = self._clock()
            if self._kept is None or now - self._kept[0] >= NOTICED_WITHIN.total_seconds():
                self._kept = now, self._read()
            return self._kept[1].is_paused(kind)
