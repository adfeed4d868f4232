"""Why a task waits."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from operations.queues.waiting_tasks import explain_waiting, seconds_until_empty

NOW = datetime(2026, 11, 24, 13, tzinfo=UTC)
QUEUE = {"state": "running", "rate": 10.0, "concurrent": 100, "tasks": 25, "more_tasks": False, "failing": 24}
NEW = {"scheduled_for": NOW, "attempts": 0, "last_attempt_at": None, "last_status": None, "last_message": None}
FAILED = {**NEW, "attempts": 2, "last_attempt_at": NOW, "last_status": "UNAVAILABLE", "last_message": "no worker"}


@pytest.mark.parametrize(
    ("task", "queue", "why"),
    [
        (NEW, QUEUE, "It waits its turn: the queue makes 10 attempts a second"),
        (NEW, {**QUEUE, "state": "paused"}, "The queue is paused."),
        ({**NEW, "scheduled_for": NOW + timedelta(minutes=1)}, QUEUE, "Its time has not come yet."),
        ({**NEW, "attempts": 1, "last_attempt_at": NOW}, QUEUE, "A worker has it now"),
        ({**FAILED, "scheduled_for": NOW + timedelta(minutes=1)}, QUEUE, "Attempt 2 failed (UNAVAILABLE: no worker)"),
        (FAILED, QUEUE, "Attempt 2 failed, and it waits its turn again"),
    ],
)
def test_a_task_says_why_it_waits(task: dict[str, Any], queue: dict[str, Any], why: str) -> None:
    assert why in explain_waiting(task, queue, now=NOW)


def test_a_queue_is_empty_after_its_tasks_at_its_rate_if_it_moves() -> None:
    assert seconds_until_empty(QUEUE) == 2.5
    for still in ({"state": "paused"}, {"more_tasks": True}, {"rate": 0.0}, {"failing": 25}):
        assert seconds_until_empty({**QUEUE, **still}) is None
