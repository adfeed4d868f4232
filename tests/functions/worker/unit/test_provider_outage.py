"""When emails are held back, and when they go again."""

from datetime import UTC, datetime, timedelta

import pytest

from functions.worker.provider_outage import FAILURES, LONGEST, OutageChange, ProviderOutage

FIRST_WAIT = timedelta(seconds=5)
LONGEST_PAUSE = FIRST_WAIT * LONGEST


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
def outage(clock: Clock) -> ProviderOutage:
    return ProviderOutage(clock, wait=FIRST_WAIT)


def fail(outage: ProviderOutage) -> OutageChange | None:
    return outage.leave(outage.enter(), failure="e")


def begin(outage: ProviderOutage) -> None:
    assert [fail(outage) for _ in range(FAILURES)] == [None] * (FAILURES - 1) + [OutageChange.BEGUN]


def test_it_opens_after_failures_in_a_row_only(outage: ProviderOutage) -> None:
    for _ in range(3):
        for _ in range(FAILURES - 1):
            assert fail(outage) is None
        assert outage.leave(outage.enter(), is_up=True) is None
    begin(outage)
    assert outage.wait_seconds() == FIRST_WAIT.total_seconds()
    assert outage.enter().wait_seconds == FIRST_WAIT.total_seconds()
    assert outage.error == "e"


def test_one_mail_is_a_trial_while_the_others_wait(outage: ProviderOutage, clock: Clock) -> None:
    begin(outage)
    clock.now += FIRST_WAIT
    assert outage.wait_seconds() == 0
    trial = outage.enter()
    assert (trial.is_trial, trial.wait_seconds) == (True, 0)
    assert outage.wait_seconds() > 0
    assert outage.enter().wait_seconds > 0
    assert outage.leave(trial, is_up=True) is OutageChange.OVER
    assert not outage.enter().is_trial
    assert outage.error == ""


def test_each_trial_that_fails_doubles_the_pause(outage: ProviderOutage, clock: Clock) -> None:
    begin(outage)
    waits = []
    for _ in range(6):
        waits.append(timedelta(seconds=outage.wait_seconds()))
        clock.now += waits[-1]
        assert fail(outage) is OutageChange.BEGUN
    assert waits == [FIRST_WAIT * 2**doublings for doublings in range(4)] + [LONGEST_PAUSE] * 2
    clock.now += LONGEST_PAUSE
    outage.leave(outage.enter(), is_up=True)
    begin(outage)
    assert outage.wait_seconds() == FIRST_WAIT.total_seconds()


def test_a_trial_that_came_to_nothing_leaves_its_place_to_the_next(outage: ProviderOutage, clock: Clock) -> None:
    begin(outage)
    clock.now += FIRST_WAIT
    assert outage.leave(outage.enter()) is None
    assert outage.enter().is_trial


def test_what_was_on_its_way_when_it_opened_has_no_say(outage: ProviderOutage, clock: Clock) -> None:
    early = [outage.enter() for _ in range(4)]
    begin(outage)
    assert outage.leave(early[0], is_up=True) is None
    assert outage.leave(early[1], failure="late") is None
    assert outage.wait_seconds() == FIRST_WAIT.total_seconds()
    clock.now += FIRST_WAIT
    assert outage.enter().is_trial


def test_who_was_sent_away_has_no_say(outage: ProviderOutage, clock: Clock) -> None:
    begin(outage)
    away = outage.enter()
    clock.now += FIRST_WAIT
    trial = outage.enter()
    assert outage.leave(away, is_up=True) is None
    assert outage.enter().wait_seconds > 0
    assert outage.leave(trial) is None


def test_without_a_pause_it_never_opens(clock: Clock) -> None:
    outage = ProviderOutage(clock, wait=timedelta(0))
    assert [fail(outage) for _ in range(3 * FAILURES)] == [None] * 3 * FAILURES
