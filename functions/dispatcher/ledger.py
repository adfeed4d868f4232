"""What the dispatcher reads and writes in the ledger: of overdue reports, and of those that nobody will send."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from google.api_core import exceptions
from google.cloud import firestore

from functions.dispatcher.due_user import DueUser
from functions.dispatcher.overdue import is_claimed, is_final, period_given_up, schedule_of
from functions.shared.models import DELIVERY_RETENTION, DeliveryState, Reason, ReportTask, delivery_id
from functions.shared.pending_delivery import pending_delivery
from functions.shared.schedule import Cadence


class Ledger:
    """`deliveries`, and the users that they belong to. Every method raises GoogleAPICallError if Firestore fails.

    Args:
        client: the Firestore client.
        run_id: the run's.
        run_time: the time that the run is for.
        default_cadence: of users whose document names none.
    """

    def __init__(self, client: firestore.Client, *, run_id: str, run_time: datetime, default_cadence: Cadence) -> None:
        self._client = client
        self._run_id = run_id
        self._run_time = run_time
        self._default_cadence = default_cadence

    def read(self, users: Sequence[DueUser]) -> list[dict[str, Any] | None]:
        """The deliveries of users' reports, in their order; None where there is none."""
        references = [self._delivery(user) for user in users]
        found = {snapshot.id: snapshot.to_dict() for snapshot in self._client.get_all(references)}
        return [found[reference.id] for reference in references]

    def open(self, users: Sequence[DueUser]) -> None:
        """Note as pending the reports of which the ledger has nothing: from now on their time counts."""
        if not users:
            return
        batch = self._client.batch()
        for user in users:
            batch.create(self._delivery(user), self._pending(user))
        try:
            batch.commit()
        except (exceptions.AlreadyExists, exceptions.Aborted):
            # A worker has just begun with one of them, and none was written.
            if len(users) > 1:
                for user in users:
                    self.open([user])

    def give_up(self, user: DueUser, *, reason: Reason, error: str) -> bool:
        """Note that a report will not be sent, and move its user on, both or neither.

        Args:
            user: whose report.
            reason: what its dead letter says.
            error: why.

        Returns:
            false where a worker has made it final meanwhile, or is sending it.
        """
        delivery = self._delivery(user)
        document = self._client.collection("users").document(user.user_id)

        @firestore.transactional
        def carry_out(transaction: Any) -> bool:
            ledger = delivery.get(transaction=transaction).to_dict()
            if ledger is not None and (is_final(ledger.get("state")) or is_claimed(ledger, self._run_time)):
                return False
            dead = {
                "user_id": user.user_id,
                "due_at": user.due_at,
                "run_id": self._run_id,
                "kind": user.kind,
                "state": DeliveryState.DEAD.value,
                "reason": reason.value,
                "last_error": error,
                "lease_expires_at": None,
                "updated_at": self._run_time,
                "expire_at": self._run_time + DELIVERY_RETENTION,
            }
            fields = document.get(transaction=transaction).to_dict()
            if fields is not None and fields.get("next_report_at") == user.due_at:
                schedule = schedule_of(user.user_id, fields, self._default_cadence)
                period = period_given_up(
                    schedule,
                    due_at=user.due_at,
                    run_time=self._run_time,
                    delivery=ledger or {},
                    reported_until=fields.get("reported_until"),
                )
                moved_on = {"next_report_at": schedule.next_due(period.end), "reported_until": period.end}
                transaction.update(document, moved_on)
                dead |= {"period_start": period.start, "period_end": period.end}
            transaction.set(delivery, dead if ledger is not None else {**self._pending(user), **dead}, merge=True)
            return True

        return bool(carry_out(self._client.transaction()))

    def _delivery(self, user: DueUser) -> Any:
        return self._client.collection("deliveries").document(delivery_id(user.user_id, user.due_at))

    def _pending(self, user: DueUser) -> dict[str, Any]:
        delivery = delivery_id(user.user_id, user.due_at)
        task = ReportTask(
            user_id=user.user_id, delivery_id=delivery, due_at=user.due_at, run_id=self._run_id, kind=user.kind
        )
        return pending_delivery(task, now=self._run_time, by_hand=False)
