"""The delivery record: one report of one subscription for one due time, in `deliveries/{delivery_id}`.

Every part of the pipeline reads the document through `Delivery` and builds its writes with the functions below the
class. All of it is pure: the callers hold the Firestore client, and make each write conditional on `Delivery.version`.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from functions.shared.dead_letter import DeadLetterReason
from functions.shared.delivery_attempt import (
    AttemptResult,
    DeliveryAttempt,
    attempted_fields,
    history_fields,
    stored_history,
)
from functions.shared.ids import SHARDS, shard_of
from functions.shared.lease import is_live
from functions.shared.period import Period, settled_period
from functions.shared.plausible_time import plausible
from functions.shared.report_task import ReportTask
from functions.shared.states import DeliveryState as DeliveryState
from functions.shared.stored_fields import stored_count, stored_text, stored_version
from functions.shared.stored_request import StoredRequest

DELIVERIES = "deliveries"
"""The name of the collection."""

DELIVERY_RETENTION = timedelta(days=90)
"""After this Firestore deletes a delivery, by the TTL policy on `expire_at`."""


class SkipReason(StrEnum):
    """Why a delivery was skipped: `reason` in its document."""

    USER_GONE = "user-gone"
    """Its user's document is gone."""
    USER_INACTIVE = "user-inactive"
    """Its user is not active."""
    SUBSCRIPTION_GONE = "subscription-gone"
    """Its subscription's document is gone."""
    PAUSED = "paused"
    """Its subscription is paused."""
    UNSUBSCRIBED = "unsubscribed"
    """The mail provider says that the recipient has unsubscribed."""
    SUPPRESSED = "suppressed"
    """Mail to each of its recipients bounces or is unwanted."""
    COVERED = "covered"
    """Another report of its subscription covers its time, or will: the one that the subscription is due for."""
    NOTHING_TO_REPORT = "nothing-to-report"
    """Its kind has nothing to report; `note` has the kind's own words."""


NOT_COUNTED = frozenset(
    {
        *(SkipReason.USER_GONE, SkipReason.USER_INACTIVE, SkipReason.SUBSCRIPTION_GONE),
        *(SkipReason.PAUSED, SkipReason.COVERED),
    }
)
"""A delivery that was skipped for one of these reasons covers nothing (Delivery.is_counted)."""


class DeliveryFailure(NamedTuple):
    """Why a delivery is given up: written to its document before its dead letter is published.

    Attributes:
        reason: what the dead letter says.
        error: what went wrong.
        failed_at: when that was settled: the same in every copy of the dead letter, no matter which process publishes.
        letter_id: the id of the dead letter, where that is not the delivery's.
    """

    reason: DeadLetterReason
    error: str
    failed_at: datetime
    letter_id: str | None = None


