"""Every moment once: which time the reports of a subscription cover, and when the next one is due. Pure.

The mark, `reported_until`, is the end of what the subscription's reports cover. One rule:

    Each report begins at the mark. A pause skips the reports that fall due in it, and leaves out only their time.

So only two things move the mark, and never back: a delivery that becomes final moves it to the end of its period, and
the end of a pause moves it to the end of the last period whose report fell due within the pause. A report that fell due
before the pause, and was not sent, comes after it.

At most one delivery of a subscription is sent at a time: the one that the subscription is due for. A worker compares
its period with the mark after it has claimed the delivery. `settled_at` tells it whether the mark can be trusted.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from functions.shared.records.delivery import Delivery, DeliveryState
from functions.shared.records.ids import delivery_id
from functions.shared.records.subscription import PauseReason, Subscription, scheduled_fields
from functions.shared.records.user import User
from functions.shared.times.period import Period, period_to_report, unit_before
from functions.shared.times.schedule import Schedule

_INSTANT = timedelta(microseconds=1)

_COMMIT = timedelta(seconds=2)
"""How long a commit may take. Later writes of a subscription are somebody else's."""


class Others(NamedTuple):
    """What the other deliveries of a subscription say.

    Attributes:
        reported_until: the latest end of their periods, of those that are final; None where there is none.
        dues: the due times of the final ones.
        unsettled: the periods of those whose email may be out, or whose dead letter is. None for a period that is not
            known.
    """

    reported_until: datetime | None = None
    dues: frozenset[datetime] = frozenset()
    unsettled: tuple[Period | None, ...] = ()

    @classmethod
    def of(cls, deliveries: Iterable[Delivery], *, but: str, now: datetime) -> "Others":
        """Read deliveries.

        Args:
            deliveries: the newest of the subscription.
            but: the id of the delivery that they are the others of.
            now: the present, in UTC.
        """
        ends, dues, unsettled = [], [], []
        for each in deliveries:
            if each.id == but or each.problem or each.due_at is None:
                continue
            # What no worker has written would move the subscription beyond all reports.
            if delivery_id(each.user_id, each.subscription_id, each.due_at) != each.id:
                continue
            period = each.settled_period(max(each.due_at, now))
            if each.is_final:
                dues.append(each.due_at)
            if each.is_counted and period:
                ends.append(period.end)
            if each.state in {DeliveryState.SENDING, DeliveryState.GIVING_UP}:
                unsettled.append(period)
        return cls(max(ends, default=None), frozenset(dues), tuple(unsettled))

    def may_have_sent(self, period: Period) -> bool:
        """Whether one of them may have reported some of a period, and it is not settled yet whether it has."""
        return any(each is None or (each.start < period.end and period.start < each.end) for each in self.unsettled)


class _Pause(NamedTuple):
    start: datetime
    end: datetime


def is_untouched(subscription: Subscription) -> bool:
    """Whether nobody has written the subscription since a delivery of it became final. Then its mark is the whole
    truth. Otherwise an application may have written an old copy back: its deliveries tell how far its reports came."""
    settled_at, version = subscription.settled_at, subscription.version
    return settled_at is not None and version is not None and abs(version - settled_at) <= _COMMIT


def uncovered(period: Period, mark: datetime | None) -> Period | None:
    """What is left of a period; None where another delivery has covered all of it.

    Args:
        period: of a delivery.
        mark: the end of what other deliveries cover; None where there are none.
    """
    if mark is None or mark <= period.start:
        return period
    return Period(mark, period.end) if mark < period.end else None


def after_pause(subscription: Subscription, schedule: Schedule, *, now: datetime) -> Subscription:
    """The subscription after its pause: the mark is at the end of the last period whose report fell due within it.

    As long as a report from before the pause is to come, the pause stays, and with it the mark: that report ends where
    the pause begins.

    Args:
        subscription: as read.
        schedule: the subscription's.
        now: the present, in UTC.
    """
    subscription = _without_earlier_pause(subscription, schedule)
    pause = _ended_pause(subscription, now)
    if pause is None:
        return subscription
    if _owed(subscription, schedule, pause):
        return subscription._replace(paused_until=pause.end)
    last_due, mark = schedule.before(pause.end), subscription.reported_until
    # Without a mark, the first report covers one unit or cadence anyway.
    if mark is not None and last_due >= pause.start:
        mark = max(mark, schedule.covered_until(last_due))
    return subscription._replace(reported_until=mark, paused_because=None, paused_at=None, paused_until=None)


