"""Names that may not be used again yet."""

from collections import deque


class Tombstones:
    """The names of ended tasks or deleted queues, each refused for some time.

    Args:
        lifetime: for how long, in microseconds.
    """

    def __init__(self, lifetime: int) -> None:
        self._lifetime = lifetime
        self._until: dict[str, int] = {}
        self._by_age: deque[tuple[int, str]] = deque()

    def bury(self, name: str, now: int) -> None:
        """Refuse a name from now on."""
        until = now + self._lifetime
        self._until[name] = until
        self._by_age.append((until, name))

    def holds(self, name: str, now: int) -> bool:
        """Whether a name is refused."""
        while self._by_age and self._by_age[0][0] <= now:
            until, oldest = self._by_age.popleft()
            if self._until.get(oldest) == until:
                del self._until[oldest]
        return name in self._until
