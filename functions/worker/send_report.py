"""One task: one report to one user, once. This is the order of things; what is decided is in transitions.py."""

import contextlib
import functools
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, Protocol

import structlog
from google.api_core.exceptions import Cancelled, ClientError, GoogleAPIError

from functions.shared.contract import InvalidContract
from functions.shared.dead_letter import DeadLetter, DeadLetterReason
from functions.shared.dead_letter_topic import PUBLISH_TIMEOUT_SECONDS, TELL_TIMEOUT_SECONDS
from functions.shared.delivery import Delivery, DeliveryFailure, DeliveryState
from functions.shared.ids import delivery_id, malformed_user_letter_id
from functions.shared.logging import redact_addresses
from functions.shared.period import Period
from functions.shared.plausible_time import plausible
from functions.shared.report_task import ReportTask
from functions.shared.retry_policy import DISPATCH_DEADLINE
from functions.shared.schedule import Cadence
from functions.shared.settings import OnUnknownOutcome
from functions.worker.breaker import Admission, Breaker, Change
from functions.worker.compose import compose
from functions.worker.key_alert import KeyAlert
from functions.worker.ledger import CALL_SECONDS, SETTLE_SECONDS, Changed, Claim, Hold, Ledger, Move, UserDocument
from functions.worker.mail import Accepted, Mail, MailProvider, NotAllowed, Outcome, Unavailable, Unclear
from functions.worker.mail_terms import MailTerms
from functions.worker.one_line import one_line
from functions.worker.recipient import Recipient
from functions.worker.reports.report import PermanentError
from functions.worker.reports.user_data import UserData
from functions.worker.time_limit import TimeLimit, TookTooLong
from functions.worker.transitions import (
    GiveUp,
    Retry,
    Sent,
    Skip,
    Step,
    next_step,
    retry_or_give_up,
    step_of_unknown,
    verdict,
)
from functions.worker.unknown_outcome import MailRecords, NoWord, Recorded, StillUnknown, Word, judge

SEND_SECONDS = 20.0
"""How long SendGrid has to answer; it takes well under a second when it is healthy. The lease covers this."""

TRIAL_SECONDS = 5.0
"""How long SendGrid has to answer a trial, by which a worker finds out whether it is well again."""

ASK_SECONDS = 10.0
"""How long SendGrid has to say whether it has a mail. It has been measured to take 7 s.
https://github.com/sendgrid/sendgrid-csharp/issues/685"""

_HELD_SECONDS = SEND_SECONDS + max(TELL_TIMEOUT_SECONDS, ASK_SECONDS) + SETTLE_SECONDS
"""What the owner of a claim may need it for: to send, to tell that the key is refused or to ask whether the mail was
taken, to write down how it went. A claim that is not good for so long, because getting it took too long, is not
used."""

_ANSWER_SECONDS = 5.0
"""For what the worker's own clock does not see: the start of an instance, and the request's and the answer's way."""

_AFTER_BUILDING = (
    TRIAL_SECONDS
    + CALL_SECONDS  # to claim
    + SEND_SECONDS
    + ASK_SECONDS
    + CALL_SECONDS  # to hold
    + PUBLISH_TIMEOUT_SECONDS
    + SETTLE_SECONDS
)
"""What the longest way from a mail to an answer takes, if everything takes as long as it may."""

BUILD_SECONDS = DISPATCH_DEADLINE.total_seconds() - _AFTER_BUILDING - _ANSWER_SECONDS
"""How long after the start of an attempt its report must be built. So there is always time for an answer before Cloud
Tasks stops waiting for one, and on the last attempt for a dead letter."""

_READ_SECONDS_LESS = 2.0
"""Reading the user's data is given up so long before the report is, so that its thread ends by itself."""

_BODY_CHARACTERS = 10_000
_ERROR_CHARACTERS = 1_000

_logger = structlog.get_logger()


