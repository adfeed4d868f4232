"""What counts as late."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.times.lateness import (
    COUNTED_BY_RUN_AFTER,
    lateness_seconds,
    latest_counted_by_run,
    report_time,
)

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)

moments = st.integers(0, 7_000_000_000_000_000).map(lambda number: datetime.fromtimestamp(0, UTC) + number * INSTANT)


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


@pytest.mark.parametrize(
    ("due_at", "now", "seconds"),
    [
        (NOON, NOON, 0),
        (NOON, NOON + minutes(20), 1200),
        (NOON, NOON + timedelta(days=2), 172_800),
        # What falls due between two runs waits for the next one.
        (NOON - minutes(45), NOON + minutes(1), 60),
        (NOON - minutes(45), NOON - minutes(1), 0),
        (NOON + INSTANT, NOON + minutes(61), 60),
        (NOON - INSTANT, NOON + minutes(1), 60),
        # A clock that is behind.
        (NOON, NOON - minutes(1), 0),
        (datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, 1, tzinfo=UTC), 3600),
    ],
)
def test_lateness_counts_from_the_run_that_should_send_the_report(
    due_at: datetime, now: datetime, seconds: int
) -> None:
    assert lateness_seconds(due_at, now=now) == seconds


@given(due_at=moments, run_time=moments)
def test_a_run_counts_what_no_worker_counts_any_more(due_at: datetime, run_time: datetime) -> None:
    is_counted = due_at <= latest_counted_by_run(run_time)
    assert is_counted == (run_time - report_time(due_at) >= COUNTED_BY_RUN_AFTER)
    if is_counted:
        assert lateness_seconds(due_at, now=run_time) >= COUNTED_BY_RUN_AFTER.total_seconds()
