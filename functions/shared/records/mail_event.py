"""What the email provider reports about the emails of a delivery, in `mail_events/{delivery_id}`.

Providers repeat their reports, send them in any order, and send some a day late. So reports are folded into the record
in a way that has one result for a set of reports, no matter how often, in which order and in which portions they come:
for each recipient and status the record keeps one moment. All of it is pure: the callers hold the Firestore client, and
make each write conditional on `MailRecord.version`.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from functions.shared.records.ids import shard_of
from functions.shared.records.stored_fields import stored_text, stored_values
from functions.shared.records.subscription import PauseReason
from functions.shared.times.plausible_time import plausible

MAIL_EVENTS = "mail_events"
"""The name of the collection."""

MAIL_EVENT_RETENTION = timedelta(days=90)
"""How long after its latest event Firestore deletes a record, by the TTL policy on `expire_at`."""


class MailStatus(StrEnum):
    """What became of an email: `status` in the document. Each outranks those above it: the one that says more is shown,
    whichever came last."""

    RESUBSCRIBED = "resubscribed"
    """The recipient has taken an unsubscription back. It only undoes `unsubscribed`."""
    PROCESSED = "processed"
    """The provider has begun to deliver it."""
    DEFERRED = "deferred"
    """The recipient's server asked to try again later, and the provider does."""
    DELIVERED = "delivered"
    """The recipient's server has taken it."""
    BLOCKED = "blocked"
    """The recipient's server refused it for a temporary reason. The address is still valid."""
    DROPPED = "dropped"
    """The provider did not send it: the address is invalid or on one of its lists, or there is another reason."""
    BOUNCED = "bounced"
    """The recipient's server refused it for good: there is no such mailbox."""
    UNSUBSCRIBED = "unsubscribed"
    """The recipient wants no more of such emails."""
    COMPLAINED = "complained"
    """The recipient has marked it as spam."""


_RANKS = {status: rank for rank, status in enumerate(MailStatus)}
_UNDELIVERED = frozenset({MailStatus.BLOCKED, MailStatus.DROPPED, MailStatus.BOUNCED})
"""A recipient's email that reached one of these does not arrive."""
_LATEST = frozenset({MailStatus.UNSUBSCRIBED, MailStatus.RESUBSCRIBED})
"""A recipient may go back and forth between these, so that the latest moment counts; else the first."""


class Sighting(NamedTuple):
    """When a recipient's email reached a status, and what the provider says about it."""

    at: datetime
    reason: str = ""
    classification: str = ""


class MailEvent(NamedTuple):
    """One report of a provider, in words that hold for all providers.

    Attributes:
        delivery_id: of the delivery that the email is of.
        recipient: the hash of the recipient's address (functions.shared.records.address_hash).
        status: what happened.
        at: when it happened, in UTC.
        reason: the provider's or the server's own words, without addresses.
        classification: the provider's own, such as `Invalid Address`.
        message_id: the email's id at the provider; empty where the provider does not say.
        pauses: why no further email is to go to the address; None where further emails may.
    """

    delivery_id: str
    recipient: str
    status: MailStatus
    at: datetime
    reason: str = ""
    classification: str = ""
    message_id: str = ""
    pauses: PauseReason | None = None

    @property
    def changes_wishes(self) -> bool:
        """Whether it changes who is to get further emails."""
        return self.pauses is not None or self.status is MailStatus.RESUBSCRIBED

    @property
    def sighting(self) -> Sighting:
        """What the record keeps of it."""
        return Sighting(self.at, self.reason, self.classification)


Sightings = Mapping[MailStatus, Sighting]


