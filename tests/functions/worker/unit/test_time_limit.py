"""What happens to work that takes too long, and that an attempt always has time for its answer."""

import threading
from collections.abc import Iterator

import pytest

from functions.shared.dead_letter_topic import PUBLISH_TIMEOUT_SECONDS, TELL_TIMEOUT_SECONDS
from functions.shared.queues.retry_policy import DISPATCH_DEADLINE
from functions.worker.time_budget import (
    BUILD_SECONDS,
    CALL_SECONDS,
    CLAIM_SECONDS,
    LEASE,
    LOOK_AGAIN_SECONDS,
    LOOKUP_SECONDS,
    SEND_SECONDS,
    SETTLE_SECONDS,
    TRIAL_SECONDS,
)
from functions.worker.time_limit import MOST_HANGING, TimeLimit, TookTooLong

LONG = 600.0


class Gate:
    """Work that waits until it is let go, and says when it has ended."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.begun = threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        assert self.opened.wait(LONG)
        return "done"


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


def test_an_attempt_has_time_for_whatever_may_follow_a_report_that_was_built_just_in_time() -> None:
    held = SEND_SECONDS + max(TELL_TIMEOUT_SECONDS, LOOKUP_SECONDS)
    assert held + SETTLE_SECONDS < LEASE.total_seconds()
    claimed = BUILD_SECONDS + TRIAL_SECONDS + CLAIM_SECONDS + LOOK_AGAIN_SECONDS
    assert claimed + held + CALL_SECONDS + PUBLISH_TIMEOUT_SECONDS + SETTLE_SECONDS < DISPATCH_DEADLINE.total_seconds()
    # A slow Firestore leaves time to build: the delivery and the user are read before.
    assert BUILD_SECONDS > 2 * CALL_SECONDS


def test_what_is_done_in_time_is_returned_or_raised() -> None:
    limit = TimeLimit(lambda: pytest.fail("nothing hangs"))
    assert limit.run(lambda: 7, seconds=LONG) == 7
    with pytest.raises(ZeroDivisionError):
        limit.run(lambda: 1 // 0, seconds=LONG)
    with pytest.raises(TimeoutError, match="its own"):
        limit.run(lambda: _raise(TimeoutError("its own")), seconds=LONG)


def test_what_hangs_is_left_alone(gate: Gate) -> None:
    limit = TimeLimit(lambda: pytest.fail("one is not too many"))
    with pytest.raises(TookTooLong):
        limit.run(gate, seconds=0.01)
    assert limit.run(lambda: 7, seconds=LONG) == 7


def test_no_time_left_is_too_little(gate: Gate) -> None:
    with pytest.raises(TookTooLong):
        TimeLimit(lambda: None).run(gate, seconds=-1.0)


def test_the_process_gives_way_once_too_many_hang(gate: Gate) -> None:
    calls: list[None] = []
    limit = TimeLimit(lambda: calls.append(None))
    for number in range(MOST_HANGING + 2):
        assert len(calls) == (1 if number >= MOST_HANGING else 0)
        with pytest.raises(TookTooLong):
            limit.run(gate, seconds=0.0)
    assert len(calls) == 1


def test_what_ends_after_all_no_longer_counts() -> None:
    limit = TimeLimit(lambda: pytest.fail("at no time do so many hang"))
    for _ in range(MOST_HANGING * 2):
        gate = Gate()
        with pytest.raises(TookTooLong):
            limit.run(gate, seconds=0.0)
        assert gate.begun.wait(LONG)
        gate.opened.set()
        while limit._hanging:
            limit.run(lambda: None, seconds=LONG)


def test_a_thread_takes_one_work_after_another() -> None:
    limit = TimeLimit(lambda: pytest.fail("nothing hangs"))
    threads = {limit.run(threading.current_thread, seconds=LONG) for _ in range(200)}
    assert len(threads) < 10
    assert threading.current_thread() not in threads


def _raise(error: Exception) -> None:
    raise error
