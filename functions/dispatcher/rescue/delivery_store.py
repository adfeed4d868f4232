"""Reads and writes the deliveries of overdue reports, and of those that are given up."""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

from google.api_core import exceptions
from google.cloud import firestore

from functions.dispatcher.due_user import DueUser
from functions.dispatcher.rescue.policy import period_given_up, usable_schedule
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
    unheld_fields,
)
from functions.shared.ids import delivery_id
from functions.shared.report_task import ReportTask
from functions.shared.schedule import Cadence

_CHANGED = (exceptions.AlreadyExists, exceptions.FailedPrecondition, exceptions.NotFound)
"""How Firestore says that a document is not, or no longer, what a write is conditional on."""


class RescueHold(NamedTuple):
    """The right to give a report up.

    Attributes:
        owner: the token that proves it.
        version: the update time of the delivery, as it was written with that token.
        before: the delivery before; None where there was none.
    """

    owner: str
    version: datetime
    before: Delivery | None


class RescueDeliveryStore:
    """`deliveries`, and the users that they belong to. Every method raises GoogleAPICallError if Firestore fails.

    Args:
        client: the Firestore client.
        run_id: the id of the run.
        run_time: the time that the run is for.
        default_cadence: the cadence of users whose document names none.
    """

    def __init__(self, client: firestore.Client, *, run_id: str, run_time: datetime, default_cadence: Cadence) -> None:
        self._client = client
        self._run_id = run_id
        self._run_time = run_time
        self._default_cadence = default_cadence

    def read(self, users: Sequence[DueUser]) -> list[Delivery | None]:
        """The deliveries of users' reports, in the users' order; None where there is none."""
        references = [self._document(user) for user in users]
        found = {snapshot.id: Delivery.from_snapshot(snapshot) for snapshot in self._client.get_all(references)}
        return [found[reference.id] for reference in references]

    def open(self, users: Sequence[DueUser]) -> None:
        """Create the deliveries of reports that have none: from now on their time counts."""
        if not users:
            return
        batch = self._client.batch()
        for user in users:
            batch.create(self._document(user), self._pending(user))
        try:
            batch.commit()
        except (exceptions.AlreadyExists, exceptions.Aborted):
            # A worker has just begun with one of them, and none was written.
            if len(users) > 1:
                for user in users:
                    self.open([user])

    def hold(self, user: DueUser, delivery: Delivery | None, failure: DeliveryFailure) -> RescueHold | None:
        """Settle that a report is given up, before its dead letter is published: from here on no worker sends it.

        Args:
            user: whose report.
            delivery: the report's, as it was read.
            failure: why.

        Returns:
            None where another process has written the delivery since.
        """
        document, owner = self._document(user), secrets.token_hex(16)
        held = held_fields(failure, owner=owner)
        try:
            if delivery is None:
                written: Any = document.create({**self._pending(user), **held})
            else:
                written = document.update(held, option=self._client.write_option(last_update_time=delivery.version))
        except _CHANGED:
            # Firestore answers so, too, when the write had its effect, its answer was lost, and it was tried again.
            found = Delivery.from_snapshot(document.get())
            return RescueHold(owner, found.version, delivery) if found and found.owner == owner else None
        return RescueHold(owner, written.update_time, delivery)

    def release(self, user: DueUser, hold: RescueHold) -> None:
        """Put a report back as it was, since no dead letter was published, unless another process has written it."""
        document, option = self._document(user), self._client.write_option(last_update_time=hold.version)
        with suppress(*_CHANGED):
            if hold.before is None:
                document.delete(option=option)
            else:
                fields = unheld_fields(hold.before)
                document.update(
                    {name: firestore.DELETE_FIELD if value is None else value for name, value in fields.items()},
                    option=option,
                )

    def mark_dead(self, user: DueUser, hold: RescueHold, failure: DeliveryFailure) -> bool:
        """Mark a delivery dead, and move its user on, both or neither.

        The user is moved only from this report's due time, and forward: what the team's application has written to the
        document since it was read stays.

        Args:
            user: whose report.
            hold: the right to.
            failure: why.

        Returns:
            false where another process has written the delivery.
        """
        document = self._document(user)
        user_document = self._client.collection("users").document(user.user_id)

        @firestore.transactional
        def carry_out(transaction: Any) -> bool:
            delivery = Delivery.from_snapshot(document.get(transaction=transaction))
            if delivery is None or delivery.version != hold.version:
                # After an answer was lost the client asks again: then it is this very call that has written.
                return delivery is not None and delivery.owner == hold.owner and delivery.state is DeliveryState.DEAD
            dead = {
                **task_fields(self._task(user), now=self._run_time),
                **settled_fields(DeliveryState.DEAD, owner=hold.owner, failure=failure),
            }
            fields = user_document.get(transaction=transaction).to_dict()
            if fields is not None and fields.get("next_report_at") == user.due_at:
                schedule = usable_schedule(user.user_id, fields, self._default_cadence)
                period = period_given_up(
                    schedule,
                    due_at=user.due_at,
                    run_time=self._run_time,
                    delivery=delivery,
                    reported_until=fields.get("reported_until"),
                )
                following = schedule.next_due(period.end, later_than=user.due_at)
                transaction.update(user_document, {"next_report_at": following, "reported_until": period.end})
                dead |= period_fields(period)
            transaction.update(document, dead)
            return True

        return bool(carry_out(self._client.transaction()))

    def _document(self, user: DueUser) -> Any:
        return self._client.collection(DELIVERIES).document(delivery_id(user.user_id, user.due_at))

    def _pending(self, user: DueUser) -> dict[str, Any]:
        return pending_fields(self._task(user), now=self._run_time, by_hand=False)

    def _task(self, user: DueUser) -> ReportTask:
        delivery = delivery_id(user.user_id, user.due_at)
        return ReportTask(
            user_id=user.user_id, delivery_id=delivery, due_at=user.due_at, run_id=self._run_id, kind=user.kind
        )
