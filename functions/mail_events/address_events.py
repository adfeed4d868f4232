"""What an event about an address makes of a subscription. Pure.

A report is for the addresses in `to`, which is the user's own unless the subscription names others. When none of them
is left, the subscription is paused. Anybody else is left out, and the others go on getting the report: a colleague who
unsubscribes from a copy stops no one else's.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from functions.shared.mail_event import MailEvent
from functions.shared.mark import paused_fields
from functions.shared.recipients import addressees, recipients
from functions.shared.subscription import (
    PauseReason,
    Subscription,
    suppressed_fields,
)
from functions.shared.user import User


def fields_for_event(
    user: User | None, subscription: Subscription, event: MailEvent, *, now: datetime
) -> Mapping[str, Any]:
    """The fields to write, so that no further report goes to the address; none where that is so already, or the event
    no longer counts.

    It does not count where the subscription does not go to the address, as after a change, or where somebody has
    resumed it since the event: people know better than a late event. A pause that people have made keeps its reason.

    Args:
        user: whose it is, for the address; None where there is no such user.
        subscription: as read.
        event: one that has `pauses`.
        now: the present, in UTC.
    """
    if event.pauses is None or not _still_counts(subscription, event.at):
        return {}
    if event.recipient not in {each.hashed for each in recipients(subscription, user)}:
        return {}
    to = {each.hashed for each in addressees(subscription, user)}
    if to <= {*subscription.suppressed, event.recipient}:
        # What is paused for an inactive user would resume with the user.
        paused = not subscription.active and subscription.paused_because is not PauseReason.USER_INACTIVE
        if paused:
            return {}
        fields = paused_fields(subscription, user, event.pauses, now=now)
        return {**fields, "bounced_address": event.recipient} if event.pauses is PauseReason.BOUNCED else fields
    return {} if event.recipient in subscription.suppressed else suppressed_fields(subscription, event.recipient)


def _still_counts(subscription: Subscription, at: datetime) -> bool:
    return subscription.resumed_at is None or at > subscription.resumed_at