class DeadLetters(Protocol):
    """Where what cannot be sent goes: functions.shared.dead_letter_topic."""

    def publish(self, letter: DeadLetter, *, task_name: str = "", retry_count: int = 0) -> None:
        """Publish a dead letter; returns when it is kept."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One call by the queue.

    Attributes:
        number: 1 for the first. https://cloud.google.com/tasks/docs/creating-http-target-tasks#handler
        task_name: the task's in Cloud Tasks; empty for a call by hand.
        last: whether the queue gives up after this one.
    """

    number: int
    task_name: str
    last: bool


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of a task.

    Attributes:
        status: what the queue is told. All that is not 2xx makes it call again.
        word: the outcome in one word.
        delivery_id: of which delivery; empty where the task names none.
        details: more of it, fit for the answer and the log.
        retry_after_seconds: what the provider asked for.
    """

    status: HTTPStatus
    word: str
    delivery_id: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    retry_after_seconds: int | None = None


_UNEXPECTED = Result(status=HTTPStatus.INTERNAL_SERVER_ERROR, word="retry", details={"cause": "internal-error"})


@dataclass(frozen=True, kw_only=True)
class _Delivery:
    """What is known about the delivery of a task while it is worked on."""

    task: ReportTask
    attempt: Attempt
    owner: str
    record: Delivery | None
    user: UserDocument
    recipient: Recipient
    period: Period | None


class _Published(Enum):
    """Whether Pub/Sub has a dead letter."""

    YES = auto()
    NO = auto()
    PERHAPS = auto()
    """There was no answer."""


class SendReport:
    """Carries out tasks. Safe for threads.

    Args:
        ledger: what is known about deliveries and users.
        provider: who takes the mail.
        dead_letters: where what cannot be sent goes.
        key_alert: told of each mail that the provider refuses for its key.
        user_data: gives access to one user's own data for so many seconds, by the user's id.
        terms: what every mail has besides its report.
        default_cadence: for users whose document names none.
        on_unknown_outcome: the team's choice between maybe never and maybe twice.
        now: the present, in UTC.
        time_limit: ends the wait for a report that is not built in time.
        breaker: whether the provider is to be left alone; shared by all that this process sends.
        records: the provider's, to look for mails of unknown outcome; None where it cannot be asked.
        build_seconds: how long after the start of an attempt its report must be built.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        provider: MailProvider,
        dead_letters: DeadLetters,
        key_alert: KeyAlert,
        user_data: Callable[[str, float], UserData],
        terms: MailTerms,
        default_cadence: Cadence,
        on_unknown_outcome: OnUnknownOutcome,
        now: Callable[[], datetime],
        time_limit: TimeLimit,
        breaker: Breaker,
        records: MailRecords | None = None,
        build_seconds: float = BUILD_SECONDS,
    ) -> None:
        self._ledger = ledger
        self._provider = provider
        self._dead_letters = dead_letters
        self._key_alert = key_alert
        self._user_data = user_data
        self._terms = terms
        self._default_cadence = default_cadence
        self._on_unknown_outcome = on_unknown_outcome
        self._now = now
        self._time_limit = time_limit
        self._records = records
        self._build_seconds = build_seconds
        self._breaker = breaker

    def __call__(self, body: bytes, attempt: Attempt) -> Result:
        """Carry out a task.

        Args:
            body: the task's.
            attempt: the queue's call.
        """
        started = time.monotonic()
        took: dict[str, float] = {}
        try:
            task = _read_task(body)
        except InvalidContract as error:
            result = self._reject(body, str(error), attempt)
            _log(None, attempt, result, started, took)
            return result
        owner = secrets.token_hex(16)
        try:
            try:
                result = self._carry_out(task, attempt, owner, started, took)
            except (Changed, GoogleAPIError):
                raise
            except Exception as error:
                _logger.exception("the task failed in a way that nobody thought of", delivery_id=task.delivery_id)
                result = self._give_up_unexpected(task, attempt, owner, error) if attempt.last else _UNEXPECTED
        except Changed as error:
            # What another worker has done with the delivery is that worker's to finish.
            _logger.warning("another worker has acted on the delivery", delivery_id=task.delivery_id, found=str(error))
            result = _left_to_others(error.found)
        except GoogleAPIError as error:
            # Also on the last attempt: what the ledger cannot be asked or told is not known to be unsent, and the
            # dispatcher finds it.
            _logger.warning("Firestore failed", delivery_id=task.delivery_id, error=_text(error))
            result = Result(status=HTTPStatus.INTERNAL_SERVER_ERROR, word="retry", details={"cause": "firestore"})
        _log(task, attempt, result, started, took)
        return replace(result, delivery_id=task.delivery_id)

    def _carry_out(
        self, task: ReportTask, attempt: Attempt, owner: str, started: float, took: dict[str, float]
    ) -> Result:
        record = self._ledger.read(task.delivery_id)
        step = next_step(
            record,
            now=self._now(),
            on_unknown_outcome=self._on_unknown_outcome,
            can_ask=self._records is not None,
        )
        if step is Step.LEAVE:
            return _left_to_others(record)
        user = self._ledger.read_user(task.user_id)
        recipient = self._recipient(task, user)
        delivery = _Delivery(
            task=task,
            attempt=attempt,
            owner=owner,
            record=record,
            user=user,
            recipient=recipient,
            # An attempt that was interrupted, or a replay, covers what the first one covered.
            period=_settled_period(record, task, self._now()) or recipient.period(task, _run_time(task)),
        )
        if step is Step.NOTHING:
            return self._already_final(delivery)
        if step is Step.BURY and record and record.failure:
            return self._bury(delivery, record, record.failure, release=False)
        note = ""
        if step is Step.ASK:
            found_out = self._find_out(delivery)
            if isinstance(found_out, Result):
                return found_out
            note, step = f"; {found_out.note}", step_of_unknown(self._on_unknown_outcome)
        if step is Step.GIVE_UP_UNKNOWN:
            cause = (record.problem if record else "") or "a worker ended while it was sending"
            error = f"{cause}: nobody knows whether SendGrid has the mail{note}"
            return self._give_up(
                delivery, GiveUp(reason=DeadLetterReason.UNKNOWN_OUTCOME, error=error, release=False), None
            )
        if not recipient.wanted:
            return self._skip(delivery, None, "user-inactive" if recipient.schedule else "user-gone")
        if wait := self._breaker.wait_seconds():
            return self._hold_back(delivery, wait)
        with _timed(took, "build"):
            built = self._build(delivery, seconds=started + self._build_seconds - time.monotonic())
        match built:
            case GiveUp():
                return self._give_up(delivery, built, None)
            case Retry():
                return _retry(delivery, built)
            case Mail():
                return self._send(delivery, built, took)

    def _build(self, delivery: _Delivery, *, seconds: float) -> Mail | Retry | GiveUp:
        task, user, period = delivery.task, delivery.recipient.user, delivery.period
        if user is None or period is None:
            return GiveUp(
                reason=DeadLetterReason.PERMANENT_ERROR, error=f"the user's document: {delivery.recipient.problem}"
            )
        try:
            make = functools.partial(
                compose,
                task.kind,
                user,
                period,
                self._user_data(user.id, seconds - _READ_SECONDS_LESS),
                delivery_id=task.delivery_id,
                run_id=task.run_id,
                terms=self._terms,
            )
            return self._time_limit.run(make, seconds=seconds)
        except PermanentError as error:
            return GiveUp(reason=DeadLetterReason.PERMANENT_ERROR, error=_text(error))
        except TookTooLong as error:
            _logger.error(  # noqa: TRY400  where the report hangs is in another thread's traceback
                "the report takes too long to build", delivery_id=task.delivery_id, kind=task.kind, error=str(error)
            )
            cause, text = "report-too-slow", f"the report takes too long to build: {error}"
        except (Exception, SystemExit) as error:
            # A report is other people's code, and may fail in any way; what it raises must not become a lost report.
            _logger.exception("the report cannot be built", delivery_id=task.delivery_id, kind=task.kind)
            cause, text = "report-failed", f"the report cannot be built: {type(error).__name__}: {_text(error)}"
        retry = Retry(status=HTTPStatus.INTERNAL_SERVER_ERROR, cause=cause, error=text)
        return retry_or_give_up(retry, last_attempt=delivery.attempt.last)

    def _find_out(self, delivery: _Delivery) -> Result | StillUnknown:
        """Settle a delivery of unknown outcome by the provider's word, or have the queue call again for it."""
        assert delivery.record is not None  # noqa: S101  what has no record has no unknown outcome
        judged = judge(
            self._ask(delivery.task),
            lease_expired_at=delivery.record.lease_expires_at,
            now=self._now(),
            last_attempt=delivery.attempt.last,
        )
        match judged:
            case Sent(message_id=message_id):
                return self._settle_sent(delivery, delivery.record, message_id)
            case Retry():
                return _retry(delivery, judged)
            case StillUnknown():
                return judged

    def _ask(self, task: ReportTask) -> Word:
        if self._records is None:
            return NoWord(error="there are no records", lasting=True)
        word = self._records.find(task.delivery_id, seconds=ASK_SECONDS)
        if isinstance(word, NoWord):
            _logger.warning(
                "the mail provider does not say whether it has the mail",
                delivery_id=task.delivery_id,
                lasting=word.lasting,
                error=word.error,
            )
        return word

    def _send(self, delivery: _Delivery, mail: Mail, took: dict[str, float]) -> Result:
        task = delivery.task
        admission = self._breaker.enter()
        if admission.wait_seconds:
            return self._hold_back(delivery, admission.wait_seconds)
        outcome: Outcome | None = None
        claim: Claim | Result | None = None
        try:
            if admission.is_trial:
                # Checked by the provider like any other and delivered to nobody, so that a trial that fails leaves no
                # outcome unknown. https://www.twilio.com/docs/sendgrid/for-developers/sending-email/sandbox-mode
                outcome = self._provider.send(replace(mail, sandbox=True), seconds=TRIAL_SECONDS)
            if not isinstance(outcome, Unavailable | Unclear):
                outcome = None
                claim = self._claim(delivery)
                if isinstance(claim, Claim):
                    with _timed(took, "send"):
                        outcome = self._provider.send(mail, seconds=SEND_SECONDS)
        finally:
            self._leave(admission, outcome)
        if isinstance(claim, Result):
            return claim
        if claim is None or outcome is None:
            return self._hold_back(delivery, self._breaker.wait_seconds())
        if isinstance(outcome, NotAllowed):
            # The line that an alert policy watches for: no report goes out until somebody mends the key.
            _logger.error("the mail provider refuses the key", alert="provider-refuses-key", error=outcome.error)
            self._key_alert(run_id=task.run_id, error=outcome.error)
        if isinstance(outcome, Unclear) and self._records is not None and delivery.attempt.last:
            # There is no time left to wait for the records: they are seldom so quick, but nothing is lost by asking.
            word = self._ask(task)
            outcome = Accepted(message_id=word.message_id) if isinstance(word, Recorded) else outcome
        decided = verdict(
            outcome,
            last_attempt=delivery.attempt.last,
            on_unknown_outcome=self._on_unknown_outcome,
            can_ask=self._records is not None,
        )
        match decided:
            case Sent():
                return self._settle_sent(delivery, claim, decided.message_id)
            case Skip(cause=cause):
                return self._skip(delivery, claim, cause)
            case GiveUp():
                return self._give_up(delivery, decided, claim)
            case Retry():
                result = _retry(delivery, decided)
                if decided.release:
                    self._ledger.release(task, claim, error=decided.error, now=self._now())
                return result

    def _claim(self, delivery: _Delivery) -> Claim | Result:
        task, period = delivery.task, delivery.period
        assert period is not None  # noqa: S101  nothing is built without a period
        claim = self._ledger.claim(task, delivery.record, period=period, owner=delivery.owner, now=self._now())
        if claim.outlasts(_HELD_SECONDS, now=self._now()):
            return claim
        self._ledger.release(task, claim, error="claiming the delivery took too long", now=self._now())
        return Result(status=HTTPStatus.INTERNAL_SERVER_ERROR, word="retry", details={"cause": "slow-claim"})

    def _leave(self, admission: Admission, outcome: Outcome | None) -> None:
        failure = outcome.error if isinstance(outcome, Unavailable | Unclear) else None
        change = self._breaker.leave(admission, failure=failure, is_up=outcome is not None and failure is None)
        if change is Change.OPENED:
            _logger.error(
                "the mail provider is failing: no mail is sent for now",
                alert="provider-failing",
                seconds=self._breaker.wait_seconds(),
                error=self._breaker.error,
            )
        elif change is Change.CLOSED:
            _logger.warning("the mail provider is well again")

    def _hold_back(self, delivery: _Delivery, seconds: int) -> Result:
        """Nothing was sent, and nothing is for now: the whole queue slows down, since everybody's mail would fail."""
        decided = retry_or_give_up(
            Retry(
                status=HTTPStatus.SERVICE_UNAVAILABLE,
                cause="provider-failing",
                error=f"the mail provider is failing, and nothing was sent: {self._breaker.error}",
                retry_after_seconds=max(seconds, 1),
            ),
            last_attempt=delivery.attempt.last,
        )
        return _retry(delivery, decided) if isinstance(decided, Retry) else self._give_up(delivery, decided, None)

    def _settle_sent(self, delivery: _Delivery, held: Claim | Delivery, message_id: str) -> Result:
        try:
            self._ledger.settle(
                delivery.task,
                held,
                state=DeliveryState.SENT,
                owner=delivery.owner,
                period=delivery.period,
                user=delivery.user,
                move=self._mover(delivery),
                now=self._now(),
                message_id=message_id,
            )
        except (GoogleAPIError, Changed) as error:
            _logger.critical(
                "a mail was accepted, and the ledger could not be told: its outcome counts as unknown",
                delivery_id=delivery.task.delivery_id,
                message_id=message_id,
                error=_text(error),
            )
            raise
        return Result(status=HTTPStatus.OK, word="sent", details={"message_id": message_id})

    def _skip(self, delivery: _Delivery, claim: Claim | None, cause: str) -> Result:
        self._ledger.settle(
            delivery.task,
            claim or delivery.record,
            state=DeliveryState.SKIPPED,
            owner=delivery.owner,
            period=delivery.period,
            user=delivery.user,
            move=self._mover(delivery),
            now=self._now(),
        )
        return Result(status=HTTPStatus.OK, word="skipped", details={"cause": cause})

    def _mover(self, delivery: _Delivery) -> Move:
        """Decides by a user's document how the user moves on from a delivery."""

        def move(user: UserDocument) -> Mapping[str, datetime]:
            recipient = self._recipient(delivery.task, user)
            return recipient.moved_on(delivery.task.due_at, delivery.period)

        return move

    def _recipient(self, task: ReportTask, user: UserDocument) -> Recipient:
        return Recipient.from_document(task.user_id, user.fields, self._default_cadence)

    def _already_final(self, delivery: _Delivery) -> Result:
        """Nothing is done, but for a user who stands there."""
        task = delivery.task
        if delivery.recipient.moved_past(task.due_at, delivery.period, ()):
            newest = self._ledger.newest_final(task.user_id, since=task.due_at, now=self._now())

            def move(user: UserDocument) -> Mapping[str, datetime]:
                return self._recipient(task, user).moved_past(task.due_at, delivery.period, newest)

            if self._ledger.move_user(task.user_id, delivery.user, move):
                _logger.warning("a user had been set back to a final delivery", delivery_id=task.delivery_id)
        state = delivery.record.state.value if delivery.record else ""
        return Result(status=HTTPStatus.OK, word="already-final", details={"state": state})

    def _give_up(self, delivery: _Delivery, decided: GiveUp, claim: Claim | None) -> Result:
        """Settle that it is given up, publish the dead letter, mark the delivery dead.

        A dead letter is only said of what nobody will send any more. A crash after the first step leaves the others to
        the next attempt, or to that of the task that the dispatcher makes; a dead letter that is published twice is
        stored once.
        """
        # Of a malformed user no report can be made until a person mends it: that is one dead letter, not one an hour.
        is_malformed = claim is None and decided.reason is DeadLetterReason.PERMANENT_ERROR
        failure = DeliveryFailure(
            reason=decided.reason,
            error=one_line(redact_addresses(decided.error), _ERROR_CHARACTERS),
            failed_at=self._now(),
            letter_id=malformed_user_letter_id(delivery.task.user_id) if is_malformed else None,
        )
        hold = self._ledger.hold(
            delivery.task,
            claim or delivery.record,
            failure=failure,
            owner=delivery.owner,
            period=delivery.period,
            now=self._now(),
        )
        return self._bury(delivery, hold, failure, release=decided.release)

    def _bury(self, delivery: _Delivery, held: Hold | Delivery, failure: DeliveryFailure, *, release: bool) -> Result:
        task = delivery.task
        letter = DeadLetter(
            user_id=task.user_id,
            delivery_id=task.delivery_id,
            due_at=task.due_at,
            run_id=task.run_id,
            kind=task.kind,
            reason=failure.reason,
            error=failure.error,
            attempts=delivery.attempt.number,
            failed_at=failure.failed_at,
            letter_id=failure.letter_id,
        )
        published = self._publish(letter, delivery.attempt)
        if published is not _Published.YES:
            if published is _Published.NO and release and isinstance(held, Hold):
                self._ledger.release(task, held, error=failure.error, now=self._now())
            return _unpublished()
        self._ledger.settle(
            task,
            held,
            state=DeliveryState.DEAD,
            owner=delivery.owner,
            period=delivery.period,
            user=delivery.user,
            move=self._mover(delivery),
            now=self._now(),
            failure=failure,
        )
        return Result(status=HTTPStatus.OK, word="dead", details={"reason": failure.reason.value})

    def _give_up_unexpected(self, task: ReportTask, attempt: Attempt, owner: str, error: Exception) -> Result:
        """The last attempt of a task that the pipeline cannot carry out: the queue would delete it without a trace.

        What failed may be anything, so nothing is asked of the user's document that is not needed: the period is left
        open, and the user moves on with the next run.
        """
        record = self._ledger.read(task.delivery_id)
        was_sending = record is not None and record.state is DeliveryState.SENDING
        if record is not None and record.owner != owner:
            step = next_step(record, now=self._now(), on_unknown_outcome=self._on_unknown_outcome)
            if step in {Step.NOTHING, Step.LEAVE}:
                return _left_to_others(record)
        delivery = _Delivery(
            task=task,
            attempt=attempt,
            owner=owner,
            record=record,
            user=UserDocument(fields=None, version=None),
            recipient=Recipient.from_document(task.user_id, None, self._default_cadence),
            period=_settled_period(record, task, self._now()),
        )
        if record is not None and record.failure is not None:
            return self._bury(delivery, record, record.failure, release=False)
        reason = DeadLetterReason.UNKNOWN_OUTCOME if was_sending else DeadLetterReason.RETRIES_EXHAUSTED
        text = f"the worker failed in a way that nobody thought of: {type(error).__name__}: {_text(error)}"
        return self._give_up(delivery, GiveUp(reason=reason, error=text, release=not was_sending), None)

    def _reject(self, body: bytes, error: str, attempt: Attempt) -> Result:
        """A body that is no task. There is no delivery to mark, and no field of it to be believed."""
        letter = DeadLetter(
            reason=DeadLetterReason.INVALID_TASK,
            error=one_line(redact_addresses(error), _ERROR_CHARACTERS),
            attempts=attempt.number,
            failed_at=self._now(),
            body=body[: _BODY_CHARACTERS * 4].decode(errors="replace")[:_BODY_CHARACTERS],
        )
        if self._publish(letter, attempt) is not _Published.YES:
            return _unpublished()
        return Result(
            status=HTTPStatus.OK,
            word="dead",
            details={"reason": DeadLetterReason.INVALID_TASK.value, "error": letter.error},
        )

    def _publish(self, letter: DeadLetter, attempt: Attempt) -> _Published:
        try:
            self._dead_letters.publish(letter, task_name=attempt.task_name, retry_count=attempt.number - 1)
        except (GoogleAPIError, TimeoutError) as error:
            _logger.error(  # noqa: TRY400  the traceback is the library's own
                "a dead letter cannot be published", delivery_id=letter.delivery_id, error=_text(error)
            )
            is_refused = isinstance(error, ClientError) and not isinstance(error, Cancelled)
            return _Published.NO if is_refused else _Published.PERHAPS
        return _Published.YES


