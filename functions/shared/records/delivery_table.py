"""What can happen to a delivery: one table, which says for each event from which states to which. Pure.

Whoever acts on a delivery says what has happened, by one of the events below. `written` looks the event up in TABLE and
makes the fields of the document; what the table does not have cannot be written. The store writes them on the condition
that the delivery is still as it was read (functions.shared.firestore.delivery_store), and nothing else writes
deliveries.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from functions.shared.records.delivery import Delivery, DeliveryFailure, SkipReason
from functions.shared.records.delivery_attempt import AttemptResult, DeliveryAttempt, history_fields
from functions.shared.records.ids import shard_of
from functions.shared.records.report_task import ReportTask
from functions.shared.records.states import DeadLetterReason, DeliveryState
from functions.shared.records.stored_request import StoredRequest
from functions.shared.times.period import Period

DELIVERY_RETENTION = timedelta(days=90)
"""After this Firestore deletes a delivery, by the TTL policy on `expire_at`."""

MAY_HAVE_BEEN_SENT = frozenset({DeadLetterReason.UNKNOWN_OUTCOME, DeadLetterReason.RETRIES_EXHAUSTED})
"""The reasons with which a report may have been sent all the same. Where ON_UNKNOWN_OUTCOME is `resend`, the reason is
that of the last attempt, and an earlier one may have gone through."""

MAIL_EVENT = "mail-event"
"""The `owner` of a delivery that a mail event has made final."""

_NOT_CLAIMED: Mapping[str, Any] = {"owner": None, "lease_expires_at": None}


class Rescued(NamedTuple):
    """A run finds that no queue holds a task for the report any more, and makes another one. `run_id` then names that
    task. After a day, and LEAST_RESCUES of these, the next run gives the report up, unless it is final.

    Attributes:
        run_id: the run's. Called again, it counts once.
    """

    run_id: str

    def fields(self, before: Delivery | None) -> dict[str, Any]:
        """See written."""
        known = before.rescues if before else 0
        return {"rescues": known if before and known and before.run_id == self.run_id else known + 1}


class Tried(NamedTuple):
    """An attempt fails before it claims the delivery.

    Attributes:
        error: what went wrong.
    """

    error: str

    def fields(self, before: Delivery | None) -> dict[str, Any]:
        """See written."""
        return {"last_error": self.error}


class Claimed(NamedTuple):
    """A worker claims the delivery: until the lease is over it alone may send.

    Attributes:
        owner: a token that no other process has.
        lease_expires_at: until when.
        provider: through whom it sends.
        request: the exact requests of its email, where the delivery is to keep them and does not yet.
        archived_as: the name of the email's copy in the archive; empty if there is none, None where what it has stays.
        archive_error: why there is none.
        handed_over: where the provider's logs show the email, if it is accepted.
        absence: by what it is sent again; None where it is not, or not by that.
    """

    owner: str
    lease_expires_at: datetime
    provider: str
    request: StoredRequest | None = None
    archived_as: str | None = None
    archive_error: str = ""
    handed_over: Mapping[str, Any] | None = None
    absence: Mapping[str, Any] | None = None

    def fields(self, before: Delivery | None) -> dict[str, Any]:
        """See written."""
        return {
            "owner": self.owner,
            "lease_expires_at": self.lease_expires_at,
            "attempts": (before.attempts if before else 0) + 1,
            "provider": self.provider,
            **({"request": self.request.to_field()} if self.request else {}),
            **(self._copy(before) if self.archived_as is not None else {}),
            # The logs would have to show neither this email nor the one before.
            **_named("handed_over", before, None if before and before.is_in_doubt else self.handed_over),
            **({"absence": self.absence} if self.absence else {}),
            # A worker ended while it was sending.
            **({"may_have_been_sent": True} if before and before.state is DeliveryState.SENDING else {}),
            # An error that stands beside `sending` is of this attempt.
            **({"last_error": None} if before and before.last_error else {}),
        }

    def _copy(self, before: Delivery | None) -> dict[str, Any]:
        # An email before that may have been accepted keeps its copy until this one is accepted.
        is_later = before is not None and before.is_in_doubt
        copies = {} if is_later else _named("archived_as", before, self.archived_as or None)
        copies |= _named("archived_later", before, self.archived_as if is_later and self.archived_as else None)
        return copies | _named("archive_error", before, self.archive_error or None)


class Refused(NamedTuple):
    """The owner gives the delivery back: nothing was sent.

    Attributes:
        error: why.
    """

    error: str

    def fields(self, before: Delivery | None) -> dict[str, Any]:
        """See written."""
        return {**_NOT_CLAIMED, "reason": None, "last_error": self.error, "request": None, **_no_copy(before)}


class Unclear(NamedTuple):
    """The owner got no clear answer to the email. The claim stays: after the lease another attempt finds out whether
    the provider accepted it.

    Attributes:
        error: what the provider answered, if anything.
    """

    error: str

    def fields(self, before: Delivery | None) -> dict[str, Any]:
        """See written."""
        return {"last_error": self.error, "may_have_been_sent": True}


class Sent(NamedTuple):
    """The provider has accepted the email.

    Attributes:
        message_id: the email's id at the provider.
        owner: who has found that out.
        archived_as: its copy, as the destination says; empty if it has none, None if it is the latest email's.
    """

    message_id: str
    owner: str
    archived_as: str | None = None

    def fields(self, before: Delivery | None) -> dict[str, Any]:
        """See written."""
        return {
            **_final(self.owner),
            "message_id": self.message_id,
            "last_error": None,
            **_copy(before, self.archived_as, is_latest=True),
        }


class Proven(NamedTuple):
    """It turns out that the provider has accepted an email that may not have been sent: its outcome was unknown, or a
    replay is to send it again.

    Attributes:
        message_id: the email's id at the provider; empty where that is not known.
        owner: who has found that out: MAIL_EVENT, or a worker.
        is_latest: whether it is certain that the latest email was accepted, and not an earlier one.
        archived_as: its copy, as the destination says; empty if it has none, None if it does not say.
    """

    message_id: str
    owner: str = MAIL_EVENT
    is_latest: bool = False
    archived_as: str | None = None

    def fields(self, before: Delivery | None) -> dict[str, Any]:
        """See written."""
        named = {"message_id": self.message_id} if self.message_id else {}
        is_latest = self.is_latest or bool(before and before.absence)
        copy = _copy(before, self.archived_as, is_latest=is_latest)
        return {**_final(self.owner), **named, "last_error": None, "reason": None, "failed_at": None, **copy}


class Skipped(NamedTuple):
    """No email is sent, and none will be.

    Attributes:
        owner: the token of the process.
        reason: why.
        note: what its kind says of that, or what else is to be said.
    """

    owner: str
    reason: SkipReason
    note: str = ""

    def fields(self, before: Delivery | None) -> dict[str, Any]:
        """See written."""
        noted = {"note": self.note} if self.note else {}
        # A worker ended while it was sending.
        is_left = before is not None and before.state is DeliveryState.SENDING and before.owner != self.owner
        kept = {"may_have_been_sent": True} if is_left else _unless_sent(before)
        return {**_final(self.owner), "reason": self.reason.value, **noted, "last_error": None, **kept}


class GivenUp(NamedTuple):
    """A process gives the delivery up, before it publishes the dead letter: from here on no worker sends it. Another
    process that finds it publishes the same letter and makes it dead.

    Attributes:
        owner: the token of the process.
        failure: why.
    """

    owner: str
    failure: DeliveryFailure

    def fields(self, before: Delivery | None) -> dict[str, Any]:
        """See written."""
        failure = self.failure
        return {
            "owner": self.owner,
            "lease_expires_at": None,
            "reason": failure.reason.value,
            "last_error": failure.error,
            "failed_at": failure.failed_at,
            "letter_id": failure.letter_id,
            **(
                {"may_have_been_sent": True}
                if failure.reason is DeadLetterReason.UNKNOWN_OUTCOME
                else _unless_sent(before)
            ),
        }


class Published(NamedTuple):
    """Pub/Sub has the dead letter.

    Attributes:
        owner: the token of the process that published it.
    """

    owner: str

    def fields(self, before: Delivery | None) -> dict[str, Any]:
        """See written."""
        return _final(self.owner)


class Replayed(NamedTuple):
    """An operator puts the delivery back, for a new task. It loses the result of its attempts, and keeps what they
    settled, such as the period, and its history.

    Attributes:
        task_name: the id of the new task.
    """

    task_name: str

    def fields(self, before: Delivery | None) -> dict[str, Any]:
        """See written."""
        # Without a period, nobody can tell what it covered: it is sent like a report that is still to come.
        by_hand = {"by_hand": True} if before and before.is_counted and before.period_start else {}
        return {
            **_NOT_CLAIMED,
            **by_hand,
            "task": self.task_name,
            "attempts": 0,
            "rescues": 0,
            "reason": None,
            "request": None,
        }


class TaskMade(NamedTuple):
    """An operator makes a task for a delivery that stays where it stands, or for a report that no worker has tried:
    without a record, a task that dies before a worker claims the delivery would leave no trace.

    Attributes:
        task_name: the id of the task. A run knows only the tasks of runs: from this it learns of an operator's, and
            asks the queue whether it still holds that task.
        by_next: whether the next version of the kind is to make the report.
    """

    task_name: str
    by_next: bool = False

    def fields(self, before: Delivery | None) -> dict[str, Any]:
        """See written."""
        return {"task": self.task_name, **({"by_next": True} if self.by_next else {})}


Event = (
    Rescued | Tried | Claimed | Refused | Unclear | Sent | Proven | Skipped | GivenUp | Published | Replayed | TaskMade
)

RESULTS: Mapping[type[Any], AttemptResult] = {
    Tried: AttemptResult.FAILED,
    Claimed: AttemptResult.CLAIMED,
    Refused: AttemptResult.FAILED,
    Unclear: AttemptResult.UNCLEAR,
    Sent: AttemptResult.SENT,
    Proven: AttemptResult.SETTLED,
    Skipped: AttemptResult.SKIPPED,
    GivenUp: AttemptResult.DEAD,
    Replayed: AttemptResult.REPLAYED,
}
"""What the history keeps of the events that have an entry of their own."""

Guard = Callable[[Delivery | None, datetime], bool]


class Row(NamedTuple):
    """A row of the table.

    Attributes:
        event: what happens.
        before: where the delivery stands; None where there is no record.
        after: where it stands then.
        because: what the row says, in a sentence.
        guard: whether it may happen to a delivery in this state, at a moment.
    """

    event: type[Any]
    before: DeliveryState | None
    after: DeliveryState
    because: str
    guard: Guard | None = None


def _lease_is_over(before: Delivery | None, now: datetime) -> bool:
    return before is None or not before.is_claimed(now)


def _may_have_been_sent(before: Delivery | None, _now: datetime) -> bool:
    return before is not None and (before.may_have_been_sent or before.reason in MAY_HAVE_BEEN_SENT)


_P, _S, _G = DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.GIVING_UP
_SENT, _SKIPPED, _DEAD = DeliveryState.SENT, DeliveryState.SKIPPED, DeliveryState.DEAD

TABLE: tuple[Row, ...] = (
    Row(Rescued, None, _P, "No worker has tried it, and its task is gone: a run makes another one."),
    Row(Rescued, _P, _P, "Its task is gone: a run makes another one."),
    Row(Rescued, _S, _S, "The lease is over, and the task is gone: a run makes another one.", guard=_lease_is_over),
    Row(Rescued, _G, _G, "The process that gives it up has ended, and its task is gone: a run makes another one."),
    *(
        Row(Rescued, each, each, "Its subscription is due for it again: a run makes a task, which moves that on.")
        for each in (_SENT, _SKIPPED, _DEAD)
    ),
    Row(Tried, None, _P, "The first attempt fails before it claims."),
    Row(Tried, _P, _P, "A further attempt fails before it claims."),
    Row(Claimed, None, _S, "The first attempt claims it, to send the report."),
    Row(Claimed, _P, _S, "An attempt claims it, to send the report."),
    Row(
        Claimed,
        _S,
        _S,
        "The lease is over: an attempt repeats the requests, or the team has chosen to send again.",
        guard=_lease_is_over,
    ),
    Row(Refused, _S, _P, "The provider does not take the email, or its owner does not hand it over."),
    Row(Unclear, _S, _S, "The provider gives no clear answer: the claim stays."),
    Row(Sent, _S, _SENT, "The provider accepts the email."),
    Row(Proven, _P, _SENT, "An event of the email comes before a replay is carried out."),
    Row(Proven, _S, _SENT, "The provider has the email of a worker that did not learn so."),
    Row(Proven, _G, _SENT, "An event of the email comes while its report is given up.", guard=_may_have_been_sent),
    Row(Proven, _SKIPPED, _SENT, "An event of the email of an earlier attempt comes.", guard=_may_have_been_sent),
    Row(Proven, _DEAD, _SENT, "An event of the email comes after its report was given up.", guard=_may_have_been_sent),
    Row(Skipped, None, _SKIPPED, "No email is to be sent."),
    Row(Skipped, _P, _SKIPPED, "No email is to be sent any more."),
    Row(Skipped, _S, _SKIPPED, "After the claim, it turns out that no email is to be sent."),
    Row(GivenUp, None, _G, "The first attempt is the last one, or no worker has tried for a day."),
    Row(GivenUp, _P, _G, "No further attempt is made."),
    Row(GivenUp, _S, _G, "The provider refuses the email for good, or its outcome stays unknown."),
    Row(GivenUp, _G, _G, "Another process takes over what one has begun."),
    Row(Published, _G, _DEAD, "Pub/Sub has the dead letter."),
    Row(Replayed, None, _P, "An operator replays a report that left no record."),
    Row(Replayed, _P, _P, "An operator replays again what was interrupted."),
    Row(Replayed, _G, _P, "An operator replays a report whose dead letter is out already."),
    Row(Replayed, _DEAD, _P, "An operator replays the report."),
    Row(TaskMade, None, _P, "An operator sends a report."),
    Row(TaskMade, _P, _P, "An operator makes another task for it."),
    Row(TaskMade, _S, _S, "An operator makes a task for what a worker has left."),
    Row(TaskMade, _G, _G, "An operator makes a task for what is to be given up."),
)

_ROWS = {(row.event, row.before): row for row in TABLE}


class CannotHappen(Exception):
    """The table has no row for an event in the state of a delivery."""


def can_happen(before: Delivery | None, event: Event, *, now: datetime) -> bool:
    """Whether the table has a row for an event.

    Args:
        before: the delivery as it is; None where there is no record.
        event: what happens.
        now: when, in UTC.
    """
    return _row_for(before, event, now) is not None


def _row_for(before: Delivery | None, event: Event, now: datetime) -> Row | None:
    row = _ROWS.get((type(event), before.state if before else None))
    return row if row and (row.guard is None or row.guard(before, now)) else None


def written(
    before: Delivery | None,
    event: Event,
    *,
    task: ReportTask | None,
    now: datetime,
    period: Period | None = None,
    attempt: DeliveryAttempt | None = None,
) -> dict[str, Any]:
    """The fields of a delivery to which something happens.

    Args:
        before: the delivery as it is; None where there is no record.
        event: what happens.
        task: the delivery's; None where its ids stay as they are.
        now: when it is written, in UTC.
        period: what the report covers; None where that is not settled, or stays.
        attempt: the attempt by the queue in which it happens, as far as it has come; None for any other process.

    Raises:
        CannotHappen: the table has no row for it.
    """
    row = _row_for(before, event, now)
    if row is None:
        raise CannotHappen(f"{type(event).__name__} of a delivery that is {before.state if before else 'not there'}")
    fields: dict[str, Any] = {"state": row.after.value, "updated_at": now, "expire_at": now + DELIVERY_RETENTION}
    if task is not None:
        fields |= {
            "user_id": task.user_id,
            "subscription_id": task.subscription_id,
            "due_at": task.due_at,
            "run_id": task.run_id,
            "shard": shard_of(task.user_id, task.subscription_id),
            "kind": task.kind,
        }
    if before is None or before.version is None:
        fields |= {"attempts": 0, "created_at": now}
    if period is not None:
        fields |= {"period_start": period.start, "period_end": period.end}
    happened = event.fields(before)
    if result := RESULTS.get(type(event)):
        entry = attempt or DeliveryAttempt(at=happened.get("failed_at") or now, result=result)
        entry = entry._replace(result=result, error=happened.get("last_error") or "")
        fields |= history_fields(before.history if before else (), entry)
    if attempt is not None:
        fields["last_attempt_at"] = attempt.at
    return fields | happened


def _named(name: str, before: Delivery | None, value: Any) -> dict[str, Any]:
    """A field, where it is there or was."""
    return {name: value} if value or (before and getattr(before, name)) else {}


def _no_copy(before: Delivery | None) -> dict[str, Any]:
    """Take out the copy of an email that was not accepted, but keep that of one that may have been."""
    is_kept = before is not None and before.may_have_been_sent
    names = [*([] if is_kept else ["archived_as"]), "archived_later", "archive_error"]
    return {name: None for name in names if before and getattr(before, name)}


def _copy(before: Delivery | None, archived_as: str | None, *, is_latest: bool) -> dict[str, Any]:
    """Name the copy of the email that was accepted: the one that the destination names, or else the latest email's if
    that is certain."""
    if archived_as is not None:
        error = _named("archive_error", before, None) if archived_as else {}
        return {**_named("archived_as", before, archived_as or None), **_named("archived_later", before, None), **error}
    if not is_latest or before is None or not (before.archived_later or (before.archived_as and before.archive_error)):
        return {}
    return {"archived_as": before.archived_later or None, **_named("archived_later", before, None)}


def _unless_sent(before: Delivery | None) -> dict[str, Any]:
    return {} if before and before.may_have_been_sent else _no_copy(before)


def _final(owner: str) -> dict[str, Any]:
    return {"owner": owner, "lease_expires_at": None, "request": None}