class Delivery(NamedTuple):
    """A delivery as Firestore has it. Each attribute has the name of the document's field, except `id`,
    `problem` and `version`.

    Other tools write to the collection, too. A field that is absent or malformed has the default.

    Attributes:
        id: the document's id (functions.shared.ids.delivery_id).
        state: where it stands. SENDING where the document has no valid state: its outcome is unknown.
        version: the update time of the document, set by the server.
        user_id: whose report it is.
        subscription_id: the subscription that the report is for.
        due_at: when the report fell due.
        run_id: the run that made its latest task.
        shard: the shard of its subscription, the first field of the index that finds a run's deliveries; None where the
            document has no valid one.
        kind: which report.
        variant: which version of the kind made it, `current` or `next`; empty if the kind has no next version.
        attempts: how often a worker has claimed it.
        history: its attempts and its other changes of state, the oldest first: the newest MOST_ATTEMPTS of them.
        last_attempt_at: when the latest attempt that wrote something began.
        owner: the token of the process that claimed it or gave it up last.
        lease_expires_at: until when the owner alone may act on it.
        period_start: the start of what the report covers; absent until an attempt has determined it.
        period_end: the end of what it covers.
        reason: why it is dead or being given up (DeadLetterReason), or was skipped (SkipReason).
        note: what its kind says of it, such as why there is nothing to report.
        last_error: what the latest failed attempt, or the dead letter, says.
        failed_at: when it was given up.
        letter_id: the id of its dead letter, if that is not the delivery's.
        provider: the mail provider of the worker that claimed it last, as MAIL_PROVIDER names it.
        message_id: the mail's id at the provider.
        request: if the provider has idempotency keys, the exact requests of its mail, until it is final.
        may_have_been_sent: whether an attempt of it may have been accepted, whatever a later one ended in. Only an
            event, the provider's records or a person settle that.
        by_hand: whether an operator has put it back after it was dead, and counted: no other report covers its time.
        task: the id of the latest task that an operator made.
        created_at: when it was written first.
        updated_at: when it was written last.
        expire_at: when Firestore deletes it.
        problem: what is wrong with the document; empty where nothing is.
    """

    id: str
    state: DeliveryState
    version: datetime
    user_id: str = ""
    subscription_id: str = ""
    due_at: datetime | None = None
    run_id: str = ""
    shard: int | None = None
    kind: str = ""
    variant: str = ""
    attempts: int = 0
    history: tuple[DeliveryAttempt, ...] = ()
    last_attempt_at: datetime | None = None
    owner: str = ""
    lease_expires_at: datetime | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None
    reason: str = ""
    note: str = ""
    last_error: str = ""
    failed_at: datetime | None = None
    letter_id: str = ""
    provider: str = ""
    message_id: str = ""
    request: StoredRequest | None = None
    may_have_been_sent: bool = False
    by_hand: bool = False
    task: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    expire_at: datetime | None = None
    problem: str = ""

    @classmethod
    def from_snapshot(cls, snapshot: Any) -> "Delivery | None":
        """Read a document, whatever is in it; None where there is no document.

        Args:
            snapshot: a google.cloud.firestore.DocumentSnapshot, of all fields or of some.
        """
        document = snapshot.to_dict() if snapshot.exists else None
        if document is None:
            return None
        state = next((state for state in DeliveryState if state == document.get("state")), None)
        shard = document.get("shard")
        return cls(
            id=snapshot.id,
            user_id=stored_text(document, "user_id"),
            subscription_id=stored_text(document, "subscription_id"),
            due_at=plausible(document.get("due_at")),
            run_id=stored_text(document, "run_id"),
            shard=shard if type(shard) is int and 0 <= shard < SHARDS else None,
            kind=stored_text(document, "kind"),
            variant=stored_text(document, "variant"),
            state=state or DeliveryState.SENDING,
            attempts=stored_count(document, "attempts"),
            history=stored_history(document.get("history")),
            last_attempt_at=plausible(document.get("last_attempt_at")),
            owner=stored_text(document, "owner"),
            lease_expires_at=plausible(document.get("lease_expires_at")),
            period_start=plausible(document.get("period_start")),
            period_end=plausible(document.get("period_end")),
            reason=stored_text(document, "reason"),
            note=stored_text(document, "note"),
            last_error=stored_text(document, "last_error"),
            failed_at=plausible(document.get("failed_at")),
            letter_id=stored_text(document, "letter_id"),
            provider=stored_text(document, "provider"),
            message_id=stored_text(document, "message_id"),
            request=StoredRequest.from_field(document.get("request")),
            may_have_been_sent=document.get("may_have_been_sent") is True,
            by_hand=document.get("by_hand") is True,
            task=stored_text(document, "task"),
            created_at=plausible(document.get("created_at")),
            updated_at=plausible(document.get("updated_at")),
            expire_at=plausible(document.get("expire_at")),
            problem="" if state else f"deliveries/{snapshot.id}: state: not one of {', '.join(DeliveryState)}",
            version=stored_version(snapshot),
        )

    @property
    def is_final(self) -> bool:
        """Whether the pipeline does nothing more with it by itself."""
        return self.state.is_final

    @property
    def is_counted(self) -> bool:
        """Whether its period counts as reported: it is final, or was, before its replay.

        The dead letter of a malformed document is one for all reports that it has kept back: they are to come when it
        is corrected.
        """
        return self.by_hand or (self.is_final and self.reason not in NOT_COUNTED and not self.letter_id)

    @property
    def is_in_doubt(self) -> bool:
        """Whether its mail may have been accepted: an attempt got no clear answer, or ended while it was sending."""
        return self.state is not DeliveryState.SENT and (self.may_have_been_sent or self.state is DeliveryState.SENDING)

    def is_claimed(self, now: datetime) -> bool:
        """Whether its owner alone may act on it.

        Args:
            now: the present, or the time of the run that asks, in UTC.
        """
        return not self.is_final and is_live(self.lease_expires_at, now)

    @property
    def failure(self) -> DeliveryFailure | None:
        """Why it is dead or is being given up; None where it is neither, or the document does not say."""
        reason = next((reason for reason in DeadLetterReason if reason == self.reason), None)
        if reason is None or self.failed_at is None:
            return None
        return DeliveryFailure(
            reason=reason, error=self.last_error, failed_at=self.failed_at, letter_id=self.letter_id or None
        )

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for a worker, and no process has begun to give it up."""
        return self.state is DeliveryState.PENDING and self.failure is None

    def is_only_noted_since(self, read: "Delivery | None") -> bool:
        """Whether it still waits as it did when it was read: at most, attempts that claimed nothing have noted that
        they failed, and where there was no record, one of them or the dispatcher has made it.

        Args:
            read: as it was read; None where there was none.
        """
        if not self.is_waiting or not (read is None or read.is_waiting):
            return False
        return _standing(self) == (_standing(read) if read else _NEW)

    @property
    def is_being_given_up(self) -> bool:
        """Whether a process has settled that it is given up, and has not yet marked it dead."""
        return not self.is_final and self.failure is not None

    def settled_period(self, latest: datetime) -> Period | None:
        """What its report covers, as an attempt has settled it; None where none has (functions.shared.period).

        Args:
            latest: the latest moment at which an attempt can have settled it.
        """
        return settled_period(self.period_start, self.period_end, latest=latest)


def _standing(delivery: Delivery) -> tuple[Any, ...]:
    """Everything by which a worker that finds a delivery waiting decides, and that a note of a failed attempt leaves
    alone."""
    return (delivery.attempts, delivery.owner, delivery.lease_expires_at, delivery.by_hand, delivery.task)


_NEW = (0, "", None, False, "")


DELIVERY_FIELDS = tuple(name for name in Delivery._fields if name not in {"id", "problem", "version"})
"""The names of the document's fields."""


