"""Reads and writes delivery records, so that a report is sent once.

Every write is conditional on the version of the document that the decision was made by, so that it has its effect once
or not at all. That is the guarantee of a transaction for a single document, without the locks and the extra calls of
one: of two workers that claim the same delivery one writes, and the other learns that the document has changed.
https://firebase.google.com/docs/firestore/manage-data/transactions#transaction_failure
https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#precondition
"""

import contextlib
import functools
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar

import structlog
from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from functions.shared.dead_letter import DEAD_LETTERS, DeadLetterState, StoredDeadLetter, replayed_fields
from functions.shared.delivery import (
    DELIVERIES,
    Delivery,
    DeliveryFailure,
    DeliveryState,
    SkipReason,
    claimed_fields,
    failed_fields,
    held_fields,
    pending_fields,
    period_fields,
    released_fields,
    settled_fields,
    task_fields,
)
from functions.shared.delivery_attempt import AttemptResult, DeliveryAttempt, attempted_fields, recorded
from functions.shared.mail_event import MAIL_EVENTS, MailRecord
from functions.shared.mark import Others
from functions.shared.period import Period
from functions.shared.report_task import ReportTask
from functions.shared.sanitize import error_text
from functions.shared.subscription import SUBSCRIPTIONS, Subscription, SubscriptionDefaults
from functions.shared.user import USERS, User
from functions.worker.attempt import Attempt
from functions.worker.firestore_calls import FirestoreCalls, FoundDocument, change, creation, firestore_calls
from functions.worker.made_requests import MadeRequests
from functions.worker.reports.canary import Canaries, variant_of
from functions.worker.time_budget import (
    CALL_SECONDS,
    CLAIM_SECONDS,
    LOOK_AGAIN_SECONDS,
    MAIL_RECORD_SECONDS,
    NOTE_SECONDS,
    SETTLE_SECONDS,
)

LEASE = timedelta(seconds=90)
"""How long a claim lasts. Its owner needs 50 s of it at worst (CLAIM_SECONDS_NEEDED in time_budget.py); the rest is for
the claim's own way to Firestore, for the look at the subscription after it, and for clocks that differ. A longer lease
would only delay the report of a worker that was killed."""

_MOST_REREADS = 5
"""How often to read a subscription again because the application keeps writing it."""

_NEWEST = 20
"""How many of a subscription's newest deliveries to look at where an application has written the subscription. Each
costs a read."""

_NAMED = 256
"""For how many deliveries and subscriptions their references are kept: more than a process works on at once."""

_ONE_CALL_SECONDS = 5.0
"""One call, of those that a read or a write may take."""

_TRANSIENT = if_exception_type(
    exceptions.Aborted,
    exceptions.DeadlineExceeded,
    exceptions.InternalServerError,
    exceptions.ResourceExhausted,
    exceptions.ServiceUnavailable,
)
_CHANGED = (exceptions.AlreadyExists, exceptions.FailedPrecondition, exceptions.NotFound)
"""How Firestore refuses a write because the document has changed."""

_logger = structlog.get_logger()


class TaskDocuments(NamedTuple):
    """What Firestore has about a task, all read at one moment. Each is None where there is no document.

    Attributes:
        delivery: the task's.
        user: whose report it is.
        subscription: which of the user's.
    """

    delivery: Delivery | None
    user: User | None
    subscription: Subscription | None


Move = Callable[[User | None, Subscription], Mapping[str, Any]]
"""Given a subscription and its user, decides which of the subscription's fields to write; none where it is to be left
alone."""


class Hold(NamedTuple):
    """The right to finish giving a delivery up. `version` and `history` are the document's, as the hold wrote them."""

    version: datetime
    history: tuple[DeliveryAttempt, ...]


class Claim(NamedTuple):
    """The right to send one delivery.

    Attributes:
        owner: the token that proves it.
        expires_at: until when it is good.
        version: the document's, as the claim wrote it.
        history: the delivery's, as the claim wrote it.
        made: the requests that the delivery keeps; None where the provider has no idempotency keys.
    """

    owner: str
    expires_at: datetime
    version: datetime
    history: tuple[DeliveryAttempt, ...]
    made: MadeRequests | None = None

    @property
    def is_repeat(self) -> bool:
        """Whether a worker may have handed the mail over before, whatever comes of it this time."""
        return self.made is not None and self.made.is_repeat

    def outlasts(self, seconds: float, *, now: datetime) -> bool:
        """Whether the claim is still good for something that takes so long."""
        return now + timedelta(seconds=seconds) < self.expires_at


