"""Which time a delivery covers, and how its subscription moves on when the delivery is final. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from functions.shared.period import Period, period_to_report
from functions.shared.subscription import Subscription, moved_fields, no_due_time_fields
from functions.shared.user import User


class FinalDelivery(NamedTuple):
    """A final delivery of the subscription.

    Attributes:
        due_at: when it was due.
        period_end: the end of what it covers, where the delivery says so.
    """

    due_at: datetime
    period_end: datetime | None


def stands_before(subscription: Subscription, due_at: datetime) -> bool:
    """Whether a subscription is due for an earlier report than a task is for: it was set back since the task was made,
    by its application or by a restore of Firestore.

    Args:
        subscription: as it is.
        due_at: when the task's report fell due.
    """
    return subscription.next_report_at is not None and subscription.next_report_at < due_at


def first_period(
    user: User | None, subscription: Subscription, *, due_at: datetime, run_time: datetime, is_ahead: bool = False
) -> Period:
    """The time that the first attempt of a delivery covers.

    If the subscription has a later due time, it has moved on: the delivery covers what was due then, and nothing of
    what later reports have covered.

    Args:
        user: whose it is, for the time zone; None where there is no such user.
        subscription: as read.
        due_at: when the report fell due.
        run_time: when the dispatcher's run was.
        is_ahead: whether it leaves what is before it to the earlier report that the subscription is due for.
    """
    has_moved_on = subscription.next_report_at is not None and subscription.next_report_at > due_at
    return period_to_report(
        subscription.schedule(user),
        due_at=due_at,
        run_time=due_at if has_moved_on else run_time,
        reported_until=None if is_ahead else subscription.reported_until,
    )


def moved_on(user: User | None, subscription: Subscription, *, due_at: datetime, period: Period) -> Mapping[str, Any]:
    """The fields to write to a subscription when a delivery of it is final; none where it is not to be touched.

    A subscription only moves forward. If it has a later due time, because an operator replayed an old delivery or the
    application set that time, the time stays; if it has been paused meanwhile, it gets none. What the delivery covers
    counts as reported all the same.

    Args:
        user: whose it is, for the time zone; None where there is no such user.
        subscription: as it is now.
        due_at: the delivery's due time.
        period: what it covers.
    """
    standing = subscription.next_report_at
    if not subscription.active:
        reported = moved_fields(subscription, reported_until=period.end)
        return reported if standing is None else {**no_due_time_fields(subscription), **reported}
    if standing is not None and standing > max(due_at, period.end):
        return moved_fields(subscription, reported_until=period.end)
    following = subscription.schedule(user).next_due(period.end, later_than=due_at)
    return moved_fields(subscription, next_report_at=following, reported_until=period.end)


def moved_past(
    user: User | None,
    subscription: Subscription,
    *,
    due_at: datetime,
    period: Period,
    newest: Sequence[FinalDelivery],
) -> Mapping[str, Any]:
    """The fields to write to a subscription whose due time is that of a final delivery; none for any other.

    The worker writes final state and subscription together, so here the application has written an old copy of the
    subscription back. However old the copy, it moves beyond all final deliveries at once: at the next final delivery
    each run would bring it back here.

    Args:
        user: whose it is, for the time zone; None where there is no such user.
        subscription: as it is now.
        due_at: the delivery's due time.
        period: what it covers.
        newest: the subscription's newest final deliveries.
    """
    if subscription.next_report_at != due_at:
        return {}
    until = max([period.end, *(each.period_end for each in newest if each.period_end is not None)])
    last = max([due_at, *(each.due_at for each in newest)])
    following = subscription.schedule(user).next_due(until, later_than=last)
    return moved_fields(subscription, next_report_at=following, reported_until=until)
