"""Which reports a user should have got, what became of each, and why there is none. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

from functions.shared.records.delivery import Delivery
from functions.shared.records.kind_pauses import KindPauses
from functions.shared.records.subscription import Subscription
from functions.shared.records.user import User

MOST_OF_ONE = 40
"""How many due times of a subscription are checked."""

_UNRECORDED = 3
"""How many due times before the first recorded report are shown: a subscription may be newer than it looks."""

_RECENT = timedelta(hours=2)
"""So long a run and the queue may take."""


class ExpectedReport(NamedTuple):
    """A due time of a subscription.

    Attributes:
        delivery: the report; None where there is no record of one.
        why: why there is none; empty where there is one.
    """

    due_at: datetime
    subscription_id: str
    kind: str
    delivery: Delivery | None
    why: str = ""


def expected_reports(
    user: User,
    subscriptions: Sequence[Subscription],
    deliveries: Sequence[Delivery],
    pauses: KindPauses,
    *,
    since: datetime,
    now: datetime,
) -> list[ExpectedReport]:
    """The due times of a user's subscriptions, by their schedules as they are now, and the deliveries; the latest
    first.

    Args:
        subscriptions: all of the user's.
        deliveries: all of the user's that were due since then.
        since: the first time that is looked at.
    """
    found = {(each.subscription_id, each.due_at): each for each in deliveries}
    rows = [
        ExpectedReport(each.due_at, each.subscription_id, each.kind, each) for each in found.values() if each.due_at
    ]
    for subscription in subscriptions:
        own = [each for each in deliveries if each.subscription_id == subscription.id]
        first, before_it = min((each.due_at for each in own if each.due_at), default=now), 0
        for due_at in islice(_due_times(subscription, user, since, now), MOST_OF_ONE):
            before_it += due_at < first
            if (subscription.id, due_at) not in found and before_it <= _UNRECORDED:
                why = _why_none(user, subscription, own, pauses, due_at, now)
                rows.append(ExpectedReport(due_at, subscription.id, subscription.kind, None, why))
    return sorted(rows, key=lambda row: (row.due_at, row.subscription_id), reverse=True)


def _due_times(subscription: Subscription, user: User, since: datetime, now: datetime) -> Iterator[datetime]:
    """From the latest backwards. By a malformed document none is sure."""
    if subscription.problem:
        return
    schedule = subscription.schedule(user)
    due_at = schedule.at_or_before(now)
    while due_at >= since:
        yield due_at
        due_at = schedule.before(due_at)


def _why_none(
    user: User,
    subscription: Subscription,
    own: Sequence[Delivery],
    pauses: KindPauses,
    due_at: datetime,
    now: datetime,
) -> str:
    covering = [
        each.due_at
        for each in own
        if each.due_at and each.due_at > due_at and each.period_start and each.period_start < due_at
    ]
    if user.enrolled_at is None or due_at < user.enrolled_at:
        return "The user was not enrolled yet."
    if subscription.is_paused(now) and (subscription.paused_at is None or due_at >= subscription.paused_at):
        because = f": {subscription.paused_because.value}" if subscription.paused_because else ""
        return f"The subscription is paused{because}."
    if not user.active:
        return "The user is not active."
    if pauses.is_paused(subscription.kind) and subscription.next_report_at and due_at >= subscription.next_report_at:
        return f"The kind {subscription.kind} is paused: it waits."
    if covering:
        return f"The report of {min(covering):%Y-%m-%d %H:%M} UTC covers its time."
    if now - due_at < _RECENT:
        return "It has just fallen due: a run makes it."
    if subscription.resumed_at and due_at < subscription.resumed_at:
        return f"The subscription was resumed at {subscription.resumed_at:%Y-%m-%d %H:%M} UTC, after it was due."
    return "There is no record of it: the subscription may be newer, or had another schedule then."
