"""Fresh, queued or overdue."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.dispatcher.rescue.queue_clock import QueueClock, QueueReading
from functions.dispatcher.rescue.run_history import PastRun, RunHistory, TaskAge, TaskStatus, past_runs
from functions.shared.ids import run_id
from functions.shared.run import QueueCondition, RunAttempt, RunState, StoredRun

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HALF_AN_HOUR = timedelta(minutes=30)


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def past(hour: float, *, due: int = 1, late: timedelta = timedelta(seconds=5)) -> PastRun:
    """A run that many hours from noon."""
    at = NOON + hours(hour)
    return PastRun(scheduled_for=at, started_at=at, finished_at=at + late, due=due)


def task_age(
    due: float, runs: list[PastRun], *, retry_time: timedelta = HALF_AN_HOUR, rate: float = 10
) -> tuple[TaskStatus, str]:
    """What follows at noon for a report that fell due that many hours from noon."""
    found = RunHistory(runs, run_time=NOON, retry_time=retry_time, dispatches_per_second=rate).task_age(
        NOON + hours(due)
    )
    return found.status, found.salt


THIS_RUN = run_id(NOON)

CASES = [
    pytest.param(0, [], (TaskStatus.FRESH, ""), id="the first run of all"),
    pytest.param(-90, [], (TaskStatus.FRESH, ""), id="the first run of all, long due"),
    pytest.param(0, [past(-1)], (TaskStatus.FRESH, ""), id="due now"),
    pytest.param(-0.5, [past(-1)], (TaskStatus.FRESH, ""), id="due since the run before"),
    pytest.param(-1, [past(-1)], (TaskStatus.OVERDUE, THIS_RUN), id="due at the run before"),
    pytest.param(-1.5, [past(-1)], (TaskStatus.OVERDUE, THIS_RUN), id="due ahead of the run before"),
    pytest.param(-3, [past(-5)], (TaskStatus.FRESH, ""), id="missed runs are no reason to worry"),
    pytest.param(-3, [past(-5), past(-1)], (TaskStatus.OVERDUE, THIS_RUN), id="missed, caught up, then lost"),
    pytest.param(-0.4, [past(-0.4)], (TaskStatus.QUEUED, ""), id="its task may still be retried"),
    pytest.param(-1, [past(-1, late=hours(0.9))], (TaskStatus.QUEUED, ""), id="its run ended only now"),
    pytest.param(-1, [past(-1, due=36_000)], (TaskStatus.QUEUED, ""), id="its task waits behind an hour of others"),
    pytest.param(-1, [past(-2, due=54_000), past(-1)], (TaskStatus.QUEUED, ""), id="behind those of the run before it"),
    pytest.param(0, [past(0), past(1)], (TaskStatus.FRESH, ""), id="this run again, and later ones"),
]


@pytest.mark.parametrize(("due", "runs", "expected"), CASES)
def test_task_age(due: float, runs: list[PastRun], expected: tuple[TaskStatus, str]) -> None:
    assert task_age(due, runs) == expected


def test_after_a_restore_the_first_task_of_an_older_report_has_a_name_that_is_not_taken() -> None:
    restored_at = NOON - hours(1.5)
    salt = f"restored-{run_id(restored_at)}"

    def history(*runs: PastRun) -> RunHistory:
        return RunHistory(
            runs, run_time=NOON, retry_time=HALF_AN_HOUR, dispatches_per_second=10, restored_at=restored_at
        )

    fresh = history()
    assert fresh.task_age(NOON - hours(2)) == TaskAge(TaskStatus.FRESH, salt, salts=("", salt))
    assert fresh.task_age(restored_at) == TaskAge(TaskStatus.FRESH, "")
    overdue = history(past(-1))
    # Another task of it may be in the queue still, from before the restore.
    assert overdue.task_age(NOON - hours(2)).salts == ("", salt)
    assert overdue.task_age(NOON - hours(2)).salt == THIS_RUN
    assert overdue.salts(NOON - hours(2)) == [run_id(NOON - hours(1)), salt, ""]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param(-5, ["", "-4", "-3", "-2", "-1"], id="before the run that made its first task"),
        pytest.param(-2.5, ["-2", "-1", "", "-4", "-3"], id="later: the next run after that made its task"),
        pytest.param(-0.5, ["", "-4", "-3", "-2", "-1"], id="since the run before, which made none"),
    ],
)
def test_in_which_order_the_queue_is_asked_for_a_reports_tasks(written: float, expected: list[str]) -> None:
    """Each run since noon minus five found the queue behind, and may have made its task."""
    runs = [past(hour)._replace(is_behind=hour > -5) for hour in range(-5, 0)]
    age = RunHistory(runs, run_time=NOON, retry_time=HALF_AN_HOUR, dispatches_per_second=10).task_age(NOON - hours(5))
    salts = age.likely_salts_first(NOON + hours(written))
    assert salts == [salt and run_id(NOON + hours(int(salt))) for salt in expected]


@given(st.lists(st.integers(-400, -1), min_size=1, unique=True), st.floats(-500, 1))
def test_the_queue_is_asked_for_every_name(behind: list[int], written: float) -> None:
    runs = [past(-500), *(past(hour)._replace(is_behind=True) for hour in behind)]
    age = RunHistory(runs, run_time=NOON, retry_time=HALF_AN_HOUR, dispatches_per_second=10).task_age(NOON - hours(500))
    assert sorted(age.likely_salts_first(NOON + hours(written))) == sorted(age.salts)


def test_without_a_rate_that_is_known_only_the_retry_time_counts() -> None:
    """During a ramp: a million reports of the run before have no effect."""
    runs = [past(-3, due=1_000_000), past(-1)]
    assert task_age(-1, runs, rate=math.inf) == (TaskStatus.OVERDUE, THIS_RUN)
    assert task_age(-1, runs, rate=10) == (TaskStatus.QUEUED, "")


def test_a_second_task_has_its_whole_time_too() -> None:
    """With three hours of retries a report due at 6 gets its second task at 10, and it is not replaced at 11 or 12."""
    runs = [past(hour) for hour in range(-6, 0)]
    assert task_age(-6, runs, retry_time=hours(3)) == (TaskStatus.QUEUED, run_id(NOON - hours(2)))
    assert task_age(-2, runs, retry_time=hours(3)) == (TaskStatus.QUEUED, "")


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
    history = RunHistory(
        [
            PastRun(scheduled_for=at, started_at=at + began, finished_at=at + 2 * began, due=1)
            for at in (NOON + hours(hour) for hour in runs)
        ],
        run_time=NOON,
        retry_time=hours(retry_hours),
        dispatches_per_second=10,
    )
    found = history.task_age(NOON + hours(due)).newest_task_from
    assert found == (None if expected is None else NOON + hours(expected) + began)


@pytest.mark.parametrize(
    ("conditions", "status"),
    [
        pytest.param("....", TaskStatus.OVERDUE, id="the queues worked"),
        pytest.param(".ppp", TaskStatus.QUEUED, id="paused ever since"),
        pytest.param(".pp.", TaskStatus.QUEUED, id="the first run after a pause"),
        pytest.param(".p..", TaskStatus.OVERDUE, id="an hour after a pause"),
    ],
)
def test_a_task_comes_no_closer_to_its_end_in_a_pause(conditions: str, status: TaskStatus) -> None:
    readings = [
        QueueReading(NOON + hours(hour), QueueCondition.PAUSED if condition == "p" else None)
        for hour, condition in enumerate(conditions, start=-3)
    ]
    # Only the first run made a task: the others found it waiting.
    runs = [past(-3)]
    found = RunHistory(
        runs, run_time=NOON, retry_time=HALF_AN_HOUR, dispatches_per_second=10, clock=QueueClock(readings)
    ).task_age(NOON - hours(3))
    assert found.status is status


def test_a_run_that_found_the_queues_behind_may_have_made_a_second_task_or_not() -> None:
    first, behind, last = past(-3), past(-2)._replace(is_behind=True), past(-1)
    found = RunHistory([first, behind], run_time=NOON, retry_time=HALF_AN_HOUR, dispatches_per_second=10).task_age(
        NOON - hours(3)
    )
    assert found.status is TaskStatus.OVERDUE
    assert found.salts == ("", run_id(NOON - hours(2)))

    found = RunHistory(
        [first, behind, last], run_time=NOON, retry_time=HALF_AN_HOUR, dispatches_per_second=10
    ).task_age(NOON - hours(3))
    assert found.salts == ("", run_id(NOON - hours(1)), run_id(NOON - hours(2)))


def test_the_order_of_the_runs_does_not_matter() -> None:
    runs = [past(-1), past(-3), past(-2)]
    assert task_age(-3, runs, retry_time=hours(1.5)) == task_age(
        -3, sorted(runs, key=lambda run: run.scheduled_for), retry_time=hours(1.5)
    )


def test_a_queue_without_a_rate_is_slow_and_not_an_error() -> None:
    assert task_age(-1, [past(-1, due=100)], rate=0) == (TaskStatus.QUEUED, "")


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
    past: list[PastRun] = []
    made_at: dict[str, datetime] = {}
    for hour in sorted(runs):
        at = NOON + hours(hour)
        run = PastRun(scheduled_for=at, started_at=at, finished_at=at, due=0)
        if hour >= due:
            found: TaskAge = RunHistory(
                past, run_time=run.scheduled_for, retry_time=retry_time, dispatches_per_second=1
            ).task_age(NOON + hours(due))
            if found.salt not in made_at:
                assert all(at + retry_time <= run.scheduled_for for at in made_at.values())
                assert found.status is (TaskStatus.OVERDUE if made_at else TaskStatus.FRESH)
                made_at[found.salt] = run.scheduled_for
            else:
                assert found.status is TaskStatus.QUEUED
                assert made_at[found.salt] + retry_time > run.scheduled_for
        past.append(run)


def stored(hour: float, *, queues: QueueCondition | None = None, **attempt: object) -> StoredRun:
    """The record of a run that many hours from noon, ended unless another is asked for."""
    at = NOON + hours(hour)
    latest = {"attempt": "a", "started_at": at, "finished_at": at, "counters": {"due": 5}, **attempt}
    return StoredRun(id=run_id(at), scheduled_for=at, queues=queues, latest=RunAttempt(**latest))  # type: ignore[arg-type]  # any of the fields


@pytest.mark.parametrize(
    "attempt",
    [
        pytest.param({"finished_at": None}, id="killed"),
        pytest.param({"started_at": None}, id="no beginning"),
        pytest.param({"counters": {}}, id="no count"),
        pytest.param({"counters": {"due": 10**12}}, id="more than there can be"),
    ],
)
def test_a_run_whose_record_does_not_say_what_it_did_only_tells_of_the_queues(attempt: dict[str, object]) -> None:
    found = past_runs([[stored(-1, queues=QueueCondition.PAUSED, **attempt)]], run_time=NOON, enough=hours(24))
    assert found.ended == []
    assert found.readings == [QueueReading(NOON - hours(1), QueueCondition.PAUSED)]


def test_a_stopped_run_made_no_task_and_the_time_until_the_next_run_does_not_count() -> None:
    found = past_runs([[stored(-1, state=RunState.STOPPED)]], run_time=NOON, enough=hours(24))
    assert found.ended == []
    assert found.readings == [QueueReading(NOON - hours(1), None, is_stopped=True)]


def test_a_run_that_has_ended_is_read_whole() -> None:
    found = past_runs([[stored(-1, queues=QueueCondition.BEHIND)]], run_time=NOON, enough=hours(24))
    at = NOON - hours(1)
    assert found.ended == [PastRun(scheduled_for=at, started_at=at, finished_at=at, due=5, is_behind=True)]


@pytest.mark.parametrize(
    ("paused", "pages_read"),
    [pytest.param(range(0), 3, id="a day and no more"), pytest.param(range(1, 15), 4, id="and the time of a pause")],
)
def test_runs_are_read_back_until_the_queues_have_worked_for_a_day(paused: range, pages_read: int) -> None:
    hourly = [stored(-hour, queues=QueueCondition.PAUSED if hour in paused else None) for hour in range(1, 61)]
    pages = iter([hourly[start : start + 10] for start in range(0, 60, 10)])
    past_runs(pages, run_time=NOON, enough=hours(24))
    assert 6 - len(list(pages)) == pages_read
