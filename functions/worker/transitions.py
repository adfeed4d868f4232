"""What becomes of a delivery: given what the ledger has, and then how the sending went. Pure: no client, no clock.

A delivery is sent at most once because of two rules that are all in this file: only who holds the lease sends, and a
sending whose outcome nobody knows is never repeated unless the team has chosen that.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from http import HTTPStatus

from functions.shared.dead_letter import DeadLetterReason
from functions.shared.delivery import Delivery, DeliveryState
from functions.shared.settings import OnUnknownOutcome
from functions.worker.mail import Accepted, NotAllowed, Outcome, Refused, Throttled, Unavailable, Unclear, Unsubscribed


class Step(Enum):
    """What to do with a delivery that a task names."""

    SEND = auto()
    """Nobody has sent it: build the report and claim the delivery."""
    NOTHING = auto()
    """It is final."""
    LEAVE = auto()
    """Somebody else is sending it right now, or gives it up: holds it to publish its dead letter."""
    ASK = auto()
    """Somebody was sending it and never said how that went: the provider may know."""
    GIVE_UP_UNKNOWN = auto()
    """Somebody was sending it and never said how that went, and nobody knows."""
    BURY = auto()
    """It is being given up, and whoever was at it has not finished: publish its dead letter, and mark it dead."""


def next_step(
    delivery: Delivery | None, *, now: datetime, on_unknown_outcome: OnUnknownOutcome, can_ask: bool = False
) -> Step:
    """Decide by the delivery delivery.

    Args:
        delivery: as Firestore has it; None where there is none yet.
        now: the present, in UTC.
        on_unknown_outcome: the team's choice between maybe never and maybe twice.
        can_ask: whether the provider can be asked what mails it has.
    """
    if delivery is None:
        return Step.SEND
    if delivery.is_final:
        return Step.NOTHING
    if delivery.is_claimed(now):
        return Step.LEAVE
    if delivery.failure is not None:
        return Step.BURY
    if delivery.state is DeliveryState.PENDING:
        return Step.SEND
    return Step.ASK if can_ask else step_of_unknown(on_unknown_outcome)


def step_of_unknown(on_unknown_outcome: OnUnknownOutcome) -> Step:
    """What to do with a delivery of which nobody knows whether it was sent."""
    if on_unknown_outcome is OnUnknownOutcome.RESEND:
        return Step.SEND
    return Step.GIVE_UP_UNKNOWN


@dataclass(frozen=True, kw_only=True)
class Sent:
    """The provider has the mail."""

    message_id: str


@dataclass(frozen=True, kw_only=True)
class Skip:
    """Not to this user: final, and nothing that a person need look at."""

    cause: str


@dataclass(frozen=True, kw_only=True)
class Retry:
    """Not now: nothing was sent, or it may be sent again. The claim is given back, and the queue calls again.

    Attributes:
        status: what to answer. 429 and 503 make the queue slow down as a whole, 500 does not.
            https://cloud.google.com/tasks/docs/creating-http-target-tasks#handler
        cause: one word for logs and the answer.
        error: what went wrong.
        retry_after_seconds: how long the provider asked to be left alone.
        release: whether to give the claim back. Where it is kept, nobody touches the delivery before the lease is over.
    """

    status: HTTPStatus
    cause: str
    error: str
    retry_after_seconds: int | None = None
    release: bool = True


@dataclass(frozen=True, kw_only=True)
class GiveUp:
    """Not at all: a dead letter, and a person.

    Attributes:
        reason: what the dead letter says.
        error: what went wrong.
        release: whether to try again if Pub/Sub refuses the dead letter. Where not, it stays given up, and the next
            attempt publishes.
    """

    reason: DeadLetterReason
    error: str
    release: bool = True


Verdict = Sent | Skip | Retry | GiveUp


def verdict(
    outcome: Outcome, *, last_attempt: bool, on_unknown_outcome: OnUnknownOutcome, can_ask: bool = False
) -> Verdict:
    """Decide by how the sending went.

    Args:
        outcome: the provider's answer, or the lack of one.
        last_attempt: whether the queue deletes the task after this attempt, whatever the answer.
        on_unknown_outcome: the team's choice between maybe never and maybe twice.
        can_ask: whether the provider can be asked, once the mail has had the time to appear in its records.
    """
    match outcome:
        case Accepted(message_id=message_id):
            return Sent(message_id=message_id)
        case Unsubscribed():
            return Skip(cause="user-unsubscribed")
        case Refused(error=error):
            return GiveUp(reason=DeadLetterReason.PERMANENT_ERROR, error=error)
        case Throttled(error=error, retry_after_seconds=seconds):
            return retry_or_give_up(
                Retry(status=HTTPStatus.TOO_MANY_REQUESTS, cause="throttled", error=error, retry_after_seconds=seconds),
                last_attempt=last_attempt,
            )
        case Unavailable(error=error):
            return retry_or_give_up(
                Retry(status=HTTPStatus.INTERNAL_SERVER_ERROR, cause="provider-unavailable", error=error),
                last_attempt=last_attempt,
            )
        case NotAllowed(error=error):
            # A broken key, not a broken report: everybody slows down until somebody has mended it.
            return retry_or_give_up(
                Retry(status=HTTPStatus.SERVICE_UNAVAILABLE, cause="provider-refuses-key", error=error),
                last_attempt=last_attempt,
            )
        case Unclear(error=error):
            if can_ask and not last_attempt:
                return Retry(
                    status=HTTPStatus.INTERNAL_SERVER_ERROR, cause="unknown-outcome", error=error, release=False
                )
            if on_unknown_outcome is OnUnknownOutcome.DEAD_LETTER or last_attempt:
                may_be_sent_again = on_unknown_outcome is OnUnknownOutcome.RESEND
                return GiveUp(reason=DeadLetterReason.UNKNOWN_OUTCOME, error=error, release=may_be_sent_again)
            return Retry(status=HTTPStatus.INTERNAL_SERVER_ERROR, cause="unknown-outcome", error=error)


def retry_or_give_up(retry: Retry, *, last_attempt: bool) -> Retry | GiveUp:
    """A failure that may pass: retried by the queue, and a dead letter when the queue has no attempt left.

    Cloud Tasks has no dead letter queue of its own; after the last attempt it deletes the task without a trace.
    https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues#RetryConfig
    """
    if last_attempt:
        return GiveUp(reason=DeadLetterReason.RETRIES_EXHAUSTED, error=retry.error)
    return retry
