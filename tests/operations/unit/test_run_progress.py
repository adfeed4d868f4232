"""How far a run is, and whether its counters add up."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.shared.run import RUN_COUNTERS
from operations.run_progress import DueSum, RunProgress, due_sum, progress_of

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


def test_the_counters_add_up_to_what_was_due() -> None:
    counted = run(deliveries={}, due=10, dispatched=6, already_dispatched=2, malformed=1, errors=0, lost=1, overdue=7)
    parts = {"dispatched": 6, "already_dispatched": 2, "lost": 1, "malformed": 1}
    assert due_sum(counted) == DueSum(parts=parts, due=10, missing=0)
    assert due_sum(run(deliveries={}, due=10, dispatched=6)).missing == 4
