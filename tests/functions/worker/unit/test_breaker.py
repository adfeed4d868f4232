"""When mails are held back, and when they go again."""

from datetime import UTC, datetime, timedelta

import pytest

from functions.worker.breaker import FAILURES, LONGEST, Breaker, BreakerChange

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = FIRST_PAUSE * LONGEST


class Clock:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 13, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock, pause=FIRST_PAUSE)


def fail(breaker: Breaker) -> BreakerChange | None:
    return breaker.leave(breaker.enter(), failure="e")


def open_it(breaker: Breaker) -> None:
    assert [fail(breaker) for _ in range(FAILURES)] == [None] * (FAILURES - 1) + [BreakerChange.OPENED]


def test_it_opens_after_failures_in_a_row_only(breaker: Breaker) -> None:
    for _ in range(3):
        for _ in range(FAILURES - 1):
            assert fail(breaker) is None
        assert breaker.leave(breaker.enter(), is_up=True) is None
    open_it(breaker)
    assert breaker.wait_seconds() == FIRST_PAUSE.total_seconds()
    assert breaker.enter().wait_seconds == FIRST_PAUSE.total_seconds()
    assert breaker.error == "e"


def test_one_mail_is_a_trial_while_the_others_wait(breaker: Breaker, clock: Clock) -> None:
    open_it(breaker)
    clock.now += FIRST_PAUSE
    assert breaker.wait_seconds() == 0
    trial = breaker.enter()
    assert (trial.is_trial, trial.wait_seconds) == (True, 0)
    assert breaker.wait_seconds() > 0
    assert breaker.enter().wait_seconds > 0
    assert breaker.leave(trial, is_up=True) is BreakerChange.CLOSED
    assert not breaker.enter().is_trial
    assert breaker.error == ""


def test_each_trial_that_fails_doubles_the_pause(breaker: Breaker, clock: Clock) -> None:
    open_it(breaker)
    pauses = []
    for _ in range(6):
        pauses.append(timedelta(seconds=breaker.wait_seconds()))
        clock.now += pauses[-1]
        assert fail(breaker) is BreakerChange.OPENED
    assert pauses == [FIRST_PAUSE * 2**doublings for doublings in range(4)] + [LONGEST_PAUSE] * 2
    clock.now += LONGEST_PAUSE
    breaker.leave(breaker.enter(), is_up=True)
    open_it(breaker)
    assert breaker.wait_seconds() == FIRST_PAUSE.total_seconds()


def test_a_trial_that_came_to_nothing_leaves_its_place_to_the_next(breaker: Breaker, clock: Clock) -> None:
    open_it(breaker)
    clock.now += FIRST_PAUSE
    assert breaker.leave(breaker.enter()) is None
    assert breaker.enter().is_trial


def test_what_was_on_its_way_when_it_opened_has_no_say(breaker: Breaker, clock: Clock) -> None:
    early = [breaker.enter() for _ in range(4)]
    open_it(breaker)
    assert breaker.leave(early[0], is_up=True) is None
    assert breaker.leave(early[1], failure="late") is None
    assert breaker.wait_seconds() == FIRST_PAUSE.total_seconds()
    clock.now += FIRST_PAUSE
    assert breaker.enter().is_trial


def test_who_was_sent_away_has_no_say(breaker: Breaker, clock: Clock) -> None:
    open_it(breaker)
    away = breaker.enter()
    clock.now += FIRST_PAUSE
    trial = breaker.enter()
    assert breaker.leave(away, is_up=True) is None
    assert breaker.enter().wait_seconds > 0
    assert breaker.leave(trial) is None


def test_without_a_pause_it_never_opens(clock: Clock) -> None:
    breaker = Breaker(clock, pause=timedelta(0))
    assert [fail(breaker) for _ in range(3 * FAILURES)] == [None] * 3 * FAILURES
