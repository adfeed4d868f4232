"""Whether a report is to be sent at all, by its user and its subscription. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from functions.shared.delivery import SkipReason
from functions.shared.mark import met_pause_fields, paused_fields
from functions.shared.objections import common_objection
from functions.shared.subscription import PauseReason, Subscription
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
    return SkipReason.SUPPRESSED if common_objection(subscription, user) else None


def fields_for_inactive_user(
    user: User | None, subscription: Subscription, *, due_at: datetime, now: datetime
) -> Mapping[str, Any]:
    """The fields to write to the subscription whose user is gone or inactive; none where it is paused already.

    A pause of its own stays as it is, so that it goes on when the user is active again.

    Args:
        user: as read; None where there is no such user.
        subscription: as read.
        due_at: the due time of the report that has met the user.
        now: the present, in UTC.
    """
    if subscription.is_paused(now):
        return met_pause_fields(subscription, user, due_at=due_at, now=now)
    # The application's latest write of the user counts as the beginning.
    paused_at = (user and user.version) or (due_at if subscription.next_report_at == due_at else now)
    return paused_fields(subscription, user, PauseReason.USER_INACTIVE, now=paused_at)
