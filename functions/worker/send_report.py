"""One task: one report to one user, once. This file has the order of the steps; transitions.py decides."""

import contextlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus

import structlog
from google.api_core.exceptions import GoogleAPIError

from functions.shared.contract import InvalidContract
from functions.shared.dead_letter import DeadLetter, DeadLetterReason
from functions.shared.delivery import Delivery, DeliveryFailure, DeliveryState
from functions.shared.ids import delivery_id, malformed_user_letter_id
from functions.shared.period import Period
from functions.shared.plausible_time import plausible
from functions.shared.report_task import ReportTask
from functions.shared.schedule import Cadence
from functions.shared.settings import OnUnknownOutcome
from functions.worker import task_answer
from functions.worker.attempt import Attempt
from functions.worker.breaker import Admission, Breaker, BreakerChange
from functions.worker.dead_letter_publishing import DeadLetters, Published, publish
from functions.worker.delivery_store import Claim, DeliveryChanged, DeliveryStore, Move, UserDocument
from functions.worker.key_alert import KeyAlert
from functions.worker.mail.model import Mail, MailOutcome, MailProvider, NotAllowed, Unavailable, Unclear
from functions.worker.outcome_inquiry import OutcomeInquiry, StillUnknown, after_lookup
from functions.worker.recipient import Recipient
from functions.worker.report_builder import ReportBuilder
from functions.worker.sanitize import error_text
from functions.worker.task_answer import AttemptTimer, TaskAnswer
from functions.worker.time_budget import BUILD_SECONDS, CLAIM_SECONDS_NEEDED, SEND_SECONDS, TRIAL_SECONDS
from functions.worker.transitions import (
    GiveUp,
    NextStep,
    Retry,
    Sent,
    Skip,
    next_step,
    retry_or_give_up,
    step_of_unknown,
    transition_after,
)

_BODY_CHARACTERS = 10_000

_logger = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class TaskDelivery:
    """The delivery of a task, and what an attempt needs to work on it.

    Attributes:
        task: the task.
        attempt: the queue's call.
        owner: the token of this attempt, which no other has.
        delivery: as it was read; None where there was none.
        user: the user's document as it was read.
        recipient: what that document says.
        period: what the report covers; None where that cannot be told.
    """

    task: ReportTask
    attempt: Attempt
    owner: str
    delivery: Delivery | None
    user: UserDocument
    recipient: Recipient
    period: Period | None


