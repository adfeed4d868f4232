"""What a replay does, by what Firestore has."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from functions.shared.dead_letter import DeadLetterReason, DeadLetterState
from functions.shared.delivery import DELIVERY_RETENTION, DeliveryState
from operations.replay_decision import Decision, DeliveryRecord, Outcome, Step, decide, is_unclear

NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)
EARLIER = NOW - timedelta(hours=1)
LATER = NOW + timedelta(minutes=1)

PENDING = DeliveryRecord(state=DeliveryState.PENDING)
HELD = DeliveryRecord(state=DeliveryState.SENDING, lease_expires_at=LATER)
EXPIRED = DeliveryRecord(state=DeliveryState.SENDING, lease_expires_at=EARLIER)
SENT = DeliveryRecord(state=DeliveryState.SENT)
SKIPPED = DeliveryRecord(state=DeliveryState.SKIPPED)
DEAD = DeliveryRecord(state=DeliveryState.DEAD)
DEAD_UNCLEAR = DeliveryRecord(state=DeliveryState.DEAD, reason=DeadLetterReason.UNKNOWN_OUTCOME)
TOLD, UNTOLD = (
    DeliveryRecord(state=DeliveryState.PENDING, reason=DeadLetterReason.RETRIES_EXHAUSTED, failed_at=at)
    for at in (EARLIER, NOW)
)
TOLD_UNCLEAR = DeliveryRecord(state=DeliveryState.SENDING, reason=DeadLetterReason.UNKNOWN_OUTCOME, failed_at=EARLIER)
OPEN, REPLAYED, DISMISSED = DeadLetterState.OPEN, DeadLetterState.REPLAYED, DeadLetterState.DISMISSED


def decision(
    letter_state: str,
    delivery: DeliveryRecord | None,
    *,
    names_a_report: bool = True,
    received_at: datetime | None = EARLIER,
    letter_reason: str = DeadLetterReason.RETRIES_EXHAUSTED,
    may_send_twice: bool = False,
) -> Decision:
    return decide(
        letter_state=letter_state,
        letter_reason=letter_reason,
        may_send_twice=may_send_twice,
        names_a_report=names_a_report,
        received_at=received_at,
        failed_at=EARLIER,
        delivery=delivery,
        now=NOW,
    )


@pytest.mark.parametrize(
    ("letter_state", "delivery", "step", "outcome"),
    [
        (OPEN, DEAD, Step.REVIVE, Outcome.REPLAYED),
        (OPEN, PENDING, Step.RESUME, Outcome.REPLAYED),
        (OPEN, None, Step.RESUME, Outcome.REPLAYED),
        # A worker is giving it up. Of that people know by this letter, or will by one that is on its way.
        (OPEN, TOLD, Step.RESUME, Outcome.REPLAYED),
        (OPEN, UNTOLD, Step.HAND_OVER, Outcome.REPLAYED),
        (OPEN, TOLD_UNCLEAR, Step.STOP, Outcome.UNKNOWN_OUTCOME),
        (REPLAYED, UNTOLD, Step.HAND_OVER, Outcome.REPLAYED),
        (OPEN, EXPIRED, Step.HAND_OVER, Outcome.REPLAYED),
        (OPEN, HELD, Step.STOP, Outcome.BEING_SENT),
        (OPEN, SENT, Step.CLOSE, Outcome.ALREADY_SENT),
        (OPEN, SKIPPED, Step.CLOSE, Outcome.ALREADY_SKIPPED),
        (REPLAYED, PENDING, Step.RESUME, Outcome.REPLAYED),
        (REPLAYED, EXPIRED, Step.HAND_OVER, Outcome.REPLAYED),
        (REPLAYED, HELD, Step.STOP, Outcome.BEING_SENT),
        (REPLAYED, SENT, Step.STOP, Outcome.ALREADY_REPLAYED),
        (REPLAYED, SKIPPED, Step.STOP, Outcome.ALREADY_REPLAYED),
        (REPLAYED, DEAD, Step.STOP, Outcome.FAILED_AGAIN),
        (REPLAYED, None, Step.STOP, Outcome.ALREADY_REPLAYED),
        *((DISMISSED, delivery, Step.STOP, Outcome.DISMISSED) for delivery in (DEAD, PENDING, SENT, None)),
    ],
)
def test_each_pair_of_states(letter_state: str, delivery: DeliveryRecord | None, step: Step, outcome: Outcome) -> None:
    assert decision(letter_state, delivery) == Decision(step=step, outcome=outcome)


@pytest.mark.parametrize("received_at", [None, NOW - DELIVERY_RETENTION, NOW - timedelta(days=400)])
def test_what_the_ledger_may_have_forgotten_is_not_sent(received_at: datetime | None) -> None:
    assert decision(OPEN, None, received_at=received_at) == Decision(step=Step.STOP, outcome=Outcome.EXPIRED)


@pytest.mark.parametrize("letter_state", list(DeadLetterState))
def test_a_letter_that_names_no_report_is_left_alone(letter_state: str) -> None:
    assert decision(letter_state, None, names_a_report=False).outcome is Outcome.NAMES_NO_REPORT


def test_only_a_dead_delivery_counts_as_a_new_replay() -> None:
    deliveries = (PENDING, HELD, EXPIRED, SENT, SKIPPED, DEAD, None)
    counted = [
        (letter_state, delivery)
        for letter_state, delivery in itertools.product(DeadLetterState, deliveries)
        if decision(letter_state, delivery).step is Step.REVIVE
    ]
    assert counted == [(OPEN, DEAD)]


@pytest.mark.parametrize(
    ("letter_reason", "delivery"),
    [(DeadLetterReason.UNKNOWN_OUTCOME, delivery) for delivery in (DEAD, PENDING, EXPIRED, None)]
    + [(DeadLetterReason.RETRIES_EXHAUSTED, DEAD_UNCLEAR)],
)
def test_what_may_have_been_sent_is_replayed_only_by_who_knows_that(
    letter_reason: str, delivery: DeliveryRecord | None
) -> None:
    unasked = decision(OPEN, delivery, letter_reason=letter_reason)
    assert unasked == Decision(step=Step.STOP, outcome=Outcome.UNKNOWN_OUTCOME)
    assert is_unclear(letter_state=OPEN, letter_reason=letter_reason, delivery=delivery)
    accepted = decision(OPEN, delivery, letter_reason=letter_reason, may_send_twice=True)
    assert accepted == decision(OPEN, DEAD if delivery is DEAD_UNCLEAR else delivery)


def test_the_ledgers_reason_counts_only_while_the_delivery_is_dead() -> None:
    pending = DeliveryRecord(state=DeliveryState.PENDING, reason=DeadLetterReason.UNKNOWN_OUTCOME)
    assert decision(OPEN, pending).step is Step.RESUME


def test_what_is_not_replayed_anyway_is_not_asked_about() -> None:
    for letter_state, delivery in itertools.product((REPLAYED, DISMISSED), (DEAD_UNCLEAR, SENT, PENDING)):
        stopped = decision(letter_state, delivery, letter_reason=DeadLetterReason.UNKNOWN_OUTCOME)
        assert stopped == decision(letter_state, delivery)
    assert decision(OPEN, SENT, letter_reason=DeadLetterReason.UNKNOWN_OUTCOME).outcome is Outcome.ALREADY_SENT


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_is_explained(outcome: Outcome) -> None:
    assert outcome.explanation