_Held = Claim | Hold | Delivery | None
"""By what a delivery is written: a claim, a hold, or the delivery as it was read."""

_Read = TypeVar("_Read", Delivery | None, Claim | Delivery | None)


class DeliveryChanged(Exception):
    """The delivery is no longer as it was read: another process has acted on it.

    Attributes:
        found: what it is now; None where it is gone.
    """

    def __init__(self, found: Delivery | None) -> None:
        super().__init__(f"the delivery is now {found.state if found else 'gone'}")
        self.found = found


class DeliveryStore:
    """Reads and writes `deliveries`, and the subscriptions that they belong to. Safe for threads.

    Every method raises google.api_core.exceptions.GoogleAPIError when Firestore fails or does not answer.

    Args:
        client: the Firestore client.
        defaults: what a subscription's document does not say.
        canaries: the kinds that have a next version.
    """

    def __init__(
        self, client: firestore.Client, defaults: SubscriptionDefaults, *, canaries: Canaries | None = None
    ) -> None:
        self._client = client
        self._users = client.collection(USERS)
        self._deliveries = client.collection(DELIVERIES)
        # Each task names its documents several times, and to make a reference takes longer than to find it.
        self._delivery = functools.lru_cache(maxsize=_NAMED)(self._deliveries.document)
        self._subscription_of = functools.lru_cache(maxsize=_NAMED)(self._make_subscription)
        self._calls = firestore_calls(client)
        self._defaults = defaults
        self._canaries = canaries or {}

    def read(self, task: ReportTask, *, is_new: bool = False) -> TaskDocuments:
        """Read the delivery, the user and the subscription of a task, by one call.

        Args:
            task: which.
            is_new: whether there can be no delivery yet, unless the queue delivers a task twice. It is not read then:
                whatever writes it next makes it, and learns if there is one after all.
        """
        delivery, user, subscription = (
            self._delivery(task.delivery_id),
            self._users.document(task.user_id),
            self._subscription(task),
        )
        found = _get(self._calls, [user, subscription] if is_new else [delivery, user, subscription])
        return TaskDocuments(
            delivery=None if is_new else Delivery.from_snapshot(found[delivery.path]),
            user=User.from_snapshot(found[user.path]),
            subscription=Subscription.from_snapshot(found[subscription.path], self._defaults),
        )

    def read_delivery(self, delivery_id: str) -> Delivery | None:
        """The delivery alone, or None where there is none yet."""
        reference = self._delivery(delivery_id)
        return Delivery.from_snapshot(_get(self._calls, [reference])[reference.path])

    def read_subscription(self, task: ReportTask) -> Subscription | None:
        """The subscription alone, which has been read before, or None where there is none by now."""
        retry = _retry_for(LOOK_AGAIN_SECONDS)
        found = self._calls.get(self._subscription(task), retry=retry, timeout=_ONE_CALL_SECONDS)
        return Subscription.from_snapshot(found, self._defaults)

    def mail_record(self, delivery_id: str) -> MailRecord | None:
        """What the mail provider has reported about a delivery's mail, or None where it has reported nothing."""
        reference = self._client.collection(MAIL_EVENTS).document(delivery_id)
        found = _get(self._calls, [reference], seconds=MAIL_RECORD_SECONDS)
        return MailRecord.from_snapshot(found[reference.path])

    def others(self, task: ReportTask, *, now: datetime) -> Others:
        """What the newest other deliveries of a task's subscription say."""
        # By the index that lists a subscription's deliveries: no delivery pays for another one.
        query = (
            self._deliveries.where(filter=FieldFilter("user_id", "==", task.user_id))
            .where(filter=FieldFilter("subscription_id", "==", task.subscription_id))
            .order_by("due_at", direction=firestore.Query.DESCENDING)
            .limit(_NEWEST)
        )
        found = self._calls.stream(query, retry=_retry_for(LOOK_AGAIN_SECONDS), timeout=LOOK_AGAIN_SECONDS)
        return Others.of(filter(None, map(Delivery.from_snapshot, found)), but=task.delivery_id, now=now)

    def claim(
        self,
        task: ReportTask,
        delivery: Delivery | None,
        *,
        period: Period,
        owner: str,
        attempt: Attempt,
        provider: str,
        made: MadeRequests | None,
        now: datetime,
    ) -> Claim:
        """Take a delivery to `sending`.

        Args:
            task: which delivery.
            delivery: as it was read.
            period: what the report covers.
            owner: a token that no other process has.
            attempt: the queue's call.
            provider: through whom its mail goes.
            made: the requests of its mail, which the same write keeps; None where the provider has no idempotency keys.
            now: the present, in UTC, from which the lease counts.

        Raises:
            DeliveryChanged: another worker was quicker.
        """
        expires_at, entry = now + LEASE, attempt.claimed(now=now)

        def write(delivery: Delivery | None) -> datetime:
            claimed = claimed_fields(
                delivery,
                owner=owner,
                lease_expires_at=expires_at,
                attempt=entry,
                provider=provider,
                # What a repeat makes again is kept already.
                request=made.stored if made and not made.is_repeat else None,
            )
            fields = {**period_fields(period), **claimed}
            claiming = self._delivery_write(task, delivery, now=now, fields=fields)
            return _commit(self._calls, [claiming], CLAIM_SECONDS)

        def is_mine(found: Delivery) -> bool:
            return found.owner == owner

        version, before = self._write_once(task, delivery, write, is_mine)
        history = recorded(_history(before), entry)
        return Claim(owner=owner, expires_at=expires_at, version=version, history=history, made=made)

    def hold(
        self,
        task: ReportTask,
        held: Claim | Delivery | None,
        *,
        failure: DeliveryFailure,
        owner: str,
        period: Period | None,
        attempt: Attempt,
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
            attempt: the queue's call.
            now: the present, in UTC.

        Raises:
            DeliveryChanged: another process has acted on the delivery.
        """
        entry = attempt.ended(AttemptResult.DEAD, now=now, error=failure.error)

        def write(held: Claim | Delivery | None) -> datetime:
            given_up = {**held_fields(failure, owner=owner), **attempted_fields(_history(held), entry)}
            fields = {**period_fields(period), **given_up}
            holding = self._delivery_write(task, held, now=now, fields=fields)
            return _commit(self._calls, [holding], CALL_SECONDS)

        def is_mine(found: Delivery) -> bool:
            return found.owner == owner and found.failure is not None

        version, before = self._write_once(task, held, write, is_mine)
        return Hold(version=version, history=recorded(_history(before), entry))

    def release(
        self,
        task: ReportTask,
        held: Claim | Hold,
        *,
        error: str,
        attempt: Attempt,
        now: datetime,
        period: Period | None = None,
    ) -> None:
        """Give a delivery back: nothing was sent and no dead letter published, so the next attempt may try.

        Args:
            task: which delivery.
            held: the claim or the hold.
            error: why.
            attempt: the queue's call.
            now: the present, in UTC.
            period: what is left of the delivery's period; None where it stays.

        Raises:
            DeliveryChanged: the lease was over, and another process has acted on the delivery.
        """
        entry = attempt.ended(AttemptResult.FAILED, now=now, error=error)
        try:
            self._update(task, held, {**period_fields(period), **released_fields(error=error, now=now)}, entry)
        except _CHANGED:
            found = self.read_delivery(task.delivery_id)
            if found is None or found.state is not DeliveryState.PENDING:
                raise DeliveryChanged(found) from None

    def keep_claimed(self, task: ReportTask, claim: Claim, *, error: str, attempt: Attempt, now: datetime) -> None:
        """Write down that the provider gave no clear answer. The claim stays until its lease is over.

        Raises:
            DeliveryChanged: the lease was over, and another process has acted on the delivery.
        """
        entry = attempt.ended(AttemptResult.UNCLEAR, now=now, error=error)
        try:
            self._update(task, claim, failed_fields(error=error, now=now, is_unclear=True), entry)
        except _CHANGED:
            found = self.read_delivery(task.delivery_id)
            if found is None or found.owner != claim.owner:
                raise DeliveryChanged(found) from None

    def note_failure(
        self,
        task: ReportTask,
        delivery: Delivery | None,
        *,
        owner: str,
        error: str,
        attempt: Attempt,
        now: datetime,
        period: Period | None,
    ) -> None:
        """Write down why an attempt failed that ends without another write, so that the record tells the truth while
        the queue retries.

        It stops no other process. It leaves a delivery alone that is final, that is being given up, or that another
        process has claimed, even if that lease is over: the owner may still be at work. It is conditional on what was
        read, like all writes, and if the delivery has changed or Firestore fails, there is no note. A worker that has
        read the delivery before the note goes on as if there were none (Delivery.is_only_noted_since).

        Args:
            task: which delivery.
            delivery: as it was read; None where there was none: then this makes it.
            owner: the token of this attempt.
            error: why it failed.
            attempt: the queue's call.
            now: the present, in UTC.
            period: what the report covers, where that is known.
        """
        is_mine = delivery is not None and delivery.owner == owner and delivery.is_claimed(now)
        if delivery is not None and not delivery.is_waiting and not is_mine:
            return
        # What fails unforeseen while it holds the claim may fail after the mail was handed over.
        result = AttemptResult.UNCLEAR if is_mine else AttemptResult.FAILED
        entry = attempt.ended(result, now=now, error=error)
        fields = {
            **period_fields(period),
            **failed_fields(error=error, now=now, is_unclear=is_mine),
            **attempted_fields(_history(delivery), entry),
        }
        write = self._delivery_write(task, delivery, now=now, fields=fields)
        try:
            _commit(self._calls, [write], NOTE_SECONDS)
        except exceptions.GoogleAPIError as failure:
            _logger.info("failure_not_noted", delivery_id=task.delivery_id, error=error_text(failure))

    def settle(
        self,
        task: ReportTask,
        held: Claim | Hold | Delivery | None,
        *,
        state: DeliveryState,
        owner: str,
        period: Period | None,
        user: User | None,
        subscription: Subscription | None,
        move: Move,
        attempt: Attempt,
        now: datetime,
        message_id: str | None = None,
        failure: DeliveryFailure | None = None,
        skipped_because: SkipReason | None = None,
        note: str = "",
    ) -> None:
        """Make a delivery final and move its subscription on: both or neither.

        Both writes are conditional on what was read. If the application has written the subscription meanwhile, this
        reads it and decides again. If the application never stops, this makes the delivery final alone: the
        subscription is still due for it then, and the next task moves it on.

        Args:
            task: which delivery.
            held: the claim or hold, or the delivery as it was read where it needed none; None where there was none.
            state: `sent`, `skipped` or `dead`.
            owner: the token of the process that makes it final.
            period: what the report covers, where that is known.
            user: as read.
            subscription: as read; None where it is to be left alone.
            move: what to write to it.
            attempt: the queue's call.
            now: the present, in UTC.
            message_id: the mail's name at the provider.
            failure: why it is dead. Also in the delivery, since an operator may replay it before its letter is stored.
            skipped_because: why it was skipped.
            note: what its kind says of that.

        Raises:
            DeliveryChanged: the lease was over, and another process has acted on the delivery.
        """
        settled = settled_fields(
            state, owner=owner, message_id=message_id, failure=failure, skipped_because=skipped_because, note=note
        )
        entry = attempt.ended(_result(state, held), now=now, error=failure.error if failure else "")
        for reads_left in reversed(range(_MOST_REREADS)):
            moved = move(user, subscription) if subscription else {}
            fields = {**period_fields(period), **settled, **attempted_fields(_history(held), entry)}
            writes = [self._delivery_write(task, held, now=now, fields=fields)]
            if subscription and moved:
                writes.append(change(self._subscription(task), moved, subscription.version))
            try:
                _commit(self._calls, writes, SETTLE_SECONDS)
            except _CHANGED:
                found = self.read(task)
                delivery = found.delivery
                if delivery is not None and delivery.owner == owner and delivery.state is state:
                    return
                if _is_only_noted(delivery, held):
                    held = delivery
                elif not moved or (delivery.version if delivery else None) != (held.version if held else None):
                    raise DeliveryChanged(delivery) from None
                user, subscription = found.user, found.subscription if reads_left > 1 else None
            else:
                return
        raise DeliveryChanged(self.read_delivery(task.delivery_id))

    def move_subscription(
        self, task: ReportTask, user: User | None, subscription: Subscription | None, move: Move
    ) -> bool:
        """Move on a subscription whose delivery is final already, by a write that is conditional on what was read.

        Args:
            task: the delivery's.
            user: as read.
            subscription: as read; None where there is none.
            move: what to write to it.

        Returns:
            Whether something was written. Not, where the application has moved the subscription itself.
        """
        for _ in range(_MOST_REREADS):
            moved = move(user, subscription) if subscription else {}
            if subscription is None or not moved:
                return False
            write = change(self._subscription(task), moved, subscription.version)
            try:
                _commit(self._calls, [write], CALL_SECONDS)
            except _CHANGED:
                found = self.read(task)
                user, subscription = found.user, found.subscription
            else:
                return True
        return False

    def close_letter(self, delivery_id: str, *, now: datetime) -> None:
        """Mark the dead letter of a replayed delivery that is final now, where the replay was interrupted before it
        did."""
        reference = self._client.collection(DEAD_LETTERS).document(delivery_id)
        letter = StoredDeadLetter.from_snapshot(_get(self._calls, [reference])[reference.path])
        if letter is None or letter.state is not DeadLetterState.OPEN or not letter.in_replay:
            return
        with contextlib.suppress(*_CHANGED):
            _commit(self._calls, [change(reference, replayed_fields(now=now), letter.version)], CALL_SECONDS)

    def _write_once(
        self,
        task: ReportTask,
        read: _Read,
        write: Callable[[_Read], datetime],
        is_mine: Callable[[Delivery], bool],
    ) -> tuple[datetime, _Read]:
        """Write a delivery on the condition that it is as it was read, or that attempts have only noted since that they
        failed.

        Args:
            task: which delivery.
            read: as it was read.
            write: writes it on that condition, and returns the new version.
            is_mine: whether this write made a delivery what it is.

        Returns:
            The version that it has now, and what it was before.
        """
        while True:
            try:
                return write(read), read
            except _CHANGED:
                found = self.read_delivery(task.delivery_id)
            # Firestore says so also when the write took effect, its answer was lost, and the client tried again.
            if found is not None and is_mine(found):
                return found.version, read
            if not _is_only_noted(found, read):
                raise DeliveryChanged(found)
            # It takes another attempt at the same delivery, at the same moment, for each further turn.
            read = found

    def _delivery_write(self, task: ReportTask, held: _Held, *, now: datetime, fields: Mapping[str, Any]) -> Any:
        reference = self._delivery(task.delivery_id)
        if variant := variant_of(task.kind, task.user_id, task.subscription_id, self._canaries):
            fields = {**fields, "variant": variant.value}
        if held is None:
            return creation(reference, {**pending_fields(task, now=now, by_hand=False), **fields})
        return change(reference, {**task_fields(task, now=now), **fields}, held.version)

    def _update(
        self, task: ReportTask, held: Claim | Hold, fields: Mapping[str, Any], attempt: DeliveryAttempt
    ) -> None:
        fields = {**fields, **attempted_fields(held.history, attempt)}
        write = change(self._delivery(task.delivery_id), fields, held.version)
        _commit(self._calls, [write], SETTLE_SECONDS)

    def _subscription(self, task: ReportTask) -> Any:
        return self._subscription_of(task.user_id, task.subscription_id)

    def _make_subscription(self, user_id: str, subscription_id: str) -> Any:
        return self._users.document(user_id).collection(SUBSCRIPTIONS).document(subscription_id)


def _history(held: _Held) -> tuple[DeliveryAttempt, ...]:
    return held.history if held else ()


def _is_only_noted(found: Delivery | None, read: _Held) -> bool:
    """Whether no process has done more to a delivery since it was read than to note a failed attempt."""
    return found is not None and isinstance(read, Delivery | None) and found.is_only_noted_since(read)


def _result(state: DeliveryState, held: _Held) -> AttemptResult:
    match state:
        case DeliveryState.SENT:
            return AttemptResult.SENT if isinstance(held, Claim) else AttemptResult.SETTLED
        case DeliveryState.SKIPPED:
            return AttemptResult.SKIPPED
        case _:
            return AttemptResult.DEAD


def _get(
    calls: FirestoreCalls, references: Sequence[Any], *, seconds: float = CALL_SECONDS
) -> dict[str, FoundDocument]:
    return calls.get_all(references, retry=_retry_for(seconds), timeout=_ONE_CALL_SECONDS)


def _commit(calls: FirestoreCalls, writes: Sequence[Any], seconds: float) -> datetime:
    return calls.commit(writes, retry=_retry_for(seconds), timeout=_ONE_CALL_SECONDS)


def _retry_for(seconds: float) -> Retry:
    return Retry(predicate=_TRANSIENT, initial=0.1, maximum=2.0, multiplier=2.0, timeout=seconds)
