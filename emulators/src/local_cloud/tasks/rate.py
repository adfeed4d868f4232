"""The token bucket that holds a queue to its rate."""

import math

from local_cloud.tasks.moments import SECOND

_ROUNDING = 1e-6
"""The rounding error of a token that is added up from fractions."""


class TokenBucket:
    """Tokens come at a steady rate up to a number, and each dispatch takes one.

    https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues#RateLimits

    Args:
        rate: tokens a second, more than 0.
        burst: the most tokens that it holds; it starts full.
        now: the present, in microseconds since 1970.
    """

    def __init__(self, *, rate: float, burst: float, now: int) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._counted_at = now

    def take(self, now: int) -> bool:
        """Take a token; False when there is none yet."""
        self._refill(now)
        if self._tokens < 1 - _ROUNDING:
            return False
        self._tokens -= 1
        return True

    def ready_at(self, now: int) -> int:
        """When the next token will be there: now, or later."""
        self._refill(now)
        missing = 1 - self._tokens
        return now if missing <= _ROUNDING else now + math.ceil(missing / self._rate * SECOND)

    def change(self, *, rate: float, burst: float, now: int) -> None:
        """Continue at another rate; tokens beyond the new burst are lost."""
        self._refill(now)
        self._rate = rate
        self._burst = burst
        self._tokens = min(self._tokens, burst)

    def _refill(self, now: int) -> None:
        if now > self._counted_at:
            self._tokens = min(self._burst, self._tokens + (now - self._counted_at) / SECOND * self._rate)
            self._counted_at = now
