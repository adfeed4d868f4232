"""What an event about an address makes of a subscription. Pure.

The address objects from then on, whatever else is so: its reports leave it out. A report is for the addresses in `to`,
which is the user's own unless the subscription names others. When none of them is left, the subscription is paused.
Nobody else is: a colleague who unsubscribes from a copy stops no one else's.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from functions.shared.records.mail_event import MailEvent, MailStatus
from functions.shared.records.objections import (
    objected,
    objection_fields,
    objection_pause_fields,
    resubscribed,
    resubscription_fields,
)
from functions.shared.records.recipients import recipients
from functions.shared.records.subscription import Subscription
from functions.shared.records.user import User


def fields_for_event(
    user: User | None, subscription: Subscription, event: MailEvent, *, is_of_it: bool = False, now: datetime
) -> Mapping[str, Any]:
    """The fields to write, so that no further report goes to the address, or that they do again; none where that is so
    already, or the event no longer counts.

    It does not count where somebody has taken the address's objections back since the event: people know better than a
    late event. A pause that people have made keeps its reason.

    Args:
        user: whose it is, for the address; None where there is no such user.
        subscription: as read.
        event: one that `changes_wishes`.
        is_of_it: whether the event is of an email of this subscription. Then it counts whatever the lists say by now;
            else only where they have the address, unless the recipient has subscribed again: the unsubscription may
            be of a time when they had it, and come later.
        now: the present, in UTC.
    """
    if event.status is MailStatus.RESUBSCRIBED:
        after = resubscribed(subscription, event.recipient, at=event.at, now=now)
        return {
            **objection_fields(subscription, after),
            **resubscription_fields(subscription, after, user, now=now),
        }
    if event.pauses is None:
        return {}
    if not is_of_it and event.recipient not in {each.hashed for each in recipients(subscription, user)}:
        return {}
    after = objected(subscription, event.recipient, event.pauses, at=event.at, now=now)
    fields = objection_fields(subscription, after)
    return {**fields, **objection_pause_fields(after, user, now=now)} if fields else {}
