"""What the dispatcher reads and writes in the ledger: of overdue reports, and of those that nobody will send."""

import contextlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from google.api_core import exceptions
from google.cloud import firestore

from functions.dispatcher.due_user import DueUser
from functions.dispatcher.overdue import period_given_up, schedule_of
from functions.shared.dead_letter import DeadLetter, DeadLetterReason
from functions.shared.delivery import DELIVERY_RETENTION, DeliveryState, pending_fields
from functions.shared.ids import delivery_id
from functions.shared.report_task import ReportTask
from functions.shared.schedule import Cadence

_CHANGED = (exceptions.AlreadyExists, exceptions.FailedPrecondition, exceptions.NotFound)
"""How Firestore says that a document is not, or no longer, what a write is conditional on."""

_OF_A_HOLD = ("state", "owner", "lease_expires_at", "reason", "last_error", "failed_at", "letter_id")


class Found(NamedTuple):
    """A delivery as it was read.

    Attributes:
        fields: the document's.
        version: when it was last written, in the server's time: what a write is conditional on.
    """

    fields: dict[str, Any]
    version: datetime


class Hold(NamedTuple):
    """The right to give a report up.

    Attributes:
        owner: the token that proves it.
        version: the delivery's, as it was written with that.
        before: the delivery before; None where there was none.
    """

    owner: str
    version: datetime
    before: Found | None


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

    def read(self, users: Sequence[DueUser]) -> list[Found | None]:
        """The deliveries of users' reports, in their order; None where there is none."""
        references = [self._delivery(user) for user in users]
        found = {
            snapshot.id: Found(snapshot.to_dict() or {}, snapshot.update_time) if snapshot.exists else None
            for snapshot in self._client.get_all(references)
        }
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

    def hold(self, user: DueUser, found: Found | None, letter: DeadLetter) -> Hold | None:
        """Settle that a report is given up, before anybody is told: from here on nobody sends it.

        Args:
            user: whose report.
            found: its delivery, as it was read.
            letter: why.

        Returns:
            None where somebody has acted on the delivery since.
        """
        delivery, owner = self._delivery(user), secrets.token_hex(16)
        is_unknown = letter.reason is DeadLetterReason.UNKNOWN_OUTCOME
        held = {
            "state": (DeliveryState.SENDING if is_unknown else DeliveryState.PENDING).value,
            "owner": owner,
            "lease_expires_at": None,
            "reason": letter.reason.value,
            "last_error": letter.error,
            "failed_at": letter.failed_at,
            "letter_id": letter.letter_id,
        }
        try:
            if found is None:
                written: Any = delivery.create({**self._pending(user), **held})
            else:
                written = delivery.update(held, option=self._client.write_option(last_update_time=found.version))
        except _CHANGED:
            # Also what is heard when the write had its effect, its answer was lost, and it was tried again.
            snapshot = delivery.get()
            if (snapshot.to_dict() or {}).get("owner") != owner:
                return None
            return Hold(owner, snapshot.update_time, found)
        return Hold(owner, written.update_time, found)

    def release(self, user: DueUser, hold: Hold) -> None:
        """Give a report back as it was, since nobody was told anything, unless somebody has acted on it since."""
        delivery, option = self._delivery(user), self._client.write_option(last_update_time=hold.version)
        with contextlib.suppress(*_CHANGED):
            if hold.before is None:
                delivery.delete(option=option)
            else:
                fields = hold.before.fields
                delivery.update({name: fields.get(name, firestore.DELETE_FIELD) for name in _OF_A_HOLD}, option=option)

    def give_up(self, user: DueUser, hold: Hold, letter: DeadLetter) -> bool:
        """Note that a report will not be sent, and move its user on, both or neither.

        The user is moved only from where this report left off, and forward: what the team's application has written to
        the document since it was read stays.

        Args:
            user: whose report.
            hold: the right to.
            letter: why.

        Returns:
            false where somebody has acted on the delivery.
        """
        delivery = self._delivery(user)
        document = self._client.collection("users").document(user.user_id)

        @firestore.transactional
        def carry_out(transaction: Any) -> bool:
            snapshot = delivery.get(transaction=transaction)
            ledger = snapshot.to_dict() or {}
            if snapshot.update_time != hold.version:
                # An answer that was lost is asked for again: then it is this very call that has written.
                return ledger.get("owner") == hold.owner and ledger.get("state") == DeliveryState.DEAD
            dead = {
                "user_id": user.user_id,
                "due_at": user.due_at,
                "run_id": self._run_id,
                "kind": user.kind,
                "state": DeliveryState.DEAD.value,
                "reason": letter.reason.value,
                "last_error": letter.error,
                "failed_at": letter.failed_at,
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
                    delivery=ledger,
                    reported_until=fields.get("reported_until"),
                )
                following = schedule.next_due(period.end, later_than=user.due_at)
                transaction.update(document, {"next_report_at": following, "reported_until": period.end})
                dead |= {"period_start": period.start, "period_end": period.end}
            transaction.update(delivery, dead)
            return True

        return bool(carry_out(self._client.transaction()))

    def _delivery(self, user: DueUser) -> Any:
        return self._client.collection("deliveries").document(delivery_id(user.user_id, user.due_at))

    def _pending(self, user: DueUser) -> dict[str, Any]:
        delivery = delivery_id(user.user_id, user.due_at)
        task = ReportTask(
            user_id=user.user_id, delivery_id=delivery, due_at=user.due_at, run_id=self._run_id, kind=user.kind
        )
        return pending_fields(task, now=self._run_time, by_hand=False)
