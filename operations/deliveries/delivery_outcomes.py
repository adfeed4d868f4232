"""What became of given deliveries and of their emails: counted in the indexes, for a read for each question about
_AT_ONCE of them, and the same of one delivery.

Reading the deliveries would cost two reads for each at each look.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from functions.shared.firestore.database import Database
from functions.shared.firestore.field_path import NAME
from functions.shared.firestore.query import Query
from functions.shared.records.delivery import DELIVERIES, Delivery, DeliveryState
from functions.shared.records.mail_event import MAIL_EVENTS, MailRecord, MailStatus
from operations.reading.kept import Kept
from operations.reading.threads import in_threads

_AT_ONCE = 30
"""How many values Firestore takes in a filter: https://firebase.google.com/docs/firestore/query-data/queries#limits_on_or_queries"""

_FRESH = timedelta(minutes=5)
"""How long a count of those that have ended is good: an email may bounce after it was delivered, and a dead letter be
replayed again."""

_MOST_KEPT = 1_000


class DeliveryOutcome(StrEnum):
    """What became of a delivery, in the order in which people read it."""

    DELIVERED = "delivered"
    """The recipient's server has taken the email."""
    UNDELIVERED = "undelivered"
    """The email is known not to arrive: it bounced, or was blocked or dropped."""
    DEAD = "dead"
    """It failed, and is a dead letter."""
    SKIPPED = "skipped"
    """No email was to be sent."""
    SENT = "sent"
    """The email provider has accepted the email. What became of it is not known yet."""
    WAITING = "waiting"
    """It is on its way."""
    GONE = "gone"
    """Its record is deleted."""

    @property
    def is_end(self) -> bool:
        """Whether nothing more happens by itself."""
        return self not in {DeliveryOutcome.SENT, DeliveryOutcome.WAITING}


_OF_STATE = {
    DeliveryState.SENT: DeliveryOutcome.SENT,
    DeliveryState.DEAD: DeliveryOutcome.DEAD,
    DeliveryState.SKIPPED: DeliveryOutcome.SKIPPED,
}
_OF_MAIL = {
    MailStatus.DELIVERED: DeliveryOutcome.DELIVERED,
    MailStatus.BOUNCED: DeliveryOutcome.UNDELIVERED,
    MailStatus.DROPPED: DeliveryOutcome.UNDELIVERED,
    MailStatus.BLOCKED: DeliveryOutcome.UNDELIVERED,
    # Those who complain or unsubscribe have got it.
    MailStatus.COMPLAINED: DeliveryOutcome.DELIVERED,
    MailStatus.UNSUBSCRIBED: DeliveryOutcome.DELIVERED,
}


class CountedOutcomes(NamedTuple):
    """What became of deliveries.

    Attributes:
        counts: how many came to each outcome; without zeros.
        reads: how many reads it took to count them.
    """

    counts: Mapping[DeliveryOutcome, int]
    reads: int

    @property
    def total(self) -> int:
        """How many deliveries there are."""
        return sum(self.counts.values())

    @property
    def ended(self) -> int:
        """To how many of them nothing more happens by itself."""
        return sum(count for outcome, count in self.counts.items() if outcome.is_end)


def outcome_of(delivery: Delivery | None, mail: MailRecord | None) -> DeliveryOutcome:
    """What became of a delivery.

    Args:
        delivery: which; None where its record is deleted.
    """
    if delivery is None:
        return DeliveryOutcome.GONE
    found = _OF_STATE.get(delivery.state, DeliveryOutcome.WAITING)
    status = mail.status if mail else None
    return _OF_MAIL.get(status, found) if status and found is DeliveryOutcome.SENT else found


class KeptOutcomes:
    """Counts what became of deliveries, and keeps the counts of ended ones for _FRESH. Safe for threads."""

    def __init__(self) -> None:
        self._kept: Kept[tuple[str, ...], tuple[CountedOutcomes, datetime]] = Kept(_MOST_KEPT)

    def count(self, database: Database, delivery_ids: Sequence[str], *, now: datetime) -> CountedOutcomes:
        """Count what became of deliveries.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore does not answer or refuses.
        """
        starts = range(0, len(delivery_ids), _AT_ONCE)
        some = [tuple(delivery_ids[start : start + _AT_ONCE]) for start in starts]
        kept = [(ids, self._kept.get(ids)) for ids in some]
        fresh = {ids: found[0] for ids, found in kept if found and now - found[1] < _FRESH}

        def count(ids: tuple[str, ...]) -> CountedOutcomes:
            counted = _count(database, ids)
            if counted.ended == counted.total:
                self._kept.put(ids, (counted, now))
            return counted

        parts = in_threads(count, [ids for ids in some if ids not in fresh])
        counts: Counter[DeliveryOutcome] = Counter()
        for part in (*fresh.values(), *parts):
            counts.update(part.counts)
        ordered = {outcome: counts[outcome] for outcome in DeliveryOutcome if counts[outcome]}
        return CountedOutcomes(ordered, sum(part.reads for part in parts))


def _count(database: Database, ids: Sequence[str]) -> CountedOutcomes:
    """Ask about the most usual outcomes first, and no further once all deliveries have one."""
    counts: Counter[DeliveryOutcome] = Counter()
    reads = 0

    def count(collection: str, field: str, value: str) -> int:
        nonlocal reads
        reads += 1
        return database.count(_named(collection, ids).where(field, "==", value))

    left = len(ids)
    for state, outcome in _OF_STATE.items():
        if left:
            counts[outcome] += (found := count(DELIVERIES, "state", state.value))
            left -= found
    if left:
        reads += 1
        there = database.count(_named(DELIVERIES, ids))
        counts[DeliveryOutcome.GONE] = len(ids) - there
        counts[DeliveryOutcome.WAITING] = left - (len(ids) - there)
    for status, outcome in _OF_MAIL.items():
        if left := counts[DeliveryOutcome.SENT]:
            # An email may be known to be delivered whose delivery waits again.
            found = min(count(MAIL_EVENTS, "status", status.value), left)
            counts[outcome] += found
            counts[DeliveryOutcome.SENT] -= found
    return CountedOutcomes(counts, reads)


def _named(collection: str, ids: Sequence[str]) -> Query:
    return Query.of(collection).where(NAME, "in", [f"{collection}/{each}" for each in ids])
