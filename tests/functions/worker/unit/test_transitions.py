"""The state machine, row by row."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import pytest

from functions.shared.records.dead_letter import DeadLetterReason
from functions.shared.records.delivery import Delivery, DeliveryState, SkipReason
from functions.worker.destinations.outcome import (
    Accepted,
    NotAllowed,
    Outcome,
    Refused,
    Throttled,
    Unavailable,
    Unclear,
    Unsubscribed,
)
from functions.worker.transitions import (
    GiveUp,
    NextStep,
    Retry,
    Sent,
    Skip,
    Transition,
    next_step,
    transition_after,
    transition_after_repeat,
)

NOW = datetime(2026, 11, 24, 13, tzinfo=UTC)


def record(state: DeliveryState, lease: timedelta | None = None) -> Delivery:
    return Delivery(id="d", state=state, lease_expires_at=None if lease is None else NOW + lease, version=NOW)


@pytest.mark.parametrize(
    ("found", "step"),
    [
        (None, NextStep.SEND),
        (record(DeliveryState.PENDING), NextStep.SEND),
        (record(DeliveryState.SENT), NextStep.ALREADY_FINAL),
        (record(DeliveryState.SKIPPED), NextStep.ALREADY_FINAL),
        (record(DeliveryState.DEAD), NextStep.ALREADY_FINAL),
        (record(DeliveryState.SENDING, timedelta(seconds=1)), NextStep.IN_PROGRESS),
        (record(DeliveryState.SENDING, timedelta(0)), NextStep.INQUIRE),
        (record(DeliveryState.SENDING, timedelta(seconds=-1)), NextStep.INQUIRE),
        (record(DeliveryState.SENDING), NextStep.INQUIRE),
        (record(DeliveryState.GIVING_UP), NextStep.FINISH_GIVING_UP),
    ],
)
def test_what_the_record_has_decides_the_next_step(found: Delivery | None, step: NextStep) -> None:
    assert next_step(found, now=NOW) is step


def test_every_state_has_a_next_step() -> None:
    for state in DeliveryState:
        assert next_step(record(state, timedelta(0)), now=NOW) in NextStep


def retry(status: HTTPStatus, cause: str, seconds: int | None = None, *, release: bool = True) -> Retry:
    return Retry(status=status, cause=cause, error="e", retry_after_seconds=seconds, release=release)


LATER = retry(HTTPStatus.INTERNAL_SERVER_ERROR, "unknown-outcome", release=False)
EXHAUSTED = GiveUp(reason=DeadLetterReason.RETRIES_EXHAUSTED, error="e")


@pytest.mark.parametrize(
    ("outcome", "last_attempt", "expected"),
    [
        (Accepted(message_id="m"), False, Sent(message_id="m")),
        (Accepted(message_id="m"), True, Sent(message_id="m")),
        (Unsubscribed(), True, Skip(reason=SkipReason.UNSUBSCRIBED)),
        (Refused(error="e"), False, GiveUp(reason=DeadLetterReason.PERMANENT_ERROR, error="e")),
        (Refused(error="e"), True, GiveUp(reason=DeadLetterReason.PERMANENT_ERROR, error="e")),
        (Throttled(error="e", retry_after_seconds=7), False, retry(HTTPStatus.TOO_MANY_REQUESTS, "throttled", 7)),
        (Throttled(error="e"), True, EXHAUSTED),
        (Unavailable(error="e"), False, retry(HTTPStatus.INTERNAL_SERVER_ERROR, "provider-unavailable")),
        (Unavailable(error="e"), True, EXHAUSTED),
        (NotAllowed(error="e"), False, retry(HTTPStatus.SERVICE_UNAVAILABLE, "provider-refuses-key")),
        (NotAllowed(error="e"), True, EXHAUSTED),
        # Its outcome is unknown, and a later attempt can find out: the claim is kept until then.
        (Unclear(error="e"), False, LATER),
        (Unclear(error="e"), True, GiveUp(reason=DeadLetterReason.UNKNOWN_OUTCOME, error="e")),
        (
            Unclear(error="e", is_lasting=True),
            False,
            GiveUp(reason=DeadLetterReason.UNKNOWN_OUTCOME, error="e"),
        ),
    ],
)
def test_the_outcome_of_sending_decides_what_becomes_of_it(
    outcome: Outcome, last_attempt: bool, expected: Transition
) -> None:
    assert transition_after(outcome, last_attempt=last_attempt) == expected


@pytest.mark.parametrize("last_attempt", [False, True])
def test_an_unclear_outcome_is_kept_for_a_repeat_also_after_the_last_attempt(*, last_attempt: bool) -> None:
    assert transition_after(Unclear(error="e"), last_attempt=last_attempt, can_repeat=True) == LATER


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Accepted(message_id="m"), Sent(message_id="m")),
        (Unclear(error="e"), LATER),
        (
            Unclear(error="e", is_lasting=True),
            GiveUp(reason=DeadLetterReason.UNKNOWN_OUTCOME, error="e"),
        ),
        (
            Throttled(error="e", retry_after_seconds=7),
            retry(HTTPStatus.TOO_MANY_REQUESTS, "throttled", 7, release=False),
        ),
        (
            Unavailable(error="e"),
            retry(HTTPStatus.INTERNAL_SERVER_ERROR, "provider-unavailable", release=False),
        ),
        (
            NotAllowed(error="e"),
            retry(HTTPStatus.SERVICE_UNAVAILABLE, "provider-refuses-key", release=False),
        ),
        (Refused(error="e"), GiveUp(reason=DeadLetterReason.UNKNOWN_OUTCOME, error="e")),
    ],
)
def test_what_comes_of_a_repeat_says_nothing_of_the_request_before_but_that_it_is_accepted(
    outcome: Outcome, expected: Transition
) -> None:
    assert transition_after_repeat(outcome) == expected


def test_a_repeat_to_recipients_who_have_left_stays_unknown() -> None:
    decided = transition_after_repeat(Unsubscribed())
    assert isinstance(decided, GiveUp)
    assert decided.reason is DeadLetterReason.UNKNOWN_OUTCOME
