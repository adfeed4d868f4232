"""The limit of one part of SendGrid's API: so many requests a minute, counted by the clock's minutes.

https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/rate-limits
"""

from datetime import datetime

_PERIOD_SECONDS = 60


class RateLimit:
    """Counts requests.

    Args:
        requests: how many each minute has.
    """

    def __init__(self, requests: int) -> None:
        self.requests = requests
        """How many each minute has; may be changed at any time."""
        self._reset = 0
        self._used = 0

    def take(self, now: datetime) -> bool:
        """Count a request, and say whether it is within the limit."""
        reset = (int(now.timestamp()) // _PERIOD_SECONDS + 1) * _PERIOD_SECONDS
        if reset != self._reset:
            self._reset, self._used = reset, 0
        self._used += 1
        return self._used <= self.requests

    def headers(self) -> dict[str, str]:
        """What an answer says of the limit: the reset is in seconds since 1970."""
        return {
            "X-RateLimit-Limit": str(self.requests),
            "X-RateLimit-Remaining": str(max(self.requests - self._used, 0)),
            "X-RateLimit-Reset": str(self._reset),
        }
