"""How long a queue waits for an attempt at a task, and how long it goes on trying. Pure."""

from datetime import timedelta
from typing import NamedTuple

DISPATCH_DEADLINE = timedelta(seconds=120)
"""How long one attempt of a report may take before Cloud Tasks gives it up and retries. Well above the worker's own
time limits put together, so that a worker always says itself how it ended, and far below the default of ten minutes,
so that a hanging one costs the report little of the hour. https://cloud.google.com/tasks/docs/dual-overview#http"""

TASK_RETENTION = timedelta(days=31)
"""How long a queue keeps a task at most. https://cloud.google.com/tasks/docs/quotas#limits"""


class RetryPolicy(NamedTuple):
    """A queue's retry configuration.

    https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues#RetryConfig

    Attributes:
        max_attempts: how often a task is tried, the first attempt included; -1 for no limit.
        max_retry_duration: the time from the first attempt within which a task is retried even beyond `max_attempts`;
            zero for none.
        min_backoff: the wait before the first retry.
        max_backoff: the longest wait.
        max_doublings: how many times the wait doubles before it grows by equal steps.
    """

    max_attempts: int
    max_retry_duration: timedelta
    min_backoff: timedelta
    max_backoff: timedelta
    max_doublings: int

    def wait_before_retry(self, retry: int) -> timedelta:
        """The wait before a retry, counted from 1: doubled `max_doublings` times, then linear, capped."""
        doublings = min(retry - 1, self.max_doublings)
        steps: int = 2**doublings * max(1, retry - self.max_doublings)
        # Compared by division: the product may be more than a timedelta holds.
        if self.min_backoff > self.max_backoff / steps:
            return self.max_backoff
        return steps * self.min_backoff

    def longest_retry_time(self, dispatch_deadline: timedelta) -> timedelta:
        """How long after its first dispatch a task is gone, even if every attempt takes its whole deadline.

        A task is given up when it has been tried `max_attempts` times and `max_retry_duration` has passed, and
        after 31 days in any case. The slowing down of a queue by 429 and 503 is not foreseeable and not in it.

        Args:
            dispatch_deadline: how long one attempt may take.
        """
        if self.max_attempts < 0:
            return TASK_RETENTION
        total = dispatch_deadline
        for retry in range(1, self.max_attempts):
            wait = self.wait_before_retry(retry)
            total += wait + dispatch_deadline
            if total >= TASK_RETENTION:
                return TASK_RETENTION
        if self.max_retry_duration > total:
            # The attempt that begins just before the duration is over is the last.
            total = self.max_retry_duration + self.max_backoff + dispatch_deadline
        return min(total, TASK_RETENTION)
