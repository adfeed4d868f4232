"""Writes down how an attempt ends, and answers the queue: each end is here, and nowhere else.

An email whose outcome is unknown may turn out to be accepted at any time, by an event. The mail events settle its
delivery by that, but for one that a worker is sending. So whoever puts a delivery in doubt back, or skips it, or meets
it when nobody is sending it, looks for an event on record (AttemptEnd.settled_by_event).
"""

import contextlib
from collections.abc import Callable
from datetime import datetime
from functools import partial
from http import HTTPStatus

import structlog
from google.api_core.exceptions import GoogleAPIError

from functions.shared.dead_letter_topic import DeadLetterTopic
from functions.shared.firestore.delivery_store import DeliveryChanged, DeliveryStore, Move, Occasion
from functions.shared.firestore.unknown_outcome import settle
from functions.shared.records.archived_copy import is_copy_of
from functions.shared.records.dead_letter import DeadLetter, DeadLetterReason
from functions.shared.records.delivery import NOT_COUNTED, Delivery, DeliveryFailure, SkipReason
from functions.shared.records.delivery_table import Event, GivenUp, Proven, Refused, Skipped, Tried, Unclear
from functions.shared.records.delivery_table import Sent as SentEvent
from functions.shared.records.ids import malformed_letter_id
from functions.shared.records.mark import met_pause_fields
from functions.shared.records.report_task import ReportTask
from functions.shared.records.states import DeliveryState
from functions.shared.sanitize import error_text
from functions.worker import task_answer
from functions.worker.attempt import Attempt
from functions.worker.copies import Copies
from functions.worker.inactive_users import InactiveUsers
from functions.worker.skipping import OF_USERS, skip_reason
from functions.worker.task_answer import TaskAnswer
from functions.worker.task_delivery import TaskDelivery
from functions.worker.time_budget import NOTE_SECONDS, SETTLE_SECONDS
from functions.worker.transitions import GiveUp, Hold, Retry, Sent, Skip, Transition, Wait, retry_or_give_up

_MAY_HAVE_BEEN_SENT = "an earlier attempt may have sent it"
_BODY_CHARACTERS = 10_000

_logger = structlog.get_logger()


