"""Breadth-first search: every state that can be reached, the shortest way to each, and whether each can still end."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

S = TypeVar("S", bound=Hashable)


@dataclass
class Found(Generic[S]):
    """What a search has found. States are named by their numbers, in the order in which they were reached.

    Attributes:
        states: all of them.
        before: the number of the state before each, and what happened there; None for a start.
        after: the numbers of those that follow each, and whether that happens by itself.
        wrong: those that break a rule, and which.
        stuck: those from which no good end can be reached by what happens by itself.
    """

    states: list[S] = field(default_factory=list)
    before: list[tuple[int, str] | None] = field(default_factory=list)
    after: list[list[tuple[int, bool]]] = field(default_factory=list)
    wrong: list[tuple[int, str]] = field(default_factory=list)
    stuck: list[int] = field(default_factory=list)

    def trace(self, number: int) -> list[str]:
        """What happened on the shortest way to a state."""
        said: list[str] = []
        while (step := self.before[number]) is not None:
            number, what = step
            said.append(what)
        return said[::-1]


def search(
    starts: Iterable[S],
    following: Callable[[S], Iterable[tuple[str, S, bool]]],
    *,
    wrong: Callable[[S], str],
    is_good_end: Callable[[S], bool],
    most: int | None = None,
) -> Found[S]:
    """Explore to the end, or to the first state that breaks a rule.

    Args:
        starts: where it begins.
        following: what can happen in a state: its words, the state after it, and whether it happens by itself, so that
            progress may rest on it.
        wrong: which rule a state breaks; empty where none.
        is_good_end: whether all may stay as it is.
        most: how many states to look at; None for all.
    """
    found, numbers, ends = Found[S](), dict[S, int](), list[int]()

    def number_of(state: S, step: tuple[int, str] | None) -> int:
        number = numbers.setdefault(state, len(numbers))
        if number == len(found.states):
            found.states.append(state)
            found.before.append(step)
        return number

    for start in starts:
        number_of(start, None)
    # The states that are appended meanwhile come in their turn.
    for number, state in enumerate(found.states):
        if rule := wrong(state):
            found.wrong.append((number, rule))
            return found
        if is_good_end(state):
            ends.append(number)
        steps = following(state)
        found.after.append([(number_of(after, (number, what)), by_itself) for what, after, by_itself in steps])
        if most is not None and number >= most:
            return found
    found.stuck = _stuck(found, ends)
    return found


def _stuck(found: Found[S], ends: list[int]) -> list[int]:
    edges: list[list[int]] = [[] for _ in found.states]
    for number, steps in enumerate(found.after):
        for after, by_itself in steps:
            if by_itself:
                edges[after].append(number)
    can_end, left = set(ends), list(ends)
    while left:
        for before in edges[left.pop()]:
            if before not in can_end:
                can_end.add(before)
                left.append(before)
    return [number for number in range(len(found.states)) if number not in can_end]
