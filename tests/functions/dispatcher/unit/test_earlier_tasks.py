"""Of which runs the tasks should be over."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from functions.dispatcher.rescue.earlier_tasks import PastRun, latest_over
from functions.shared.records.ids import run_id
from functions.shared.records.run import RunAttempt, RunState, StoredRun

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HALF_AN_HOUR = timedelta(minutes=30)


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def past(hour: float, *, due: int = 1, late: timedelta = timedelta(seconds=5)) -> PastRun:
    """A run that many hours from noon."""
    at = NOON + hours(hour)
    return PastRun(scheduled_for=at, started_at=at, finished_at=at + late, due=due)


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        pytest.param([], None, id="the first run of all"),
        pytest.param([past(-1)], -1, id="the run before"),
        pytest.param([past(-5)], -5, id="missed runs are no reason to worry"),
        pytest.param([past(-1), past(-3), past(-2)], -1, id="the latest, in whatever order they come"),
        pytest.param([past(-1), past(-0.4)], -1, id="its tasks may still be retried"),
        pytest.param([past(-1, late=hours(0.9))], None, id="it ended only now"),
        pytest.param([past(-1, due=36_000)], None, id="its last tasks wait behind an hour of others"),
        pytest.param([past(-2, due=54_000), past(-1)], None, id="behind those of the run before it"),
        pytest.param([past(-2, due=18_000), past(-0.6, due=10_000)], -2, id="those of the run after it wait"),
    ],
)
def test_the_tasks_of_which_run_should_be_over(runs: list[PastRun], expected: float | None) -> None:
    found = latest_over(runs, now=NOON, retry_time=HALF_AN_HOUR, dispatches_per_second=10)
    assert (found and found.scheduled_for) == (None if expected is None else NOON + hours(expected))


def test_without_a_rate_that_is_known_only_the_retry_time_counts() -> None:
    """During a ramp: a million reports of the run before have no effect."""
    runs = [past(-3, due=1_000_000), past(-1)]
    assert latest_over(runs, now=NOON, retry_time=HALF_AN_HOUR, dispatches_per_second=math.inf) == runs[1]
    assert latest_over(runs, now=NOON, retry_time=HALF_AN_HOUR, dispatches_per_second=10) is None


def test_a_queue_without_a_rate_is_slow_and_not_an_error() -> None:
    assert latest_over([past(-1, due=100)], now=NOON, retry_time=HALF_AN_HOUR, dispatches_per_second=0) is None


def stored(**attempt: object) -> StoredRun:
    """The record of a run an hour before noon, which has ended unless another is asked for."""
    at = NOON - hours(1)
    latest = {"attempt": "a", "started_at": at, "finished_at": at, "counters": {"due": 5}, **attempt}
    return StoredRun(id=run_id(at), scheduled_for=at, latest=RunAttempt(**latest))  # type: ignore[arg-type]  # any of the fields


@pytest.mark.parametrize(
    "attempt",
    [
        pytest.param({"finished_at": None}, id="killed"),
        pytest.param({"started_at": None}, id="no beginning"),
        pytest.param({"counters": {}}, id="no count"),
        pytest.param({"counters": {"due": 10**12}}, id="more than there can be"),
        pytest.param({"state": RunState.STOPPED}, id="stopped, and made no task"),
    ],
)
def test_a_run_whose_record_does_not_say_what_it_did_says_nothing(attempt: dict[str, object]) -> None:
    assert PastRun.of(stored(**attempt)) is None


def test_a_run_that_has_ended_is_read_whole() -> None:
    at = NOON - hours(1)
    assert PastRun.of(stored()) == PastRun(scheduled_for=at, started_at=at, finished_at=at, due=5)
