"""How long a message waits after it was refused or its deadline passed.

https://cloud.google.com/pubsub/docs/handling-failures#exponential_backoff
https://cloud.google.com/pubsub/docs/push#push_backoff
"""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """Exponential backoff: the least wait after the first failure, doubled by each further one, up to the greatest.

    Pub/Sub varies the wait at random; here it is exact, so that tests are deterministic.
    """

    minimum: timedelta
    maximum: timedelta

    def after(self, failures: int) -> timedelta:
        """The wait after so many failures, 1 for the first."""
        # Beyond 2**32 any minimum has passed any maximum; the cap keeps the product within what timedelta holds.
        wait_seconds = self.minimum.total_seconds() * 2 ** min(failures - 1, 32)
        return min(timedelta(seconds=min(wait_seconds, self.maximum.total_seconds())), self.maximum)


AT_ONCE = Backoff(minimum=timedelta(), maximum=timedelta())
"""A pull subscription without a retry policy."""

PUSH_BACKOFF = Backoff(minimum=timedelta(milliseconds=100), maximum=timedelta(seconds=60))
"""A push subscription without a retry policy."""

DEFAULT_MINIMUM = timedelta(seconds=10)
DEFAULT_MAXIMUM = timedelta(seconds=600)
"""The default of a retry policy's longest wait."""
