"""Unknown outcomes: finds out whether the destination has the report, and decides by what is found.

First what the provider has reported by itself (`mail_events`): any event of a delivery proves that its email was
accepted. Then the provider's records. An email that neither shows is settled by neither: events are late or lost,
records appear with a delay, and no provider promises when they are complete. What was found then only informs the
team's choice between maybe never and maybe twice (ON_UNKNOWN_OUTCOME), unless the records prove the absence of the
email (absence.py).
"""

import copy
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, NamedTuple

import structlog

from functions.shared.records.address_hash import address_hash
from functions.shared.records.dead_letter import DeadLetterReason
from functions.shared.records.delivery import Delivery, DeliveryState
from functions.shared.records.mail_event import MailRecord
from functions.shared.records.recipients import email_recipients
from functions.shared.settings import OnUnknownOutcome
from functions.worker.absence import Absent, Facts, Settling, Unproven, absence
from functions.worker.destinations.built_report import BuiltReport
from functions.worker.destinations.email.delivery_lookup import (
    DeliveryLookup,
    LookupAnswer,
    LookupUnavailable,
    MailFound,
    MailNotFound,
    Neighbors,
    WantedMail,
)
from functions.worker.destinations.email.model import Mail
from functions.worker.destinations.outcome import Accepted, Outcome, Unclear
from functions.worker.task_delivery import TaskDelivery
from functions.worker.time_budget import LEASE, LOOKUP_SECONDS
from functions.worker.transitions import GiveUp, Retry, Sent, Wait

RECORDED_WITHIN = timedelta(minutes=10)
"""How long after an email was handed over the provider's records may still come to show it. Providers name no figure,
and users have measured "almost a minute" (https://github.com/sendgrid/sendgrid-java/issues/674). Shorter than the
queue's own retries take, so that the last of them finds this time over."""

NO_RECORDS = "it has no records to look in"

_logger = structlog.get_logger()


class SendAgain(NamedTuple):
    """The report is to be sent, perhaps again. `absence` is what the record keeps of why that is safe, if it is."""

    absence: Mapping[str, Any] | None = None


class StillUnknown(NamedTuple):
    """The team's choice decides. `note` says what came of asking."""

    note: str