def next_due_time(
    subscription: Subscription, schedule: Schedule, *, now: datetime, later_than: datetime | None = None
) -> datetime:
    """The first due time whose report covers time after the mark, and that is not within a pause.

    Args:
        subscription: as read.
        schedule: the subscription's.
        now: the present, in UTC.
        later_than: a due time that is past: the next one is strictly later.
    """
    subscription = _without_earlier_pause(subscription, schedule)
    pause = _ended_pause(subscription, now)
    if pause:
        resumed = max(filter(None, (later_than, pause.end - _INSTANT)))
        if owed := _owed(subscription, schedule, pause):
            due_at = schedule.next_due(owed.start, later_than=later_than)
            return due_at if due_at < pause.start else schedule.after(resumed)
        later_than = resumed
    mark = after_pause(subscription, schedule, now=now).reported_until
    if mark is None:
        return schedule.after(later_than or now - _INSTANT)
    return schedule.next_due(mark, later_than=later_than)


def due_period(
    subscription: Subscription, schedule: Schedule, *, due_at: datetime, run_time: datetime, now: datetime
) -> Period | None:
    """What a report covers that no attempt has determined yet; None where nothing is left to report.

    Args:
        subscription: as read.
        schedule: the subscription's.
        due_at: when the report fell due.
        run_time: the time of the run that sends it: a late one catches up.
        now: the present, in UTC.
    """
    subscription = _without_earlier_pause(subscription, schedule)
    pause = _ended_pause(subscription, now)
    if pause and (owed := _owed(subscription, schedule, pause)):
        return owed
    if subscription.next_report_at is not None and subscription.next_report_at < due_at:
        # It was set back since: what is before this report is an earlier one's.
        return unit_before(schedule, schedule.covered_until(due_at))
    mark = after_pause(subscription, schedule, now=now).reported_until
    return period_to_report(schedule, due_at=due_at, run_time=run_time, reported_until=mark)


def period_until(subscription: Subscription, schedule: Schedule, now: datetime) -> Period | None:
    """What a report by hand covers: the time from the mark until now; None where there is none.

    A first report covers what the first one by the schedule would. After a pause, a report that fell due before it
    comes first.

    Args:
        subscription: as read, and not paused.
        schedule: the subscription's.
        now: the present, in UTC.
    """
    after = after_pause(subscription, schedule, now=now)
    if after.reported_until is None or _ended_pause(after, now):
        return due_period(subscription, schedule, due_at=now, run_time=now, now=now)
    return Period(after.reported_until, now) if after.reported_until < now else None


def by_hand_fields(subscription: Subscription, user: User | None, *, now: datetime) -> dict[str, Any]:
    """The subscription is due now, for a report by hand.

    Args:
        subscription: as it was read, and not paused.
        user: whose it is, for the time zone; None where there is no such user.
        now: the present, in UTC.
    """
    after = after_pause(subscription, subscription.schedule(user), now=now)
    return {**_changes(subscription, after), **scheduled_fields(subscription.user_id, subscription.id, due_at=now)}


def moved_fields(
    subscription: Subscription,
    user: User | None,
    *,
    due_at: datetime,
    period: Period | None,
    now: datetime,
    others: Others | None = None,
    is_verified: bool = False,
) -> dict[str, Any]:
    """A delivery of the subscription is final: the mark moves, and if the subscription was due for it, the due time,
    too. No fields where both stay.

    Args:
        subscription: as it is now.
        user: whose it is, for the time zone; None where there is no such user.
        due_at: the delivery's due time.
        period: what counts as reported by it; None where nothing does.
        now: the present, in UTC.
        others: the subscription's other deliveries; None where nobody has asked for them.
        is_verified: whether they were asked for before the delivery was sent.
    """
    schedule, before = subscription.schedule(user), subscription
    resumed = after_pause(before, schedule, now=now).reported_until
    mark = max(filter(None, (resumed, others and others.reported_until)), default=None)
    # If it begins later, an earlier report is to come: the subscription was set back.
    if period is not None and (is_verified or mark is None or period.start <= mark):
        mark = max(filter(None, (mark, period.end)))
    after = after_pause(before._replace(reported_until=mark), schedule, now=now)
    if before.next_report_at == due_at and not before.active:
        # An application has paused it since, and left the due time in place.
        because = before.paused_because or PauseReason.USER
        after = after._replace(next_report_at=None, paused_because=because, paused_at=before.paused_at or now)
    elif before.next_report_at == due_at:
        after = after._replace(next_report_at=next_due_time(after, schedule, now=now, later_than=due_at))
    fields = _changes(before, after)
    if fields and (is_verified or is_untouched(before) or (others and not others.unsettled)):
        fields["settled_at"] = now
    elif fields and before.settled_at:
        fields["settled_at"] = None
    return fields


