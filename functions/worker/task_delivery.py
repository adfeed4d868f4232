"""The delivery of a task, and what an attempt has found about it. Pure.

The first attempt of a first task does not read the delivery: it would find nothing unless the queue delivers a task
twice, and then Firestore refuses the claim.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from functions.shared.firestore.delivery_store import TaskDocuments
from functions.shared.records.delivery import Delivery
from functions.shared.records.ids import time_of_run
from functions.shared.records.mark import Others, after_pause, due_period, moved_fields, next_due_time, uncovered
from functions.shared.records.objections import objection_pause_fields
from functions.shared.records.report_task import ReportTask
from functions.shared.records.subscription import Subscription
from functions.shared.records.user import User
from functions.shared.times.lateness import lateness_seconds
from functions.shared.times.period import Period
from functions.worker.attempt import Attempt


class TaskDelivery(NamedTuple):
    """The delivery of a task, and what an attempt has found about it, which may be nothing: functions.worker.skipping
    has the type of those to whom a report can be sent.

    Attributes:
        task: the task.
        attempt: the queue's call.
        owner: the token of this attempt, which no other has.
        delivery: as it was read, or as this attempt has written it; None where there was none.
        user: as read; None where there is no such user.
        subscription: as read; None where there is no such subscription, or it is to be left alone.
        period: what the report covers; None where nothing is left to report, or that cannot be told.
        others: what the other deliveries of the subscription say; None where nobody has asked for them.
        is_claimed: whether this attempt has claimed the delivery.
        absence: by what an email of unknown outcome is sent again; None where it is not, or not by that.
    """

    task: ReportTask
    attempt: Attempt
    owner: str
    delivery: Delivery | None = None
    user: User | None = None
    subscription: Subscription | None = None
    period: Period | None = None
    others: Others | None = None
    is_claimed: bool = False
    absence: Mapping[str, Any] | None = None

    def with_documents(self, documents: TaskDocuments, *, now: datetime) -> "TaskDelivery":
        """What Firestore has about the task.

        Args:
            documents: the task's, as read.
            now: the present, in UTC.
        """
        (delivery, user, subscription), task = documents, self.task
        # A task made by hand may name no run.
        run_time = time_of_run(task.run_id) or task.due_at
        # An attempt after an interrupted one, or a replay, covers what the first attempt covered.
        period = delivery.settled_period(max(task.due_at, run_time, now)) if delivery else None
        # A report that a restore has forgotten may have been sent. If an application has also removed the mark, nobody
        # can tell what it covered.
        is_unknown = delivery and delivery.is_restored and subscription and not subscription.reported_until
        if period is None and subscription is not None and not (is_unknown and subscription.settled_at):
            period = due_period(
                subscription,
                subscription.schedule(user),
                due_at=task.due_at,
                # Only a report that nobody has worked on catches up on missed runs.
                run_time=task.due_at if delivery is not None else run_time,
                now=now,
            )
        return self._replace(delivery=delivery, user=user, subscription=subscription, period=period)

    @property
    def documents(self) -> TaskDocuments:
        """As they were read last."""
        return TaskDocuments(self.delivery, self.user, self.subscription)

    def uncovered(self, now: datetime) -> Period | None:
        """What is to be reported of the period: what no other delivery has covered. None where nothing is, or where the
        subscription is due for another report, which covers it.

        Args:
            now: the present, in UTC.
        """
        subscription = self.subscription
        if subscription is None or self.period is None or self.is_replay:
            return self.period
        schedule, told = subscription.schedule(self.user), self.others.reported_until if self.others else None
        if subscription.next_report_at not in {None, self.task.due_at} and not self._is_next(now):
            return None
        mark = after_pause(subscription, schedule, now=now).reported_until
        known = max(filter(None, (mark, told)), default=None)
        if known is not None and (mark is None or self._is_untried):
            # Its period was written down while an application had taken the mark away.
            return uncovered(Period(min(known, self.period.start), self.period.end), known)
        return uncovered(self.period, known)

    @property
    def _is_untried(self) -> bool:
        return self.delivery is not None and self.delivery.attempts <= self.is_claimed

    @property
    def may_be_next(self) -> bool:
        """Whether the subscription was set back, so that its other deliveries tell whether this is its next one."""
        standing = self.subscription.next_report_at if self.subscription else None
        return standing is not None and standing < self.task.due_at and self.others is None and not self.is_replay

    def _is_next(self, now: datetime) -> bool:
        """Whether the subscription has come to this due time, although its document was set back to a report that is
        final."""
        subscription, others = self.subscription, self.others
        if subscription is None or others is None or subscription.next_report_at not in others.dues:
            return False
        ends = filter(None, (subscription.reported_until, others.reported_until))
        moved = subscription._replace(reported_until=max(ends, default=None))
        schedule, last_due = subscription.schedule(self.user), max(others.dues)
        return next_due_time(moved, schedule, now=now, later_than=last_due) == self.task.due_at

    @property
    def is_in_doubt(self) -> bool:
        """Whether an attempt before this one may have sent it."""
        delivery = self.delivery
        return delivery is not None and (delivery.may_have_been_sent if self.is_claimed else delivery.is_in_doubt)

    @property
    def is_replay(self) -> bool:
        """Whether an operator has put the delivery back after it was dead. Its period is its own then: no other report
        covers it."""
        return self.delivery is not None and self.delivery.by_hand

    def moved_fields(
        self, user: User | None, subscription: Subscription, *, counts: bool, now: datetime
    ) -> Mapping[str, Any]:
        """What to write to the subscription when the delivery is final (functions.shared.records.mark.moved_fields). It
        is paused where none of those is left whom its reports are for.

        Args:
            user: as it is now.
            subscription: as it is now.
            counts: whether the delivery's period counts as reported by it.
            now: the present, in UTC.
        """
        fields = moved_fields(
            subscription,
            user,
            due_at=self.task.due_at,
            period=self.period if counts else None,
            now=now,
            others=self.others,
            # After the claim the mark was compared with the other deliveries.
            is_verified=self.is_claimed,
        )
        return {**fields, **objection_pause_fields(subscription._replace(**fields), user, now=now)}

    def lateness_seconds(self, now: datetime) -> int | None:
        """How late the report is; None where an operator replays it, and where it may have been sent before a restore
        of Firestore.

        Args:
            now: the present, in UTC.
        """
        delivery = self.delivery
        is_promised = delivery is None or not (delivery.by_hand or delivery.is_restored)
        return lateness_seconds(self.task.due_at, now=now) if is_promised else None
