"""How many dead letters there are of each cause, counted again when one has changed."""

from collections.abc import Sequence
from typing import NamedTuple

from operations.dead_letters.dead_letters import MOST_CAUSES, DeadLetters
from operations.dead_letters.letter_causes import CauseCount
from operations.dead_letters.letter_filter import LetterFilter
from operations.reading.kept import Kept

_MOST_FILTERS = 50
_READS = 20
"""What it takes to find out which causes there are, beside those of each."""


class LetterCounts(NamedTuple):
    """Dead letters, counted.

    Attributes:
        total: all that a filter leaves.
        causes: those of each cause, the most first.
        reads: how many reads it took to count them; 0 where none has changed since.
    """

    total: int
    causes: Sequence[CauseCount]
    reads: int = 0


class LetterFigures:
    """Counts dead letters for all viewers. Safe for threads."""

    def __init__(self) -> None:
        self._kept: Kept[LetterFilter, tuple[str, LetterCounts]] = Kept(_MOST_FILTERS)

    def get(self, letters: DeadLetters, wanted: LetterFilter, *, version: str) -> LetterCounts:
        """The dead letters that a filter leaves.

        Args:
            letters: reads them.
            wanted: which.
            version: what `letters.newest_change()` has said just now.
        """
        kept = self._kept.get(wanted)
        if kept and kept[0] == version:
            return kept[1]._replace(reads=0)
        total, causes = letters.count(wanted), letters.causes(wanted)
        counts = LetterCounts(total, causes, reads=_READS + 2 * len(causes) + total // 1_000)
        self._kept.put(wanted, (version, counts))
        return counts

    def reads_of_failure(self, wanted: LetterFilter) -> int:
        """How many reads a count may have taken that failed, such as by its deadline: as many as the last one that did
        not, or as many as any."""
        kept = self._kept.get(wanted)
        return kept[1].reads if kept else _READS + 2 * MOST_CAUSES
