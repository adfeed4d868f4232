"""Chance that does not depend on the order in which things happen: a run is repeated by its seed alone."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


class Dice:
    """Answers a question, named by its words, the same way every time.

    Which of two workers comes first differs from run to run; a stream of random numbers would hand their faults out
    differently then. A hash of what is asked does not.

    Args:
        seed: which answers.
    """

    def __init__(self, seed: str) -> None:
        self._seed = seed

    def share(self, *question: object) -> float:
        """A number from 0 up to 1."""
        words = "\x00".join([self._seed, *map(str, question)])
        return int.from_bytes(hashlib.sha256(words.encode()).digest()[:7]) / 2**56

    def one_of(self, items: Sequence[Item], *question: object) -> Item:
        """One of several."""
        return items[int(self.share(*question) * len(items))]

    def some_of(self, items: Sequence[Item], count: int, *question: object) -> list[Item]:
        """So many of several, in their order."""
        ranked = sorted(range(len(items)), key=lambda index: self.share(*question, index))
        return [items[index] for index in sorted(ranked[:count])]
