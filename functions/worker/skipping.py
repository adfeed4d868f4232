"""Whether a report is to be sent at all, by its user and its subscription. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from functions.shared.delivery import SkipReason
from functions.shared.subscription import (
    PauseReason,
    Subscription,
    no_due_time_fields,
    paused_fields,
    paused_until_fields,
)
from functions.shared.user import User

OF_USERS = frozenset({SkipReason.USER_GONE, SkipReason.USER_INACTIVE})
"""The reasons that hold for all of a user's subscriptions."""


def skip_reason(user: User | None, subscription: Subscription | None, *, now: datetime) -> SkipReason | None:
    """Why a report is not to be sent; None where it is.

    It does not depend on what else is in the two documents: a user who is not active is left alone, even if the
    document is malformed.

    Args:
        user: as read; None where there is no such user.
        subscription: as read; None where there is no such subscription.
        now: the present, in UTC.
    """
    if user is None:
        return SkipReason.USER_GONE
    if not user.active:
        return SkipReason.USER_INACTIVE
    if subscription is None:
        return SkipReason.SUBSCRIPTION_GONE
    if subscription.is_paused(now):
        return SkipReason.PAUSED
    # Copies alone are not sent: the report is for those in `to`.
    return SkipReason.SUPPRESSED if all(map(subscription.leaves_out, subscription.to or (user.email,))) else None


def fields_for_pause(user: User | None, subscription: Subscription, *, now: datetime) -> Mapping[str, Any]:
    """The fields to write to a paused subscription, so that no run meets it before it resumes; none where no run does.

    A pause may have left the due time in place: an application may write only `active: false`.

    Args:
        user: whose it is, for the time zone; None where there is no such user.
        subscription: as read.
        now: the present, in UTC.
    """
    due_at, until = subscription.next_report_at, subscription.paused_until
    if due_at is None:
        return {}
    if not subscription.active:
        return no_due_time_fields(subscription)
    if until is not None and now < until and due_at < until:
        # An application that gives no reason speaks for its user.
        because = subscription.paused_because or PauseReason.USER
        return paused_until_fields(subscription, subscription.schedule(user), because=because, until=until)
    return {}


def fields_for_inactive_user(user: User | None, subscription: Subscription, *, now: datetime) -> Mapping[str, Any]:
    """The fields to write to a subscription whose user is gone or inactive; none where it is paused already.

    A pause of its own stays as it is, so that it goes on when the user is active again.

    Args:
        user: as read; None where there is no such user.
        subscription: as read.
        now: the present, in UTC.
    """
    if subscription.is_paused(now):
        return fields_for_pause(user, subscription, now=now)
    return paused_fields(PauseReason.USER_INACTIVE)
