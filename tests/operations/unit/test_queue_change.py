"""A change to a queue."""

from datetime import timedelta

from operations.queues.queue_change import QueueSettings, differences, warnings

BEFORE = QueueSettings(
    rate=10.0,
    concurrent=100,
    max_attempts=8,
    min_backoff=timedelta(seconds=10),
    max_backoff=timedelta(seconds=300),
    max_doublings=3,
    max_retry_duration=timedelta(),
)


def test_only_what_differs_is_a_change() -> None:
    wanted = QueueSettings(rate=20, concurrent=100, max_retry_duration=timedelta())
    assert differences(BEFORE, wanted) == {"rate": (10.0, 20)}


def test_zero_is_a_value() -> None:
    assert differences(BEFORE, QueueSettings(max_doublings=0)) == {"max_doublings": (3, 0)}


def test_attempts_are_the_workers_business_too() -> None:
    changed = differences(BEFORE, QueueSettings(max_attempts=5))
    first, second = warnings(changed, worker_max_attempts="8")
    assert "MAX_ATTEMPTS (now 8) to 5" in first
    assert "queue.yaml" in second
    assert "--max-attempts" in second


def test_the_worker_that_knows_already_is_not_spoken_of() -> None:
    changed = differences(BEFORE, QueueSettings(max_attempts=5))
    assert [line for line in warnings(changed, worker_max_attempts="5") if "MAX_ATTEMPTS" in line] == []


def test_no_change_needs_no_warning() -> None:
    assert warnings({}, worker_max_attempts="8") == []
