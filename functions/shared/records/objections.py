"""Which addresses object to a subscription's reports, and who takes that back. Pure.

An objection belongs to one address of one subscription, beside pauses: an event of the email provider sets it whatever
else is so, and only a person takes it away, for that address or for all; at the provider, an unsubscription alone. A
pause, its end, a list that changes or a user who is active again touch none. A new address has none, since each is kept
by the address's hash.

Events come in any order. What they make of a subscription depends on when they happened alone.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from functions.shared.records.address_hash import address_hash
from functions.shared.records.mark import paused_fields, resumed_fields
from functions.shared.records.recipients import addressees
from functions.shared.records.states import PauseReason
from functions.shared.records.subscription import Objection, Subscription
from functions.shared.records.user import User

_RANKS = {
    because: rank
    for rank, because in enumerate(
        (None, PauseReason.USER_INACTIVE, PauseReason.BOUNCED, PauseReason.UNSUBSCRIBED, PauseReason.COMPLAINED)
    )
}
"""Of two reasons the later one counts: a mailbox that refuses emails says less than its owner's own word, and the pause
for an inactive user ends with the user. Every other reason is a person's, and stays."""


def objected(
    subscription: Subscription, hashed: str, because: PauseReason, *, at: datetime, now: datetime
) -> Subscription:
    """The subscription after an address has objected; the same where that is known, or was taken back since.

    Args:
        subscription: as read.
        hashed: the address (functions.shared.records.address_hash).
        because: why.
        at: when, in UTC.
        now: the present, in UTC.
    """
    known, said = _known(subscription, hashed), _said(subscription, hashed, now=now)
    after = _standing(subscription, known, {**said, because: max(at, said.get(because, at))})
    if after == subscription.objecting.get(hashed) or after.because is None:
        return subscription
    return _with(subscription, hashed, after, now=now)


def resubscribed(subscription: Subscription, hashed: str, *, at: datetime, now: datetime) -> Subscription:
    """The subscription after the owner of an address has taken earlier unsubscriptions back at the email provider; the
    same if that is known.

    Args:
        subscription: as read.
        hashed: the address (functions.shared.records.address_hash).
        at: when, in UTC.
        now: the present, in UTC.
    """
    known = _known(subscription, hashed)
    if known.resubscribed_at is not None and at <= known.resubscribed_at:
        return subscription
    said = _said(subscription, hashed, now=now)
    after = _standing(subscription, known._replace(resubscribed_at=at), said)
    return _with(subscription, hashed, after, now=now)


def stopped(subscription: Subscription, hashed: str, *, now: datetime) -> Subscription:
    """The subscription after the owner of an address has stopped it. It then stays paused, even if an objection is
    taken back at the email provider.

    Args:
        subscription: as read.
        hashed: the address (functions.shared.records.address_hash).
        now: the present, in UTC.
    """
    known = _known(subscription, hashed)._replace(stopped_at=now)
    after = _standing(subscription, known, _said(subscription, hashed, now=now))
    return _with(subscription, hashed, after, now=now)


def is_stopped_by(subscription: Subscription, hashed: str) -> bool:
    """Whether the owner of an address has stopped the subscription since the pause that it has began.

    Args:
        subscription: as read.
        hashed: the address (functions.shared.records.address_hash).
    """
    at, since = _known(subscription, hashed).stopped_at, subscription.paused_at
    return at is not None and (since is None or since <= at)


def taken_back(subscription: Subscription, hashed: str, *, now: datetime) -> Subscription:
    """The subscription after the owner of an address wants its reports again. What happened before, and becomes known
    later, does not count either.

    Args:
        subscription: as read.
        hashed: the address (functions.shared.records.address_hash).
        now: the present, in UTC.
    """
    return _with(subscription, hashed, _known(subscription, hashed)._replace(cleared_at=now), now=now)


def all_taken_back(subscription: Subscription, *, at: datetime) -> Subscription:
    """The subscription after somebody has said that all of its addresses want its reports again.

    Args:
        subscription: as read.
        at: when, in UTC.
    """
    return subscription._replace(objections={}, suppressed=frozenset(), bounced_address="", resumed_at=at)


