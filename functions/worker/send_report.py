"""One task: one report to one user, once. This file has the order of the steps; transitions.py decides."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from http import HTTPStatus

import structlog
from google.api_core.exceptions import GoogleAPIError

from functions.shared.contract import InvalidContract
from functions.shared.dead_letter import DeadLetterReason
from functions.shared.delivery import NOT_COUNTED, Delivery, DeliveryState, SkipReason
from functions.shared.ids import task_id
from functions.shared.mark import is_untouched, met_pause_fields
from functions.shared.report_task import ReportTask
from functions.shared.restored_copy import is_outdated
from functions.shared.sanitize import error_text
from functions.shared.settings import OnUnknownOutcome
from functions.shared.stored_request import StoredRequest
from functions.worker import task_answer
from functions.worker.attempt import Attempt
from functions.worker.breaker import Breaker
from functions.worker.dead_letter_publishing import DeadLetters
from functions.worker.delivery_store import Claim, DeliveryChanged, DeliveryStore, Move
from functions.worker.giving_up import GivingUp
from functions.worker.inactive_users import InactiveUsers
from functions.worker.key_alert import KeyAlert
from functions.worker.made_requests import MadeRequests
from functions.worker.mail.model import Mail, MailOutcome, MailProvider, NotAllowed
from functions.worker.outcome_inquiry import OutcomeInquiry, StillUnknown, after_lookup, wanted_mail
from functions.worker.repeating import Repeating
from functions.worker.report_builder import ReportBuilder
from functions.worker.sending import HandedOver, KeptBack, ReadyToSend, Sending
from functions.worker.skipping import OF_USERS, skip_reason
from functions.worker.task_answer import AttemptTimer, TaskAnswer
from functions.worker.task_delivery import TaskDelivery
from functions.worker.time_budget import BUILD_SECONDS, CLAIM_SECONDS_NEEDED
from functions.worker.transitions import (
    GiveUp,
    NextStep,
    Retry,
    Sent,
    Skip,
    next_step,
    retry_or_give_up,
    transition_after,
    transition_after_repeat,
)

_MAY_HAVE_BEEN_SENT = "an earlier attempt may have sent it"

_logger = structlog.get_logger()


class SendReport:
    """Carries out tasks. Safe for threads.

    Args:
        deliveries: reads and writes deliveries and their subscriptions.
        inactive_users: pauses the subscriptions of users who are inactive or gone.
        provider: takes the mail.
        repeating: makes the requests of a mail again, where the provider has idempotency keys.
        dead_letters: where dead letters go.
        key_alert: called for each mail that the provider refuses because of its key.
        builder: builds the mail.
        on_unknown_outcome: the team's choice between maybe never and maybe twice.
        now: the present, in UTC.
        breaker: whether to leave the provider alone; shared by all attempts of this process.
        inquiry: finds out about mails of unknown outcome.
        restored_at: the deployment's RESTORED_AT; None where Firestore was not restored.
        build_seconds: how long after the start of an attempt its report must be built.
    """

    def __init__(
        self,
        *,
        deliveries: DeliveryStore,
        inactive_users: InactiveUsers,
        provider: MailProvider,
        repeating: Repeating,
        dead_letters: DeadLetters,
        key_alert: KeyAlert,
        builder: ReportBuilder,
        on_unknown_outcome: OnUnknownOutcome,
        now: Callable[[], datetime],
        breaker: Breaker,
        inquiry: OutcomeInquiry,
        restored_at: datetime | None = None,
        build_seconds: float = BUILD_SECONDS,
    ) -> None:
        self._deliveries = deliveries
        self._inactive_users = inactive_users
        self._giving_up = GivingUp(
            deliveries=deliveries,
            dead_letters=dead_letters,
            can_repeat=lambda delivery, is_outdated: repeating.stored_in(delivery, is_outdated=is_outdated) is not None,
            restored_at=restored_at,
            now=now,
        )
        self._provider = provider
        self._repeating = repeating
        self._sending = Sending(provider, breaker)
        self._key_alert = key_alert
        self._builder = builder
        self._on_unknown_outcome = on_unknown_outcome
        self._now = now
        self._inquiry = inquiry
        self._restored_at = restored_at
        self._build_seconds = build_seconds

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
            answer = self._giving_up.reject(body, str(error), attempt)
            timer.log(None, attempt, answer)
            return answer
        owner = secrets.token_hex(16)
        try:
            answer = self._attempt(task, attempt, owner, timer)
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
        return answer._replace(delivery_id=task.delivery_id)

    def _attempt(self, task: ReportTask, attempt: Attempt, owner: str, timer: AttemptTimer) -> TaskAnswer:
        is_new = attempt.number == 1 and attempt.task_name == task_id(task.delivery_id) and not self._is_outdated(task)
        documents = self._deliveries.read(task, is_new=is_new)
        outdated = self._is_outdated(task, documents.delivery)
        # What is known of it even if the rest cannot be worked out.
        work = TaskDelivery(task, attempt, owner, documents.delivery, None, None, None, is_outdated=outdated)
        try:
            work = TaskDelivery.from_documents(task, attempt, owner, documents, now=self._now(), is_outdated=outdated)
            return self._carry_out(work, timer)
        except (DeliveryChanged, GoogleAPIError):
            raise
        except Exception as error:
            _logger.exception("task_failed_unexpectedly", delivery_id=task.delivery_id)
            fail = self._giving_up.give_up_unexpected if attempt.last else self._giving_up.note_unexpected
            return fail(work, error)

    def _carry_out(self, work: TaskDelivery, timer: AttemptTimer) -> TaskAnswer:
        delivery = work.delivery
        step = next_step(delivery, now=self._now(), is_outdated=work.is_outdated)
        if step is NextStep.IN_PROGRESS:
            return task_answer.left_to_others(delivery)
        if step is NextStep.ALREADY_FINAL:
            return self._already_final(work)
        if step is NextStep.FINISH_GIVING_UP and delivery and delivery.failure:
            return self._giving_up.finish(work, delivery, delivery.failure, release=False)
        is_unknown = step is NextStep.INQUIRE
        stored = self._repeating.stored_in(delivery, is_outdated=work.is_outdated) if is_unknown else None
        if is_unknown and stored is None:
            answer = self._settle_unknown(work)
            if answer is not None:
                return answer
        if reason := self._skip_reason(work):
            # An event of the mail may be what has paused the subscription: then the mail was sent.
            if stored and isinstance(found := self._inquire(work), TaskAnswer):
                return found
            return self._skip(work, None, Skip(reason=reason))
        if kept_back := self._sending.kept_back():
            return self._hold_back(work, kept_back, is_repeat=stored is not None)
        if stored:
            return self._repeat(work, stored, timer)
        if work.may_be_next:
            work = work._replace(others=self._deliveries.others(work.task, now=self._now()))
        left = work.uncovered(self._now())
        if left is None:
            return self._skip(work, None, Skip(reason=SkipReason.COVERED))
        work = work._replace(period=left)
        return self._finish_built(work, self._build(work, timer), timer)

    def _is_outdated(self, task: ReportTask, delivery: Delivery | None = None) -> bool:
        return is_outdated(delivery, due_at=task.due_at, restored_at=self._restored_at)

    def _finish_built(self, work: TaskDelivery, built: Mail | Skip | Retry | GiveUp, timer: AttemptTimer) -> TaskAnswer:
        match built:
            case GiveUp():
                return self._giving_up.give_up(work, built, None)
            case Retry():
                return self._fail(work, built)
            case Skip():
                return self._skip(work, None, built)
            case Mail():
                return self._send(work, built, self._repeating.first(work, built), timer)

    def _repeat(self, work: TaskDelivery, stored: StoredRequest, timer: AttemptTimer) -> TaskAnswer:
        """Make the requests again that a worker may have made: to the byte, since the provider refuses others."""
        if made := self._repeating.again(stored):
            return self._send(work, None, made, timer)
        # They are too large for the delivery. The same data make the same report, and so the same requests.
        built = self._build(work, timer)
        if isinstance(built, Retry):
            return task_answer.to_be_retried(work.task, built)
        if isinstance(built, Mail) and (made := self._repeating.again(stored, built)):
            return self._send(work, None, made, timer)
        _logger.warning("requests_not_repeatable", delivery_id=work.task.delivery_id)
        return self._settle_unknown(work) or self._finish_built(work, built, timer)

    def _settle_unknown(self, work: TaskDelivery) -> TaskAnswer | None:
        """Settle a delivery of unknown outcome; None where it is to be sent, perhaps again."""
        found = self._inquire(work)
        if isinstance(found, TaskAnswer):
            return found
        # The team has chosen for a mail now and then, and not for all mails that a restore has forgotten.
        if self._on_unknown_outcome is not OnUnknownOutcome.DEAD_LETTER and not work.is_outdated:
            return None
        error = f"{_cause_of_doubt(work)}: the mail provider may have the mail, or not; {found.note}"
        given_up = GiveUp(reason=DeadLetterReason.UNKNOWN_OUTCOME, error=error, release=False)
        return self._giving_up.give_up(work, given_up, None)

    def _build(self, work: TaskDelivery, timer: AttemptTimer) -> Mail | Skip | Retry | GiveUp:
        user, subscription, period = work.user, work.subscription, work.period
        assert user is not None  # noqa: S101  without a user the report is skipped, as it is without a subscription
        assert subscription is not None  # noqa: S101
        assert period is not None  # noqa: S101  what has none is covered
        for document, problem in (("user", user.problem), ("subscription", subscription.problem)):
            if problem:
                error = f"the {document}'s document: {problem}"
                return GiveUp(reason=DeadLetterReason.PERMANENT_ERROR, error=error)
        with timer.part("build"):
            seconds = self._build_seconds - timer.seconds
            return self._builder.build(work.task, user, subscription, period, seconds=seconds)

    def _inquire(self, work: TaskDelivery) -> TaskAnswer | StillUnknown:
        """Settle a delivery of unknown outcome by what is found out, or have the queue call again for it."""
        lease_expires_at = work.delivery.lease_expires_at if work.delivery else None
        decided = after_lookup(
            self._inquiry.ask(wanted_mail(work, lease_expires_at)),
            sent_before=self._restored_at if work.is_outdated else lease_expires_at,
            now=self._now(),
            last_attempt=work.attempt.last,
            is_outdated=work.is_outdated,
        )
        match decided:
            case Sent(message_id=message_id):
                return self._settle_sent(work, work.delivery, message_id)
            case Retry():
                return task_answer.to_be_retried(work.task, decided)
            case StillUnknown():
                return decided

    def _send(
        self, work: TaskDelivery, mail: Mail | None, made: MadeRequests | None, timer: AttemptTimer
    ) -> TaskAnswer:
        """Claim the delivery and hand over its mail: as it was built, or as requests that can be made again."""
        # With an idempotency key the mail itself is the trial of a provider that was failing.
        trial = mail if made is None else None
        match self._sending.send(trial, lambda: self._claim(work, mail, made), timer):
            case TaskAnswer() as answer:
                return answer
            case KeptBack() as kept_back:
                return self._hold_back(work, kept_back, is_repeat=made is not None and made.is_repeat)
            case HandedOver(claim=claim, outcome=outcome):
                return self._settle(work, claim, outcome)

    def _settle(self, work: TaskDelivery, claim: Claim, outcome: MailOutcome) -> TaskAnswer:
        task = work.task
        if isinstance(outcome, NotAllowed):
            # An alert policy watches for this line: no report goes out until somebody replaces the key.
            _logger.error("provider_refuses_key", alert="provider-refuses-key", error=outcome.error)
            self._key_alert(run_id=task.run_id, error=outcome.error)
        if work.attempt.last and claim.made is None:
            outcome = self._inquiry.clear_up(outcome, wanted_mail(work, claim.expires_at))
        if claim.is_repeat:
            decided = transition_after_repeat(outcome)
        else:
            decided = transition_after(
                outcome,
                last_attempt=work.attempt.last,
                on_unknown_outcome=self._on_unknown_outcome,
                can_repeat=claim.made is not None,
            )
        match decided:
            case Sent():
                return self._settle_sent(work, claim, decided.message_id)
            case Skip():
                return self._skip(work, claim, decided)
            case GiveUp():
                return self._giving_up.give_up(work, decided, claim)
            case Retry():
                answer = task_answer.to_be_retried(task, decided)
                end_attempt = self._deliveries.release if decided.release else self._deliveries.keep_claimed
                end_attempt(task, claim, error=decided.error, attempt=work.attempt, now=self._now())
                return answer

    def _claim(self, work: TaskDelivery, mail: Mail | None, made: MadeRequests | None) -> ReadyToSend | TaskAnswer:
        task, period = work.task, work.period
        assert period is not None  # noqa: S101  nothing is built without a period
        claim = self._deliveries.claim(
            task,
            work.delivery,
            period=period,
            owner=work.owner,
            attempt=work.attempt,
            provider=self._repeating.provider,
            made=made,
            now=self._now(),
        )
        # Building takes time, and a recipient may have unsubscribed meanwhile. Read after the claim, not before it, the
        # subscription shows all that was stored until then, so a recipient who unsubscribed by then gets no mail.
        try:
            current = work._replace(subscription=self._deliveries.read_subscription(task))
            if current.subscription and not (is_untouched(current.subscription) or work.is_replay or claim.is_repeat):
                current = current._replace(others=self._deliveries.others(task, now=self._now()))
        except GoogleAPIError:
            self._give_back(work, claim, "the subscription could not be read")
            raise
        if reason := self._skip_reason(current):
            return self._skip(current, claim, Skip(reason=reason))
        if (answer := self._compare_with_others(current, claim)) is not None:
            return answer
        hand_over = self._handing_over(current, mail, made)
        if hand_over is None:
            self._give_back(work, claim, "it goes to other addresses by now")
            return task_answer.ADDRESSES_CHANGED
        if not claim.outlasts(CLAIM_SECONDS_NEEDED, now=self._now()):
            self._give_back(work, claim, "claiming the delivery took too long")
            return task_answer.CLAIMED_TOO_LATE
        return ReadyToSend(claim=claim, hand_over=hand_over)

    def _compare_with_others(self, current: TaskDelivery, claim: Claim) -> TaskAnswer | None:
        """See whether another delivery has covered the period, or may have; None where the report is to be sent as it
        is. A mail that is made again covers what it did the first time."""
        period = current.period
        if claim.is_repeat or period is None:
            return None
        if current.others and current.others.may_have_sent(period):
            self._give_back(current, claim, "another delivery that covers some of its time is not settled")
            return task_answer.ANOTHER_UNSETTLED
        left = current.uncovered(self._now())
        if left is None:
            return self._skip(current, claim, Skip(reason=SkipReason.COVERED))
        if left != period:
            self._give_back(current._replace(period=left), claim, "another delivery has covered some of its time")
            return task_answer.PERIOD_CUT
        return None

    def _handing_over(
        self, current: TaskDelivery, mail: Mail | None, made: MadeRequests | None
    ) -> Callable[[float], MailOutcome] | None:
        """What hands over the mail to those who are still to get it; None where there are none."""
        if made is not None:
            requests = current.still_wanted(made.requests)
            if not requests and made.is_repeat and current.subscription is not None:
                # Their addresses are others by now. These may have got it, and the same mail does not go to both.
                leaves_out = current.subscription.leaves_out
                requests = [each for each in made.requests if not leaves_out(each.address)]
            return partial(self._repeating.make, made.by_key(requests)) if requests else None
        assert mail is not None  # noqa: S101  a mail, or the requests that are made of it
        recipients = current.still_wanted(mail.recipients)
        return partial(self._hand_over, replace(mail, recipients=recipients)) if recipients else None

    def _hand_over(self, mail: Mail, seconds: float) -> MailOutcome:
        return self._provider.send(mail, seconds=seconds)

    def _give_back(self, work: TaskDelivery, claim: Claim, error: str) -> None:
        task, attempt, now = work.task, work.attempt, self._now()
        if claim.is_repeat:
            self._deliveries.keep_claimed(task, claim, error=error, attempt=attempt, now=now)
        else:
            self._deliveries.release(task, claim, error=error, attempt=attempt, now=now, period=work.period)

    def _hold_back(self, work: TaskDelivery, kept_back: KeptBack, *, is_repeat: bool) -> TaskAnswer:
        """Send nothing for now: the answer slows the whole queue down, since every mail would fail."""
        decided = Retry(
            status=HTTPStatus.SERVICE_UNAVAILABLE,
            cause="provider-failing",
            error=f"the mail provider is failing, and nothing was sent: {kept_back.error}",
            retry_after_seconds=max(kept_back.wait_seconds, 1),
        )
        # What a worker may have sent is not given up: after the last attempt the next run makes a task for it.
        return task_answer.to_be_retried(work.task, decided) if is_repeat else self._fail(work, decided)

    def _fail(self, work: TaskDelivery, retry: Retry) -> TaskAnswer:
        """End an attempt that has claimed nothing: the queue calls again, unless this was its last attempt."""
        decided = retry_or_give_up(retry, last_attempt=work.attempt.last)
        if isinstance(decided, GiveUp):
            return self._giving_up.give_up(work, decided, None)
        self._deliveries.note_failure(
            work.task,
            work.delivery,
            owner=work.owner,
            error=decided.error,
            attempt=work.attempt,
            now=self._now(),
            period=work.period,
        )
        return task_answer.to_be_retried(work.task, decided)

    def _settle_sent(self, work: TaskDelivery, held: Claim | Delivery | None, message_id: str) -> TaskAnswer:
        try:
            self._deliveries.settle(
                work.task,
                held,
                state=DeliveryState.SENT,
                owner=work.owner,
                period=work.period,
                user=work.user,
                subscription=work.subscription,
                move=self._move(work, counts=True, is_verified=isinstance(held, Claim)),
                attempt=work.attempt,
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
        self._close_letter(work)
        return TaskAnswer(
            status=HTTPStatus.OK,
            result="sent",
            details={"message_id": message_id},
            lateness_seconds=work.lateness_seconds(self._now()),
        )

    def _skip_reason(self, work: TaskDelivery) -> SkipReason | None:
        return skip_reason(work.user, work.subscription, now=self._now())

    def _skip(self, work: TaskDelivery, claim: Claim | None, skip: Skip) -> TaskAnswer:
        if not skip.note and work.delivery is not None and work.delivery.is_in_doubt:
            skip = skip._replace(note=_MAY_HAVE_BEEN_SENT)
        reason = skip.reason
        self._deliveries.settle(
            work.task,
            claim or work.delivery,
            state=DeliveryState.SKIPPED,
            owner=work.owner,
            period=work.period,
            user=work.user,
            subscription=None if reason in OF_USERS else work.subscription,
            move=self._stay_paused(work)
            if reason is SkipReason.PAUSED
            else self._move(work, counts=reason not in NOT_COUNTED, is_verified=claim is not None),
            attempt=work.attempt,
            now=self._now(),
            skipped_because=reason,
            note=skip.note,
        )
        self._close_letter(work)
        # Not before the delivery is final: if this process ends in between, the next run's task pauses them.
        if reason in OF_USERS:
            self._pause_all(work, reason)
        details = {"reason": reason.value, **({"note": skip.note} if skip.note else {})}
        return TaskAnswer(
            status=HTTPStatus.OK,
            result="skipped",
            details=details,
            lateness_seconds=work.lateness_seconds(self._now()),
        )

    def _pause_all(self, work: TaskDelivery, reason: SkipReason) -> None:
        """Pause all subscriptions of a user who is inactive or gone.

        A user who is active again by now keeps them: if their report was skipped, the next run's task finds that and
        moves the subscription on.
        """
        user_id = work.task.user_id
        paused = self._inactive_users.pause(
            user_id, work.task.subscription_id, due_at=work.task.due_at, now=self._now()
        )
        if paused:
            _logger.info("subscriptions_paused", user_id=user_id, reason=reason.value, subscriptions=paused)

    def _stay_paused(self, work: TaskDelivery) -> Move:
        return lambda user, subscription: met_pause_fields(subscription, user, due_at=work.task.due_at, now=self._now())

    def _move(self, work: TaskDelivery, *, counts: bool, is_verified: bool) -> Move:
        return lambda user, subscription: work.moved_fields(
            user, subscription, counts=counts, is_verified=is_verified, now=self._now()
        )

    def _already_final(self, work: TaskDelivery) -> TaskAnswer:
        """Send nothing. A subscription that still has this due time moves on: an application has written an old copy
        back, or an event has settled the delivery."""
        task, subscription, delivery = work.task, work.subscription, work.delivery
        if subscription is not None and delivery is not None and subscription.next_report_at == task.due_at:
            reason = self._skip_reason(work)
            if reason in OF_USERS:
                self._pause_all(work, reason)
            elif reason is SkipReason.PAUSED:
                self._deliveries.move_subscription(task, work.user, subscription, self._stay_paused(work))
            else:
                work = work._replace(others=self._deliveries.others(task, now=self._now()))
                move = self._move(work, counts=delivery.is_counted, is_verified=False)
                if self._deliveries.move_subscription(task, work.user, subscription, move):
                    _logger.warning("subscription_moved_past_final_delivery", delivery_id=task.delivery_id)
        self._close_letter(work)
        return task_answer.already_final(delivery)

    def _close_letter(self, work: TaskDelivery) -> None:
        """A replay marks its dead letter itself, unless it was interrupted."""
        if work.delivery is not None and work.delivery.task and work.delivery.state is not DeliveryState.DEAD:
            self._deliveries.close_letter(work.task.delivery_id, now=self._now())


def _cause_of_doubt(work: TaskDelivery) -> str:
    """Why it is not known whether a report was sent."""
    if work.is_outdated:
        return "it was due before Firestore was restored, and may have been sent after the copy was made"
    delivery = work.delivery
    return (delivery and (delivery.problem or delivery.last_error)) or "a worker ended while it was sending"


def _read_task(body: bytes) -> ReportTask:
    task = ReportTask.from_json(body)
    if not task.names_its_delivery:
        raise InvalidContract("delivery_id: not the delivery of this user_id, subscription_id and due_at")
    return task
