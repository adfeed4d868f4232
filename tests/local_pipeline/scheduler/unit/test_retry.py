"""Whether and when a failed attempt is followed by another."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from local_pipeline.scheduler.retry import RetryConfig


def waits(config: RetryConfig) -> list[float]:
    """The waits of an execution whose attempts all fail at once, in seconds."""
    found: list[float] = []
    elapsed = timedelta()
    while (wait := config.wait_before_retry(len(found), elapsed)) is not None:
        found.append(wait.total_seconds())
        elapsed += wait
    return found


def test_the_documented_example() -> None:
    config = RetryConfig(
        max_retry_duration=timedelta(seconds=1150),
        min_backoff=timedelta(seconds=10),
        max_backoff=timedelta(seconds=300),
        max_doublings=3,
    )
    assert waits(config) == [10, 20, 40, 80, 160, 240, 300, 300]


def test_no_retries_unless_asked_for() -> None:
    assert waits(RetryConfig()) == []


def test_a_count_alone() -> None:
    assert waits(RetryConfig(retry_count=3)) == [5, 10, 20]


def test_a_duration_alone() -> None:
    assert waits(RetryConfig(max_retry_duration=timedelta(seconds=16))) == [5, 10, 20]


def test_with_both_until_both_are_reached() -> None:
    assert waits(RetryConfig(retry_count=5, max_retry_duration=timedelta(seconds=1))) == [5, 10, 20, 40, 80]
    assert waits(RetryConfig(retry_count=1, max_retry_duration=timedelta(seconds=16))) == [5, 10, 20]


def test_no_doublings_grow_evenly() -> None:
    config = RetryConfig(retry_count=5, max_doublings=0, max_backoff=timedelta(seconds=18))
    assert waits(config) == [5, 10, 15, 18, 18]


@settings(deadline=None)
@given(
    retries=st.integers(0, 10**9),
    doublings=st.integers(0, 10**9),
    shortest=st.integers(0, 3600),
    more=st.integers(0, 86_400),
)
def test_waits_never_leave_their_bounds(retries: int, doublings: int, shortest: int, more: int) -> None:
    config = RetryConfig(
        max_retry_duration=timedelta(days=1),
        min_backoff=timedelta(seconds=shortest),
        max_backoff=timedelta(seconds=shortest + more),
        max_doublings=doublings,
    )
    wait = config.wait_before_retry(retries, timedelta())
    assert wait is not None
    assert config.min_backoff <= wait <= config.max_backoff
