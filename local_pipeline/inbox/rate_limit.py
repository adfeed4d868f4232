"""The limit of an API, or of one part of it: so many requests a period, counted by the clock's minutes or seconds."""

from datetime import datetime


class RateLimit:
    """Counts requests.

    Args:
        requests: how many each period has.
        period_seconds: how long one is.
    """

    def __init__(self, requests: int, *, period_seconds: int = 60) -> None:
        self.requests = requests
        """How many each period has; may be changed at any time."""
        self._period_seconds = period_seconds
        self._reset = 0
        self._used = 0

    def take(self, now: datetime) -> bool:
        """Count a request, and say whether it is within the limit."""
        reset = (int(now.timestamp()) // self._period_seconds + 1) * self._period_seconds
        if reset != self._reset:
            self._reset, self._used = reset, 0
        self._used += 1
        return self._used <= self.requests

    @property
    def remaining(self) -> int:
        """How many requests the period still has."""
        return max(self.requests - self._used, 0)

    @property
    def reset(self) -> int:
        """When the next period begins, in seconds since 1970."""
        return self._reset