class MailRecord(NamedTuple):
    """A record as Firestore has it, or will have it.

    Other tools write to the collection, too. What is malformed counts as absent.

    Attributes:
        id: the document's id, the delivery's.
        user_id: whose report it is.
        subscription_id: which subscription's.
        recipients: what is known of each recipient's email, by the hash of the address.
        message_id: the email's id at the provider, of several recipients' emails the first in alphabetical order; empty
            where the provider does not say.
        unfinished: whether the delivery was not yet final when the record was written, and so is to be read again.
        version: the update time of the document; None where there is no document yet.
    """

    id: str
    user_id: str
    subscription_id: str
    recipients: Mapping[str, Sightings] = {}
    message_id: str = ""
    unfinished: bool = False
    version: datetime | None = None

    @classmethod
    def from_snapshot(cls, snapshot: Any) -> "MailRecord | None":
        """Read a document, whatever is in it; None where there is no document.

        Args:
            snapshot: a FoundDocument, of all fields or of some.
        """
        if snapshot.fields is None:
            return None
        recipients = snapshot.fields.get("recipients")
        read = {
            recipient: sightings
            for recipient, value in (recipients.items() if isinstance(recipients, dict) else ())
            if (sightings := _read_sightings(value))
        }
        own = {"id": snapshot.id, "recipients": read, "version": snapshot.update_time}
        return cls(**stored_values(cls, snapshot.fields) | own)

    @property
    def status(self) -> MailStatus | None:
        """What became of the emails: of several recipients', the one that says most. None where nothing is known."""
        return max(filter(None, map(status_of, self.recipients.values())), key=_RANKS.__getitem__, default=None)

    @property
    def proves_acceptance(self) -> bool:
        """Whether it shows that the provider accepted an email of the delivery, as each event does. A document without
        an event, which another tool has made, shows nothing."""
        return self.status is not None

    @property
    def statuses(self) -> dict[str, MailStatus]:
        """What became of each recipient's email."""
        return {recipient: status for recipient, each in self.recipients.items() if (status := status_of(each))}

    @property
    def shown(self) -> Sighting | None:
        """When the emails reached their status, and why; of several recipients in it, the first."""
        status = self.status
        in_it = [each[status] for each in self.recipients.values() if status and status_of(each) is status]
        return min(in_it, default=None)

    @property
    def first_at(self) -> dict[MailStatus, datetime]:
        """When each status was first reached, over all recipients."""
        moments: dict[MailStatus, datetime] = {}
        for sightings in self.recipients.values():
            for status, sighting in sightings.items():
                moments[status] = min(sighting.at, moments.get(status, sighting.at))
        return moments

    @property
    def undelivered_at(self) -> datetime | None:
        """When it turned out first that a recipient's email does not arrive; None where nothing says so."""
        return min((at for status, at in self.first_at.items() if status in _UNDELIVERED), default=None)

    @property
    def expire_at(self) -> datetime | None:
        """When Firestore deletes the document."""
        latest = max((each.at for sightings in self.recipients.values() for each in sightings.values()), default=None)
        return latest and latest + MAIL_EVENT_RETENTION

    def folded(self, events: Iterable[MailEvent]) -> "MailRecord":
        """The record with further events in it. Those that it has already change nothing.

        Args:
            events: of the delivery.
        """
        recipients = {recipient: dict(sightings) for recipient, sightings in self.recipients.items()}
        message_ids = {self.message_id} - {""}
        for event in events:
            message_ids |= {event.message_id} - {""}
            sightings = recipients.setdefault(event.recipient, {})
            known = sightings.get(event.status)
            counts = max if event.status in _LATEST else min
            sightings[event.status] = event.sighting if known is None else counts(known, event.sighting)
        return self._replace(recipients=recipients, message_id=min(message_ids, default=""))

    def knows_earlier(self, event: MailEvent) -> bool:
        """Whether the record has the event's status from an earlier moment alone."""
        known = self.recipients.get(event.recipient, {}).get(event.status)
        return known is not None and known.at < event.at

    def to_fields(self) -> dict[str, Any]:
        """The document. What is not in `recipients` follows from it, for those who read the document."""
        status, shown = self.status, self.shown
        return {
            "user_id": self.user_id,
            "subscription_id": self.subscription_id,
            # Times rise together: indexes over them begin with the shard.
            "shard": shard_of(self.user_id, self.subscription_id),
            "status": status.value if status else None,
            "reason": (shown and shown.reason) or None,
            "classification": (shown and shown.classification) or None,
            "first_at": {status.value: at for status, at in self.first_at.items()},
            "undelivered_at": self.undelivered_at,
            "recipients": {
                recipient: {status.value: _sighting_fields(sighting) for status, sighting in sightings.items()}
                for recipient, sightings in self.recipients.items()
            },
            "message_id": self.message_id or None,
            "unfinished": self.unfinished,
            "expire_at": self.expire_at,
        }


def status_of(sightings: Sightings) -> MailStatus | None:
    """What became of one recipient's email; None where nothing is known."""
    found = set(sightings)
    if found >= _LATEST and sightings[MailStatus.RESUBSCRIBED].at >= sightings[MailStatus.UNSUBSCRIBED].at:
        found.remove(MailStatus.UNSUBSCRIBED)
    return max(found, key=_RANKS.__getitem__, default=None)


def _sighting_fields(sighting: Sighting) -> dict[str, Any]:
    return {name: value for name, value in sighting._asdict().items() if value}


def _read_sightings(value: Any) -> dict[MailStatus, Sighting]:
    if not isinstance(value, dict):
        return {}
    return {
        status: Sighting(at, stored_text(each, "reason"), stored_text(each, "classification"))
        for status in MailStatus
        if isinstance(each := value.get(status.value), dict) and (at := plausible(each.get("at")))
    }