class AttemptEnd:
    """Ends attempts. Safe for threads.

    Args:
        deliveries: reads and writes deliveries and their subscriptions.
        inactive_users: pauses the subscriptions of users who are inactive or gone.
        dead_letters: where dead letters go.
        copies: the copies of the emails.
        now: the present, in UTC.
        settle_later: makes the task that decides later about a delivery, and says whether there is one.
    """

    def __init__(
        self,
        *,
        deliveries: DeliveryStore,
        inactive_users: InactiveUsers,
        dead_letters: DeadLetterTopic,
        copies: Copies,
        now: Callable[[], datetime],
        settle_later: Callable[[ReportTask, Wait], bool],
    ) -> None:
        self._settle_later = settle_later
        self._deliveries = deliveries
        self._inactive_users = inactive_users
        self._dead_letters = dead_letters
        self._copies = copies
        self._now = now

    def __call__(self, work: TaskDelivery, by: Transition | Hold | Wait) -> TaskAnswer:
        """End an attempt.

        Args:
            work: the delivery.
            by: how it ends.

        Raises:
            DeliveryChanged: another process has acted on the delivery.
            GoogleAPIError: Firestore failed or did not answer.
        """
        is_unknown = not work.is_claimed and work.delivery and work.delivery.state is DeliveryState.SENDING
        if isinstance(by, Retry) and not work.is_claimed and not is_unknown:
            by = retry_or_give_up(by, last_attempt=work.attempt.last)
        match by:
            case Sent():
                return self._sent(work, by)
            case Skip():
                return self._skipped(work, by)
            case GiveUp():
                return self._given_up(work, by)
            case Hold():
                return task_answer.KIND_PAUSED
            case Wait(task_name=name):
                # Itself, where clocks differ or SETTLING_MINUTES has grown: its name would make no other.
                is_early = name == work.attempt.task_name
                is_made = not is_early and self._settle_later(work.task, by)
                return task_answer.SETTLING if is_made else task_answer.TASK_NOT_MADE
            case Retry(error=error):
                # What a worker may have sent is left as it is: after the last attempt the next run makes a task for it.
                if work.is_claimed:
                    self._write(work, Refused(error) if by.release else Unclear(error))
                    if by.release and (settled := self.settled_by_event(work)):
                        return settled
                elif not is_unknown:
                    self._note(work, Tried(error))
                return task_answer.to_be_retried(work.task, by)

    def already_final(self, work: TaskDelivery) -> TaskAnswer:
        """Send nothing, and tell the team's application again: a worker may have ended before it did. A subscription
        that still has this due time moves on: that worker left it so, an application has written an old copy back, or
        an event has settled the delivery."""
        task, subscription, delivery = work.task, work.subscription, work.delivery
        if delivery is not None:
            # Also where the subscription is no longer due for it: the recipient may have paused it since.
            self._deliveries.tell_again(delivery)
        if subscription is not None and delivery is not None and subscription.next_report_at == task.due_at:
            reason = skip_reason(work.user, subscription, now=self._now())
            if reason in OF_USERS:
                self._pause_all(work, reason)
            elif reason is SkipReason.PAUSED:
                self._deliveries.move(task, self._stay_paused(work))
            else:
                work = work._replace(others=self._deliveries.others(task, now=self._now()))
                if self._deliveries.move(task, self._move(work, counts=delivery.is_counted)):
                    _logger.warning("subscription_moved_past_final_delivery", delivery_id=task.delivery_id)
        self._close_letter(work)
        return task_answer.already_final(delivery)

    def settled_by_event(self, work: TaskDelivery) -> TaskAnswer | None:
        """Settle a delivery in doubt that nobody is sending by an event of its email, as the DLQ handler does for its
        dead letter, and end as with any that is final already. None where there is no doubt, or no event.

        An event that comes later settles the delivery by itself.
        """
        if not work.is_in_doubt:
            return None
        delivery_id, tell = work.task.delivery_id, self._dead_letters.tell
        settled = settle(self._deliveries.letters, delivery_id, now=self._now(), tell=tell)
        if not settled.is_sent:
            return None
        _logger.info("outcome_settled", delivery_id=delivery_id, closed_dead_letter=bool(settled.letter))
        return self.already_final(self._as_it_is(work))

    def left_to_others(self, work: TaskDelivery) -> TaskAnswer:
        """Another process has acted on the delivery. It finishes what it has begun, but may have ended before it did
        what is left to do of one that is final."""
        found = self._as_it_is(work)
        if found.delivery is None or not found.delivery.is_final:
            return task_answer.LEFT_TO_OTHERS
        return self.settled_by_event(found) or self.already_final(found)

    def finish_giving_up(self, work: TaskDelivery, failure: DeliveryFailure) -> TaskAnswer:
        """Give a delivery up (DeliveryStore.give_up). Where that fails, the next attempt does so, or a task that the
        dispatcher makes.

        Args:
            work: the delivery.
            failure: why it is given up.
        """
        move = self._move(work, counts=failure.letter_id is None)
        publish = partial(self._publish, attempt=work.attempt)
        try:
            given_up = self._deliveries.give_up(
                work.task,
                work.documents,
                GivenUp(work.owner, failure),
                self._occasion(work),
                move=move,
                publish=publish,
            )
        except _NotPublished:
            return task_answer.DEAD_LETTER_NOT_PUBLISHED
        self._drop_copy(work, given_up)
        return self._answer(work, result="dead", reason=failure.reason.value)

    def unexpected(self, work: TaskDelivery, error: Exception) -> TaskAnswer:
        """An attempt failed unexpectedly, and the queue has others left. Writes down why, if Firestore can be had.

        Args:
            work: the delivery, as the attempt has read it. It may have claimed it since.
            error: what failed.
        """
        with contextlib.suppress(GoogleAPIError):
            delivery, text = self._deliveries.read_delivery(work.task), _unexpected(error)
            is_mine = delivery is not None and delivery.owner == work.owner and delivery.is_claimed(self._now())
            work = work._replace(delivery=delivery)
            if is_mine:
                # What fails unforeseen while it holds the claim may fail after the email was handed over.
                self._note(work, Unclear(text))
            elif delivery is None or delivery.state is DeliveryState.PENDING:
                self._note(work, Tried(text))
        return task_answer.UNEXPECTED

    def unexpected_at_last(
        self, work: TaskDelivery, error: Exception, can_repeat: Callable[[Delivery], bool]
    ) -> TaskAnswer:
        """The last attempt failed unexpectedly: without a dead letter the queue would delete the task without a trace.

        Args:
            work: the delivery, as the attempt has read it. It may have claimed it since.
            error: what failed.
            can_repeat: whether a delivery's email, which a worker may have sent, can be sent again without a second
                one.
        """
        delivery = self._deliveries.read_delivery(work.task)
        if delivery is not None:
            if delivery.is_final or (delivery.owner != work.owner and delivery.is_claimed(self._now())):
                return self.left_to_others(work)
            if can_repeat(delivery):
                # The next run finds the delivery, and makes a task that repeats its requests.
                return task_answer.UNEXPECTED
        work = work._replace(delivery=delivery)
        if delivery is not None and delivery.state is DeliveryState.GIVING_UP and delivery.failure:
            return self.finish_giving_up(work, delivery.failure)
        return self._given_up(work, GiveUp(reason=DeadLetterReason.RETRIES_EXHAUSTED, error=_unexpected(error)))

    def rejected(self, body: bytes, error: str, attempt: Attempt) -> TaskAnswer:
        """A body that is not a task: it names no delivery to mark, and none of its fields can be trusted.

        Args:
            body: as it came.
            error: what is wrong with it.
            attempt: the queue's call.
        """
        letter = DeadLetter(
            reason=DeadLetterReason.INVALID_TASK,
            error=error_text(error),
            attempts=attempt.number,
            failed_at=self._now(),
            body=body[: _BODY_CHARACTERS * 4].decode(errors="replace")[:_BODY_CHARACTERS],
        )
        try:
            self._publish(letter, attempt=attempt)
        except _NotPublished:
            return task_answer.DEAD_LETTER_NOT_PUBLISHED
        return TaskAnswer(
            status=HTTPStatus.OK,
            result="dead",
            details={"reason": DeadLetterReason.INVALID_TASK.value, "error": letter.error},
        )

    def _sent(self, work: TaskDelivery, by: Sent) -> TaskAnswer:
        message_id, is_latest, copy = by
        if copy and not is_copy_of(copy, work.task.user_id, work.task.delivery_id):
            # Others may write to the bucket.
            copy = None
        event = (
            SentEvent(message_id, work.owner, copy)
            if work.is_claimed
            else Proven(message_id, work.owner, is_latest, copy)
        )
        try:
            self._write(work, event, self._move(work, counts=True))
        except (GoogleAPIError, DeliveryChanged) as error:
            _logger.critical(
                # From here on the outcome of this email counts as unknown.
                "sent_mail_not_recorded",
                delivery_id=work.task.delivery_id,
                message_id=message_id,
                error=error_text(error),
            )
            raise
        self._close_letter(work)
        return self._answer(work, result="sent", message_id=message_id)

    def _skipped(self, work: TaskDelivery, skip: Skip) -> TaskAnswer:
        reason = skip.reason
        # Also where its kind says why: that says nothing of an email that may be out.
        note = "; ".join(filter(None, (skip.note, _MAY_HAVE_BEEN_SENT if work.is_in_doubt else "")))
        move = self._stay_paused(work) if reason is SkipReason.PAUSED else None
        move = move or (None if reason in OF_USERS else self._move(work, counts=reason not in NOT_COUNTED))
        self._write(work, Skipped(work.owner, reason, note), move)
        if settled := self.settled_by_event(work):
            return settled
        self._close_letter(work)
        # Not before the delivery is final: if this process ends in between, the next run's task pauses them.
        if reason in OF_USERS:
            self._pause_all(work, reason)
        return self._answer(work, result="skipped", reason=reason.value, **({"note": note} if note else {}))

    def _given_up(self, work: TaskDelivery, decided: GiveUp) -> TaskAnswer:
        if work.is_in_doubt:
            # Whatever this attempt ended in says nothing about the one before.
            decided = decided._replace(reason=DeadLetterReason.UNKNOWN_OUTCOME)
        is_malformed = decided.is_malformed and decided.reason is DeadLetterReason.PERMANENT_ERROR
        failure = DeliveryFailure(
            reason=decided.reason,
            error=error_text(decided.error),
            failed_at=self._now(),
            letter_id=_malformed_document(work) if is_malformed else None,
        )
        return self.finish_giving_up(work, failure)

    def _publish(self, letter: DeadLetter, *, attempt: Attempt) -> None:
        try:
            self._dead_letters.publish(letter, task_name=attempt.task_name, retry_count=attempt.number - 1)
        except (GoogleAPIError, TimeoutError) as error:
            _logger.error(  # noqa: TRY400  the traceback is the library's own
                "dead_letter_not_published", delivery_id=letter.delivery_id, error=error_text(error)
            )
            raise _NotPublished from error

    def _write(
        self, work: TaskDelivery, event: Event, move: Move | None = None, *, seconds: float = SETTLE_SECONDS
    ) -> None:
        written = self._deliveries.write(
            work.task, work.documents, event, self._occasion(work), move=move, seconds=seconds
        )
        self._drop_copy(work, written)

    def _drop_copy(self, work: TaskDelivery, written: Delivery) -> None:
        """Drop the copy of the email that this attempt has made, where the delivery names it no more."""
        delivery = work.delivery
        made = delivery and not delivery.archive_error and (delivery.archived_later or delivery.archived_as)
        if work.is_claimed and made and made not in {written.archived_as, written.archived_later}:
            self._copies.drop(work, made)

    def _as_it_is(self, work: TaskDelivery) -> TaskDelivery:
        """The delivery and its documents, read again."""
        found = TaskDelivery(work.task, work.attempt, work.owner)
        return found.with_documents(self._deliveries.read(work.task), now=self._now())

    def _occasion(self, work: TaskDelivery) -> Occasion:
        now = self._now()
        return Occasion(now, work.period, work.attempt.entry(now=now))

    def _note(self, work: TaskDelivery, event: Tried | Unclear) -> None:
        """Write down why an attempt fails that ends without another write, so that the record tells the truth while the
        queue retries. If the delivery has changed or Firestore fails, there is no note."""
        try:
            self._write(work, event, seconds=NOTE_SECONDS)
        except (GoogleAPIError, DeliveryChanged) as failure:
            _logger.info("failure_not_noted", delivery_id=work.task.delivery_id, error=error_text(failure))

    def _move(self, work: TaskDelivery, *, counts: bool) -> Move:
        return lambda user, subscription: work.moved_fields(user, subscription, counts=counts, now=self._now())

    def _stay_paused(self, work: TaskDelivery) -> Move:
        return lambda user, subscription: met_pause_fields(subscription, user, due_at=work.task.due_at, now=self._now())

    def _pause_all(self, work: TaskDelivery, reason: SkipReason) -> None:
        """Pause all subscriptions of a user who is inactive or gone.

        A user who is active again by now keeps them: if their report was skipped, the next run's task finds that and
        moves the subscription on.
        """
        task = work.task
        paused = self._inactive_users.pause(task.user_id, task.subscription_id, due_at=task.due_at, now=self._now())
        if paused:
            _logger.info("subscriptions_paused", user_id=task.user_id, reason=reason.value, subscriptions=paused)

    def _close_letter(self, work: TaskDelivery) -> None:
        """A replay marks its dead letter itself, unless it was interrupted."""
        if work.delivery is not None and work.delivery.task and work.delivery.state is not DeliveryState.DEAD:
            self._deliveries.letters.close(work.task.delivery_id, now=self._now())

    def _answer(self, work: TaskDelivery, *, result: str, **details: str) -> TaskAnswer:
        return TaskAnswer(
            status=HTTPStatus.OK,
            result=result,
            details=details,
            lateness_seconds=work.lateness_seconds(self._now()),
        )


class _NotPublished(Exception):
    """Pub/Sub does not take a dead letter."""


def _unexpected(error: Exception) -> str:
    return f"the worker failed unexpectedly: {type(error).__name__}: {error_text(error)}"


def _malformed_document(work: TaskDelivery) -> str:
    """The letter of the malformed document, which fails every report until a person corrects it: one dead letter, not
    one an hour.
    """
    user, subscription = work.user, work.subscription
    if user is not None and (subscription.problem_of(user) if subscription else user.problem):
        return malformed_letter_id(work.task.user_id)
    return malformed_letter_id(work.task.user_id, work.task.subscription_id)