class OutcomeInquiry:
    """Finds out about reports of unknown outcome. Safe for threads.

    Args:
        mail_record: reads what the provider has reported about a delivery's email, by the delivery's id.
        lookup: the provider's records; None where they are not to be asked.
        on_unknown_outcome: the team's choice between maybe never and maybe twice.
        settling: with RESEND_IF_ABSENT, how long after the end of a claim the records decide.
        is_sandbox: whether no email is to reach anybody, so that the records show none.
        taker: who may have the report, as a dead letter says it.
        unasked: why it cannot be asked where there is no `lookup`.
    """

    def __init__(
        self,
        mail_record: Callable[[str], MailRecord | None],
        lookup: DeliveryLookup | None,
        on_unknown_outcome: OnUnknownOutcome,
        *,
        settling: timedelta = timedelta(minutes=30),
        is_sandbox: bool = False,
        taker: str,
        unasked: str = NO_RECORDS,
    ) -> None:
        self._taker, self._unasked = taker, unasked
        self._settling = settling
        self._by_absence = on_unknown_outcome is OnUnknownOutcome.RESEND_IF_ABSENT and not is_sandbox
        self._mail_record = mail_record
        self._lookup = lookup
        self._on_unknown_outcome = on_unknown_outcome

    def handed_over(self, report: BuiltReport) -> Mapping[str, Any] | None:
        """What a claim keeps of a report, so that the records can prove its absence; None where they are not to."""
        lookup = self._lookup if self._by_absence else None
        if lookup is None or report.sandbox or not isinstance(report, Mail):
            return None
        return {"recipients": [address_hash(each.address) for each in report.recipients], "key": lookup.key_id}

    def waits_for(self, delivery: Delivery | None) -> bool:
        """Whether a delivery whose outcome is unknown stays open until the records decide, whatever the queue's
        attempts."""
        is_sending = delivery is not None and delivery.state is DeliveryState.SENDING and not delivery.is_restored
        return self._by_absence and is_sending and bool(delivery and delivery.handed_over)

    def of_nobody(self, taker: str, unasked: str) -> "OutcomeInquiry":
        """The same for a report whose taker is not known here: only events say what became of it.

        Args:
            taker: as above.
            unasked: as above.
        """
        other = copy.copy(self)
        other._lookup, other._taker, other._unasked = None, taker, unasked
        return other

    def settle(self, work: TaskDelivery, *, now: datetime) -> Sent | Retry | GiveUp | Wait | SendAgain:
        """How an attempt at a delivery of unknown outcome ends, or that it is to be sent.

        Args:
            work: the delivery.
            now: the present, in UTC.

        Raises:
            GoogleAPIError: Firestore does not say what was reported.
        """
        wanted, delivery, unproven = wanted_mail(work), work.delivery, ""
        waits = self.waits_for(delivery)
        # Before the search, for which they vouch: logs that begin to work in between show them, and not the email.
        neighbors = self._neighbors(delivery, wanted, now=now) if delivery is not None and waits else None
        answer = self.ask(wanted)
        if delivery is not None and waits and not isinstance(answer, MailFound):
            match self._absence(delivery, wanted, answer, neighbors, now=now):
                case Settling(looks=looks, until=until):
                    return Wait(until, delivery.settling_tasks[looks - 1])
                case Absent(evidence=evidence):
                    return SendAgain(evidence)
                case Unproven(note=note):
                    unproven = f"; {note}"
        found = self._decide(answer, work, now=now)
        if not isinstance(found, StillUnknown):
            return found
        # A team that chooses `resend` accepts a second email now and then, but not one for each report of a restore.
        is_restored = work.delivery is not None and work.delivery.is_restored
        if self._on_unknown_outcome is OnUnknownOutcome.RESEND and not is_restored:
            return SendAgain()
        error = f"{_cause_of_doubt(work.delivery)}; {found.note}{unproven}{_sent_again(work.delivery)}"
        return GiveUp(reason=DeadLetterReason.UNKNOWN_OUTCOME, error=error)

    def _neighbors(
        self, delivery: Delivery, wanted: WantedMail, *, now: datetime
    ) -> Neighbors | LookupUnavailable | None:
        lookup, ended_at = self._lookup, delivery.lease_expires_at
        if lookup is None or ended_at is None or now < (settled_at := ended_at + self._settling):
            return None
        return lookup.neighbors(wanted, after=settled_at, seconds=LOOKUP_SECONDS)

    def _absence(
        self,
        delivery: Delivery,
        wanted: WantedMail,
        answer: MailNotFound | LookupUnavailable,
        neighbors: Neighbors | LookupUnavailable | None,
        *,
        now: datetime,
    ) -> Settling | Unproven | Absent:
        lookup = self._lookup
        return absence(
            Facts(
                now=now,
                delivery=delivery,
                wanted=wanted,
                key_id=lookup.key_id if lookup else "",
                keeps=lookup.keeps if lookup else timedelta(0),
                settling=self._settling,
                answer=answer,
                neighbors=neighbors,
            )
        )

    def look_up(self, work: TaskDelivery, *, now: datetime) -> Sent | Retry | StillUnknown:
        """Ask, and decide by what is found; as above."""
        return self._decide(self.ask(wanted_mail(work)), work, now=now)

    def _decide(self, answer: LookupAnswer, work: TaskDelivery, *, now: datetime) -> Sent | Retry | StillUnknown:
        return after_lookup(answer, work.delivery, now=now, last_attempt=work.attempt.last, taker=self._taker)

    def ask(self, wanted: WantedMail) -> LookupAnswer:
        """Find out whether the provider has the email of a delivery. Logs what came of it.

        Raises:
            GoogleAPIError: Firestore does not say what was reported.
        """
        over_at = time.monotonic() + LOOKUP_SECONDS
        record = self._mail_record(wanted.delivery_id)
        answer: LookupAnswer
        if record is not None and record.proves_acceptance:
            answer, found = MailFound(message_id=record.message_id), "mail-event"
        elif self._lookup is None:
            answer, found = LookupUnavailable(error=self._unasked, lasting=True), "nothing"
        else:
            answer = self._lookup.find(wanted, seconds=over_at - time.monotonic())
            found = "provider-record" if isinstance(answer, MailFound) else "nothing"
            if isinstance(answer, LookupUnavailable):
                lasting, error = answer.lasting, answer.error
                _logger.warning("mail_lookup_unavailable", delivery_id=wanted.delivery_id, lasting=lasting, error=error)
        _logger.info("unknown_outcome_inquired", delivery_id=wanted.delivery_id, found=found)
        return answer

    def clear_up(self, outcome: Outcome, wanted: WantedMail) -> Outcome:
        """On the last attempt: ask at once, since no later attempt can. Records are rarely that quick.

        Args:
            outcome: of sending the email.
            wanted: the email.

        Returns:
            Accepted where the outcome was unclear and the provider has the email; else the outcome as it was.

        Raises:
            GoogleAPIError: Firestore does not say what was reported.
        """
        if isinstance(outcome, Unclear):
            answer = self.ask(wanted)
            if isinstance(answer, MailFound):
                return Accepted(message_id=answer.message_id)
        return outcome


