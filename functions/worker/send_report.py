"""One task: one report to one user, once. This file has the order of the steps; transitions.py decides, and
attempt_end.py writes how it ends."""

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

import structlog
from google.api_core.exceptions import GoogleAPIError

from functions.shared.firestore.delivery_store import DeliveryChanged, DeliveryStore, Occasion, SubscriptionNotMoved
from functions.shared.records.archived_copy import CopyName
from functions.shared.records.contract import InvalidContract
from functions.shared.records.delivery import Delivery, SkipReason
from functions.shared.records.delivery_table import Claimed
from functions.shared.records.ids import task_id
from functions.shared.records.mark import is_untouched
from functions.shared.records.report_task import ReportTask
from functions.shared.records.stored_request import StoredRequest
from functions.shared.sanitize import error_text
from functions.shared.times.period import Period
from functions.worker import task_answer
from functions.worker.attempt import Attempt
from functions.worker.attempt_end import AttemptEnd
from functions.worker.copies import Copies, KeptCopy
from functions.worker.destinations.built_report import BuiltReport
from functions.worker.destinations.outcome import Accepted, Unclear
from functions.worker.outcome_inquiry import SendAgain, StillUnknown, wanted_mail
from functions.worker.repeating import MadeRequests
from functions.worker.report_builder import ReportBuilder
from functions.worker.routes import Route, Routes
from functions.worker.skipping import Subscriber, subscriber_of
from functions.worker.task_answer import AttemptTimer, TaskAnswer
from functions.worker.task_delivery import TaskDelivery
from functions.worker.time_budget import BUILD_SECONDS, CLAIM_SECONDS, CLAIM_SECONDS_NEEDED, LEASE, LOOK_AGAIN_SECONDS
from functions.worker.transitions import (
    GiveUp,
    Hold,
    NextStep,
    Retry,
    Sent,
    Skip,
    Transition,
    Wait,
    next_step,
    transition_after,
    transition_after_repeat,
)

_logger = structlog.get_logger()

_End = tuple[TaskDelivery, Transition | Hold | Wait]
"""A delivery as it stands, and how the attempt ends."""


