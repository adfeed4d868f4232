"""The ledger: what Firestore has about deliveries, and the writes that keep a report from being sent twice.

Every write is conditional on the version of the document that the decision was made by, so that it has its effect once
or not at all. That is the guarantee of a transaction for a single document, without the locks and the extra calls of
one: of two workers that claim the same delivery one writes, and the other is told that the document has changed.
https://firebase.google.com/docs/firestore/manage-data/transactions#transaction_failure
https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#precondition
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.api_core.timeout import ConstantTimeout
from google.cloud import firestore

from functions.shared.models import DELIVERY_RETENTION, DeliveryState, Reason, ReportTask
from functions.shared.schedule import Period
from functions.worker.transitions import Record

LEASE = timedelta(seconds=90)
"""How long a claim is respected. Its owner needs 65 s of it at the very worst (send_report.py: SendGrid, a dead letter
and the ledger, each up to its own limit); the rest is for the claim's own way to Firestore and for clocks that differ.
Longer would only keep a killed worker's report waiting."""

CALL_SECONDS = 10.0
"""How long a read or a write is tried, all retries included. The queue tries again, with a longer breath."""

SETTLE_SECONDS = 20.0
"""How long it is tried to write down what has happened to a mail: what fails here can only be settled by a person."""


_ONE_CALL = ConstantTimeout(5.0)  # type: ignore[no-untyped-call]  # untyped in the library
_TRANSIENT = if_exception_type(
    exceptions.Aborted,
    exceptions.DeadlineExceeded,
    exceptions.InternalServerError,
    exceptions.ResourceExhausted,
    exceptions.ServiceUnavailable,
)
_CHANGED = (exceptions.AlreadyExists, exceptions.FailedPrecondition, exceptions.NotFound)
"""How Firestore says that a document is not, or no longer, what a write is conditional on."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The right to send one delivery.

    Attributes:
        owner: the token that proves it.
        expires_at: until when it is good.
        version: the document's, as the claim wrote it.
    """

    owner: str
    expires_at: datetime
    version: datetime

    def outlasts(self, seconds: float, *, now: datetime) -> bool:
        """Whether the claim is still good for something that takes so long."""
        return now + timedelta(seconds=seconds) < self.expires_at


class Changed(Exception):
    """The delivery is no longer as it was read: somebody else has acted on it.

    Attributes:
        found: what it is now; None where it is gone.
    """

    def __init__(self, found: Record | None) -> None:
        super().__init__(f"the delivery is now {found.state if found else 'gone'}")
        self.found = found