def paused_fields(
    subscription: Subscription, user: User | None, because: PauseReason, *, now: datetime, until: datetime | None = None
) -> dict[str, Any]:
    """The subscription is paused. Without a due time, runs do not find it; with an end, its due time is after that, so
    the due index itself resumes it. A pause that goes on keeps its beginning, whoever gives it another reason or end.

    Args:
        subscription: as it was read.
        user: whose it is, for the time zone; None where there is no such user.
        because: why.
        now: when the pause begins, in UTC.
        until: when it ends by itself, in UTC; None for not by itself.
    """
    schedule = subscription.schedule(user)
    before = after_pause(subscription, schedule, now=now)
    paused_at, mark = before.paused_at if before.is_paused(now) else None, before.reported_until
    if mark is None and not before.settled_at and before.next_report_at and before.next_report_at <= now:
        # The first report is on its way. From here on it shows where it begins.
        mark = unit_before(schedule, schedule.covered_until(before.next_report_at)).start
    fields: dict[str, Any] = {
        "active": until is not None,
        "paused_because": because.value,
        "paused_at": paused_at or now,
        "paused_until": until,
        "next_report_at": None,
    }
    if mark != subscription.reported_until:
        fields["reported_until"] = mark
    if until is not None:
        paused = before._replace(active=True, paused_at=paused_at or now, paused_until=until, reported_until=mark)
        fields |= scheduled_fields(subscription.user_id, subscription.id, due_at=_due_after_pause(paused, schedule))
    return fields


def met_pause_fields(
    subscription: Subscription, user: User | None, *, due_at: datetime, now: datetime
) -> dict[str, Any]:
    """A report meets a pause in which the subscription still has its due time, as where an application has written
    only `active: false`, or only `paused_until`: its latest write counts as the beginning of the pause. No fields where
    the subscription is not due for the report.

    An application that gives no reason speaks for its user.

    Args:
        subscription: as read.
        user: whose it is, for the time zone; None where there is no such user.
        due_at: the report's due time.
        now: the present, in UTC.
    """
    if subscription.next_report_at != due_at or not subscription.is_paused(now):
        return {}
    schedule = subscription.schedule(user)
    before = _without_earlier_pause(subscription, schedule)
    paused = before._replace(paused_at=before.paused_at or subscription.version or due_at)
    following = _due_after_pause(paused, schedule) if subscription.active else None
    return {
        **_changes(subscription, subscription._replace(reported_until=before.reported_until)),
        "paused_because": (subscription.paused_because or PauseReason.USER).value,
        "paused_at": paused.paused_at,
        **scheduled_fields(subscription.user_id, subscription.id, due_at=following),
    }


def end_of_pause(subscription: Subscription, *, now: datetime) -> datetime | None:
    """When the pause of a subscription ended that it still has; None where there is none, or where it goes on.

    Args:
        subscription: as it was read.
        now: when it was read, in UTC.
    """
    pause = _ended_pause(subscription, now)
    return pause.end if pause else None


def resumed_fields(subscription: Subscription, user: User | None, *, now: datetime) -> dict[str, Any]:
    """The pause of a subscription ends, and its next report is the one that the rule says.

    Args:
        subscription: as it was read.
        user: whose it is, for the time zone; None where there is no such user.
        now: the present, in UTC: when it ends, unless it has ended.
    """
    schedule = subscription.schedule(user)
    subscription = _without_earlier_pause(subscription, schedule)
    if subscription.next_report_at is not None and subscription.paused_at is None:
        # No report has met the pause, so it skips none.
        after = subscription._replace(paused_at=None, paused_because=None, paused_until=None)
    else:
        if not subscription.is_paused(now):
            ended_at = _end_of_pause(subscription, now, subscription.version)
        elif subscription.paused_because is PauseReason.USER_INACTIVE and user:
            # The user was active again at the latest when the application wrote the document last.
            ended_at = _end_of_pause(subscription, now, user.version)
        else:
            ended_at = now
        ended = subscription._replace(active=True, paused_until=ended_at)
        after = after_pause(ended, schedule, now=now)
        after = after._replace(next_report_at=next_due_time(ended, schedule, now=now))
    return {
        "active": True,
        "paused_because": None,
        "paused_at": after.paused_at,
        "paused_until": after.paused_until if after.paused_at else None,
        "reported_until": after.reported_until,
        **scheduled_fields(subscription.user_id, subscription.id, due_at=after.next_report_at),
    }