def _read_task(body: bytes) -> ReportTask:
    task = ReportTask.from_json(body)
    if task.delivery_id != delivery_id(task.user_id, task.due_at):
        raise InvalidContract("delivery_id: not the delivery of this user_id and due_at")
    return task


def _settled_period(record: Delivery | None, task: ReportTask, now: datetime) -> Period | None:
    return record.settled_period(max(task.due_at, _run_time(task), now)) if record else None


def _run_time(task: ReportTask) -> datetime:
    """When the task's run was; the due time where it comes from no run, such as one made by hand."""
    for pattern in ("%Y%m%dT%H%MZ", "%Y%m%dT%H%M%SZ", "%Y%m%dT%H%M%S.%fZ"):
        with contextlib.suppress(ValueError):
            return plausible(datetime.strptime(task.run_id, pattern).replace(tzinfo=UTC)) or task.due_at
    return task.due_at


def _left_to_others(record: Delivery | None) -> Result:
    if record is not None and record.state.is_final:
        return Result(status=HTTPStatus.OK, word="already-final", details={"state": record.state.value})
    return Result(status=HTTPStatus.CONFLICT, word="leased")


def _retry(delivery: _Delivery, retry: Retry) -> Result:
    _logger.warning(
        "the report was not sent this time", delivery_id=delivery.task.delivery_id, cause=retry.cause, error=retry.error
    )
    return Result(
        status=retry.status,
        word="retry",
        details={"cause": retry.cause},
        retry_after_seconds=retry.retry_after_seconds,
    )


def _unpublished() -> Result:
    return Result(status=HTTPStatus.INTERNAL_SERVER_ERROR, word="retry", details={"cause": "dead-letter-not-published"})


@contextlib.contextmanager
def _timed(took: dict[str, float], what: str) -> Iterator[None]:
    started = time.monotonic()
    try:
        yield
    finally:
        took[what] = time.monotonic() - started


def _log(task: ReportTask | None, attempt: Attempt, result: Result, started: float, took: Mapping[str, float]) -> None:
    fields: dict[str, Any] = {f"{what}_ms": round(seconds * 1000) for what, seconds in took.items()}
    if task is not None:
        fields |= {"delivery_id": task.delivery_id, "run_id": task.run_id, "kind": task.kind}
    _logger.info(
        "report",
        result=result.word,
        **result.details,
        status=int(result.status),
        attempt=attempt.number,
        total_ms=round((time.monotonic() - started) * 1000),
        **fields,
    )


def _text(error: BaseException) -> str:
    return one_line(redact_addresses(str(error)), _ERROR_CHARACTERS) or type(error).__name__