class SendReport:
    """Carries out tasks. Safe for threads.

    Args:
        deliveries: reads and writes deliveries and their subscriptions.
        end: ends the attempts.
        routes: the ways of the reports to their destinations.
        builder: builds the report.
        is_paused: whether no report of a kind is built, and none is repeated.
        copies: keeps copies of the emails.
        now: the present, in UTC.
    """

    def __init__(
        self,
        *,
        deliveries: DeliveryStore,
        end: AttemptEnd,
        routes: Routes,
        builder: ReportBuilder,
        is_paused: Callable[[str], bool],
        copies: Copies,
        now: Callable[[], datetime],
    ) -> None:
        self._deliveries = deliveries
        self._end = end
        self._routes = routes
        self._builder = builder
        self._is_paused = is_paused
        self._copies = copies
        self._now = now

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
            answer = self._end.rejected(body, str(error), attempt)
            timer.log(None, attempt, answer)
            return answer
        try:
            answer = self._answered(TaskDelivery(task, attempt, secrets.token_hex(16)), timer)
        except SubscriptionNotMoved as error:
            _logger.warning("subscription_not_moved", delivery_id=task.delivery_id, error=error_text(error))
            answer = task_answer.SUBSCRIPTION_NOT_MOVED
        except GoogleAPIError as error:
            # Also on the last attempt: without Firestore's answer the delivery may have been sent. The dispatcher finds
            # it.
            _logger.warning("firestore_failed", delivery_id=task.delivery_id, error=error_text(error))
            answer = task_answer.FIRESTORE_FAILED
        timer.log(task, attempt, answer)
        return answer._replace(delivery_id=task.delivery_id)

    def _answered(self, work: TaskDelivery, timer: AttemptTimer) -> TaskAnswer:
        try:
            return self._attempt(work, timer)
        except DeliveryChanged as error:
            _logger.warning("delivery_changed_meanwhile", delivery_id=work.task.delivery_id, found=str(error))
            return self._end.left_to_others(work)

    def _attempt(self, work: TaskDelivery, timer: AttemptTimer) -> TaskAnswer:
        task, attempt = work.task, work.attempt
        is_new = attempt.number == 1 and attempt.task_name == task_id(task.delivery_id)
        documents = self._deliveries.read(task, is_new=is_new)
        # What is known of it even if the rest cannot be worked out.
        work = work._replace(delivery=documents.delivery)
        try:
            work = work.with_documents(documents, now=self._now())
            return self._carry_out(work, timer)
        except (DeliveryChanged, GoogleAPIError, SubscriptionNotMoved):
            raise
        except Exception as error:
            _logger.exception("task_failed_unexpectedly", delivery_id=task.delivery_id)
            if attempt.last:
                return self._end.unexpected_at_last(work, error, lambda delivery: self._can_repeat(work, delivery))
            return self._end.unexpected(work, error)

    def _carry_out(self, work: TaskDelivery, timer: AttemptTimer) -> TaskAnswer:
        delivery = work.delivery
        step = next_step(delivery, now=self._now())
        if step is NextStep.IN_PROGRESS:
            return task_answer.LEFT_TO_OTHERS
        if step is not NextStep.INQUIRE and (settled := self._end.settled_by_event(work)):
            return settled
        if step is NextStep.ALREADY_FINAL:
            return self._end.already_final(work)
        if step is NextStep.FINISH_GIVING_UP and delivery and delivery.failure:
            return self._end.finish_giving_up(work, delivery.failure)
        route = self._routes.to(work.subscription, work.user)
        taken = self._routes.of(delivery, work.user, work.subscription) if step is NextStep.INQUIRE else None
        stored = taken.sending.repeating.stored_in(delivery) if taken else None
        work, by = self._send(work, route, taken, stored, timer)
        is_shared = (taken if taken and stored else route).sending.is_shared
        return self._end(work, by.alone if isinstance(by, Retry) and not is_shared else by)

    def _send(
        self, work: TaskDelivery, route: Route, taken: Route | None, stored: StoredRequest | None, timer: AttemptTimer
    ) -> _End:
        if taken and stored is None:
            if end := _already_taken(work, taken):
                return work, end
            known = taken.inquiry.settle(work, now=self._now())
            if not isinstance(known, SendAgain):
                return work, known
            work = work._replace(absence=known.absence)
        subscriber = subscriber_of(work.user, work.subscription, now=self._now())
        if isinstance(subscriber, SkipReason):
            # An event of the email may be what has paused the subscription: then the email was sent.
            found = taken.inquiry.look_up(work, now=self._now()) if taken and stored else StillUnknown("")
            return work, Skip(reason=subscriber) if isinstance(found, StillUnknown) else found
        way = taken if taken and stored else route
        if kept_back := way.sending.kept_back():
            return work, kept_back
        # Also what may have been sent: when the kind resumes it is repeated, or a person decides if its key is too old.
        if self._is_paused(work.task.kind):
            return work, Hold()
        # Only what did not arrive is built again.
        if end := _already_taken(work, way):
            return work, end
        if taken and stored and (ended := self._send_again(work, taken, subscriber, stored, timer)):
            return ended
        if work.may_be_next:
            work = work._replace(others=self._deliveries.others(work.task, now=self._now(), seconds=LOOK_AGAIN_SECONDS))
        left = work.uncovered(self._now())
        if left is None:
            return work, Skip(reason=SkipReason.COVERED)
        work = work._replace(period=left)
        built, kept = self._build_and_keep(work, subscriber, left, timer)
        if not isinstance(built, BuiltReport):
            return work, built
        return self._hand_over(work, route, route.sending.repeating.first(work, built) or built, timer, kept)

    def _send_again(
        self, work: TaskDelivery, route: Route, subscriber: Subscriber, stored: StoredRequest, timer: AttemptTimer
    ) -> _End | None:
        """Make the requests again that a worker may have made, to the byte where the destination refuses others; None
        where they cannot be had, and the report is to be sent all the same."""
        repeating = route.sending.repeating
        made, kept = repeating.again(stored), None
        # Of a report by email and one that goes elsewhere, neither can be sent as the other.
        is_same_kind = bool(stored.deliver) is not subscriber.subscription.is_emailed
        if made is None and work.period is not None and is_same_kind:
            # The delivery does not keep them.
            if repeating.takes_others:
                built, kept = self._build_and_keep(work, subscriber, work.period, timer)
            else:
                # The same data make the same report, and so the same requests.
                name = work.delivery and (work.delivery.archived_later or work.delivery.archived_as)
                built = self._build(work, subscriber, work.period, timer, CopyName.parse(name or ""))
            if isinstance(built, Retry):
                return work, built
            made = repeating.again(stored, built) if isinstance(built, BuiltReport) else None
        if made is not None:
            return self._hand_over(work, route, made, timer, kept)
        _logger.warning("requests_not_repeatable", delivery_id=work.task.delivery_id)
        known = route.inquiry.settle(work, now=self._now())
        return None if isinstance(known, SendAgain) else (work, known)

    def _can_repeat(self, work: TaskDelivery, delivery: Delivery) -> bool:
        taken = self._routes.of(delivery, work.user, work.subscription)
        return taken.sending.repeating.stored_in(delivery) is not None or taken.inquiry.waits_for(delivery)

    def _build_and_keep(
        self, work: TaskDelivery, subscriber: Subscriber, period: Period, timer: AttemptTimer
    ) -> tuple[BuiltReport | Skip | Retry | GiveUp, KeptCopy | None]:
        name = self._copies.name(work)
        built = self._build(work, subscriber, period, timer, name)
        if not isinstance(built, BuiltReport):
            return built, None
        with timer.part("copy"):
            return self._copies.keep(name, work, built, seconds=BUILD_SECONDS - timer.seconds)

    def _build(
        self,
        work: TaskDelivery,
        subscriber: Subscriber,
        period: Period,
        timer: AttemptTimer,
        copy: CopyName | None,
    ) -> BuiltReport | Skip | Retry | GiveUp:
        with timer.part("build"):
            variant = self._deliveries.variant_of(work.task, work.documents)
            return self._builder.build(work.task, subscriber, period, elapsed=timer.seconds, variant=variant, copy=copy)

    def _hand_over(
        self,
        work: TaskDelivery,
        route: Route,
        outgoing: BuiltReport | MadeRequests,
        timer: AttemptTimer,
        kept: KeptCopy | None = None,
    ) -> _End:
        """Claim the delivery, and hand over its report: as it was built, or as requests that can be made again."""
        made = outgoing if isinstance(outgoing, MadeRequests) else None
        is_repeat = made is not None and made.is_repeat
        built_for = work.subscription.deliver if work.subscription else None
        with route.sending.turn(work.task.run_id) as turn:
            # With an idempotency key the report itself is the trial of a destination that was failing.
            kept_back = turn.kept_back or (turn.try_out(outgoing) if isinstance(outgoing, BuiltReport) else None)
            if kept_back:
                return work, kept_back
            handed_over = route.inquiry.handed_over(outgoing) if isinstance(outgoing, BuiltReport) else None
            claimed = self._claim(work, route, made, kept, handed_over)
            work, subscriber = self._look_again(work._replace(delivery=claimed, is_claimed=True), is_repeat=is_repeat)
            if not isinstance(subscriber, Subscriber):
                return work, subscriber
            is_redirected = subscriber.subscription.deliver != built_for and not is_repeat
            send = None if is_redirected else route.sending.way_to(outgoing, subscriber)
            if send is None:
                error = "it goes to other addresses by now"
                return work, _not_now(cause="addresses-changed", error=error, is_repeat=is_repeat)
            if not claimed.outlasts(CLAIM_SECONDS_NEEDED, now=self._now()):
                error = "claiming the delivery took too long"
                return work, _not_now(cause="slow-claim", error=error, is_repeat=is_repeat)
            with timer.part("send"):
                outcome = turn.hand_over(send)
        if is_repeat:
            return work, transition_after_repeat(outcome)
        if work.attempt.last and made is None:
            outcome = route.inquiry.clear_up(outcome, wanted_mail(work))
        can_repeat = made is not None or route.inquiry.waits_for(work.delivery)
        return work, transition_after(outcome, last_attempt=work.attempt.last, can_repeat=can_repeat)

    def _claim(
        self,
        work: TaskDelivery,
        route: Route,
        made: MadeRequests | None,
        kept: KeptCopy | None,
        handed_over: Mapping[str, Any] | None,
    ) -> Delivery:
        now = self._now()
        # What a repeat makes again is kept already.
        request = made.stored if made and not made.is_repeat else None
        claimed = Claimed(
            work.owner,
            now + LEASE,
            route.sending.repeating.provider,
            request,
            # A repeat of the same bytes has the copy of the first time.
            archived_as=kept.name if kept else None,
            archive_error=kept.error if kept else "",
            handed_over=handed_over,
            absence=work.absence,
        )
        on = Occasion(now, work.period, work.attempt.entry(now=now, is_over=False))
        return self._deliveries.write(work.task, work.documents, claimed, on, seconds=CLAIM_SECONDS)

    def _look_again(self, work: TaskDelivery, *, is_repeat: bool) -> tuple[TaskDelivery, Subscriber | Skip | Retry]:
        """Look at the subscription again, and at its other deliveries: who gets the report now, or how the attempt ends
        where nothing is to be sent.

        Building takes time, and a recipient may have unsubscribed meanwhile. Read after the claim, not before it, the
        subscription shows all that was stored until then, so a recipient who unsubscribed by then gets no email.
        """
        try:
            subscription = self._deliveries.read_subscription(work.task, seconds=LOOK_AGAIN_SECONDS)
            work = work._replace(subscription=subscription)
            if subscription and not (is_untouched(subscription) or work.is_replay or is_repeat):
                others = self._deliveries.others(work.task, now=self._now(), seconds=LOOK_AGAIN_SECONDS)
                work = work._replace(others=others)
        except GoogleAPIError:
            error = "the subscription could not be read"
            return work, _not_now(cause="firestore", error=error, is_repeat=is_repeat)
        subscriber = subscriber_of(work.user, work.subscription, now=self._now())
        if isinstance(subscriber, SkipReason):
            return work, Skip(reason=subscriber)
        if not is_repeat and self._is_paused(work.task.kind):
            return work, _not_now(cause="kind-paused", error="its kind was paused while it was built")
        if is_repeat:
            # An email that is made again covers what it did the first time.
            return work, subscriber
        if work.period and work.others and work.others.may_have_sent(work.period):
            error = "another delivery that covers some of its time is not settled"
            return work, _not_now(cause="another-delivery-unsettled", error=error, status=HTTPStatus.CONFLICT)
        left = work.uncovered(self._now())
        if left is None:
            return work, Skip(reason=SkipReason.COVERED)
        if left != work.period:
            error = "another delivery has covered some of its time"
            return work._replace(period=left), _not_now(cause="period-cut", error=error)
        return work, subscriber


def _already_taken(work: TaskDelivery, way: Route) -> Sent | Retry | None:
    """How the attempt ends if the destination has the report of a delivery in doubt, or may tell so later."""
    match way.sending.repeating.taken(work.delivery) if work.delivery and work.is_in_doubt else None:
        case Accepted(message_id, archived_as):
            return Sent(message_id, is_latest=True, archived_as=archived_as)
        case Unclear(error=error):
            return _not_now(cause="unknown-outcome", error=error, is_repeat=True)
        case _:
            return None


def _not_now(
    *,
    cause: str,
    error: str,
    is_repeat: bool = False,
    status: HTTPStatus = HTTPStatus.INTERNAL_SERVER_ERROR,
) -> Retry:
    """A claim is given back, unless a worker may have handed the email over before."""
    return Retry(status=status, cause=cause, error=error, release=not is_repeat)


def _read_task(body: bytes) -> ReportTask:
    task = ReportTask.from_json(body)
    if not task.names_its_delivery:
        raise InvalidContract("delivery_id: not the delivery of this user_id, subscription_id and due_at")
    return task
