"""One report, explored to the end: sent once, whoever acts on it in whatever order, and nothing is ever stuck."""

from collections.abc import Callable

import pytest

from functions.shared.records.delivery import Delivery
from functions.worker import transitions
from functions.worker.mail.model import MailOutcome
from functions.worker.transitions import NextStep, next_step
from tests.protocol import report
from tests.protocol.__main__ import explored
from tests.protocol.report import Bounds, Provider, State, given_up


def assert_kept(bounds: Bounds, start: State | None = None) -> None:
    found = explored(bounds, start)
    assert [[*found.trace(state), rule] for state, rule in found.wrong] == []
    assert [found.trace(state) for state in found.stuck[:1]] == []


@pytest.mark.parametrize("provider", Provider)
def test_two_workers_the_rescue_the_events_and_the_handler_keep_the_promise(provider: Provider) -> None:
    assert_kept(Bounds(attempts=1, kills=0, replays=0, provider=provider))


@pytest.mark.timeout(180)
@pytest.mark.thorough
@pytest.mark.parametrize("provider", [Provider.LOGS, Provider.KEYS])
def test_they_do_if_any_of_them_is_killed_anywhere(provider: Provider) -> None:
    assert_kept(Bounds(kills=1, replays=0, provider=provider))


@pytest.mark.thorough
@pytest.mark.parametrize("emails", [0, 1])
def test_they_do_if_an_operator_replays_and_dismisses(emails: int) -> None:
    bounds = Bounds(attempts=1, kills=0, replays=1, tasks=1, workers=1)
    assert_kept(bounds, given_up(bounds, emails=emails))


AFTER_A_RESTORE = Bounds(attempts=1, kills=0, replays=0, tasks=1, workers=1, restores=1)


@pytest.mark.timeout(180)
@pytest.mark.thorough
@pytest.mark.parametrize("provider", Provider)
def test_they_do_after_a_restore_of_any_copy(provider: Provider) -> None:
    assert_kept(AFTER_A_RESTORE._replace(provider=provider))


@pytest.mark.thorough
def test_without_the_guard_of_a_restore_an_email_is_sent_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Delivery, "restored", lambda self, restored_at: self)
    ((_state, rule),) = explored(AFTER_A_RESTORE).wrong
    assert rule == "2 emails, where 1 may go out"


Patch = Callable[[pytest.MonkeyPatch], None]


def an_unknown_outcome_is_sent_again(patch: pytest.MonkeyPatch) -> None:
    steps = {NextStep.INQUIRE: NextStep.SEND}
    patch.setattr(report, "next_step", lambda found, now: steps.get(step := next_step(found, now=now), step))


def what_is_given_up_is_sent(patch: pytest.MonkeyPatch) -> None:
    steps = {NextStep.FINISH_GIVING_UP: NextStep.SEND}
    patch.setattr(report, "next_step", lambda found, now: steps.get(step := next_step(found, now=now), step))


def a_write_is_not_conditional(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Delivery, "is_only_noted_since", lambda self, read: True)


def an_event_settles_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(report, "is_settled_by_event", lambda delivery: False)


def a_dead_letter_is_not_stored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(report, "dead_letter_changes", lambda *arguments, **named: {})


def a_repeats_refusal_gives_the_claim_back(patch: pytest.MonkeyPatch) -> None:
    def after_repeat(outcome: MailOutcome) -> transitions.Transition:
        return transitions.transition_after(outcome, last_attempt=False)

    patch.setattr(transitions, "transition_after_repeat", after_repeat)


DEFECTS: tuple[tuple[Patch, Provider], ...] = (
    (an_unknown_outcome_is_sent_again, Provider.NEITHER),
    (what_is_given_up_is_sent, Provider.NEITHER),
    (a_write_is_not_conditional, Provider.NEITHER),
    (an_event_settles_nothing, Provider.NEITHER),
    (a_dead_letter_is_not_stored, Provider.NEITHER),
    (a_repeats_refusal_gives_the_claim_back, Provider.KEYS),
)


@pytest.mark.parametrize(("defect", "provider"), DEFECTS, ids=lambda each: getattr(each, "__name__", ""))
def test_each_defect_is_found(defect: Patch, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    defect(monkeypatch)
    found = explored(Bounds(kills=0, replays=0, provider=provider))
    assert found.wrong or found.stuck
