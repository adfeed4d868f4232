"""How far a run is, and whether its counters add up."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.shared.records.run import RUN_COUNTERS
from operations.runs.run_progress import DueSum, RunProgress, due_sum, progress_of

NOW = datetime(2026, 11, 24, 13, 0, 10, tzinfo=UTC)


def run(*, state: str = "finished", seconds: float | None = 10, deliveries: dict[str, int], **counters: int) -> Any:
    return {
        "state": state,
        "started_at": None if seconds is None else NOW - timedelta(seconds=seconds),
        "deliveries": deliveries,
        **dict.fromkeys(RUN_COUNTERS, 0),
        **counters,
    }


def test_it_says_how_many_are_final_and_how_long_the_others_take() -> None:
    going = run(dispatched=100, deliveries={"sent": 18, "skipped": 1, "dead": 1, "sending": 5, "pending": 0})
    assert progress_of(going, now=NOW) == RunProgress(total=100, final=20, rate=2.0, seconds_left=40.0)


@pytest.mark.parametrize("seconds", [0, 10])
def test_it_promises_nothing_before_the_first_is_final(seconds: float) -> None:
    going = run(seconds=seconds, dispatched=100, deliveries={"sending": 3})
    assert progress_of(going, now=NOW) == RunProgress(total=100, final=0, rate=None, seconds_left=None)


def test_a_report_that_an_earlier_run_made_a_task_for_may_belong_to_it() -> None:
    going = run(dispatched=1, deliveries={"sent": 1, "pending": 2})
    assert progress_of(going, now=NOW) == RunProgress(total=3, final=1, rate=0.1, seconds_left=20.0)


def test_a_run_that_still_makes_tasks_goes_on_although_all_so_far_are_final() -> None:
    going = run(state="running", dispatched=5, deliveries={"sent": 5})
    assert progress_of(going, now=NOW) == RunProgress(total=5, final=5, rate=0.5, seconds_left=0.0)


@pytest.mark.parametrize(
    "over",
    [
        run(dispatched=2, deliveries={"sent": 1, "dead": 1}),
        run(deliveries={}),
        run(seconds=None, dispatched=2, deliveries={"sent": 1}),
        run(seconds=86_401, dispatched=2, deliveries={"sent": 1}),
    ],
)
def test_what_is_over_or_long_ago_has_no_progress(over: Any) -> None:
    assert progress_of(over, now=NOW) is None


HOUR = 3600.0


def queue(*, state: str = "running", tasks: int = 80, failing: int = 0) -> dict[str, Any]:
    return {"queue": "reports", "state": state, "tasks": tasks, "failing": failing}


@pytest.mark.parametrize(
    ("going", "queues", "says"),
    [
        (run(state="failed", dispatched=100, deliveries={"sent": 20}), [queue()], "has failed"),
        (run(state="stopped", dispatched=100, deliveries={"sent": 20}), [queue()], "breaker"),
        (run(state="running", seconds=0.6 * HOUR, dispatched=100, deliveries={"sent": 20}), [queue()], "killed"),
        (run(dispatched=100, deliveries={"sent": 20}), [queue(), queue(state="paused")], "reports is paused"),
        (run(dispatched=100, deliveries={"sent": 20}), [queue(tasks=0)], "No queue holds a task"),
        (run(dispatched=100, deliveries={"sent": 20}), [queue(failing=40)], "40 of 80 tasks"),
    ],
)
def test_what_holds_a_run_up_is_said_in_the_place_of_the_time_left(going: Any, queues: Any, says: str) -> None:
    found = progress_of(going, queues=queues, now=NOW)
    assert found is not None
    assert (found.total, found.final, found.rate, found.seconds_left) == (100, 20, None, None)
    assert says in found.held_up


@pytest.mark.parametrize(
    "queues",
    [[queue()], [queue(failing=39)], [queue(tasks=0), queue()], [{"queue": "gone", "error": "no such queue"}], []],
)
def test_queues_that_work_or_cannot_be_read_hold_nothing_up(queues: Any) -> None:
    found = progress_of(run(dispatched=100, deliveries={"sent": 20}), queues=queues, now=NOW)
    assert found == RunProgress(total=100, final=20, rate=2.0, seconds_left=40.0)


def test_a_run_that_still_makes_tasks_may_have_none_in_the_queue() -> None:
    going = run(state="running", dispatched=100, deliveries={"sent": 20})
    found = progress_of(going, queues=[queue(tasks=0)], now=NOW)
    assert found == RunProgress(total=100, final=20, rate=2.0, seconds_left=40.0)


def test_no_time_is_left_that_is_longer_than_a_run_is_watched() -> None:
    slow = run(seconds=HOUR, dispatched=120_390, deliveries={"sent": 3})
    found = progress_of(slow, now=NOW)
    assert found is not None
    assert (found.seconds_left, found.rate) == (None, 3 / HOUR)
    assert "24 hours" in found.held_up
    just_right = progress_of(run(seconds=HOUR, dispatched=24, deliveries={"sent": 1}), now=NOW)
    assert just_right == RunProgress(total=24, final=1, rate=1 / HOUR, seconds_left=23 * HOUR)


def test_the_counters_add_up_to_what_was_due() -> None:
    counted = run(deliveries={}, due=10, dispatched=6, already_dispatched=2, malformed=1, errors=0, lost=1, overdue=7)
    parts = {"dispatched": 6, "already_dispatched": 2, "lost": 1, "malformed": 1}
    assert due_sum(counted) == DueSum(parts=parts, due=10, missing=0)
    assert due_sum(run(deliveries={}, due=10, dispatched=6)).missing == 4
