"""What a replay does with a dead letter, given what Firestore has of it and of its delivery. Pure.

A replay is three steps: the delivery is put back, a task is made, the letter is marked. Killed between two of them it
leaves a state in which it is simply begun again. What may be sent is settled by the ledger alone: a task for a
delivery that is final, or that a worker holds, does nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum, auto

from functions.shared.dead_letter import DeadLetterReason, DeadLetterState
from functions.shared.delivery import DELIVERY_RETENTION, DeliveryState
from functions.shared.lease import is_live


class Outcome(StrEnum):
    """What came of replaying one dead letter, as the operator is told."""

    REPLAYED = "replayed"
    ALREADY_SENT = "already-sent"
    ALREADY_SKIPPED = "already-skipped"
    ALREADY_REPLAYED = "already-replayed"
    FAILED_AGAIN = "failed-again"
    BEING_SENT = "being-sent"
    UNKNOWN_OUTCOME = "unknown-outcome"
    DISMISSED = "dismissed"
    NAMES_NO_REPORT = "names-no-report"
    EXPIRED = "expired"
    NOT_FOUND = "not-found"
    ERROR = "error"

    @property
    def is_success(self) -> bool:
        """Whether there is nothing left to do for it."""
        return self in {Outcome.REPLAYED, Outcome.ALREADY_SENT, Outcome.ALREADY_SKIPPED, Outcome.ALREADY_REPLAYED}

    @property
    def explanation(self) -> str:
        """What it means, and what to do."""
        return _EXPLANATIONS[self]


_EXPLANATIONS = {
    Outcome.REPLAYED: "its delivery is back in the queue",
    Outcome.ALREADY_SENT: "its report was sent meanwhile: nothing is sent again",
    Outcome.ALREADY_SKIPPED: "its user is gone or inactive: nothing is sent",
    Outcome.ALREADY_REPLAYED: "it was replayed before: nothing is left to do",
    Outcome.FAILED_AGAIN: "its report has failed again: see its error, and replay it once the cause is mended",
    Outcome.BEING_SENT: "a worker is sending its report right now: look again in a minute",
    Outcome.UNKNOWN_OUTCOME: "its mail may just have reached its user: look for it in SendGrid, then replay it again",
    Outcome.DISMISSED: "it was dismissed: reports dead-letters reopen opens it again, and then it can be replayed",
    Outcome.NAMES_NO_REPORT: "it names no report, so there is nothing to put back: dismiss it",
    Outcome.EXPIRED: "the ledger no longer knows whether its report was sent: dismiss it",
    Outcome.NOT_FOUND: "there is no such dead letter",
    Outcome.ERROR: "Google Cloud could not be asked or told",
}


class Step(Enum):
    """What to do first."""

    REVIVE = auto()
    """Put the delivery back and count the replay; then make a task."""

    RESUME = auto()
    """Put the delivery back without counting: a replay was interrupted, or a worker before it could mark it dead."""

    HAND_OVER = auto()
    """Leave the delivery: its worker ended while it was sending, or before it had told of a failure. The worker that
    gets the task judges that, or tells of it."""

    CLOSE = auto()
    """Mark the letter, without a task: the report has come to its end meanwhile."""

    STOP = auto()
    """Change nothing."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to do, and what to say if it is done."""

    step: Step
    outcome: Outcome


@dataclass(frozen=True, kw_only=True)
class DeliveryRecord:
    """What the ledger has of a delivery.

    Attributes:
        state: where it stands.
        lease_expires_at: until when the worker that is sending it alone may act on it.
        reason: why it is dead, or is being given up; empty where it is not, or the ledger does not say.
        failed_at: when it was given up, where the ledger says so.
    """

    state: DeliveryState
    lease_expires_at: datetime | None = None
    reason: str = ""
    failed_at: datetime | None = None

    @property
    def is_being_given_up(self) -> bool:
        """Whether a worker has settled that it is given up, and has not yet marked it dead."""
        return not self.state.is_final and bool(self.reason) and self.failed_at is not None


