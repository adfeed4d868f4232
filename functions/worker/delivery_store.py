"""Reads and writes delivery records, so that a report is sent once.

Every write is conditional on the version of the document that the decision was made by, so that it has its effect once
or not at all. That is the guarantee of a transaction for a single document, without the locks and the extra calls of
one: of two workers that claim the same delivery one writes, and the other learns that the document has changed.
https://firebase.google.com/docs/firestore/manage-data/transactions#transaction_failure
https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#precondition
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.api_core.timeout import ConstantTimeout
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from functions.shared.delivery import (
    Delivery,
    DeliveryFailure,
    DeliveryState,
    claimed_fields,
    held_fields,
    pending_fields,
    period_fields,
    released_fields,
    settled_fields,
    task_fields,
)
from functions.shared.ids import delivery_id
from functions.shared.period import Period
from functions.shared.report_task import ReportTask
from functions.worker.recipient import FinalDelivery
from functions.worker.time_budget import CALL_SECONDS, SETTLE_SECONDS

LEASE = timedelta(seconds=90)
"""How long a claim lasts. Its owner needs 50 s of it at worst (CLAIM_SECONDS_NEEDED in time_budget.py); the rest is for
the claim's own way to Firestore and for clocks that differ. A longer lease would only delay the report of a worker that
was killed."""

_MOST_REREADS = 5
"""How often to read a user's document again because the application keeps writing it."""

_NEWEST = 20
"""How many of a user's newest deliveries to read to find the due time that the user belongs to. One or two of them are
not final yet."""

_ONE_CALL = ConstantTimeout(5.0)  # type: ignore[no-untyped-call]  # untyped in the library
_TRANSIENT = if_exception_type(
    exceptions.Aborted,
    exceptions.DeadlineExceeded,
    exceptions.InternalServerError,
    exceptions.ResourceExhausted,
    exceptions.ServiceUnavailable,
)
_CHANGED = (exceptions.AlreadyExists, exceptions.FailedPrecondition, exceptions.NotFound)
"""How Firestore refuses a write because the document has changed."""


@dataclass(frozen=True, kw_only=True)
class UserDocument:
    """A user's document as it was read.

    Attributes:
        fields: what is in it; None where there is no document.
        version: when it was last written: what a later write is conditional on.
    """

    fields: dict[str, Any] | None
    version: datetime | None


Move = Callable[[UserDocument], Mapping[str, Any]]
"""Given a user's document, decides which of its fields to write; none where the user is to be left alone."""


@dataclass(frozen=True, kw_only=True)
class Hold:
    """The right to finish giving a delivery up. `version` is the document's, as the hold wrote it."""

    version: datetime


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


class DeliveryChanged(Exception):
    """The delivery is no longer as it was read: another process has acted on it.

    Attributes:
        found: what it is now; None where it is gone.
    """

    def __init__(self, found: Delivery | None) -> None:
        super().__init__(f"the delivery is now {found.state if found else 'gone'}")
        self.found = found