def placed_fields(subscription: Subscription, user: User | None, *, run_time: datetime) -> dict[str, Any]:
    """The place of a subscription in the due index that an application has made or changed: what the dispatcher writes
    to it. A report that should have come before the run is due with the run.

    Args:
        subscription: as it was read, with nothing wrong in it.
        user: whose it is, for the time zone; None where there is no such user.
        run_time: the time of the run that schedules it.
    """
    due_at = subscription.next_report_at
    if not subscription.active:
        return scheduled_fields(subscription.user_id, subscription.id, due_at=None)
    if subscription.is_paused(run_time):
        if due_at is not None:
            # A report meets the pause.
            return scheduled_fields(subscription.user_id, subscription.id, due_at=due_at)
        # It goes on, and resumes by itself.
        paused_at = subscription.paused_at or subscription.version or run_time
        until = _due_after_pause(subscription._replace(paused_at=paused_at), subscription.schedule(user))
        return {"paused_at": paused_at, **scheduled_fields(subscription.user_id, subscription.id, due_at=until)}
    if subscription.paused_at or (subscription.paused_because and due_at is None):
        fields = resumed_fields(subscription, user, now=run_time)
        return fields if due_at is None else {**fields, "next_report_at": due_at}
    if due_at is None:
        due_at = max(run_time, next_due_time(subscription, subscription.schedule(user), now=run_time))
    return scheduled_fields(subscription.user_id, subscription.id, due_at=due_at)


def rescheduled_fields(
    before: Subscription, after: Subscription, user: User | None, *, now: datetime
) -> dict[str, Any]:
    """The due time of a subscription whose schedule has changed; empty where it stays.

    The next report begins at the mark, whatever the schedule. A report that is already due keeps its due time, since a
    worker may be building it. Afterwards the worker moves on by the new schedule.

    Args:
        before: as it was read.
        after: with its new schedule.
        user: whose it is; None where there is no such user.
        now: the present, in UTC.
    """
    schedule, due_at = after.schedule(user), after.next_report_at
    # A pause that is over skipped the reports of the schedule that there was.
    resumed = after_pause(before, before.schedule(user), now=now)
    fields = _changes(before, resumed)
    if schedule == before.schedule(user) and not before.problem:
        return fields
    after = after._replace(**fields)
    if not after.active or due_at is None or due_at <= now:
        return fields
    if after.is_paused(now):
        return {**fields, "next_report_at": _due_after_pause(after, schedule)}
    return {**fields, "next_report_at": next_due_time(after, schedule, now=now, later_than=now)}


def _changes(before: Subscription, after: Subscription) -> dict[str, Any]:
    names = ("paused_because", "paused_at", "paused_until", "next_report_at", "reported_until")
    return {name: getattr(after, name) for name in names if getattr(after, name) != getattr(before, name)}


def _ended_pause(subscription: Subscription, now: datetime) -> _Pause | None:
    """The pause that is over, and that the mark has not been moved past yet."""
    if not subscription.active or subscription.is_paused(now):
        return None
    start = subscription.paused_at
    if start is None and subscription.paused_because is not None and subscription.next_report_at is None:
        # Pauses of version 0.1.0 do not say when they began: every report since the mark fell due within them.
        start = subscription.reported_until
    end = _end_of_pause(subscription, now, subscription.version)
    return _Pause(start, end) if start is not None and start < end else None


def _end_of_pause(subscription: Subscription, now: datetime, written_at: datetime | None) -> datetime:
    begin = subscription.paused_at or subscription.reported_until
    if subscription.paused_until is not None:
        return min(subscription.paused_until, now)
    # An application that resumes writes no end: its write is the end.
    return written_at if written_at and begin and begin < written_at < now else now


def _without_earlier_pause(subscription: Subscription, schedule: Schedule) -> Subscription:
    """The subscription without a pause that was over before an application wrote another one: at its end, or before the
    next report fell due."""
    version, end = subscription.version, subscription.paused_until
    if subscription.active or (version and end and end >= version):
        # The end is the other pause's own.
        end = subscription.next_report_at
    if not (subscription.paused_at and version and end and end < version and subscription.is_paused(end)):
        return subscription
    ended = subscription._replace(active=True, paused_until=end)
    mark = after_pause(ended, schedule, now=end).reported_until
    until = subscription.paused_until if subscription.active else None
    return subscription._replace(reported_until=mark, paused_at=version, paused_until=until)


def _owed(subscription: Subscription, schedule: Schedule, pause: _Pause) -> Period | None:
    """What is to be reported from before a pause; None where all of it is reported."""
    until, mark = schedule.covered_until(schedule.before(pause.start)), subscription.reported_until
    return Period(mark, until) if mark is not None and mark < until else None


def _due_after_pause(subscription: Subscription, schedule: Schedule) -> datetime:
    """The first due time after a pause that has an end, whatever is owed from before it."""
    until = subscription.paused_until
    assert until is not None  # noqa: S101  the callers have an end
    due_at = next_due_time(subscription, schedule, now=until)
    return due_at if due_at >= until else schedule.after(until - _INSTANT)
