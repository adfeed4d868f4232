"""Gives a delivery up: no worker sends it from here on, its dead letter is published, and it is dead."""

import contextlib
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

from google.api_core.exceptions import GoogleAPIError

from functions.shared.dead_letter import DeadLetter, DeadLetterReason
from functions.shared.delivery import Delivery, DeliveryFailure, DeliveryState
from functions.shared.ids import malformed_letter_id
from functions.shared.restored_copy import is_outdated
from functions.shared.sanitize import error_text
from functions.worker import task_answer
from functions.worker.attempt import Attempt
from functions.worker.dead_letter_publishing import DeadLetters, Published, publish
from functions.worker.delivery_store import Claim, DeliveryStore
from functions.worker.task_answer import TaskAnswer
from functions.worker.task_delivery import TaskDelivery
from functions.worker.transitions import GiveUp

_BODY_CHARACTERS = 10_000


class GivingUp:
    """Gives deliveries up. Safe for threads.

    Args:
        deliveries: reads and writes them.
        dead_letters: where dead letters go.
        can_repeat: whether a delivery's mail, which a worker may have sent, can be sent again without a second one. Its
            second argument says whether the delivery is outdated (functions.shared.restored_copy).
        restored_at: the deployment's RESTORED_AT; None where Firestore was not restored.
        now: the present, in UTC.
    """

    def __init__(
        self,
        *,
        deliveries: DeliveryStore,
        dead_letters: DeadLetters,
        can_repeat: Callable[[Delivery, bool], bool],
        restored_at: datetime | None,
        now: Callable[[], datetime],
    ) -> None:
        self._deliveries = deliveries
        self._dead_letters = dead_letters
        self._can_repeat = can_repeat
        self._restored_at = restored_at
        self._now = now

    def give_up(self, work: TaskDelivery, decided: GiveUp, claim: Claim | None) -> TaskAnswer:
        """Give a delivery up.

        Args:
            work: the delivery.
            decided: why.
            claim: the claim; None where the delivery was not claimed.
        """
        if work.delivery is not None and work.delivery.is_in_doubt:
            # Whatever this attempt ended in says nothing about the one before.
            decided = decided._replace(reason=DeadLetterReason.UNKNOWN_OUTCOME)
        is_malformed = claim is None and decided.reason is DeadLetterReason.PERMANENT_ERROR
        failure = DeliveryFailure(
            reason=decided.reason,
            error=error_text(decided.error),
            failed_at=self._now(),
            letter_id=_malformed_document(work) if is_malformed else None,
        )
        return self.finish(work, claim or work.delivery, failure, release=decided.release)

    def finish(
        self, work: TaskDelivery, held: Claim | Delivery | None, failure: DeliveryFailure, *, release: bool
    ) -> TaskAnswer:
        """Settle that the delivery is given up, publish its dead letter, mark it dead.

        The first step keeps every worker from sending a report whose dead letter is out. If this process ends between
        two steps, the next attempt, or a task that the dispatcher makes, does all three again: by the first step it
        takes the hold over, so that the process before it can no longer give the delivery back. The DLQ handler stores
        a dead letter once, however often it is published.

        Args:
            work: the delivery.
            held: the claim, or the delivery as it was read, which another process may have begun to give up; None where
                there was none.
            failure: why.
            release: whether to give the delivery back if Pub/Sub refuses the dead letter. Not where another process
                may have published it.
        """
        task, is_claimed = work.task, isinstance(held, Claim)
        hold = self._deliveries.hold(
            task,
            held,
            failure=failure,
            owner=work.owner,
            period=work.period,
            attempt=work.attempt,
            now=self._now(),
        )
        letter = DeadLetter(
            user_id=task.user_id,
            subscription_id=task.subscription_id,
            delivery_id=task.delivery_id,
            due_at=task.due_at,
            run_id=task.run_id,
            kind=task.kind,
            reason=failure.reason,
            error=failure.error,
            attempts=work.attempt.number,
            failed_at=failure.failed_at,
            letter_id=failure.letter_id,
        )
        published = publish(self._dead_letters, letter, work.attempt)
        if published is not Published.YES:
            if published is Published.NO and release:
                self._deliveries.release(task, hold, error=failure.error, attempt=work.attempt, now=self._now())
            return task_answer.DEAD_LETTER_NOT_PUBLISHED
        self._deliveries.settle(
            task,
            hold,
            state=DeliveryState.DEAD,
            owner=work.owner,
            period=work.period,
            user=work.user,
            subscription=work.subscription,
            move=lambda user, subscription: work.moved_fields(
                user, subscription, counts=failure.letter_id is None, is_verified=is_claimed, now=self._now()
            ),
            attempt=work.attempt,
            now=self._now(),
            failure=failure,
        )
        return TaskAnswer(
            status=HTTPStatus.OK,
            result="dead",
            details={"reason": failure.reason.value},
            lateness_seconds=work.lateness_seconds(self._now()),
        )

    def give_up_unexpected(self, work: TaskDelivery, error: Exception) -> TaskAnswer:
        """The last attempt failed unexpectedly: without a dead letter the queue would delete the task without a trace.

        Args:
            work: the delivery, as the attempt has read it. It may have claimed it since.
            error: what failed.
        """
        task = work.task
        delivery = self._deliveries.read_delivery(task.delivery_id)
        outdated = is_outdated(delivery, due_at=task.due_at, restored_at=self._restored_at)
        may_be_sent = outdated or (delivery is not None and delivery.is_in_doubt)
        if (
            delivery is not None
            and delivery.owner != work.owner
            and (delivery.is_final or delivery.is_claimed(self._now()))
        ):
            return task_answer.left_to_others(delivery)
        if delivery is not None and self._can_repeat(delivery, outdated):
            # The next run finds the delivery, and makes a task that repeats its requests.
            return task_answer.UNEXPECTED
        work = work._replace(delivery=delivery, is_outdated=outdated)
        if delivery is not None and delivery.failure is not None and not outdated:
            return self.finish(work, delivery, delivery.failure, release=False)
        reason = DeadLetterReason.UNKNOWN_OUTCOME if may_be_sent else DeadLetterReason.RETRIES_EXHAUSTED
        return self.give_up(work, GiveUp(reason=reason, error=_unexpected(error), release=not may_be_sent), None)

    def note_unexpected(self, work: TaskDelivery, error: Exception) -> TaskAnswer:
        """An attempt failed unexpectedly, and the queue has others left. Writes down why, if Firestore can be had.

        Args:
            work: the delivery, as the attempt has read it. It may have claimed it since.
            error: what failed.
        """
        with contextlib.suppress(GoogleAPIError):
            delivery = self._deliveries.read_delivery(work.task.delivery_id)
            self._deliveries.note_failure(
                work.task,
                delivery,
                owner=work.owner,
                error=_unexpected(error),
                attempt=work.attempt,
                now=self._now(),
                period=work.period,
            )
        return task_answer.UNEXPECTED

    def reject(self, body: bytes, error: str, attempt: Attempt) -> TaskAnswer:
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
        if publish(self._dead_letters, letter, attempt) is not Published.YES:
            return task_answer.DEAD_LETTER_NOT_PUBLISHED
        return TaskAnswer(
            status=HTTPStatus.OK,
            result="dead",
            details={"reason": DeadLetterReason.INVALID_TASK.value, "error": letter.error},
        )


def _unexpected(error: Exception) -> str:
    return f"the worker failed unexpectedly: {type(error).__name__}: {error_text(error)}"


def _malformed_document(work: TaskDelivery) -> str:
    """The letter of the malformed document, which fails every report until a person corrects it: one dead letter, not
    one an hour.
    """
    if work.user is not None and work.user.problem:
        return malformed_letter_id(work.task.user_id)
    return malformed_letter_id(work.task.user_id, work.task.subscription_id)
