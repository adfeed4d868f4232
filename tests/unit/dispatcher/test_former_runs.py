"""Fresh, queued or overdue."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.dispatcher.former_runs import FormerRun, FormerRuns, Place, Standing
from functions.dispatcher.queue_clock import Look, QueueClock, QueueCondition
from functions.shared.ids import run_id

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HALF_AN_HOUR = timedelta(minutes=30)


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def former(hour: float, *, due: int = 1, late: timedelta = timedelta(seconds=5)) -> FormerRun:
    """A run that many hours from noon."""
    at = NOON + hours(hour)
    return FormerRun(scheduled_for=at, started_at=at, finished_at=at + late, due=due)


def place(
    due: float, runs: list[FormerRun], *, retry_time: timedelta = HALF_AN_HOUR, rate: float = 10
) -> tuple[Standing, str]:
    """Where a report that fell due that many hours from noon stands at noon."""
    found = FormerRuns(runs, run_time=NOON, retry_time=retry_time, dispatches_per_second=rate).place(NOON + hours(due))
    return found.standing, found.salt


THIS_RUN = run_id(NOON)

CASES = [
    pytest.param(0, [], (Standing.FRESH, ""), id="the first run of all"),
    pytest.param(-90, [], (Standing.FRESH, ""), id="the first run of all, long due"),
    pytest.param(0, [former(-1)], (Standing.FRESH, ""), id="due now"),
    pytest.param(-0.5, [former(-1)], (Standing.FRESH, ""), id="due since the run before"),
    pytest.param(-1, [former(-1)], (Standing.OVERDUE, THIS_RUN), id="due at the run before"),
    pytest.param(-1.5, [former(-1)], (Standing.OVERDUE, THIS_RUN), id="due ahead of the run before"),
    pytest.param(-3, [former(-5)], (Standing.FRESH, ""), id="missed runs are no reason to worry"),
    pytest.param(-3, [former(-5), former(-1)], (Standing.OVERDUE, THIS_RUN), id="missed, caught up, then lost"),
    pytest.param(-0.4, [former(-0.4)], (Standing.QUEUED, ""), id="its task may still be retried"),
    pytest.param(-1, [former(-1, late=hours(0.9))], (Standing.QUEUED, ""), id="its run ended only now"),
    pytest.param(-1, [former(-1, due=36_000)], (Standing.QUEUED, ""), id="its task waits behind an hour of others"),
    pytest.param(
        -1, [former(-2, due=54_000), former(-1)], (Standing.QUEUED, ""), id="behind those of the run before it"
    ),
    pytest.param(0, [former(0), former(1)], (Standing.FRESH, ""), id="this run again, and later ones"),
]


@pytest.mark.parametrize(("due", "runs", "expected"), CASES)
def test_place(due: float, runs: list[FormerRun], expected: tuple[Standing, str]) -> None:
    assert place(due, runs) == expected


def test_a_second_task_has_its_whole_time_too() -> None:
    """With three hours of retries a report due at 6 gets its second task at 10, and it is not replaced at 11 or 12."""
    runs = [former(hour) for hour in range(-6, 0)]
    assert place(-6, runs, retry_time=hours(3)) == (Standing.QUEUED, run_id(NOON - hours(2)))
    assert place(-2, runs, retry_time=hours(3)) == (Standing.QUEUED, "")


@pytest.mark.parametrize(
    ("due", "runs", "retry_hours", "expected"),
    [
        pytest.param(0, [-1], 0.5, None, id="no task was made"),
        pytest.param(-1, [-1], 0.5, -1, id="the run before made it"),
        pytest.param(-1, [-1], 1.5, -1, id="and it may live"),
        pytest.param(-4, [-4, -3, -2, -1], 0.5, -1, id="the last of several"),
        pytest.param(-4, [-4, -3, -2, -1], 1.5, -2, id="the last of several, each of which had its time"),
    ],
)
def test_since_when_there_is_a_newest_task(
    due: float, runs: list[float], retry_hours: float, expected: float | None
) -> None:
    began = timedelta(seconds=3)
    former_runs = FormerRuns(
        [
            FormerRun(scheduled_for=at, started_at=at + began, finished_at=at + 2 * began, due=1)
            for at in (NOON + hours(hour) for hour in runs)
        ],
        run_time=NOON,
        retry_time=hours(retry_hours),
        dispatches_per_second=10,
    )
    found = former_runs.place(NOON + hours(due)).newest_task_from
    assert found == (None if expected is None else NOON + hours(expected) + began)


@pytest.mark.parametrize(
    ("conditions", "standing"),
    [
        pytest.param("....", Standing.OVERDUE, id="the queues worked"),
        pytest.param(".ppp", Standing.QUEUED, id="paused ever since"),
        pytest.param(".pp.", Standing.QUEUED, id="the first run after a pause"),
        pytest.param(".p..", Standing.OVERDUE, id="an hour after a pause"),
    ],
)
def test_a_task_comes_no_closer_to_its_end_in_a_pause(conditions: str, standing: Standing) -> None:
    looks = [
        Look(NOON + hours(hour), QueueCondition.PAUSED if condition == "p" else None)
        for hour, condition in enumerate(conditions, start=-3)
    ]
    # Only the first run made a task: the others found it waiting.
    runs = [former(-3)]
    found = FormerRuns(
        runs, run_time=NOON, retry_time=HALF_AN_HOUR, dispatches_per_second=10, clock=QueueClock(looks)
    ).place(NOON - hours(3))
    assert found.standing is standing


def test_a_run_that_found_the_queues_behind_may_have_made_a_second_task_or_not() -> None:
    first, behind, last = former(-3), replace(former(-2), is_behind=True), former(-1)
    found = FormerRuns([first, behind], run_time=NOON, retry_time=HALF_AN_HOUR, dispatches_per_second=10).place(
        NOON - hours(3)
    )
    assert found.standing is Standing.OVERDUE
    assert found.salts == ("", run_id(NOON - hours(2)))

    found = FormerRuns([first, behind, last], run_time=NOON, retry_time=HALF_AN_HOUR, dispatches_per_second=10).place(
        NOON - hours(3)
    )
    assert found.salts == ("", run_id(NOON - hours(1)), run_id(NOON - hours(2)))


def test_the_order_of_the_runs_does_not_matter() -> None:
    runs = [former(-1), former(-3), former(-2)]
    assert place(-3, runs, retry_time=hours(1.5)) == place(
        -3, sorted(runs, key=lambda run: run.scheduled_for), retry_time=hours(1.5)
    )


def test_a_queue_without_a_rate_is_slow_and_not_an_error() -> None:
    assert place(-1, [former(-1, due=100)], rate=0) == (Standing.QUEUED, "")


@given(
    due=st.integers(0, 48),
    runs=st.sets(st.integers(0, 47)),
    retry_minutes=st.integers(0, 600),
)
def test_hour_by_hour_no_report_has_two_tasks_that_may_live_at_once(
    due: int, runs: set[int], retry_minutes: int
) -> None:
    """Play a report that never gets sent through all runs: a task with a new name only comes when the last is gone."""
    retry_time = timedelta(minutes=retry_minutes)
    past: list[FormerRun] = []
    made_at: dict[str, datetime] = {}
    for hour in sorted(runs):
        at = NOON + hours(hour)
        run = FormerRun(scheduled_for=at, started_at=at, finished_at=at, due=0)
        if hour >= due:
            found: Place = FormerRuns(
                past, run_time=run.scheduled_for, retry_time=retry_time, dispatches_per_second=1
            ).place(NOON + hours(due))
            if found.salt not in made_at:
                assert all(at + retry_time <= run.scheduled_for for at in made_at.values())
                assert found.standing is (Standing.OVERDUE if made_at else Standing.FRESH)
                made_at[found.salt] = run.scheduled_for
            else:
                assert found.standing is Standing.QUEUED
                assert made_at[found.salt] + retry_time > run.scheduled_for
        past.append(run)