def _cause_of_doubt(delivery: Delivery | None) -> str:
    """Why it is not known whether a report was sent."""
    if delivery is not None and delivery.is_restored:
        return "it was due before Firestore was restored, and may have been sent after the copy was made"
    return (delivery and (delivery.problem or delivery.last_error)) or "a worker ended while it was sending"


def _sent_again(delivery: Delivery | None) -> str:
    at = delivery.absence.get("searched_at") if delivery else None
    proof = "since the provider's records proved that it had not accepted the email before"
    return f"; it was sent again at {at:%Y-%m-%d %H:%M} UTC, {proof}" if at else ""


def wanted_mail(work: TaskDelivery) -> WantedMail:
    """What is known of an email that a worker handed over, or was about to. Pure.

    Its recipients are those that the email would have now, also if the subscription's reports go elsewhere by now.
    Addresses that get no more email are among them: they may have got this one.

    Args:
        work: the delivery.
    """
    user, subscription = work.user, work.subscription
    lease_expires_at = work.delivery.lease_expires_at if work.delivery else None
    if subscription is not None:
        addresses = [each.address for each in email_recipients(subscription, user)]
    else:
        addresses = [user.email] if user is not None and user.email else []
    return WantedMail(
        delivery_id=work.task.delivery_id,
        addresses=addresses,
        # Without a lease all that is known is that no worker can have claimed it before it was due.
        claimed_at=work.task.due_at if lease_expires_at is None else lease_expires_at - LEASE,
        category=work.task.kind,
    )


def after_lookup(
    answer: LookupAnswer, delivery: Delivery | None, *, now: datetime, last_attempt: bool, taker: str
) -> Sent | Retry | StillUnknown:
    """Decide by what was found. Pure.

    Args:
        answer: what was found.
        delivery: the email's. After a restore of Firestore there may be more of these than the provider answers
            questions about while a task is tried, so the task of a later run asks again.
        now: the present, in UTC.
        last_attempt: whether the queue deletes the task after this attempt, whatever the answer.
        taker: who was asked.
    """
    if isinstance(answer, MailFound):
        return Sent(message_id=answer.message_id)
    is_restored = delivery is not None and delivery.is_restored
    # When the email was handed over at the latest, if it was.
    sent_before = delivery and (delivery.restored_at or delivery.lease_expires_at)
    may_appear = sent_before is not None and now < sent_before + RECORDED_WITHIN
    if isinstance(answer, LookupUnavailable):
        note = f"{taker} may have the report, or not, and cannot be asked: {answer.error}"
        may_change = not answer.lasting and (may_appear or is_restored)
    else:
        note, may_change = f"{taker} may have the report, or not: {answer.note}", may_appear
    if may_change and (is_restored or not last_attempt):
        return Retry(status=HTTPStatus.INTERNAL_SERVER_ERROR, cause="unknown-outcome", error=note)
    return StillUnknown(note=note)