class DeliveryStore:
    """Reads and writes `deliveries`, and the schedule of their users in `users`. Safe for threads.

    Every method raises google.api_core.exceptions.GoogleAPIError when Firestore fails or does not answer.

    Args:
        client: the Firestore client.
    """

    def __init__(self, client: firestore.Client) -> None:
        self._client = client

    def read(self, delivery_id: str) -> Delivery | None:
        """The delivery, or None where there is none yet."""
        snapshot = self._get(self._delivery(delivery_id))
        return Delivery.from_snapshot(snapshot)

    def read_user(self, user_id: str) -> UserDocument:
        """A user's document, or that there is none."""
        snapshot = self._get(self._user(user_id))
        return UserDocument(fields=snapshot.to_dict(), version=snapshot.update_time)

    def newest_final(self, user_id: str, *, since: datetime, now: datetime) -> list[FinalDelivery]:
        """The newest deliveries of a user that are final and were due at a moment or later, a few at most.

        Leaves out what no worker can have written: it would move the user beyond all reports.
        """
        query = (
            self._client.collection("deliveries")
            .where(filter=FieldFilter("user_id", "==", user_id))
            .where(filter=FieldFilter("due_at", ">=", since))
            .order_by("due_at", direction=firestore.Query.DESCENDING)
            .limit(_NEWEST)
        )
        final = []
        for snapshot in query.stream(retry=_retry_for(CALL_SECONDS), timeout=CALL_SECONDS):
            found = Delivery.from_snapshot(snapshot)
            if found is None or found.due_at is None or not found.is_final or found.problem:
                continue
            if delivery_id(user_id, found.due_at) == found.id:
                is_over = found.period_end is not None and found.period_end <= max(found.due_at, now)
                final.append(FinalDelivery(due_at=found.due_at, period_end=found.period_end if is_over else None))
        return final

    def claim(self, task: ReportTask, delivery: Delivery | None, *, period: Period, owner: str, now: datetime) -> Claim:
        """Take a delivery to `sending`.

        Args:
            task: which delivery.
            delivery: as it was read.
            period: what the report covers.
            owner: a token that no other process has.
            now: the present, in UTC, from which the lease counts.

        Raises:
            DeliveryChanged: another worker was quicker.
        """
        expires_at = now + LEASE
        fields = {**period_fields(period), **claimed_fields(delivery, owner=owner, lease_expires_at=expires_at)}
        batch = self._client.batch()
        self._write_delivery(batch, task, delivery.version if delivery else None, now=now, fields=fields)
        try:
            version = self._commit(batch, CALL_SECONDS)
        except _CHANGED:
            # Firestore says so also when the write took effect, its answer was lost, and the client tried again.
            found = self.read(task.delivery_id)
            if found is None or found.owner != owner:
                raise DeliveryChanged(found) from None
            version = found.version
        return Claim(owner=owner, expires_at=expires_at, version=version)

    def hold(
        self,
        task: ReportTask,
        held: Claim | Delivery | None,
        *,
        failure: DeliveryFailure,
        owner: str,
        period: Period | None,
        now: datetime,
    ) -> Hold:
        """Settle that a delivery is given up, before its dead letter is published: from here on no worker sends it.

        If this process ends now, the next one that reads the delivery holds it itself, publishes the same letter and
        marks it dead.

        Args:
            task: which delivery.
            held: the claim, or the delivery as it was read; None where there was none.
            failure: why.
            owner: the token of the process that gives it up.
            period: what the report covers, where that is known.
            now: the present, in UTC.

        Raises:
            DeliveryChanged: another process has acted on the delivery.
        """
        fields = {**period_fields(period), **held_fields(failure, owner=owner)}
        batch = self._client.batch()
        self._write_delivery(batch, task, held.version if held else None, now=now, fields=fields)
        try:
            return Hold(version=self._commit(batch, CALL_SECONDS))
        except _CHANGED:
            found = self.read(task.delivery_id)
            if found is None or found.owner != owner or found.failure is None:
                raise DeliveryChanged(found) from None
            return Hold(version=found.version)

    def release(self, task: ReportTask, held: Claim | Hold, *, error: str, now: datetime) -> None:
        """Give a delivery back: nothing was sent and no dead letter published, so the next attempt may try.

        Raises:
            DeliveryChanged: the lease was over, and another process has acted on the delivery.
        """
        batch = self._client.batch()
        batch.update(
            self._delivery(task.delivery_id),
            released_fields(error=error, now=now),
            option=self._client.write_option(last_update_time=held.version),
        )
        try:
            self._commit(batch, SETTLE_SECONDS)
        except _CHANGED:
            found = self.read(task.delivery_id)
            if found is None or found.state is not DeliveryState.PENDING:
                raise DeliveryChanged(found) from None

    def settle(
        self,
        task: ReportTask,
        held: Claim | Hold | Delivery | None,
        *,
        state: DeliveryState,
        owner: str,
        period: Period | None,
        user: UserDocument,
        move: Move,
        now: datetime,
        message_id: str | None = None,
        failure: DeliveryFailure | None = None,
    ) -> None:
        """Make a delivery final and move its user on, both or neither.

        Both writes are conditional on what was read. If the application has written the user's document meanwhile, this
        reads it and decides again. If the application never stops, this makes the delivery final alone: the user is
        still due for it then, and the next task moves the user on.

        Args:
            task: which delivery.
            held: the claim or hold, or the delivery as it was read where it needed none; None where there was none.
            state: `sent`, `skipped` or `dead`.
            owner: the token of the process that makes it final.
            period: what the report covers, where that is known.
            user: the user's document as it was read.
            move: what to write to it.
            now: the present, in UTC.
            message_id: the mail's name at the provider.
            failure: why it is dead. Also in the delivery, since an operator may replay it before its letter is stored.

        Raises:
            DeliveryChanged: the lease was over, and another process has acted on the delivery.
        """
        settled = settled_fields(state, owner=owner, message_id=message_id, failure=failure)
        fields = {**period_fields(period), **settled}
        version = held.version if held else None
        for reads_left in reversed(range(_MOST_REREADS)):
            moved = move(user)
            batch = self._client.batch()
            self._write_delivery(batch, task, version, now=now, fields=fields)
            if moved:
                self._write_user(batch, task.user_id, user, moved)
            try:
                self._commit(batch, SETTLE_SECONDS)
            except _CHANGED:
                found = self.read(task.delivery_id)
                if found is not None and found.owner == owner and found.state is state:
                    return
                if not moved or (found.version if found else None) != version:
                    raise DeliveryChanged(found) from None
                user = self.read_user(task.user_id) if reads_left > 1 else UserDocument(fields=None, version=None)
            else:
                return

    def move_user(self, user_id: str, user: UserDocument, move: Move) -> bool:
        """Move on a user whose delivery is final already, by a write that is conditional on what was read.

        Args:
            user_id: which user.
            user: the document as it was read.
            move: what to write to it.

        Returns:
            Whether something was written. Not, where the application has moved the user itself.
        """
        for _ in range(_MOST_REREADS):
            moved = move(user)
            if not moved:
                return False
            batch = self._client.batch()
            self._write_user(batch, user_id, user, moved)
            try:
                self._commit(batch, CALL_SECONDS)
            except _CHANGED:
                user = self.read_user(user_id)
            else:
                return True
        return False

    def _write_user(self, batch: Any, user_id: str, user: UserDocument, fields: Mapping[str, Any]) -> None:
        option = self._client.write_option(last_update_time=user.version)
        batch.update(self._user(user_id), dict(fields), option=option)

    def _write_delivery(
        self, batch: Any, task: ReportTask, version: datetime | None, *, now: datetime, fields: Mapping[str, Any]
    ) -> None:
        reference = self._delivery(task.delivery_id)
        if version is None:
            batch.create(reference, {**pending_fields(task, now=now, by_hand=False), **fields})
        else:
            option = self._client.write_option(last_update_time=version)
            batch.update(reference, {**task_fields(task, now=now), **fields}, option=option)

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