class Ledger:
    """Reads and writes `deliveries` and what belongs to them in `users`. Safe for threads.

    Every method raises google.api_core.exceptions.GoogleAPIError when Firestore cannot be had.

    Args:
        client: the Firestore client.
    """

    def __init__(self, client: firestore.Client) -> None:
        self._client = client

    def read(self, delivery_id: str) -> Record | None:
        """The delivery, or None where there is none yet."""
        snapshot = self._get(self._delivery(delivery_id))
        return _to_record(snapshot) if snapshot.exists else None

    def read_user(self, user_id: str) -> dict[str, Any] | None:
        """The fields of a user's document, or None where there is none."""
        fields: dict[str, Any] | None = self._get(self._user(user_id)).to_dict()
        return fields

    def claim(self, task: ReportTask, record: Record | None, *, period: Period, owner: str, now: datetime) -> Claim:
        """Take a delivery to `sending`.

        Args:
            task: which delivery.
            record: as it was read.
            period: what the report covers.
            owner: a token that nobody else has.
            now: the present, in UTC, from which the lease counts.

        Raises:
            Changed: somebody else was quicker.
        """
        expires_at = now + LEASE
        fields = {
            "state": DeliveryState.SENDING.value,
            "owner": owner,
            "lease_expires_at": expires_at,
            "attempts": (record.attempts if record else 0) + 1,
        }
        batch = self._client.batch()
        self._write_delivery(batch, task, record.version if record else None, period=period, now=now, fields=fields)
        try:
            version = self._commit(batch, CALL_SECONDS)
        except _CHANGED:
            # Also what is heard when the write had its effect, its answer was lost, and it was tried again.
            found = self.read(task.delivery_id)
            if found is None or found.owner != owner:
                raise Changed(found) from None
            version = found.version
        return Claim(owner=owner, expires_at=expires_at, version=version)

    def release(self, task: ReportTask, claim: Claim, *, error: str, now: datetime) -> None:
        """Give a claim back: nothing was sent, and the next attempt may try.

        Raises:
            Changed: the lease was over, and somebody else has acted on the delivery.
        """
        batch = self._client.batch()
        batch.update(
            self._delivery(task.delivery_id),
            {
                "state": DeliveryState.PENDING.value,
                "owner": None,
                "lease_expires_at": None,
                "last_error": error,
                "updated_at": now,
            },
            option=self._client.write_option(last_update_time=claim.version),
        )
        try:
            self._commit(batch, SETTLE_SECONDS)
        except _CHANGED:
            found = self.read(task.delivery_id)
            if found is None or found.state is not DeliveryState.PENDING:
                raise Changed(found) from None

    def settle(
        self,
        task: ReportTask,
        held: Claim | Record | None,
        *,
        state: DeliveryState,
        owner: str,
        period: Period | None,
        user: Mapping[str, Any],
        now: datetime,
        message_id: str | None = None,
        error: str | None = None,
        reason: Reason | None = None,
    ) -> None:
        """Make a delivery final, and move its user on, both or neither.

        Args:
            task: which delivery.
            held: the claim, or the delivery as it was read where it needed no claim; None where there was none.
            state: `sent`, `skipped` or `dead`.
            owner: the token of whoever makes it final.
            period: what the report covers, where that is known.
            user: the fields of the user's document to write; none where it is to be left alone.
            now: the present, in UTC.
            message_id: the mail's name at the provider.
            error: why there is none.
            reason: what its dead letter says, where it is dead: who replays it may come before that letter.

        Raises:
            Changed: the lease was over, and somebody else has acted on the delivery.
        """
        fields: dict[str, Any] = {"state": state.value, "owner": owner, "lease_expires_at": None, "last_error": error}
        if message_id is not None:
            fields["message_id"] = message_id
        if reason is not None:
            fields["reason"] = reason.value
        if held is None:
            fields["attempts"] = 0
        for user_fields in (user, {}):
            batch = self._client.batch()
            version = held.version if held else None
            self._write_delivery(batch, task, version, period=period, now=now, fields=fields)
            if user_fields:
                batch.update(self._user(task.user_id), dict(user_fields))
            try:
                self._commit(batch, SETTLE_SECONDS)
            except exceptions.NotFound:
                # The user was deleted meanwhile, most likely: then there is nobody to move on.
                if user_fields:
                    continue
                raise Changed(None) from None
            except _CHANGED:
                found = self.read(task.delivery_id)
                if found is None or found.owner != owner or found.state is not state:
                    raise Changed(found) from None
            return

    def move_user(self, user_id: str, fields: Mapping[str, Any]) -> None:
        """Move a user on whose delivery is final already."""
        batch = self._client.batch()
        batch.update(self._user(user_id), dict(fields))
        try:
            self._commit(batch, CALL_SECONDS)
        except exceptions.NotFound:
            return

    def _write_delivery(
        self,
        batch: Any,
        task: ReportTask,
        version: datetime | None,
        *,
        period: Period | None,
        now: datetime,
        fields: Mapping[str, Any],
    ) -> None:
        always = {
            "user_id": task.user_id,
            "due_at": task.due_at,
            "run_id": task.run_id,
            "kind": task.kind,
            "updated_at": now,
            "expire_at": now + DELIVERY_RETENTION,
            **fields,
        }
        if period is not None:
            always |= {"period_start": period.start, "period_end": period.end}
        reference = self._delivery(task.delivery_id)
        if version is None:
            batch.create(reference, {**always, "created_at": now})
        else:
            batch.update(reference, always, option=self._client.write_option(last_update_time=version))

    def _get(self, reference: Any) -> Any:
        return reference.get(retry=_retry_for(CALL_SECONDS), timeout=_ONE_CALL)

    def _commit(self, batch: Any, seconds: float) -> datetime:
        """Commit, and return the version of the first document written."""
        results = batch.commit(retry=_retry_for(seconds), timeout=_ONE_CALL)
        version: datetime = results[0].update_time
        return version

    def _delivery(self, delivery_id: str) -> Any:
        return self._client.collection("deliveries").document(delivery_id)

    def _user(self, user_id: str) -> Any:
        return self._client.collection("users").document(user_id)


def _retry_for(seconds: float) -> Retry:
    return Retry(predicate=_TRANSIENT, initial=0.1, maximum=2.0, multiplier=2.0, timeout=seconds)


def _to_record(snapshot: Any) -> Record:
    fields = snapshot.to_dict()
    start, end = fields.get("period_start"), fields.get("period_end")
    return Record(
        state=DeliveryState(fields["state"]),
        owner=fields.get("owner") or "",
        lease_expires_at=fields.get("lease_expires_at"),
        attempts=fields.get("attempts") or 0,
        period=Period(start=start, end=end) if start and end else None,
        version=snapshot.update_time,
    )
