"""What the team's application is told of a report: an event for each outcome. Pure.

Each event has an id that follows from what happened: whoever tells it again, after whatever was interrupted, tells the
same event. Its data are a class of their own, from which docs/reference/outcomes.md has the JSON schemas.
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, Self

from functions.shared.records.contract import Contract, UtcDatetime
from functions.shared.records.delivery import Delivery, DeliveryState
from functions.shared.records.delivery_attempt import AttemptResult
from functions.shared.records.mail_event import MailEvent, MailStatus
from functions.shared.records.stored_fields import stored_values
from functions.shared.times.plausible_time import plausible

UNTOLD_OUTCOMES = "untold_outcomes"
"""The name of the collection: a document for each event that nobody has told yet, and that no further call of a queue
or of the email provider will tell."""

_ENDINGS = {AttemptResult.SENT, AttemptResult.SETTLED, AttemptResult.SKIPPED}

_LONGEST = 1_000
"""Of an attribute and of an ordering key, in bytes. Pub/Sub takes 1,024: https://cloud.google.com/pubsub/quotas"""


class OutcomeType(StrEnum):
    """What an event says."""

    SENT = "report.sent"
    """The email provider accepted the email, or the destination the report."""
    DELIVERED = "report.delivered"
    """A recipient's server has taken it."""
    BOUNCED = "report.bounced"
    """It does not reach a recipient: `status` says how."""
    COMPLAINED = "report.complained"
    """A recipient has marked it as spam."""
    UNSUBSCRIBED = "report.unsubscribed"
    """A recipient wants no more of these reports."""
    SKIPPED = "report.skipped"
    """Nothing was sent, and nothing will be."""
    DEAD = "report.dead"
    """The pipeline will not send the report by itself."""
    CHANGED = "subscription.changed"
    """A recipient has changed, paused or resumed a subscription, or has taken a change back."""


class OutcomeData(Contract):
    """What each event says."""

    user_id: str
    """Whose subscription."""
    subscription_id: str
    """Which."""


class DeliveryOutcome(OutcomeData):
    """What an event about a delivery says."""

    delivery_id: str
    kind: str
    """Which report."""
    due_at: UtcDatetime
    """When it was due."""
    period_start: UtcDatetime | None = None
    """What the report covers begins here."""
    period_end: UtcDatetime | None = None
    """It ends before this."""
    attempts: int
    """How often a worker has claimed it."""


class SentOutcome(DeliveryOutcome):
    """The data of `report.sent`."""

    provider: str | None = None
    """The email provider, as MAIL_PROVIDER names it, with a brand's own account behind a slash; or the destination, as
    the subscription names it."""
    message_id: str | None = None
    """The email's id at the provider, or the report's at the destination."""
    archived_as: str | None = None
    """The name of its copy in the archive."""


class SkippedOutcome(DeliveryOutcome):
    """The data of `report.skipped`."""

    reason: str
    """Why, in a word: see the deliveries' `reason`."""
    note: str | None = None
    """What the kind says of that."""


class DeadOutcome(DeliveryOutcome):
    """The data of `report.dead`."""

    reason: str
    """Why, in a word: see the dead letters' `reason`."""
    error: str
    """What went wrong, without addresses."""


class MailOutcome(OutcomeData):
    """The data of `report.delivered`, `report.bounced` and `report.complained`, and of `report.unsubscribed` where the
    email provider reports it."""

    delivery_id: str
    recipient: str
    """The hash of the recipient's address: SHA-256 of it in lower case, the first 32 hexadecimal digits."""
    status: str
    """The pipeline's word for it: a bounce is `bounced`, `blocked` or `dropped`."""
    reason: str | None = None
    """The provider's words, without addresses."""
    classification: str | None = None
    """The provider's own word."""


class WishOutcome(OutcomeData):
    """The data of `subscription.changed`, and of `report.unsubscribed` where the recipient's page reports it."""

    wish: str
    """What the recipient asked for: schedule, pause, resume, stop, stop-all or undo."""
    recipient: str | None = None
    """The hash of the recipient's address, where it is not the user's own."""
    fields: list[str]
    """The names of the subscription's fields that have changed."""


DATA_OF: Mapping[OutcomeType, tuple[type[OutcomeData], ...]] = {
    OutcomeType.SENT: (SentOutcome,),
    OutcomeType.DELIVERED: (MailOutcome,),
    OutcomeType.BOUNCED: (MailOutcome,),
    OutcomeType.COMPLAINED: (MailOutcome,),
    OutcomeType.UNSUBSCRIBED: (MailOutcome, WishOutcome),
    OutcomeType.SKIPPED: (SkippedOutcome,),
    OutcomeType.DEAD: (DeadOutcome,),
    OutcomeType.CHANGED: (WishOutcome,),
}
"""The data of each type of event."""

_OF_STATUS = {
    MailStatus.DELIVERED: OutcomeType.DELIVERED,
    MailStatus.BOUNCED: OutcomeType.BOUNCED,
    MailStatus.BLOCKED: OutcomeType.BOUNCED,
    MailStatus.DROPPED: OutcomeType.BOUNCED,
    MailStatus.COMPLAINED: OutcomeType.COMPLAINED,
    MailStatus.UNSUBSCRIBED: OutcomeType.UNSUBSCRIBED,
}


