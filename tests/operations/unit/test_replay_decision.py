"""What a replay does, by what Firestore has."""

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.shared.records.dead_letter import DeadLetterReason, DeadLetterState, StoredDeadLetter
from functions.shared.records.delivery import Delivery, DeliveryState
from functions.shared.records.delivery_table import DELIVERY_RETENTION
from operations.dead_letters.replay_decision import (
    ReplayDecision,
    ReplayOutcome,
    ReplayStep,
    decide_replay,
    may_have_been_sent,
)

NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)
EARLIER = NOW - timedelta(hours=1)
LATER = NOW + timedelta(minutes=1)

PAYLOAD = {
    "user_id": "u1",
    "subscription_id": "default",
    "delivery_id": "u1:default:20261124T1300Z",
    "due_at": "2026-11-24T13:00:00Z",
    "run_id": "20261124T1300Z",
    "kind": "activity",
}


def delivery_in(state: DeliveryState, **attributes: Any) -> Delivery:
    return Delivery(id="u1:default:20261124T1300Z", state=state, version=EARLIER, **attributes)


PENDING = delivery_in(DeliveryState.PENDING)
HELD = delivery_in(DeliveryState.SENDING, lease_expires_at=LATER)
EXPIRED = delivery_in(DeliveryState.SENDING, lease_expires_at=EARLIER)
SENT = delivery_in(DeliveryState.SENT)
SKIPPED = delivery_in(DeliveryState.SKIPPED)
DEAD = delivery_in(DeliveryState.DEAD)
DEAD_UNCLEAR = delivery_in(DeliveryState.DEAD, reason=DeadLetterReason.UNKNOWN_OUTCOME)
TOLD, UNTOLD = (
    delivery_in(DeliveryState.GIVING_UP, reason=DeadLetterReason.RETRIES_EXHAUSTED, failed_at=at)
    for at in (EARLIER, NOW)
)
TOLD_UNCLEAR = delivery_in(DeliveryState.GIVING_UP, reason=DeadLetterReason.UNKNOWN_OUTCOME, failed_at=EARLIER)
OPEN, REPLAYED, DISMISSED, SETTLED = (
    DeadLetterState.OPEN,
    DeadLetterState.REPLAYED,
    DeadLetterState.DISMISSED,
    DeadLetterState.SETTLED,
)


def letter_in(
    state: DeadLetterState,
    *,
    payload: Mapping[str, str] = PAYLOAD,
    received_at: datetime | None = EARLIER,
    reason: str = DeadLetterReason.RETRIES_EXHAUSTED,
) -> StoredDeadLetter:
    return StoredDeadLetter(
        id="u1:default:20261124T1300Z",
        state=state,
        reason=reason,
        payload=payload,
        received_at=received_at,
        failed_at=EARLIER,
    )


def decision(letter: StoredDeadLetter, delivery: Delivery | None, *, may_send_twice: bool = False) -> ReplayDecision:
    return decide_replay(letter, delivery, may_send_twice=may_send_twice, now=NOW)


@pytest.mark.parametrize(
    ("letter_state", "delivery", "step", "outcome"),
    [
        (OPEN, DEAD, ReplayStep.REVIVE, ReplayOutcome.REPLAYED),
        (OPEN, PENDING, ReplayStep.RESUME, ReplayOutcome.REPLAYED),
        (OPEN, None, ReplayStep.RESUME, ReplayOutcome.REPLAYED),
        # A worker is giving it up. Of that people know by this letter, or will by one that is on its way.
        (OPEN, TOLD, ReplayStep.RESUME, ReplayOutcome.REPLAYED),
        (OPEN, UNTOLD, ReplayStep.HAND_OVER, ReplayOutcome.REPLAYED),
        (OPEN, TOLD_UNCLEAR, ReplayStep.STOP, ReplayOutcome.UNKNOWN_OUTCOME),
        (REPLAYED, UNTOLD, ReplayStep.HAND_OVER, ReplayOutcome.REPLAYED),
        (OPEN, EXPIRED, ReplayStep.HAND_OVER, ReplayOutcome.REPLAYED),
        (OPEN, HELD, ReplayStep.STOP, ReplayOutcome.BEING_SENT),
        (OPEN, SENT, ReplayStep.CLOSE, ReplayOutcome.ALREADY_SENT),
        (OPEN, SKIPPED, ReplayStep.CLOSE, ReplayOutcome.ALREADY_SKIPPED),
        (REPLAYED, PENDING, ReplayStep.RESUME, ReplayOutcome.REPLAYED),
        (REPLAYED, EXPIRED, ReplayStep.HAND_OVER, ReplayOutcome.REPLAYED),
        (REPLAYED, HELD, ReplayStep.STOP, ReplayOutcome.BEING_SENT),
        (REPLAYED, SENT, ReplayStep.STOP, ReplayOutcome.ALREADY_REPLAYED),
        (REPLAYED, SKIPPED, ReplayStep.STOP, ReplayOutcome.ALREADY_REPLAYED),
        (REPLAYED, DEAD, ReplayStep.STOP, ReplayOutcome.FAILED_AGAIN),
        (REPLAYED, None, ReplayStep.STOP, ReplayOutcome.ALREADY_REPLAYED),
        *((SETTLED, delivery, ReplayStep.STOP, ReplayOutcome.ALREADY_SENT) for delivery in (DEAD, PENDING, SENT, None)),
        *((DISMISSED, delivery, ReplayStep.STOP, ReplayOutcome.DISMISSED) for delivery in (DEAD, PENDING, SENT, None)),
    ],
)
def test_each_pair_of_states(
    letter_state: DeadLetterState, delivery: Delivery | None, step: ReplayStep, outcome: ReplayOutcome
) -> None:
    assert decision(letter_in(letter_state), delivery) == ReplayDecision(step=step, outcome=outcome)


