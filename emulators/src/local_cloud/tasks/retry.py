"""When a failed task is tried again, and when it is given up."""

from dataclasses import dataclass
from datetime import timedelta

from local_cloud.backoff import backoff

UNLIMITED = -1
"""`max_attempts` of a queue that never gives up by count."""


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """A queue's retry configuration.

    https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues#RetryConfig

    Attributes:
        max_attempts: attempts of a task, the first included; UNLIMITED for no limit.
        max_retry_duration: how long after its first attempt a task may be tried again; zero for no limit.
        min_backoff: the wait before the first retry.
        max_backoff: the longest wait.
        max_doublings: how often the wait doubles before it grows by equal steps.
    """

    max_attempts: int
    max_retry_duration: timedelta
    min_backoff: timedelta
    max_backoff: timedelta
    max_doublings: int

    def backoff(self, retry: int) -> timedelta:
        """How long to wait before the given retry, 1 being the first.

        10 s, 300 s and 3 doublings make 10, 20, 40, 80, 160, 240, 300, 300, … (local_cloud.backoff).
        """
        return backoff(
            retry,
            min_backoff=self.min_backoff,
            max_backoff=self.max_backoff,
            max_doublings=self.max_doublings,
        )

    def gives_up(self, *, attempts: int, since_first_attempt: timedelta) -> bool:
        """Whether a task that failed is deleted now.

        The service stops only when both limits are reached; one that is not set counts as reached, unless neither is.

        Args:
            attempts: how many there were, the failed one included.
            since_first_attempt: the time since the first one was dispatched.
        """
        counted = self.max_attempts != UNLIMITED
        timed = self.max_retry_duration > timedelta()
        if not counted and not timed:
            return False
        return (not counted or attempts >= self.max_attempts) and (
            not timed or since_first_attempt >= self.max_retry_duration
        )
