"""Decides whether and when another attempt follows a failed attempt of a job.

https://cloud.google.com/scheduler/docs/reference/rest/v1/projects.locations.jobs#RetryConfig
"""

from dataclasses import dataclass
from datetime import timedelta

from local_cloud.backoff import backoff


@dataclass(frozen=True, kw_only=True)
class RetryConfig:
    """How often and how fast an execution is tried again. The defaults are Cloud Scheduler's.

    Attributes:
        retry_count: retries after the first attempt, 0 to 5.
        max_retry_duration: for how long since the first attempt there are retries. Zero sets no limit of its own.
        min_backoff: the wait before the first retry.
        max_backoff: the longest wait.
        max_doublings: how often the wait doubles before it grows evenly.
    """

    retry_count: int = 0
    max_retry_duration: timedelta = timedelta()
    min_backoff: timedelta = timedelta(seconds=5)
    max_backoff: timedelta = timedelta(hours=1)
    max_doublings: int = 5

    def wait_before_retry(self, retries: int, elapsed: timedelta) -> timedelta | None:
        """How long to wait before the next retry, None where there is none.

        With both limits set, retries go on until both are reached; with neither, there are none.

        Args:
            retries: how many there were in this execution.
            elapsed: since its first attempt began.
        """
        if retries >= self.retry_count and elapsed >= self.max_retry_duration:
            return None
        return backoff(
            retries + 1,
            min_backoff=self.min_backoff,
            max_backoff=self.max_backoff,
            max_doublings=self.max_doublings,
        )
