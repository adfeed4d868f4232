"""Breadth-first search: every state that can be reached, the shortest way to each, and whether each can still end."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

S = TypeVar("S", bound=Hashable)


@dataclass
class Found(Generic[S]):
    """What a search has found.

    Attributes:
        before: by state, the state before it and what happened there; None for a start.
        after: by state, what follows, and whether it happens by itself.
        wrong: states that break a rule, and which.
        stuck: states from which no good end can be reached by what happens by itself.
    """

    before: dict[S, tuple[S, str] | None] = field(default_factory=dict)
    after: dict[S, list[tuple[S, bool]]] = field(default_factory=dict)
    wrong: list[tuple[S, str]] = field(default_factory=list)
    stuck: list[S] = field(default_factory=list)

    def trace(self, state: S) -> list[str]:
        """What happened on the shortest way to a state."""
        said: list[str] = []
        while (step := self.before[state]) is not None:
            state, what = step
            said.append(what)
        return said[::-1]


def search(
    starts: Iterable[S],
    following: Callable[[S], Iterable[tuple[str, S, bool]]],
    *,
    wrong: Callable[[S], str],
    is_good_end: Callable[[S], bool],
    most_wrong: int = 1,
) -> Found[S]:
    """Explore to the end.

    Args:
        starts: where it begins.
        following: what can happen in a state: its words, the state after it, and whether it happens by itself, so that
            progress may rest on it.
        wrong: which rule a state breaks; empty where none.
        is_good_end: whether all may stay as it is.
        most_wrong: after how many wrong states to stop.
    """
    found = Found[S](before=dict.fromkeys(starts))
    queue, ends = deque(found.before), list[S]()
    while queue:
        state = queue.popleft()
        if rule := wrong(state):
            found.wrong.append((state, rule))
            if len(found.wrong) >= most_wrong:
                return found
            continue
        if is_good_end(state):
            ends.append(state)
        steps = found.after.setdefault(state, [])
        for what, after, by_itself in following(state):
            steps.append((after, by_itself))
            if after not in found.before:
                found.before[after] = (state, what)
                queue.append(after)
    found.stuck = _stuck(found, ends)
    return found


def _stuck(found: Found[S], ends: list[S]) -> list[S]:
    edges: dict[S, list[S]] = {}
    for state, steps in found.after.items():
        for after, by_itself in steps:
            if by_itself:
                edges.setdefault(after, []).append(state)
    can_end, left = set(ends), list(ends)
    while left:
        for before in edges.get(left.pop(), ()):
            if before not in can_end:
                can_end.add(before)
                left.append(before)
    return [state for state in found.before if state not in can_end]