def objection_fields(before: Subscription, after: Subscription) -> dict[str, Any]:
    """What to write to a subscription whose objections have changed; no fields where they have not.

    Args:
        before: as read.
        after: what one of the functions above has made of it.
    """
    fields: dict[str, Any] = {}
    if after.objections is not None and after.objections != before.objections:
        fields["objections"] = {hashed: each.to_field() for hashed, each in after.objections.items()}
    if after.suppressed != before.suppressed:
        fields["suppressed"] = None
    if after.bounced_address != before.bounced_address:
        fields["bounced_address"] = None
    if after.resumed_at != before.resumed_at:
        fields["resumed_at"] = after.resumed_at
    return fields


def common_objection(subscription: Subscription, user: User | None) -> PauseReason | None:
    """Why none of those whom a subscription's reports are for gets any; None where somebody does, or there is nobody.

    Args:
        subscription: as read.
        user: whose it is; None where there is no such user.
    """
    objecting = subscription.objecting
    to = addressees(subscription, user) if objecting else []
    if not to or any(each.hashed not in objecting for each in to):
        return None
    return max((objecting[each.hashed].because for each in to), key=_RANKS.__getitem__)


def objection_pause_fields(subscription: Subscription, user: User | None, *, now: datetime) -> dict[str, Any]:
    """A subscription is paused when none of those is left whom its reports are for, so that no run meets it. No fields
    where somebody is, or where it is paused for a reason that says as much.

    Args:
        subscription: with its objections.
        user: whose it is; None where there is no such user.
        now: the present, in UTC.
    """
    because = common_objection(subscription, user)
    if because is None:
        return {}
    if subscription.is_paused(now):
        paused_because = subscription.paused_because
        if paused_because is None or _RANKS.get(paused_because, len(_RANKS)) >= _RANKS[because]:
            return {}
    return paused_fields(subscription, user, because, now=now)


def resubscription_fields(
    before: Subscription, after: Subscription, user: User | None, *, now: datetime
) -> dict[str, Any]:
    """A subscription that is paused since none of those is left whom its reports are for goes on if somebody is again;
    else what is left is the reason. No fields if it is paused for another one.

    Args:
        before: as read.
        after: what `resubscribed` has made of it.
        user: whose it is; None if there is no such user.
        now: the present, in UTC.
    """
    was, because = common_objection(before, user), common_objection(after, user)
    if was is None and _all_have_stopped(before, user):
        # The provider's word was taken back, not that of the page.
        was = PauseReason.UNSUBSCRIBED
    if before.active or was is None or was is because or before.paused_because is not was or _is_stopped(after, user):
        return {}
    return {"paused_because": because.value} if because else resumed_fields(after, user, now=now)


def _is_stopped(subscription: Subscription, user: User | None) -> bool:
    """Whether its user has stopped it during its current pause, or each of those whom its reports are for."""
    if user is not None and is_stopped_by(subscription, address_hash(user.email)):
        return True
    return _all_have_stopped(subscription, user)


def _all_have_stopped(subscription: Subscription, user: User | None) -> bool:
    return all(is_stopped_by(subscription, each.hashed) for each in addressees(subscription, user))


def _known(subscription: Subscription, hashed: str) -> Objection:
    return (subscription.objections or {}).get(hashed, Objection())


def _said(subscription: Subscription, hashed: str, *, now: datetime) -> dict[PauseReason, datetime]:
    """When an address last gave each of its reasons to object."""
    before = subscription.objecting.get(hashed, Objection())
    return (before if before.at else before._replace(at=now)).said


def _standing(subscription: Subscription, known: Objection, said: Mapping[PauseReason, datetime]) -> Objection:
    """What is known of an address, with only the reasons that nobody has taken back."""
    left = {each: at for each, at in said.items() if subscription.holds(known._replace(because=each, at=at))}
    return known._replace(
        because=max(left, key=_RANKS.__getitem__, default=None),
        at=max(left.values(), default=None),
        latest=left if len(left) > 1 else {},
    )


def _with(subscription: Subscription, hashed: str, objection: Objection, *, now: datetime) -> Subscription:
    # Those of version 0.1.0 have no time: they count until a person takes them back.
    dated = {each: found._replace(at=now) for each, found in subscription.objecting.items() if not found.at}
    return subscription._replace(
        objections={**(subscription.objections or {}), **dated, hashed: objection},
        suppressed=frozenset(),
        bounced_address="",
        resumed_at=subscription.all_wanted_at,
    )
