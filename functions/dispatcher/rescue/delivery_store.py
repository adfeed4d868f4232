"""Reads and writes the deliveries of overdue reports, and of those that are given up."""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

from google.api_core import exceptions
from google.cloud import firestore

from functions.dispatcher.due_subscription import DueSubscription
from functions.shared.delivery import (
    DELIVERIES,
    Delivery,
    DeliveryFailure,
    DeliveryState,
    held_fields,
    pending_fields,
    period_fields,
    settled_fields,
    task_fields,
    touched_fields,
    unheld_fields,
)
from functions.shared.delivery_attempt import AttemptResult, DeliveryAttempt, history_fields
from functions.shared.mark import due_period, moved_fields
from functions.shared.period import Period
from functions.shared.report_task import ReportTask
from functions.shared.subscription import SUBSCRIPTIONS, Subscription, SubscriptionDefaults
from functions.shared.user import USERS, User

_CHANGED = (exceptions.AlreadyExists, exceptions.FailedPrecondition, exceptions.NotFound)
"""The errors by which Firestore says that the condition of a write does not hold."""


class RescueHold(NamedTuple):
    """The exclusive right to give up a report.

    Attributes:
        owner: the token that proves it.
        version: the update time of the delivery, as it was written with that token.
        before: the delivery before; None where there was none.
    """

    owner: str
    version: datetime
    before: Delivery | None


