"""What becomes of a delivery: by its record, and then by the outcome of sending. Pure: no client, no clock.

Two rules make the worker send a delivery at most once, and both are in this file: only the owner of the lease sends,
and an email of unknown outcome is not sent again unless the team has chosen that.
"""

from datetime import datetime
from enum import Enum, auto
from http import HTTPStatus
from typing import NamedTuple

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


class NextStep(Enum):
    """What to do with a delivery that a task names."""

    SEND = auto()
    """No worker has sent it: build the report and claim the delivery."""
    ALREADY_FINAL = auto()
    """Nothing is left to send."""
    IN_PROGRESS = auto()
    """Another process has claimed it and is acting on it now."""
    INQUIRE = auto()
    """A worker was sending it and did not write down the outcome, or Firestore was restored from a copy that does not
    have it: find out whether the provider has the email."""
    FINISH_GIVING_UP = auto()
    """A process began to give it up, and ended too early: publish its dead letter, and mark it dead."""


def next_step(delivery: Delivery | None, *, now: datetime) -> NextStep:
    """Decide by the delivery.

    Args:
        delivery: as it counts; None where there is none yet.
        now: the present, in UTC.
    """
    if delivery is None:
        return NextStep.SEND
    if delivery.is_final:
        return NextStep.ALREADY_FINAL
    if delivery.is_claimed(now):
        return NextStep.IN_PROGRESS
    match delivery.state:
        case DeliveryState.GIVING_UP:
            return NextStep.FINISH_GIVING_UP
        case DeliveryState.PENDING:
            return NextStep.SEND
        case _:
            return NextStep.INQUIRE


class Sent(NamedTuple):
    """The provider has the email.

    Attributes:
        message_id: its id there.
        is_latest: whether it is certain that this is the latest email, and not an earlier one.
        archived_as: its copy, as the destination says (Accepted).
    """

    message_id: str
    is_latest: bool = False
    archived_as: str | None = None


class Skip(NamedTuple):
    """No email is sent. Final, and no person needs to look at it.

    Attributes:
        reason: why.
        note: what the kind says of that; empty where the pipeline itself skips the report.
    """

    reason: SkipReason
    note: str = ""


class Retry(NamedTuple):
    """Not now: nothing was sent, or it may be sent again. The worker gives the claim back, and the queue calls again.

    Attributes:
        status: what to answer. 429 and 503 make the queue slow down as a whole, 500 does not.
            https://cloud.google.com/tasks/docs/creating-http-target-tasks#handler
        cause: one word for logs and the answer.
        error: what went wrong.
        retry_after_seconds: how long the provider asks us to wait.
        release: whether to give the claim back. If not, the outcome is unknown, and no worker acts on the delivery
            before the lease is over.
    """

    status: HTTPStatus
    cause: str
    error: str
    retry_after_seconds: int | None = None
    release: bool = True

    @property
    def alone(self) -> "Retry":
        """The same where the destination serves this report and few others: the rest of the queue keeps its pace."""
        return self._replace(status=HTTPStatus.INTERNAL_SERVER_ERROR, retry_after_seconds=None)


class GiveUp(NamedTuple):
    """Not at all: a dead letter tells a person.

    Attributes:
        reason: what the dead letter says.
        error: what went wrong.
        is_malformed: whether the user's or the subscription's document is malformed.
    """

    reason: DeadLetterReason
    error: str
    is_malformed: bool = False


class Hold(NamedTuple):
    """Not until its kind is resumed. The task ends, and nothing is written: a run makes another one then."""


class Wait(NamedTuple):
    """Not before the provider's records can prove that it does not have the email: a task of its own carries the
    delivery until then.

    Attributes:
        until: when that is, in UTC.
        task_name: the name of that task.
    """

    until: datetime
    task_name: str


Transition = Sent | Skip | Retry | GiveUp


def transition_after_repeat(outcome: Outcome) -> Transition:
    """Decide by the outcome of requests that a worker may have made before, with the same idempotency key.

    Accepted now or then: the provider does not say, and it does not matter. Anything else says nothing about the
    request before, so its outcome stays unknown until the provider accepts the email, or forgets the key. Also after
    the queue's last attempt: the next run finds the delivery and makes a task for it.

    Args:
        outcome: what the provider answered, if anything.
    """
    match transition_after(outcome, last_attempt=False):
        case Sent() as sent:
            return sent
        case Retry() as again:
            return again._replace(release=False)
        case GiveUp(error=error):
            # The provider takes the request no more, for a reason that has come up since, or that it found before.
            return GiveUp(reason=DeadLetterReason.UNKNOWN_OUTCOME, error=error)
        case Skip():
            error = "the provider keeps the email from its recipient, and may have accepted it before"
            return GiveUp(reason=DeadLetterReason.UNKNOWN_OUTCOME, error=error)


def transition_after(outcome: Outcome, *, last_attempt: bool, can_repeat: bool = False) -> Transition:
    """Decide by the outcome of sending.

    Args:
        outcome: what the provider answered, if anything.
        last_attempt: whether the queue deletes the task after this attempt, whatever the answer.
        can_repeat: whether the requests can be made again with the same idempotency key, or the provider's records
            are to decide.
    """
    match outcome:
        case Accepted(message_id, archived_as):
            return Sent(message_id, archived_as=archived_as)
        case Unsubscribed():
            return Skip(reason=SkipReason.UNSUBSCRIBED)
        case Refused(error=error):
            return GiveUp(reason=DeadLetterReason.PERMANENT_ERROR, error=error)
        case Throttled(error=error, retry_after_seconds=seconds):
            again = Retry(HTTPStatus.TOO_MANY_REQUESTS, cause="throttled", error=error, retry_after_seconds=seconds)
        case Unavailable(error=error):
            again = Retry(HTTPStatus.INTERNAL_SERVER_ERROR, cause="provider-unavailable", error=error)
        case NotAllowed(error=error):
            # The key is broken, not the report: the whole queue slows down until someone replaces the key.
            again = Retry(HTTPStatus.SERVICE_UNAVAILABLE, cause="provider-refuses-key", error=error)
        case Unclear(error=error, is_lasting=True):
            # Neither a repeat nor the provider's records would say more: a person decides at once.
            return GiveUp(reason=DeadLetterReason.UNKNOWN_OUTCOME, error=error)
        case Unclear(error=error):
            if last_attempt and not can_repeat:
                return GiveUp(reason=DeadLetterReason.UNKNOWN_OUTCOME, error=error)
            # The claim is kept: once its lease is over, a later attempt repeats the requests or finds out whether the
            # provider has the email. After the last attempt of all, the next run makes a task for that.
            return Retry(status=HTTPStatus.INTERNAL_SERVER_ERROR, cause="unknown-outcome", error=error, release=False)
    return retry_or_give_up(again, last_attempt=last_attempt)


def retry_or_give_up(retry: Retry, *, last_attempt: bool) -> Retry | GiveUp:
    """A failure that may pass: retried by the queue, and a dead letter when the queue has no attempt left.

    Cloud Tasks has no dead letter queue of its own; after the last attempt it deletes the task without a trace.
    https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues#RetryConfig
    """
    if last_attempt:
        return GiveUp(reason=DeadLetterReason.RETRIES_EXHAUSTED, error=retry.error)
    return retry
