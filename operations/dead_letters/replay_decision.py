"""Decides what a replay does with a dead letter, by the dead letter and its delivery. Pure.

A replay takes three steps: it puts the delivery back, makes a task, and marks the dead letter. If a replay is killed
between two steps, the operator starts it again. Only the delivery record settles what may be sent: a task for a
delivery that is final, or that a worker has claimed, does nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from functions.shared.firestore.unknown_outcome import Settlement
from functions.shared.records.dead_letter import DeadLetterReason, DeadLetterState, StoredDeadLetter
from functions.shared.records.delivery import Delivery, DeliveryState
from functions.shared.records.delivery_table import DELIVERY_RETENTION
from operations.dead_letters.dead_letter_result import DeadLetterOutcome


class ReplayOutcome(DeadLetterOutcome):
    """The result of replaying one dead letter, for the operator."""

    REPLAYED = "replayed", "its delivery is back in the queue", True
    ALREADY_SENT = "already-sent", "its report was sent: nothing is sent again", True
    ALREADY_SKIPPED = (
        "already-skipped",
        "its user or its subscription is gone, inactive or paused: nothing is sent",
        True,
    )
    ALREADY_REPLAYED = "already-replayed", "it was replayed before: nothing is left to do", True
    FAILED_AGAIN = "failed-again", "its report has failed again: see its error, fix the cause, then replay it"
    BEING_SENT = "being-sent", "a worker is sending its report right now: look again in a minute"
    UNKNOWN_OUTCOME = (
        "unknown-outcome",
        "its report may just have arrived: look for it at the email provider or the destination, then replay it again",
    )
    DISMISSED = "dismissed", "it was dismissed: open it again by reports dead-letters reopen, then replay it"
    CHANGED = "changed", "it has changed since you looked: nothing was done"
    NAMES_NO_REPORT = "names-no-report", "it names no report, so there is nothing to put back: dismiss it"
    EXPIRED = "expired", "its delivery record is deleted, so its report may have been sent: dismiss it"
    NOT_FOUND = "not-found", "there is no such dead letter"
    ERROR = "error", "Google Cloud did not answer or refused"


class ReplayStep(Enum):
    """The first step of a replay."""

    REVIVE = auto()
    """Put the delivery back and count the replay; then make a task."""

    RESUME = auto()
    """Put the delivery back without counting: a replay was interrupted, or a worker before it could mark it dead."""

    HAND_OVER = auto()
    """Leave the delivery, and make a task. Its worker stopped while it was sending, or before it published a dead
    letter. The worker that gets the task decides what to do, or publishes the dead letter."""

    CLOSE = auto()
    """Mark the dead letter, without a task: its delivery has become final meanwhile."""

    STOP = auto()
    """Change nothing."""


@dataclass(frozen=True, kw_only=True)
class ReplayDecision:
    """The first step, and the result to report after it."""

    step: ReplayStep
    outcome: ReplayOutcome


def may_have_been_sent(letter: StoredDeadLetter, delivery: Delivery | None) -> bool:
    """Whether replaying a dead letter may send a second email, because the outcome of the first is unknown.

    The delivery may say so before the dead letter does: a worker that fails writes both, and the DLQ handler stores the
    dead letter only when Pub/Sub has delivered it.
    """
    if letter.state is not DeadLetterState.OPEN:
        return False
    reasons = {letter.reason}
    if delivery is not None and delivery.state in {DeliveryState.DEAD, DeliveryState.GIVING_UP}:
        reasons.add(delivery.reason)
    return DeadLetterReason.UNKNOWN_OUTCOME in reasons


def decide_replay(
    letter: StoredDeadLetter,
    delivery: Delivery | None,
    *,
    may_send_twice: bool,
    now: datetime,
    settled: Settlement | None = None,
) -> ReplayDecision:
    """Decide about one dead letter.

    Args:
        may_send_twice: whether the operator wants it replayed although its outcome is unknown.
        settled: what an event of the email settles, where there is one.
    """
    if settled is not None:
        return ReplayDecision(step=ReplayStep.CLOSE, outcome=ReplayOutcome.ALREADY_SENT)
    decision = _by_states(letter, delivery, now)
    if decision.step in {ReplayStep.STOP, ReplayStep.CLOSE} or may_send_twice:
        return decision
    return _stop(ReplayOutcome.UNKNOWN_OUTCOME) if may_have_been_sent(letter, delivery) else decision


def _by_states(letter: StoredDeadLetter, delivery: Delivery | None, now: datetime) -> ReplayDecision:
    if letter.task is None:
        return _stop(ReplayOutcome.NAMES_NO_REPORT)
    match letter.state:
        case DeadLetterState.DISMISSED:
            return _stop(ReplayOutcome.DISMISSED)
        case DeadLetterState.SETTLED:
            return _stop(ReplayOutcome.ALREADY_SENT)
        case DeadLetterState.REPLAYED:
            return _of_replayed(delivery, now)
        case DeadLetterState.OPEN:
            return _of_open(letter, delivery, now)


def _of_open(letter: StoredDeadLetter, delivery: Delivery | None, now: datetime) -> ReplayDecision:
    if delivery is None:
        # Either the worker was killed before it could write the delivery, or Firestore has deleted it by its TTL, and
        # with it whether an earlier replay sent it.
        if letter.received_at is None or letter.received_at <= now - DELIVERY_RETENTION:
            return _stop(ReplayOutcome.EXPIRED)
        return _proceed(ReplayStep.RESUME)
    match delivery.state:
        case DeliveryState.GIVING_UP:
            # People know of this failure already. They do not know of a later one, whose dead letter may be on its way.
            is_known = delivery.failed_at == letter.failed_at
            return _proceed(ReplayStep.RESUME if is_known else ReplayStep.HAND_OVER)
        case DeliveryState.SENT:
            return ReplayDecision(step=ReplayStep.CLOSE, outcome=ReplayOutcome.ALREADY_SENT)
        case DeliveryState.SKIPPED:
            return ReplayDecision(step=ReplayStep.CLOSE, outcome=ReplayOutcome.ALREADY_SKIPPED)
        case DeliveryState.DEAD:
            return _proceed(ReplayStep.REVIVE)
        case DeliveryState.PENDING:
            return _proceed(ReplayStep.RESUME)
        case DeliveryState.SENDING:
            return _of_sending(delivery, now)


def _of_replayed(delivery: Delivery | None, now: datetime) -> ReplayDecision:
    if delivery is None or delivery.state in {DeliveryState.SENT, DeliveryState.SKIPPED}:
        return _stop(ReplayOutcome.ALREADY_REPLAYED)
    if delivery.state is DeliveryState.DEAD:
        # Its new dead letter is on its way through Pub/Sub and will open this one again.
        return _stop(ReplayOutcome.FAILED_AGAIN)
    if delivery.state is DeliveryState.SENDING:
        return _of_sending(delivery, now)
    is_given_up = delivery.state is DeliveryState.GIVING_UP
    return _proceed(ReplayStep.HAND_OVER if is_given_up else ReplayStep.RESUME)


def _of_sending(delivery: Delivery, now: datetime) -> ReplayDecision:
    return _stop(ReplayOutcome.BEING_SENT) if delivery.is_claimed(now) else _proceed(ReplayStep.HAND_OVER)


def _proceed(step: ReplayStep) -> ReplayDecision:
    return ReplayDecision(step=step, outcome=ReplayOutcome.REPLAYED)


def _stop(outcome: ReplayOutcome) -> ReplayDecision:
    return ReplayDecision(step=ReplayStep.STOP, outcome=outcome)