class Outcome(NamedTuple):
    """An event.

    Attributes:
        id: the same whoever tells it, and however often.
        type: what it says, an OutcomeType.
        at: when it happened, in UTC.
        subject: the delivery, or USER/SUBSCRIPTION.
        ordering_key: events with the same come in the order in which they were told: one for each subscription.
        data: as JSON.
    """

    id: str
    type: str
    at: datetime
    subject: str
    ordering_key: str
    data: str

    @classmethod
    def of(cls, kind: OutcomeType, data: OutcomeData, *, at: datetime, subject: str, distinct: str) -> Self:
        """An event.

        Args:
            kind: what it says.
            data: of one of its classes.
            at: when it happened, in UTC.
            subject: what it is about.
            distinct: what tells it from other events of its type about the same subject; empty where there is only one.
        """
        named = "/".join(filter(None, (subject, kind.value, distinct)))
        key = f"{data.user_id}/{data.subscription_id}"
        return cls(_short(named), kind.value, at, _short(subject), _short(key), data.to_json().decode())

    @property
    def path(self) -> str:
        """The document that keeps it while it is untold."""
        return f"{UNTOLD_OUTCOMES}/{hashlib.sha256(self.id.encode()).hexdigest()}"

    @classmethod
    def from_snapshot(cls, snapshot: Any) -> Self | None:
        """Read an untold event; None where the document is none.

        Args:
            snapshot: a FoundDocument.
        """
        texts = stored_values(cls, snapshot.fields or {})
        at = plausible((snapshot.fields or {}).get("at"))
        if at is None or not all(texts.values()):
            return None
        return cls(**texts | {"at": at})


def outcome_of(delivery: Delivery) -> Outcome | None:
    """What a delivery tells; None where it is not final, or its document does not say whose it is.

    Args:
        delivery: as it is now.
    """
    if not (delivery.is_final and delivery.due_at and delivery.user_id and delivery.subscription_id):
        return None
    about: dict[str, Any] = {
        "user_id": delivery.user_id,
        "subscription_id": delivery.subscription_id,
        "delivery_id": delivery.id,
        "kind": delivery.kind,
        "due_at": delivery.due_at,
        "period_start": delivery.period_start,
        "period_end": delivery.period_end,
        "attempts": delivery.attempts,
    }
    # A run that finds it untold writes the record again.
    ended = (each for each in reversed(delivery.history) if each.result in _ENDINGS)
    at = next(
        (each.at + timedelta(seconds=each.seconds or 0) for each in ended), delivery.updated_at or delivery.due_at
    )
    match delivery.state:
        case DeliveryState.SENT:
            data: OutcomeData = SentOutcome(
                **about,
                provider=delivery.provider or None,
                message_id=delivery.message_id or None,
                archived_as=delivery.archived_as or None,
            )
            return Outcome.of(OutcomeType.SENT, data, at=at, subject=delivery.id, distinct="")
        case DeliveryState.SKIPPED:
            data = SkippedOutcome(**about, reason=delivery.reason, note=delivery.note or None)
            return Outcome.of(OutcomeType.SKIPPED, data, at=at, subject=delivery.id, distinct="")
        case _:
            data = DeadOutcome(**about, reason=delivery.reason, error=delivery.last_error)
            # After a replay it can be given up again.
            at = delivery.failed_at or at
            return Outcome.of(OutcomeType.DEAD, data, at=at, subject=delivery.id, distinct=at.isoformat())


def mail_outcome(user_id: str, subscription_id: str, event: MailEvent) -> Outcome | None:
    """What an event of an email tells; None where it tells the application nothing.

    Args:
        user_id: whose report the email had.
        subscription_id: of which subscription.
        event: the email provider's.
    """
    kind = _OF_STATUS.get(event.status)
    if kind is None:
        return None
    data = MailOutcome(
        user_id=user_id,
        subscription_id=subscription_id,
        delivery_id=event.delivery_id,
        recipient=event.recipient,
        status=event.status.value,
        reason=event.reason or None,
        classification=event.classification or None,
    )
    # A recipient may unsubscribe again, and an email bounce again, at another time.
    distinct = f"{event.status}/{event.recipient}/{event.at.isoformat()}"
    return Outcome.of(kind, data, at=event.at, subject=event.delivery_id, distinct=distinct)


def wish_outcome(data: WishOutcome, *, at: datetime) -> Outcome:
    """What a recipient's wish tells that has changed a subscription.

    Args:
        data: what was asked for, and what has changed.
        at: when, in UTC.
    """
    kind = OutcomeType.UNSUBSCRIBED if data.wish in {"stop", "stop-all"} else OutcomeType.CHANGED
    subject = f"{data.user_id}/{data.subscription_id}"
    return Outcome.of(kind, data, at=at, subject=subject, distinct=f"{data.wish}/{at.isoformat()}")


def _short(text: str) -> str:
    """The text, or its hash where it is too long for Pub/Sub."""
    encoded = text.encode()
    return text if len(encoded) <= _LONGEST else hashlib.sha256(encoded).hexdigest()