class RescueDeliveryStore:
    """`deliveries`, and the subscriptions that they belong to.

    Every method raises GoogleAPICallError if Firestore fails.

    Args:
        client: the Firestore client.
        run_id: the id of the run.
        run_time: the time that the run is for.
        defaults: what a subscription's document does not say.
    """

    def __init__(
        self, client: firestore.Client, *, run_id: str, run_time: datetime, defaults: SubscriptionDefaults
    ) -> None:
        self._client = client
        self._run_id = run_id
        self._run_time = run_time
        self._defaults = defaults

    def read(self, dues: Sequence[DueSubscription]) -> list[Delivery | None]:
        """The deliveries of reports that are due, in their order; None where there is none."""
        references = [self._document(due) for due in dues]
        found = {snapshot.id: Delivery.from_snapshot(snapshot) for snapshot in self._client.get_all(references)}
        return [found[reference.id] for reference in references]

    def open(self, dues: Sequence[DueSubscription]) -> None:
        """Create the deliveries of reports that have none: from now on their time counts, and their periods stay."""
        if dues:
            periods = self._periods(dues)
            self._create([(due, {**self._pending(due), **period_fields(periods.get(due))}) for due in dues])

    def _create(self, opened: Sequence[tuple[DueSubscription, dict[str, Any]]]) -> None:
        batch = self._client.batch()
        for due, fields in opened:
            batch.create(self._document(due), fields)
        try:
            batch.commit()
        except (exceptions.AlreadyExists, exceptions.Aborted):
            # A worker has just begun with one of the reports, so the batch wrote none.
            if len(opened) > 1:
                for each in opened:
                    self._create([each])

    def _periods(self, dues: Sequence[DueSubscription]) -> dict[DueSubscription, Period]:
        """What the reports cover; nothing of a report whose subscription is gone, or due for another one."""
        references = {each.path: each for due in dues for each in self._documents_of(due)}
        found = {each.reference.path: each for each in self._client.get_all(list(references.values()))}
        periods: dict[DueSubscription, Period] = {}
        for due in dues:
            user, subscription = (found[each.path] for each in self._documents_of(due))
            read = Subscription.from_snapshot(subscription, self._defaults)
            if read is not None and read.next_report_at == due.due_at:
                period = self._period(due, User.from_snapshot(user), read, run_time=self._run_time)
                if period is not None:
                    periods[due] = period
        return periods

    def _period(
        self, due: DueSubscription, user: User | None, subscription: Subscription, *, run_time: datetime
    ) -> Period | None:
        schedule, now = subscription.schedule(user), datetime.now(UTC)
        return due_period(subscription, schedule, due_at=due.due_at, run_time=run_time, now=now)

    def hold(self, due: DueSubscription, delivery: Delivery | None, failure: DeliveryFailure) -> RescueHold | None:
        """Settle that a report is given up, before its dead letter is published: from here on no worker sends it.

        Args:
            due: the report's subscription.
            delivery: the report's, as it was read.
            failure: why.

        Returns:
            None where another process has written the delivery since.
        """
        document, owner = self._document(due), secrets.token_hex(16)
        held = held_fields(failure, owner=owner)
        try:
            if delivery is None:
                written: Any = document.create({**self._pending(due), **held})
            else:
                fields = {**touched_fields(self._run_time), **held}
                written = document.update(fields, option=self._client.write_option(last_update_time=delivery.version))
        except _CHANGED:
            # Firestore gives the same answer if the first write succeeded, its answer was lost, and the client tried
            # again.
            found = Delivery.from_snapshot(document.get())
            return RescueHold(owner, found.version, delivery) if found and found.owner == owner else None
        return RescueHold(owner, written.update_time, delivery)

    def release(self, due: DueSubscription, hold: RescueHold) -> None:
        """Put a report back as it was, since no dead letter was published, unless another process has written it."""
        document, option = self._document(due), self._client.write_option(last_update_time=hold.version)
        with suppress(*_CHANGED):
            if hold.before is None:
                document.delete(option=option)
            else:
                fields = unheld_fields(hold.before)
                document.update(
                    {name: firestore.DELETE_FIELD if value is None else value for name, value in fields.items()},
                    option=option,
                )

    def mark_dead(self, due: DueSubscription, hold: RescueHold, failure: DeliveryFailure) -> bool:
        """Mark a delivery dead, and move its subscription on: both or neither.

        It keeps what the team's application has written to the document since it was read.

        Args:
            due: the report's subscription.
            hold: the right to give up the report.
            failure: why.

        Returns:
            false where another process has written the delivery.
        """
        document = self._document(due)
        user_document, subscription_document = self._documents_of(due)

        @firestore.transactional
        def carry_out(transaction: Any) -> bool:
            delivery = Delivery.from_snapshot(document.get(transaction=transaction))
            if delivery is None or delivery.version != hold.version:
                # After a lost answer the client retries: this call may have written the delivery itself.
                return delivery is not None and delivery.owner == hold.owner and delivery.state is DeliveryState.DEAD
            period = delivery.settled_period(latest=max(due.due_at, self._run_time))
            subscription = Subscription.from_snapshot(
                subscription_document.get(transaction=transaction), self._defaults
            )
            if subscription is not None:
                user = User.from_snapshot(user_document.get(transaction=transaction))
                # The next report covers all the time since the due time.
                period = period or self._period(due, user, subscription, run_time=due.due_at)
                moved = moved_fields(subscription, user, due_at=due.due_at, period=period, now=datetime.now(UTC))
                if moved:
                    transaction.update(subscription_document, moved)
            transaction.update(
                document,
                {
                    **task_fields(self._task(due), now=self._run_time),
                    **period_fields(period),
                    **settled_fields(DeliveryState.DEAD, owner=hold.owner, failure=failure),
                    **history_fields(
                        delivery.history,
                        DeliveryAttempt(at=failure.failed_at, result=AttemptResult.DEAD, error=failure.error),
                    ),
                },
            )
            return True

        return bool(carry_out(self._client.transaction()))

    def _documents_of(self, due: DueSubscription) -> tuple[Any, Any]:
        """The documents of the user and of the subscription."""
        user = self._client.collection(USERS).document(due.user_id)
        return user, user.collection(SUBSCRIPTIONS).document(due.subscription_id)

    def _document(self, due: DueSubscription) -> Any:
        return self._client.collection(DELIVERIES).document(due.delivery_id)

    def _pending(self, due: DueSubscription) -> dict[str, Any]:
        return pending_fields(self._task(due), now=self._run_time, by_hand=False)

    def _task(self, due: DueSubscription) -> ReportTask:
        return ReportTask(
            user_id=due.user_id,
            subscription_id=due.subscription_id,
            delivery_id=due.delivery_id,
            due_at=due.due_at,
            run_id=self._run_id,
            kind=due.kind,
        )
