"""Computes the waits between attempts, which are the same for Cloud Tasks and Cloud Scheduler. Pure.

https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues#RetryConfig
https://cloud.google.com/scheduler/docs/reference/rest/v1/projects.locations.jobs#RetryConfig
"""

from datetime import timedelta

_MICROSECOND = timedelta(microseconds=1)
_MAX_EXPONENT = 64
"""2^64 times the shortest wait (a microsecond at least) is above every upper bound that a duration can express."""


def backoff(retry: int, *, min_backoff: timedelta, max_backoff: timedelta, max_doublings: int) -> timedelta:
    """How long to wait before the given retry, 1 being the first.

    The wait starts at `min_backoff`, doubles `max_doublings` times, grows from there by `min_backoff *
    2^max_doublings` a time, and stays at `max_backoff` once it got there: 10 s, 300 s and 3 doublings make
    10, 20, 40, 80, 160, 240, 300, 300, …
    """
    doublings = min(retry - 1, max_doublings, _MAX_EXPONENT)
    steps = max(1, retry - max_doublings)
    # In whole microseconds: the product may be more than a timedelta holds.
    wait: int = (min_backoff // _MICROSECOND) * 2**doublings * steps
    return max_backoff if wait >= max_backoff // _MICROSECOND else timedelta(microseconds=wait)
