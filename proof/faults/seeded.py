"""Random choices that depend only on a seed, not on the order of events, so that the seed alone repeats a run."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


class SeededChoices:
    """Gives the same answer to the same question every time.

    The order in which two workers make their calls differs from run to run, and a stream of random numbers would then
    give them different faults. A hash of the seed and the question does not depend on that order.

    Args:
        seed: another seed gives other answers.
    """

    def __init__(self, seed: str) -> None:
        self._seed = seed

    def share(self, *question: object) -> float:
        """Choose a number from 0 (included) to 1 (excluded)."""
        words = "\x00".join([self._seed, *map(str, question)])
        return int.from_bytes(hashlib.sha256(words.encode()).digest()[:7]) / 2**56

    def one_of(self, items: Sequence[Item], *question: object) -> Item:
        """Choose one of the items."""
        return items[int(self.share(*question) * len(items))]

    def some_of(self, items: Sequence[Item], count: int, *question: object) -> list[Item]:
        """Choose `count` of the items, and keep their order."""
        ranked = sorted(range(len(items)), key=lambda index: self.share(*question, index))
        return [items[index] for index in sorted(ranked[:count])]