@pytest.mark.parametrize("received_at", [None, NOW - DELIVERY_RETENTION, NOW - timedelta(days=400)])
def test_a_report_whose_delivery_may_have_been_deleted_is_not_sent(received_at: datetime | None) -> None:
    stopped = decision(letter_in(OPEN, received_at=received_at), None)
    assert stopped == ReplayDecision(step=ReplayStep.STOP, outcome=ReplayOutcome.EXPIRED)


@pytest.mark.parametrize("letter_state", list(DeadLetterState))
def test_a_letter_that_names_no_report_is_left_alone(letter_state: DeadLetterState) -> None:
    assert decision(letter_in(letter_state, payload={}), None).outcome is ReplayOutcome.NAMES_NO_REPORT


def test_only_a_dead_delivery_counts_as_a_new_replay() -> None:
    deliveries = (PENDING, HELD, EXPIRED, SENT, SKIPPED, DEAD, None)
    counted = [
        (letter_state, delivery)
        for letter_state, delivery in itertools.product(DeadLetterState, deliveries)
        if decision(letter_in(letter_state), delivery).step is ReplayStep.REVIVE
    ]
    assert counted == [(OPEN, DEAD)]


@pytest.mark.parametrize(
    ("letter_reason", "delivery"),
    [(DeadLetterReason.UNKNOWN_OUTCOME, delivery) for delivery in (DEAD, PENDING, EXPIRED, None)]
    + [(DeadLetterReason.RETRIES_EXHAUSTED, DEAD_UNCLEAR)],
)
def test_what_may_have_been_sent_is_replayed_only_by_who_knows_that(
    letter_reason: str, delivery: Delivery | None
) -> None:
    letter = letter_in(OPEN, reason=letter_reason)
    unasked = decision(letter, delivery)
    assert unasked == ReplayDecision(step=ReplayStep.STOP, outcome=ReplayOutcome.UNKNOWN_OUTCOME)
    assert may_have_been_sent(letter, delivery)
    accepted = decision(letter, delivery, may_send_twice=True)
    assert accepted == decision(letter_in(OPEN), DEAD if delivery is DEAD_UNCLEAR else delivery)


def test_the_deliverys_reason_counts_only_while_it_is_dead() -> None:
    pending = delivery_in(DeliveryState.PENDING, reason=DeadLetterReason.UNKNOWN_OUTCOME)
    assert decision(letter_in(OPEN), pending).step is ReplayStep.RESUME


def test_what_is_not_replayed_anyway_is_not_asked_about() -> None:
    for letter_state, delivery in itertools.product((REPLAYED, DISMISSED), (DEAD_UNCLEAR, SENT, PENDING)):
        stopped = decision(letter_in(letter_state, reason=DeadLetterReason.UNKNOWN_OUTCOME), delivery)
        assert stopped == decision(letter_in(letter_state), delivery)
    unclear = letter_in(OPEN, reason=DeadLetterReason.UNKNOWN_OUTCOME)
    assert decision(unclear, SENT).outcome is ReplayOutcome.ALREADY_SENT


@pytest.mark.parametrize("outcome", list(ReplayOutcome))
def test_every_outcome_is_explained(outcome: ReplayOutcome) -> None:
    assert outcome.explanation
