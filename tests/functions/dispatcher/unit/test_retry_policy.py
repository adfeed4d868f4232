"""How long a queue tries a task."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.queues.retry_policy import TASK_RETENTION, RetryPolicy


def policy(**changes: object) -> RetryPolicy:
    values: dict[str, object] = {
        "max_attempts": 8,
        "max_retry_duration": timedelta(),
        "min_backoff": timedelta(seconds=10),
        "max_backoff": timedelta(seconds=300),
        "max_doublings": 3,
    }
    return RetryPolicy(**{**values, **changes})  # type: ignore[arg-type]  # any of the fields


def test_waits_double_then_grow_by_equal_steps_up_to_the_longest() -> None:
    waits = [policy().wait_before_retry(retry) / timedelta(seconds=1) for retry in range(1, 10)]
    assert waits == [10, 20, 40, 80, 160, 240, 300, 300, 300]


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        pytest.param({}, 850 + 8 * 120, id="waits and eight whole attempts"),
        pytest.param({"max_attempts": 1}, 120, id="one attempt"),
        pytest.param({"max_doublings": 0, "max_attempts": 3}, 10 + 20 + 3 * 120, id="linear from the first wait"),
        pytest.param({"min_backoff": timedelta(seconds=600), "max_attempts": 2}, 300 + 240, id="capped at once"),
        pytest.param({"max_retry_duration": timedelta(minutes=5)}, 850 + 960, id="a duration that attempts outlast"),
        pytest.param({"max_retry_duration": timedelta(hours=2)}, 7200 + 300 + 120, id="tried on until it is over"),
    ],
)
def test_longest_retry_time(changes: dict[str, object], seconds: int) -> None:
    assert policy(**changes).longest_retry_time(timedelta(seconds=120)) == timedelta(seconds=seconds)


@pytest.mark.parametrize("attempts", [-1, 10**9])
def test_no_task_is_kept_longer_than_the_service_keeps_any(attempts: int) -> None:
    assert policy(max_attempts=attempts).longest_retry_time(timedelta(seconds=120)) == TASK_RETENTION


@given(
    attempts=st.integers(1, 60),
    shortest=st.integers(0, 3600),
    longest=st.integers(0, 3600),
    doublings=st.integers(0, 100),
)
def test_waits_never_shrink_nor_exceed_the_longest(attempts: int, shortest: int, longest: int, doublings: int) -> None:
    tried = policy(
        min_backoff=timedelta(seconds=shortest), max_backoff=timedelta(seconds=longest), max_doublings=doublings
    )
    waits = [tried.wait_before_retry(retry) for retry in range(1, attempts + 1)]
    assert waits == sorted(waits)
    assert all(wait <= timedelta(seconds=longest) for wait in waits)
