"""The waits between attempts, and when a task is given up."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_cloud.tasks.retry import UNLIMITED, RetryPolicy


def policy(
    *,
    max_attempts: int = 8,
    max_retry_duration: float = 0,
    min_backoff: float = 10,
    max_backoff: float = 300,
    max_doublings: int = 3,
) -> RetryPolicy:
    return RetryPolicy(
        max_attempts=max_attempts,
        max_retry_duration=timedelta(seconds=max_retry_duration),
        min_backoff=timedelta(seconds=min_backoff),
        max_backoff=timedelta(seconds=max_backoff),
        max_doublings=max_doublings,
    )


def waits(of: RetryPolicy, count: int) -> list[float]:
    return [of.backoff(retry).total_seconds() for retry in range(1, count + 1)]


def test_the_documented_example() -> None:
    assert waits(policy(), 9) == [10, 20, 40, 80, 160, 240, 300, 300, 300]


def test_the_waits_grow_by_equal_steps_where_nothing_doubles() -> None:
    assert waits(policy(max_doublings=0), 4) == [10, 20, 30, 40]


def test_a_fraction_of_a_second_is_kept() -> None:
    assert waits(policy(min_backoff=0.1, max_doublings=16), 4) == [0.1, 0.2, 0.4, 0.8]


def test_the_first_wait_is_the_longest_where_both_are_the_same() -> None:
    assert waits(policy(min_backoff=300), 3) == [300, 300, 300]


policies = st.builds(
    lambda least, more, doublings: policy(min_backoff=least, max_backoff=least + more, max_doublings=doublings),
    st.integers(1, 3600),
    st.integers(0, 10**6),
    st.integers(0, 2**31 - 1),
)


@given(policies, st.integers(1, 2**31 - 1))
def test_a_wait_lies_between_the_shortest_and_the_longest(of: RetryPolicy, retry: int) -> None:
    assert of.min_backoff <= of.backoff(retry) <= of.max_backoff


@given(policies, st.integers(1, 200))
def test_a_wait_is_never_shorter_than_the_one_before(of: RetryPolicy, retry: int) -> None:
    assert of.backoff(retry) <= of.backoff(retry + 1)


@given(policies, st.integers(1, 200))
def test_it_doubles_as_often_as_it_is_told_then_grows_by_the_last_step(of: RetryPolicy, retry: int) -> None:
    following = of.backoff(retry + 1)
    if following == of.max_backoff:
        return
    if retry <= of.max_doublings:
        assert following == 2 * of.backoff(retry)
    else:
        assert following - of.backoff(retry) == of.min_backoff * 2**of.max_doublings


@pytest.mark.parametrize(
    ("max_attempts", "max_retry_duration", "attempts", "seconds", "gives_up"),
    [
        (8, 0, 7, 10**6, False),
        (8, 0, 8, 0, True),
        (1, 0, 1, 0, True),
        (UNLIMITED, 0, 10**6, 10**6, False),
        (UNLIMITED, 60, 10**6, 59, False),
        (UNLIMITED, 60, 1, 60, True),
        # "no further attempts are made" once both are reached, not one of them.
        (8, 60, 8, 59, False),
        (8, 60, 7, 60, False),
        (8, 60, 8, 60, True),
    ],
)
def test_giving_up(max_attempts: int, max_retry_duration: int, attempts: int, seconds: int, gives_up: bool) -> None:
    of = policy(max_attempts=max_attempts, max_retry_duration=max_retry_duration)

    assert of.gives_up(attempts=attempts, since_first_attempt=timedelta(seconds=seconds)) is gives_up