def is_unclear(*, letter_state: str, letter_reason: str, delivery: DeliveryRecord | None) -> bool:
    """Whether to replay a dead letter may send a second mail: nobody knows whether SendGrid took the first.

    The ledger may know it before the letter does: a worker that fails writes both, and the letter is stored only when
    Pub/Sub has delivered it.

    Args:
        letter_state: as the dead letter has it.
        letter_reason: why it became one, as far as it knows.
        delivery: what the ledger has; None where it has nothing.
    """
    if letter_state in {DeadLetterState.REPLAYED, DeadLetterState.DISMISSED}:
        return False
    died_unclear = (
        delivery is not None
        and (delivery.state is DeliveryState.DEAD or delivery.is_being_given_up)
        and delivery.reason == DeadLetterReason.UNKNOWN_OUTCOME
    )
    return died_unclear or letter_reason == DeadLetterReason.UNKNOWN_OUTCOME


def decide(
    *,
    letter_state: str,
    letter_reason: str,
    names_a_report: bool,
    received_at: datetime | None,
    failed_at: datetime | None,
    delivery: DeliveryRecord | None,
    may_send_twice: bool,
    now: datetime,
) -> Decision:
    """Decide about one dead letter.

    Args:
        letter_state: as the dead letter has it.
        letter_reason: why it became one, as far as it knows.
        names_a_report: whether a task can be made of it.
        received_at: when it was stored.
        failed_at: when what it tells of happened.
        delivery: what the ledger has; None where it has nothing.
        may_send_twice: whether the operator wants it replayed although nobody knows whether the mail was sent.
        now: the present, in UTC.
    """
    decision = _by_states(
        letter_state=letter_state,
        names_a_report=names_a_report,
        received_at=received_at,
        failed_at=failed_at,
        delivery=delivery,
        now=now,
    )
    if decision.step in {Step.STOP, Step.CLOSE} or may_send_twice:
        return decision
    if is_unclear(letter_state=letter_state, letter_reason=letter_reason, delivery=delivery):
        return _stop(Outcome.UNKNOWN_OUTCOME)
    return decision


def _by_states(
    *,
    letter_state: str,
    names_a_report: bool,
    received_at: datetime | None,
    failed_at: datetime | None,
    delivery: DeliveryRecord | None,
    now: datetime,
) -> Decision:
    if not names_a_report:
        return _stop(Outcome.NAMES_NO_REPORT)
    if letter_state == DeadLetterState.DISMISSED:
        return _stop(Outcome.DISMISSED)
    if letter_state == DeadLetterState.REPLAYED:
        return _replayed_before(delivery, now)
    if delivery is None:
        # Either its worker was killed before it could write anything down, or the ledger has deleted it by its TTL,
        # and with it whether an earlier replay has sent it.
        if received_at is None or received_at <= now - DELIVERY_RETENTION:
            return _stop(Outcome.EXPIRED)
        return _proceed(Step.RESUME)
    if delivery.is_being_given_up:
        # Of this failure people know already; of a later one they do not, and its dead letter may be on its way.
        return _proceed(Step.RESUME if delivery.failed_at == failed_at else Step.HAND_OVER)
    match delivery.state:
        case DeliveryState.SENT:
            return Decision(step=Step.CLOSE, outcome=Outcome.ALREADY_SENT)
        case DeliveryState.SKIPPED:
            return Decision(step=Step.CLOSE, outcome=Outcome.ALREADY_SKIPPED)
        case DeliveryState.DEAD:
            return _proceed(Step.REVIVE)
        case DeliveryState.PENDING:
            return _proceed(Step.RESUME)
        case DeliveryState.SENDING:
            return _stop(Outcome.BEING_SENT) if _is_held(delivery, now) else _proceed(Step.HAND_OVER)


def _replayed_before(delivery: DeliveryRecord | None, now: datetime) -> Decision:
    if delivery is None or delivery.state in {DeliveryState.SENT, DeliveryState.SKIPPED}:
        return _stop(Outcome.ALREADY_REPLAYED)
    if delivery.state is DeliveryState.DEAD:
        # Its new dead letter is on its way through Pub/Sub and will open this one again.
        return _stop(Outcome.FAILED_AGAIN)
    if delivery.state is DeliveryState.SENDING:
        return _stop(Outcome.BEING_SENT) if _is_held(delivery, now) else _proceed(Step.HAND_OVER)
    return _proceed(Step.HAND_OVER if delivery.is_being_given_up else Step.RESUME)


def _is_held(delivery: DeliveryRecord, now: datetime) -> bool:
    return is_live(delivery.lease_expires_at, now)


def _proceed(step: Step) -> Decision:
    return Decision(step=step, outcome=Outcome.REPLAYED)


def _stop(outcome: Outcome) -> Decision:
    return Decision(step=Step.STOP, outcome=outcome)
