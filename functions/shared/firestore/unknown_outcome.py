"""Settles unknown outcomes: a mail event proves that the email provider accepted the email, so the report was sent.

The table of what can happen to a delivery says which deliveries an event makes `sent`
(functions.shared.records.delivery_table, Proven), but for one that is `sending`: its worker, or the next one, looks for
the event itself. So does a worker that has put a delivery in doubt back, or has skipped it, and one that finds it so.
`settlement` decides about the dead letter, too:

| the dead letter is | and its delivery is now sent, or gone | and its delivery is anything else |
| --- | --- | --- |
| open, for one of MAY_HAVE_BEEN_SENT, or with a replay that was interrupted | settled | as it is |
| anything else: a person has closed it, or it has another reason | as it is | as it is |

No process loses against another one: each writes deliveries and dead letters on the condition that they are as it has
read them. No person has to decide about an accepted report: the mail events settle a delivery before they write the
first event down, and look again after that if the delivery was not final. The DLQ handler looks for a proof after it
has stored a dead letter, and whoever has made a delivery `sent` looks for a dead letter that was stored since.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from functions.shared.firestore.letter_store import Fields, LetterStore, ReportDocuments
from functions.shared.records.dead_letter import DeadLetterState, StoredDeadLetter, settled_letter_fields
from functions.shared.records.delivery import Delivery
from functions.shared.records.delivery_table import MAIL_EVENT, MAY_HAVE_BEEN_SENT, Proven, can_happen, written
from functions.shared.records.mail_event import MailRecord
from functions.shared.records.states import DeliveryState
from functions.shared.records.system_alert import AlertKind, SystemAlert

DECIDING_FIELDS = ("state", "owner", "reason", "failed_at", "may_have_been_sent")
"""The fields of a delivery by which `is_settled_by_event` and `was_settled_by_event` decide."""


_WHENEVER = datetime.max.replace(tzinfo=UTC)
"""An event proves the same at any time."""


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
    """Whether a mail event makes a delivery `sent`: not while a worker may still be sending it. Pure.

    Args:
        delivery: as read, with DECIDING_FIELDS at least.
    """
    return delivery.state is not DeliveryState.SENDING and can_happen(delivery, Proven(""), now=_WHENEVER)


def was_settled_by_event(delivery: Delivery) -> bool:
    """Whether a mail event has made a delivery `sent`. A process that did so may have ended before it closed the dead
    letter. Pure.

    Args:
        delivery: as read, with DECIDING_FIELDS at least.
    """
    return delivery.state is DeliveryState.SENT and delivery.owner == MAIL_EVENT


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
    proven = Proven(record.message_id if record else "")
    return Settlement(
        delivery=written(delivery, proven, task=None, now=now) if becomes_sent else {},
        letter=settled_letter_fields(now=now) if is_open and is_proven else {},
        is_sent=is_sent,
    )


def settled_alert(letter: StoredDeadLetter, record: MailRecord | None, *, now: datetime) -> SystemAlert:
    """What tells people that a dead letter has settled itself. Pure.

    Args:
        letter: the dead letter.
        record: the delivery's mail events; None where there are none.
        now: the present, in UTC.
    """
    status, task = record.status if record else None, letter.task
    detail = f"the email provider accepted it, and reports: {status}" if status else "the email provider accepted it"
    return SystemAlert(
        alert=AlertKind.OUTCOME_SETTLED,
        run_id=task.run_id if task else "unknown",
        at=now,
        detail=detail,
        report=task,
    )


def settle(
    letters: LetterStore,
    delivery_id: str,
    record: MailRecord | None = None,
    *,
    now: datetime,
    tell: Callable[[SystemAlert], object],
) -> Settlement:
    """Settle a delivery and its dead letter, both or neither, if there is a proof. A second time it changes nothing.

    Before a dead letter is closed that people may have an alert about, they are told, so that this is not lost if this
    process ends in between: a repetition tells them again, under the same id.

    Args:
        letters: reads and writes both.
        delivery_id: which delivery. Its dead letter has the same id.
        record: its mail events, where those are not stored yet; None: those that are.
        now: the present, in UTC.
        tell: tells people. What it raises leaves everything as it is.

    Raises:
        google.api_core.exceptions.GoogleAPIError: Firestore failed, or others kept writing the documents.
    """
    told = set[str]()

    def decide(found: ReportDocuments) -> tuple[Settlement, Fields, Fields]:
        letter, events = found.letter, record or found.record
        settled = settlement(found.delivery, letter, events, now=now)
        if settled.letter and letter and letter.id not in told:
            tell(settled_alert(letter, events, now=now))
            told.add(letter.id)
        return settled, settled.delivery, settled.letter

    settled = letters.decide(delivery_id, decide)
    if settled.delivery and not settled.letter:
        # The DLQ handler may have stored the dead letter since it was read, and looked for a proof too early.
        settled = settled._replace(letter=letters.decide(delivery_id, decide).letter)
    return settled