class SendReport:
    """Carries out tasks. Safe for threads.

    Args:
        deliveries: reads and writes deliveries and users.
        provider: takes the mail.
        dead_letters: where dead letters go.
        key_alert: called for each mail that the provider refuses because of its key.
        builder: builds the mail.
        default_cadence: for users whose document names none.
        on_unknown_outcome: the team's choice between maybe never and maybe twice.
        now: the present, in UTC.
        breaker: whether to leave the provider alone; shared by all attempts of this process.
        inquiry: asks the provider about mails of unknown outcome.
        build_seconds: how long after the start of an attempt its report must be built.
    """

    def __init__(
        self,
        *,
        deliveries: DeliveryStore,
        provider: MailProvider,
        dead_letters: DeadLetters,
        key_alert: KeyAlert,
        builder: ReportBuilder,
        default_cadence: Cadence,
        on_unknown_outcome: OnUnknownOutcome,
        now: Callable[[], datetime],
        breaker: Breaker,
        inquiry: OutcomeInquiry,
        build_seconds: float = BUILD_SECONDS,
    ) -> None:
        self._deliveries = deliveries
        self._provider = provider
        self._dead_letters = dead_letters
        self._key_alert = key_alert
        self._builder = builder
        self._default_cadence = default_cadence
        self._on_unknown_outcome = on_unknown_outcome
        self._now = now
        self._inquiry = inquiry
        self._build_seconds = build_seconds
        self._breaker = breaker

    def __call__(self, body: bytes, attempt: Attempt) -> TaskAnswer:
        """Carry out a task.

        Args:
            body: the task's.
            attempt: the queue's call.
        """
        timer = AttemptTimer()
        try:
            task = _read_task(body)
        except InvalidContract as error:
            answer = self._reject(body, str(error), attempt)
            timer.log(None, attempt, answer)
            return answer
        owner = secrets.token_hex(16)
        try:
            try:
                answer = self._carry_out(task, attempt, owner, timer)
            except (DeliveryChanged, GoogleAPIError):
                raise
            except Exception as error:
                _logger.exception("task_failed_unexpectedly", delivery_id=task.delivery_id)
                is_last = attempt.last
                answer = self._give_up_unexpected(task, attempt, owner, error) if is_last else task_answer.UNEXPECTED
        except DeliveryChanged as error:
            # The other process finishes what it has begun.
            _logger.warning("delivery_changed_meanwhile", delivery_id=task.delivery_id, found=str(error))
            answer = task_answer.left_to_others(error.found)
        except GoogleAPIError as error:
            # Also on the last attempt: without Firestore's answer the delivery may have been sent. The dispatcher finds
            # it.
            _logger.warning("firestore_failed", delivery_id=task.delivery_id, error=error_text(error))
            answer = task_answer.FIRESTORE_FAILED
        timer.log(task, attempt, answer)
        return replace(answer, delivery_id=task.delivery_id)

    def _carry_out(self, task: ReportTask, attempt: Attempt, owner: str, timer: AttemptTimer) -> TaskAnswer:
        delivery = self._deliveries.read(task.delivery_id)
        step = next_step(
            delivery,
            now=self._now(),
            on_unknown_outcome=self._on_unknown_outcome,
            can_look_up=self._inquiry.is_possible,
        )
        if step is NextStep.IN_PROGRESS:
            return task_answer.left_to_others(delivery)
        user = self._deliveries.read_user(task.user_id)
        recipient = self._recipient(task, user)
        work = TaskDelivery(
            task=task,
            attempt=attempt,
            owner=owner,
            delivery=delivery,
            user=user,
            recipient=recipient,
            # An attempt after an interrupted one, or a replay, covers what the first attempt covered.
            period=_settled_period(delivery, task, self._now()) or recipient.period(task, _run_time(task)),
        )
        if step is NextStep.ALREADY_FINAL:
            return self._already_final(work)
        if step is NextStep.FINISH_GIVING_UP and delivery and delivery.failure:
            return self._carry_out_giving_up(work, delivery, delivery.failure, release=False)
        note = ""
        if step is NextStep.LOOK_UP:
            found = self._look_up(work)
            if isinstance(found, TaskAnswer):
                return found
            note, step = f"; {found.note}", step_of_unknown(self._on_unknown_outcome)
        if step is NextStep.GIVE_UP_UNKNOWN:
            cause = (delivery.problem if delivery else "") or "a worker ended while it was sending"
            error = f"{cause}: the mail provider may have the mail, or not{note}"
            given_up = GiveUp(reason=DeadLetterReason.UNKNOWN_OUTCOME, error=error, release=False)
            return self._give_up(work, given_up, None)
        if not recipient.wanted:
            return self._skip(work, None, "user-inactive" if recipient.schedule else "user-gone")
        if wait := self._breaker.wait_seconds():
            return self._hold_back(work, wait)
        with timer.part("build"):
            built = self._build(work, seconds=self._build_seconds - timer.seconds)
        match built:
            case GiveUp():
                return self._give_up(work, built, None)
            case Retry():
                return task_answer.to_be_retried(task, built)
            case Mail():
                return self._send(work, built, timer)

    def _build(self, work: TaskDelivery, *, seconds: float) -> Mail | Retry | GiveUp:
        user, period = work.recipient.user, work.period
        if user is None or period is None:
            error = f"the user's document: {work.recipient.problem}"
            return GiveUp(reason=DeadLetterReason.PERMANENT_ERROR, error=error)
        built = self._builder.build(work.task, user, period, seconds=seconds)
        return retry_or_give_up(built, last_attempt=work.attempt.last) if isinstance(built, Retry) else built

    def _look_up(self, work: TaskDelivery) -> TaskAnswer | StillUnknown:
        """Settle a delivery of unknown outcome by the provider's answer, or have the queue call again for it."""
        delivery = work.delivery
        assert delivery is not None  # noqa: S101  without a record there is no unknown outcome
        decided = after_lookup(
            self._inquiry.look_up(delivery.id),
            lease_expired_at=delivery.lease_expires_at,
            now=self._now(),
            last_attempt=work.attempt.last,
        )
        match decided:
            case Sent(message_id=message_id):
                return self._settle_sent(work, delivery, message_id)
            case Retry():
                return task_answer.to_be_retried(work.task, decided)
            case StillUnknown():
                return decided

    def _send(self, work: TaskDelivery, mail: Mail, timer: AttemptTimer) -> TaskAnswer:
        task = work.task
        admission = self._breaker.enter()
        if admission.wait_seconds:
            return self._hold_back(work, admission.wait_seconds)
        outcome: MailOutcome | None = None
        claim: Claim | TaskAnswer | None = None
        try:
            if admission.is_trial:
                # The provider checks a sandbox mail like any other and delivers it to nobody, so a trial that fails
                # leaves no unknown outcome.
                outcome = self._provider.send(replace(mail, sandbox=True), seconds=TRIAL_SECONDS)
            if not isinstance(outcome, Unavailable | Unclear):
                outcome = None
                claim = self._claim(work)
                if isinstance(claim, Claim):
                    with timer.part("send"):
                        outcome = self._provider.send(mail, seconds=SEND_SECONDS)
        finally:
            self._leave(admission, outcome)
        if isinstance(claim, TaskAnswer):
            return claim
        if claim is None or outcome is None:
            return self._hold_back(work, self._breaker.wait_seconds())
        if isinstance(outcome, NotAllowed):
            # An alert policy watches for this line: no report goes out until somebody replaces the key.
            _logger.error("provider_refuses_key", alert="provider-refuses-key", error=outcome.error)
            self._key_alert(run_id=task.run_id, error=outcome.error)
        if work.attempt.last:
            outcome = self._inquiry.clear_up(outcome, task.delivery_id)
        decided = transition_after(
            outcome,
            last_attempt=work.attempt.last,
            on_unknown_outcome=self._on_unknown_outcome,
            can_look_up=self._inquiry.is_possible,
        )
        match decided:
            case Sent():
                return self._settle_sent(work, claim, decided.message_id)
            case Skip(cause=cause):
                return self._skip(work, claim, cause)
            case GiveUp():
                return self._give_up(work, decided, claim)
            case Retry():
                answer = task_answer.to_be_retried(task, decided)
                if decided.release:
                    self._deliveries.release(task, claim, error=decided.error, now=self._now())
                return answer

    def _claim(self, work: TaskDelivery) -> Claim | TaskAnswer:
        task, period = work.task, work.period
        assert period is not None  # noqa: S101  nothing is built without a period
        claim = self._deliveries.claim(task, work.delivery, period=period, owner=work.owner, now=self._now())
        if claim.outlasts(CLAIM_SECONDS_NEEDED, now=self._now()):
            return claim
        self._deliveries.release(task, claim, error="claiming the delivery took too long", now=self._now())
        return task_answer.CLAIMED_TOO_LATE

    def _leave(self, admission: Admission, outcome: MailOutcome | None) -> None:
        failure = outcome.error if isinstance(outcome, Unavailable | Unclear) else None
        change = self._breaker.leave(admission, failure=failure, is_up=outcome is not None and failure is None)
        if change is BreakerChange.OPENED:
            _logger.error(
                "provider_failing",
                alert="provider-failing",
                seconds=self._breaker.wait_seconds(),
                error=self._breaker.error,
            )
        elif change is BreakerChange.CLOSED:
            _logger.warning("provider_recovered")

    def _hold_back(self, work: TaskDelivery, seconds: int) -> TaskAnswer:
        """Send nothing for now: the answer slows the whole queue down, since every mail would fail."""
        decided = retry_or_give_up(
            Retry(
                status=HTTPStatus.SERVICE_UNAVAILABLE,
                cause="provider-failing",
                error=f"the mail provider is failing, and nothing was sent: {self._breaker.error}",
                retry_after_seconds=max(seconds, 1),
            ),
            last_attempt=work.attempt.last,
        )
        return (
            task_answer.to_be_retried(work.task, decided)
            if isinstance(decided, Retry)
            else self._give_up(work, decided, None)
        )

    def _settle_sent(self, work: TaskDelivery, held: Claim | Delivery, message_id: str) -> TaskAnswer:
        try:
            self._deliveries.settle(
                work.task,
                held,
                state=DeliveryState.SENT,
                owner=work.owner,
                period=work.period,
                user=work.user,
                move=self._mover(work),
                now=self._now(),
                message_id=message_id,
            )
        except (GoogleAPIError, DeliveryChanged) as error:
            _logger.critical(
                # From here on the outcome of this mail counts as unknown.
                "sent_mail_not_recorded",
                delivery_id=work.task.delivery_id,
                message_id=message_id,
                error=error_text(error),
            )
            raise
        return TaskAnswer(status=HTTPStatus.OK, result="sent", details={"message_id": message_id})

    def _skip(self, work: TaskDelivery, claim: Claim | None, cause: str) -> TaskAnswer:
        self._deliveries.settle(
            work.task,
            claim or work.delivery,
            state=DeliveryState.SKIPPED,
            owner=work.owner,
            period=work.period,
            user=work.user,
            move=self._mover(work),
            now=self._now(),
        )
        return TaskAnswer(status=HTTPStatus.OK, result="skipped", details={"cause": cause})

    def _mover(self, work: TaskDelivery) -> Move:
        """Decides by a user's document how the user moves on from a delivery."""

        def move(user: UserDocument) -> Mapping[str, datetime]:
            recipient = self._recipient(work.task, user)
            return recipient.moved_on(work.task.due_at, work.period)

        return move

    def _recipient(self, task: ReportTask, user: UserDocument) -> Recipient:
        return Recipient.from_document(task.user_id, user.fields, self._default_cadence)

    def _already_final(self, work: TaskDelivery) -> TaskAnswer:
        """Send nothing. A user whose document still has this due time, as an old copy may, moves on."""
        task = work.task
        if work.recipient.moved_past(task.due_at, work.period, ()):
            newest = self._deliveries.newest_final(task.user_id, since=task.due_at, now=self._now())

            def move(user: UserDocument) -> Mapping[str, datetime]:
                return self._recipient(task, user).moved_past(task.due_at, work.period, newest)

            if self._deliveries.move_user(task.user_id, work.user, move):
                _logger.warning("user_moved_past_final_delivery", delivery_id=task.delivery_id)
        return task_answer.already_final(work.delivery)

    def _give_up(self, work: TaskDelivery, decided: GiveUp, claim: Claim | None) -> TaskAnswer:
        # A malformed user fails every report until a person corrects the document: one dead letter, not one an hour.
        is_malformed = claim is None and decided.reason is DeadLetterReason.PERMANENT_ERROR
        failure = DeliveryFailure(
            reason=decided.reason,
            error=error_text(decided.error),
            failed_at=self._now(),
            letter_id=malformed_user_letter_id(work.task.user_id) if is_malformed else None,
        )
        return self._carry_out_giving_up(work, claim or work.delivery, failure, release=decided.release)

    def _carry_out_giving_up(
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
        task = work.task
        hold = self._deliveries.hold(task, held, failure=failure, owner=work.owner, period=work.period, now=self._now())
        letter = DeadLetter(
            user_id=task.user_id,
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
                self._deliveries.release(task, hold, error=failure.error, now=self._now())
            return task_answer.DEAD_LETTER_NOT_PUBLISHED
        self._deliveries.settle(
            task,
            hold,
            state=DeliveryState.DEAD,
            owner=work.owner,
            period=work.period,
            user=work.user,
            move=self._mover(work),
            now=self._now(),
            failure=failure,
        )
        return TaskAnswer(status=HTTPStatus.OK, result="dead", details={"reason": failure.reason.value})

    def _give_up_unexpected(self, task: ReportTask, attempt: Attempt, owner: str, error: Exception) -> TaskAnswer:
        """The last attempt failed unexpectedly: without a dead letter the queue would delete the task without a trace.

        Anything may be broken, so this reads no user: the period stays open, and the user moves on with the next run.
        """
        delivery = self._deliveries.read(task.delivery_id)
        was_sending = delivery is not None and delivery.state is DeliveryState.SENDING
        if delivery is not None and delivery.owner != owner:
            step = next_step(delivery, now=self._now(), on_unknown_outcome=self._on_unknown_outcome)
            if step in {NextStep.ALREADY_FINAL, NextStep.IN_PROGRESS}:
                return task_answer.left_to_others(delivery)
        work = TaskDelivery(
            task=task,
            attempt=attempt,
            owner=owner,
            delivery=delivery,
            user=UserDocument(fields=None, version=None),
            recipient=Recipient.from_document(task.user_id, None, self._default_cadence),
            period=_settled_period(delivery, task, self._now()),
        )
        if delivery is not None and delivery.failure is not None:
            return self._carry_out_giving_up(work, delivery, delivery.failure, release=False)
        reason = DeadLetterReason.UNKNOWN_OUTCOME if was_sending else DeadLetterReason.RETRIES_EXHAUSTED
        text = f"the worker failed unexpectedly: {type(error).__name__}: {error_text(error)}"
        return self._give_up(work, GiveUp(reason=reason, error=text, release=not was_sending), None)

    def _reject(self, body: bytes, error: str, attempt: Attempt) -> TaskAnswer:
        """A body that is not a task: it names no delivery to mark, and none of its fields can be trusted."""
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


def _read_task(body: bytes) -> ReportTask:
    task = ReportTask.from_json(body)
    if task.delivery_id != delivery_id(task.user_id, task.due_at):
        raise InvalidContract("delivery_id: not the delivery of this user_id and due_at")
    return task


def _settled_period(delivery: Delivery | None, task: ReportTask, now: datetime) -> Period | None:
    return delivery.settled_period(max(task.due_at, _run_time(task), now)) if delivery else None


def _run_time(task: ReportTask) -> datetime:
    """The time of the task's run; the due time where no run made it, such as a task made by hand."""
    for pattern in ("%Y%m%dT%H%MZ", "%Y%m%dT%H%M%SZ", "%Y%m%dT%H%M%S.%fZ"):
        with contextlib.suppress(ValueError):
            return plausible(datetime.strptime(task.run_id, pattern).replace(tzinfo=UTC)) or task.due_at
    return task.due_at