def pending_fields(task: ReportTask, *, now: datetime, by_hand: bool, task_name: str = "") -> dict[str, Any]:
    """A new delivery that waits for its task.

    The dispatcher writes it for an overdue report, the operator for a replay and for a report sent by hand: without it
    a task that dies before a worker claims the delivery would leave no trace.

    Args:
        task: the task of the delivery.
        now: when it is written. How long the report is tried, and kept, counts from here.
        by_hand: whether it was final before: its period is its own, and its subscription has moved on.
        task_name: the id of a task that an operator makes. A run knows only the tasks of runs. From this field it
            learns of an operator's task, and asks the queue whether it still holds that task.
    """
    return {
        **task_fields(task, now=now),
        "state": DeliveryState.PENDING.value,
        **({"by_hand": True} if by_hand else {}),
        **({"task": task_name} if task_name else {}),
        "attempts": 0,
        "created_at": now,
    }


def put_back_fields(task: ReportTask, before: Delivery, *, now: datetime, task_name: str) -> dict[str, Any]:
    """An operator's replay of a delivery that exists: it waits for a new task.

    It loses the result of its attempts. It keeps what they settled, such as the period, the time of its creation, and
    its history.

    Args:
        task: the task of the delivery.
        before: the delivery as it was.
        now: when it is written, in UTC.
        task_name: the id of the new task.
    """
    renewed = pending_fields(task, now=now, by_hand=before.is_counted, task_name=task_name)
    del renewed["created_at"]
    replayed = history_fields(before.history, DeliveryAttempt(at=now, result=AttemptResult.REPLAYED))
    return {**renewed, **replayed, "owner": None, "lease_expires_at": None, "reason": None, "request": None}


def new_task_fields(task_name: str, *, now: datetime | None = None) -> dict[str, Any]:
    """An operator makes a further task for a delivery that stays where it stands.

    Args:
        task_name: the id of the new task.
        now: when it is written, in UTC, if how long the report is tried counts again from here.
    """
    return {"task": task_name, **({"updated_at": now} if now else {})}


def task_fields(task: ReportTask, *, now: datetime) -> dict[str, Any]:
    """The fields that every write of a worker has: the ids of the delivery, and the time of the write.

    Args:
        task: the task of the delivery.
        now: when it is written, in UTC.
    """
    return {
        "user_id": task.user_id,
        "subscription_id": task.subscription_id,
        "due_at": task.due_at,
        "run_id": task.run_id,
        "shard": shard_of(task.user_id, task.subscription_id),
        "kind": task.kind,
        **touched_fields(now),
    }


def touched_fields(now: datetime) -> dict[str, Any]:
    """The time of a write, which every write has.

    Args:
        now: when it is written, in UTC.
    """
    return {"updated_at": now, "expire_at": now + DELIVERY_RETENTION}


def period_fields(period: Period | None) -> dict[str, Any]:
    """The period that the report covers; no fields if it is not settled."""
    return {} if period is None else {"period_start": period.start, "period_end": period.end}


