"""Settles unknown outcomes: a mail event proves that the mail provider accepted the mail, so the report was sent.

`settlement` decides, by the delivery and by its dead letter:

| the delivery is | with a mail event it becomes |
| --- | --- |
| dead for one of MAY_HAVE_BEEN_SENT | sent |
| being given up for one of MAY_HAVE_BEEN_SENT | sent: the process that gives it up finds it final |
| sending otherwise | as it is: its worker, or the next one, looks for the event itself |
| pending, as after a replay that no worker has taken up | sent: a second mail would be one too many |
| pending, and being given up for another reason | as it is |
| skipped, and an earlier attempt may have sent it | sent |
| dead for another reason, sent, or skipped otherwise | as it is |

| the dead letter is | and its delivery is now sent, or gone | and its delivery is anything else |
| --- | --- | --- |
| open, for one of MAY_HAVE_BEEN_SENT, or with a replay that was interrupted | settled | as it is |
| anything else: a person has closed it, or it has another reason | as it is | as it is |

No process loses against another one. Deliveries and dead letters are read and written in one transaction, and every
other process writes them on the condition that they are as it has read them. No person has to decide about an accepted
report, since the mail events settle a delivery before they write the first event down, and look again after that if the
delivery was not final, and the DLQ handler looks for events after it has stored a dead letter.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from google.api_core.exceptions import Aborted
from google.cloud import firestore

from functions.shared.dead_letter import (
    DEAD_LETTERS,
    DeadLetterReason,
    DeadLetterState,
    StoredDeadLetter,
    settled_letter_fields,
)
from functions.shared.delivery import DELIVERIES, DELIVERY_RETENTION, Delivery, DeliveryState, settled_fields
from functions.shared.delivery_attempt import AttemptResult, DeliveryAttempt, history_fields
from functions.shared.mail_event import MailRecord
from functions.shared.system_alert import AlertKind, SystemAlert

MAY_HAVE_BEEN_SENT = frozenset({DeadLetterReason.UNKNOWN_OUTCOME, DeadLetterReason.RETRIES_EXHAUSTED})
"""The reasons with which a report may have been sent all the same. Where ON_UNKNOWN_OUTCOME is `resend`, the reason is
that of the last attempt, and an earlier one may have gone through."""

SETTLED_BY = "mail-event"
"""The `owner` of a delivery that a mail event has made final."""

DECIDING_FIELDS = ("state", "reason", "failed_at", "may_have_been_sent")
"""The fields of a delivery by which `is_settled_by_event` decides."""


class Settlement(NamedTuple):
    """What is to be written, or was.

    Attributes:
        delivery: the fields of the delivery; empty where it stays as it is.
        letter: the fields of its dead letter; empty where it stays as it is.
        is_sent: whether the delivery is sent after that.
    """

    delivery: Mapping[str, Any] = {}
    letter: Mapping[str, Any] = {}
    is_sent: bool = False


def is_settled_by_event(delivery: Delivery) -> bool:
    """Whether a mail event makes a delivery `sent`. Pure.

    Args:
        delivery: as read, with DECIDING_FIELDS at least.
    """
    may_have_been_sent = delivery.reason in MAY_HAVE_BEEN_SENT
    match delivery.state:
        case DeliveryState.PENDING:
            return delivery.failure is None or may_have_been_sent
        case DeliveryState.SENDING:
            return delivery.is_being_given_up and may_have_been_sent
        case DeliveryState.DEAD:
            return may_have_been_sent
        case DeliveryState.SKIPPED:
            return delivery.may_have_been_sent
        case DeliveryState.SENT:
            return False


def settlement(
    delivery: Delivery | None, letter: StoredDeadLetter | None, record: MailRecord | None, *, now: datetime
) -> Settlement:
    """Decide what to write. Pure.

    Args:
        delivery: as it is; None where there is none.
        letter: its dead letter; None where there is none.
        record: the delivery's mail events; None where there are none.
        now: when it is written, in UTC.
    """
    has_event = record is not None and record.proves_acceptance
    becomes_sent = has_event and delivery is not None and is_settled_by_event(delivery)
    is_sent = becomes_sent or (delivery is not None and delivery.state is DeliveryState.SENT)
    is_proven = is_sent or (delivery is None and has_event)
    is_open = letter is not None and letter.state is DeadLetterState.OPEN
    is_open = is_open and letter is not None and (letter.reason in MAY_HAVE_BEEN_SENT or letter.in_replay)
    return Settlement(
        delivery=_sent_fields(delivery, record, now=now) if becomes_sent and delivery and record else {},
        letter=settled_letter_fields(now=now) if is_open and is_proven else {},
        is_sent=is_sent,
    )


def _sent_fields(delivery: Delivery, record: MailRecord, *, now: datetime) -> dict[str, Any]:
    return {
        **settled_fields(DeliveryState.SENT, owner=SETTLED_BY, message_id=record.message_id or None),
        **history_fields(delivery.history, DeliveryAttempt(at=now, result=AttemptResult.SETTLED)),
        "reason": None,
        "failed_at": None,
        "updated_at": now,
        "expire_at": now + DELIVERY_RETENTION,
    }


def settled_alert(letter: StoredDeadLetter, record: MailRecord | None, *, now: datetime) -> SystemAlert:
    """What tells people that a dead letter has settled itself. Pure.

    Args:
        letter: the dead letter.
        record: the delivery's mail events; None where there are none.
        now: the present, in UTC.
    """
    status, task = record.status if record else None, letter.task
    detail = f"the mail provider accepted it, and reports: {status}" if status else "the mail provider accepted it"
    return SystemAlert(
        alert=AlertKind.OUTCOME_SETTLED,
        run_id=task.run_id if task else "unknown",
        at=now,
        detail=detail,
        report=task,
    )


class UnknownOutcomes:
    """Settles deliveries and their dead letters. Safe for threads.

    Args:
        client: the Firestore client.
        read_options: `retry` and `timeout` of a read.
    """

    def __init__(self, client: firestore.Client, read_options: Mapping[str, Any]) -> None:
        self._client = client
        self._read_options = read_options

    def settle(
        self,
        delivery_id: str,
        record: MailRecord | None,
        *,
        now: datetime,
        tell: Callable[[SystemAlert], None],
    ) -> Settlement:
        """Settle a delivery and its dead letter, both or neither. A second time it changes nothing.

        Before a dead letter is closed that people may have an alert about, they are told, so that this is not lost if
        this process ends in between: a repetition tells them again, under the same id.

        Args:
            delivery_id: which delivery. Its dead letter has the same id.
            record: its mail events; None where there are none.
            now: the present, in UTC.
            tell: tells people. What it raises leaves everything as it is.

        Raises:
            google.api_core.exceptions.GoogleAPIError: Firestore failed, or others kept writing the documents.
        """
        is_told = False
        while True:
            found = self._settle(delivery_id, record, now=now, is_told=is_told)
            if isinstance(found, Settlement):
                return found
            tell(settled_alert(found, record, now=now))
            is_told = True

    def _settle(
        self,
        delivery_id: str,
        record: MailRecord | None,
        *,
        now: datetime,
        is_told: bool,
    ) -> Settlement | StoredDeadLetter:
        """Settle, or return the dead letter that people are to be told of first."""
        delivery_document = self._client.collection(DELIVERIES).document(delivery_id)
        letter_document = self._client.collection(DEAD_LETTERS).document(delivery_id)

        @firestore.transactional
        def carry_out(transaction: Any) -> Settlement | StoredDeadLetter:
            both = transaction.get_all([delivery_document, letter_document], **self._read_options)
            found = {snapshot.reference.path: snapshot for snapshot in both}
            delivery = Delivery.from_snapshot(found[delivery_document.path])
            letter = StoredDeadLetter.from_snapshot(found[letter_document.path])
            settled = settlement(delivery, letter, record, now=now)
            if settled.letter and letter and not is_told:
                return letter
            if settled.delivery:
                transaction.update(delivery_document, dict(settled.delivery))
            if settled.letter:
                transaction.update(letter_document, dict(settled.letter))
            return settled

        try:
            result: Settlement | StoredDeadLetter = carry_out(self._client.transaction())
        except ValueError as error:
            # So the client library says that others wrote the documents first five times, or that nothing had begun.
            raise Aborted(str(error)) from error  # type: ignore[no-untyped-call]  # google-api-core
        return result
