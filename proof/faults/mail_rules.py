"""What must hold of the emails after they have left: what mail_events keeps of them, and to whom no more go. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from functions.shared.records.address_hash import address_hash
from proof.faults.subscription_key import SubscriptionKey

STATUSES = (
    *("resubscribed", "processed", "deferred", "delivered", "blocked", "dropped", "bounced"),
    *("unsubscribed", "complained"),
)
"""The later one says more."""

_LATEST = {"unsubscribed", "resubscribed"}
"""Of these the last one counts, of the others the first."""


@dataclass(frozen=True, kw_only=True)
class MailNews:
    """An event that has reached mail_events.

    Attributes:
        delivery_id: of the email.
        recipient: the address.
        status: what has become of the email, in the words of STATUSES.
        at: when.
        ends_mail: whether no further email may go to the address.
        stored_at: when mail_events has answered that it is stored; None where it has not.
    """

    delivery_id: str
    recipient: str
    status: str
    at: datetime
    ends_mail: bool
    stored_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class StoredNews:
    """What mail_events keeps of the emails of a delivery.

    Attributes:
        status: what has become of them.
        moments: when each status was reached, by the hash of the address and the status.
    """

    status: str
    moments: Mapping[tuple[str, str], datetime]


@dataclass(frozen=True, kw_only=True)
class Silence:
    """A time in which an address may get no more email of a subscription.

    Attributes:
        key: the subscription.
        recipient: the address; empty for all.
        since: when the pipeline has answered that it knows.
        until: when a person resumed the subscription; None where no one has.
    """

    key: SubscriptionKey
    recipient: str
    since: datetime
    until: datetime | None = None

    def holds(self, recipient: str, at: datetime) -> bool:
        """Whether an address may get no email at a moment."""
        return self.recipient in {"", recipient} and self.since < at and (self.until is None or at < self.until)


def silences_by_news(
    news: Iterable[MailNews],
    keys: Iterable[SubscriptionKey],
    owners: Mapping[str, str],
    resumed: Mapping[SubscriptionKey, datetime],
) -> Iterator[Silence]:
    """For which subscriptions the news mean that an address gets no more mail: for all of the user's.

    Args:
        news: all.
        keys: the subscriptions.
        owners: whose each delivery is.
        resumed: when a person resumed subscriptions. What happened before that counts only until then.
    """
    of_user: defaultdict[str, list[SubscriptionKey]] = defaultdict(list)
    for key in keys:
        of_user[key.user_id].append(key)
    for each in news:
        if not each.ends_mail or each.stored_at is None:
            continue
        for key in of_user[owners.get(each.delivery_id, "")]:
            until = resumed.get(key)
            until = until if until is not None and each.at <= until else None
            if until is None or each.stored_at < until:
                yield Silence(key=key, recipient=each.recipient, since=each.stored_at, until=until)


def misrecorded(news: Iterable[MailNews], records: Mapping[str, StoredNews]) -> Iterator[tuple[str, str]]:
    """The deliveries whose record does not say what SendGrid has said, and how.

    Args:
        news: all.
        records: by the id of the delivery.
    """
    passed: defaultdict[str, defaultdict[tuple[str, str], list[datetime]]] = defaultdict(lambda: defaultdict(list))
    stored: defaultdict[str, defaultdict[tuple[str, str], list[datetime]]] = defaultdict(lambda: defaultdict(list))
    for each in news:
        pair = address_hash(each.recipient), each.status
        passed[each.delivery_id][pair].append(each.at)
        if each.stored_at is not None:
            stored[each.delivery_id][pair].append(each.at)
    for delivery_id, theirs in stored.items():
        record = records.get(delivery_id)
        for pair, moments in theirs.items():
            known = record.moments.get(pair) if record else None
            if known not in {_kept(pair[1], moments), _kept(pair[1], passed[delivery_id][pair])}:
                yield delivery_id, f"its record says {pair[1]} at {known}, not at {_kept(pair[1], moments)}"
    for delivery_id, record in records.items():
        for pair in record.moments.keys() - passed[delivery_id].keys():
            yield delivery_id, f"its record says {pair[1]}, and SendGrid does not"
        if record.status != (status := _status(record.moments)):
            yield delivery_id, f"its record says {record.status}, not {status}"


def _kept(status: str, moments: Sequence[datetime]) -> datetime:
    return max(moments) if status in _LATEST else min(moments)


def _status(moments: Mapping[tuple[str, str], datetime]) -> str:
    """What the record of several recipients shows: what says most."""
    found = set()
    for recipient, status in moments:
        back = moments.get((recipient, "resubscribed"))
        if status == "unsubscribed" and back is not None and back >= moments[recipient, status]:
            continue
        found.add(status)
    return max(found, key=STATUSES.index, default="")