def claimed_fields(
    delivery: Delivery | None,
    *,
    owner: str,
    lease_expires_at: datetime,
    attempt: DeliveryAttempt,
    provider: str,
    request: StoredRequest | None = None,
) -> dict[str, Any]:
    """A worker claims the delivery: until the lease is over it alone may send.

    Args:
        delivery: as it was read; None where there was none.
        owner: a token that no other process has.
        lease_expires_at: until when.
        attempt: what the delivery is to keep of the attempt.
        provider: through whom it sends.
        request: the exact requests of its mail, where the delivery is to keep them and does not yet.
    """
    return {
        **attempted_fields(delivery.history if delivery else (), attempt),
        "state": DeliveryState.SENDING.value,
        "owner": owner,
        "lease_expires_at": lease_expires_at,
        "attempts": (delivery.attempts if delivery else 0) + 1,
        "provider": provider,
        **({"request": request.to_field()} if request else {}),
        # A worker ended while it was sending.
        **({"may_have_been_sent": True} if delivery and delivery.state is DeliveryState.SENDING else {}),
        # An error that stands beside `sending` is of this attempt.
        **({"last_error": None} if delivery and delivery.last_error else {}),
    }


def failed_fields(*, error: str, now: datetime, is_unclear: bool = False) -> dict[str, Any]:
    """An attempt has failed, and the delivery stays where it stands.

    It waits as before where the attempt did not claim it. Where the owner got no clear answer to the mail, the claim
    stays: after the lease another attempt finds out whether the mail was accepted.

    Args:
        error: what went wrong.
        now: when it is written, in UTC.
        is_unclear: whether its mail may have been accepted.
    """
    return {"last_error": error, "updated_at": now, **({"may_have_been_sent": True} if is_unclear else {})}


def held_fields(failure: DeliveryFailure, *, owner: str) -> dict[str, Any]:
    """A process settles that the delivery is given up, before it publishes the dead letter: from here on no worker
    sends it. Another process that finds it held publishes the same letter and marks it dead.

    Args:
        failure: why.
        owner: the token of the process.
    """
    unknown = failure.reason is DeadLetterReason.UNKNOWN_OUTCOME
    return {
        "state": (DeliveryState.SENDING if unknown else DeliveryState.PENDING).value,
        "owner": owner,
        "lease_expires_at": None,
        "reason": failure.reason.value,
        "last_error": failure.error,
        "failed_at": failure.failed_at,
        "letter_id": failure.letter_id,
        **({"may_have_been_sent": True} if unknown else {}),
    }


def unheld_fields(before: Delivery) -> dict[str, Any]:
    """The fields that undo `held_fields`, since no dead letter was published: the delivery is as it was before.

    Args:
        before: the delivery as it was before it was held. A field that it did not have is None here.
    """
    return {
        "state": before.state.value,
        "owner": before.owner or None,
        "lease_expires_at": before.lease_expires_at,
        "reason": before.reason or None,
        "last_error": before.last_error or None,
        "failed_at": before.failed_at,
        "letter_id": before.letter_id or None,
        "updated_at": before.updated_at,
        "expire_at": before.expire_at,
    }


def released_fields(*, error: str, now: datetime) -> dict[str, Any]:
    """The owner gives the delivery back: nothing was sent and no dead letter published, so the next attempt may try.

    Args:
        error: why this attempt failed.
        now: when it is written, in UTC.
    """
    return {
        "state": DeliveryState.PENDING.value,
        "owner": None,
        "lease_expires_at": None,
        "reason": None,
        "last_error": error,
        "updated_at": now,
        "request": None,
    }


def settled_fields(
    state: DeliveryState,
    *,
    owner: str,
    message_id: str | None = None,
    failure: DeliveryFailure | None = None,
    skipped_because: SkipReason | None = None,
    note: str = "",
) -> dict[str, Any]:
    """The delivery becomes final.

    Args:
        state: SENT, SKIPPED or DEAD.
        owner: the token of the process that makes it final.
        message_id: the mail's id at the provider, where it was sent.
        failure: why it is dead. An operator may replay the delivery before its dead letter is stored.
        skipped_because: why it was skipped.
        note: what its kind says of that.
    """
    settled: dict[str, Any] = {
        "state": state.value,
        "owner": owner,
        "lease_expires_at": None,
        "last_error": failure.error if failure else None,
        "request": None,
    }
    if message_id is not None:
        settled["message_id"] = message_id
    if skipped_because is not None:
        settled["reason"] = skipped_because.value
    if note:
        settled["note"] = note
    if failure is not None:
        settled |= {"reason": failure.reason.value, "failed_at": failure.failed_at}
    return settled
