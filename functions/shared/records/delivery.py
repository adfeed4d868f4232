"""The delivery record: one report of one subscription for one due time, in `deliveries/{delivery_id}`.

Every part of the pipeline reads the document through `Delivery`. What can happen to it is in
functions.shared.records.delivery_table, and functions.shared.firestore.delivery_store writes it. Pure.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from functions.shared.records.dead_letter import DeadLetter, DeadLetterReason
from functions.shared.records.delivery_attempt import AttemptResult, DeliveryAttempt, stored_history
from functions.shared.records.ids import SHARDS, task_id
from functions.shared.records.report_task import ReportTask
from functions.shared.records.states import DeliveryState as DeliveryState
from functions.shared.records.stored_fields import stored_values
from functions.shared.records.stored_request import StoredRequest
from functions.shared.times.period import Period, settled_period

DELIVERIES = "deliveries"
"""The name of the collection."""


_LONGEST_LEASE = timedelta(days=1)
"""A worker claims a delivery for seconds. A run may compare the lease with its own time, which can be hours ago.
A lease that ends even later is not a worker's, and would keep the report from every worker."""


MOST_LOOKS = 4
"""After how many settling times at most a worker looks for an email of unknown outcome in the provider's records."""


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
    """The email provider says that the recipient has unsubscribed."""
    SUPPRESSED = "suppressed"
    """Email to each of its recipients bounces or is unwanted."""
    COVERED = "covered"
    """Another report of its subscription covers its time, or will: the one that the subscription is due for."""
    NOTHING_TO_REPORT = "nothing-to-report"
    """Its kind has nothing to report; `note` has the kind's own words."""
    DOMAIN_NOT_ALLOWED = "domain-not-allowed"
    """The deployment may send to none of the addresses that it is for: `MAIL_ALLOWED_DOMAINS`."""


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

    def letter(self, task: ReportTask, *, attempts: int) -> DeadLetter:
        """The dead letter.

        Args:
            task: the delivery's.
            attempts: how often the worker was called for the report.
        """
        return DeadLetter(**dict(task), **self._asdict(), attempts=attempts)


class Delivery(NamedTuple):
    """A delivery as Firestore has it. Each attribute has the name of the document's field, except `id`,
    `problem`, `version` and `restored_at`.

    Other tools write to the collection, too. A field that is absent or malformed has the default.

    Attributes:
        id: the document's id (functions.shared.records.ids.delivery_id).
        state: where it stands. SENDING where the document has no valid state: its outcome is unknown.
        version: the update time of the document, set by the server; None where a restore has forgotten it.
        user_id: whose report it is.
        subscription_id: the subscription that the report is for.
        due_at: when the report fell due.
        run_id: the run that made its latest task.
        shard: the shard of its subscription, the first field of the index that finds a run's deliveries; None where the
            document has no valid one.
        kind: which report.
        variant: which version of the kind made it, `current` or `next`; empty if the kind has no next version.
        by_next: whether an operator has asked for the next version of the kind.
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
        provider: the email provider of the worker that claimed it last, as MAIL_PROVIDER names it, and behind a slash
            the brand's own account, such as `sendgrid/acme`.
        message_id: the email's id at the provider.
        request: if the provider has idempotency keys, the exact requests of its email, until it is final; its
            `deliver` says where those of another destination go.
        archived_as: the name of its email's copy in the archive; empty if there is none.
        archived_later: the name of the latest email's copy, if an earlier email may have been accepted, too; empty if
            there is none.
        archive_error: why its email went out without a copy, although the archive is on.
        handed_over: where the provider's logs show the email of the latest claim, if it was accepted: `recipients`, the
            hashes of its addresses, and `key`, the id of the provider's key. Empty for a sandbox email, and where an
            earlier email may have been accepted, too.
        absence: by what the email was sent again: `searched_at`, when the provider's logs did not show it, and
            `accepted_before` and `accepted_after`, when they show that others were accepted before its claim and after
            the settling time. Empty where it was not.
        may_have_been_sent: whether an attempt of it may have been accepted, whatever a later one ended in. Only an
            event, the provider's records or a person settle that.
        by_hand: whether an operator has put it back after it was dead, and counted: no other report covers its time.
        task: the id of the latest task that an operator made.
        rescues: for how many runs its task was gone, so that they made another one.
        created_at: when it was written first.
        updated_at: when it was written last.
        expire_at: when Firestore deletes it.
        problem: what is wrong with the document; empty where nothing is.
        restored_at: the deployment's RESTORED_AT, where the outcome is unknown since Firestore was restored.
    """

    id: str
    state: DeliveryState
    version: datetime | None
    user_id: str = ""
    subscription_id: str = ""
    due_at: datetime | None = None
    run_id: str = ""
    shard: int | None = None
    kind: str = ""
    variant: str = ""
    by_next: bool = False
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
    archived_as: str = ""
    archived_later: str = ""
    archive_error: str = ""
    handed_over: Mapping[str, Any] = {}
    absence: Mapping[str, datetime] = {}
    may_have_been_sent: bool = False
    by_hand: bool = False
    task: str = ""
    rescues: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None
    expire_at: datetime | None = None
    problem: str = ""
    restored_at: datetime | None = None

    @classmethod
    def from_snapshot(cls, snapshot: Any) -> "Delivery | None":
        """Read a document, whatever is in it; None where there is no document.

        Args:
            snapshot: a FoundDocument, of all fields or of some.
        """
        fields = snapshot.fields
        return None if fields is None else cls.from_fields(snapshot.id, fields, version=snapshot.update_time)

    @classmethod
    def from_fields(cls, delivery_id: str, document: Mapping[str, Any], *, version: datetime) -> "Delivery":
        """Read a document's fields, whatever they are.

        Args:
            delivery_id: the document's id.
            document: its fields.
            version: the update time of the document.
        """
        stored = next((state for state in DeliveryState if state == document.get("state")), None)
        state, read, shard = stored or DeliveryState.SENDING, stored_values(cls, document), document.get("shard")
        if not state.is_final and read["reason"] and read["failed_at"]:
            # Version 0.1.0 had no state of its own for it.
            state = DeliveryState.GIVING_UP
            read["may_have_been_sent"] |= stored is DeliveryState.SENDING
        own = {
            "id": delivery_id,
            "state": state,
            "version": version,
            "shard": shard if type(shard) is int and 0 <= shard < SHARDS else None,
            "history": stored_history(document.get("history")),
            "request": StoredRequest.from_field(document.get("request")),
            "problem": "" if stored else f"deliveries/{delivery_id}: state: not one of {', '.join(DeliveryState)}",
            "restored_at": None,
        }
        return cls(**read | own)

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
        """Whether its email may have been accepted: an attempt got no clear answer, or ended while it was sending."""
        return self.state is not DeliveryState.SENT and (self.may_have_been_sent or self.state is DeliveryState.SENDING)

    def is_claimed(self, now: datetime) -> bool:
        """Whether its owner alone may act on it.

        Args:
            now: the present, or the time of the run that asks, in UTC.
        """
        expires_at = self.lease_expires_at
        return not self.is_final and expires_at is not None and now < expires_at <= now + _LONGEST_LEASE

    @property
    def settling_tasks(self) -> Sequence[str]:
        """The names of the tasks that look for the email of its latest claim in the provider's records, after one
        settling time, after two, and so on; none where that is no question."""
        looks = range(1, MOST_LOOKS + 1) if self.handed_over and self.state is DeliveryState.SENDING else ()
        return [task_id(self.id, f"settling{self.attempts}-{look}") for look in looks]

    def outlasts(self, seconds: float, *, now: datetime) -> bool:
        """Whether its claim is still good for something that takes so long."""
        return self.lease_expires_at is not None and now + timedelta(seconds=seconds) < self.lease_expires_at

    @property
    def is_restored(self) -> bool:
        """Whether it may have been sent before Firestore was restored from a copy that does not say so."""
        return self.restored_at is not None

    @property
    def failure(self) -> DeliveryFailure | None:
        """Why it is dead or is being given up; None where it is neither, or the document does not say."""
        reason = next((reason for reason in DeadLetterReason if reason == self.reason), None)
        if reason is None or self.failed_at is None:
            return None
        return DeliveryFailure(
            reason=reason, error=self.last_error, failed_at=self.failed_at, letter_id=self.letter_id or None
        )

    def is_only_noted_since(self, read: "Delivery | None") -> bool:
        """Whether it still waits as it did when it was read: at most, attempts that claimed nothing have noted that
        they failed, and where there was no record, one of them or the dispatcher has made it.

        Args:
            read: as it was read; None where there was none.
        """
        if self.state is not DeliveryState.PENDING or (read and read.state is not DeliveryState.PENDING):
            return False
        return _standing(self) == (_standing(read) if read else _NEW)

    def changed(self, fields: Mapping[str, Any], version: datetime) -> "Delivery":
        """The delivery after a write.

        Args:
            fields: those that were written.
            version: the document's update time since.
        """
        written = Delivery.from_fields(self.id, fields, version=version)
        return self._replace(**{name: getattr(written, name) for name in fields}, version=version, problem="")

    def restored(self, restored_at: datetime | None) -> "Delivery":
        """The delivery as it counts after a restore of Firestore: one that was due at or before RESTORED_AT, and is not
        final, may have been sent all the same. Its outcome is unknown.

        Not if it was given up since the restore, for this very reason: a person who then replays it has decided that it
        is to be sent. A replay keeps `failed_at`.

        Args:
            restored_at: the deployment's RESTORED_AT, a time by which the pipeline before the restore had sent its last
                email; None where Firestore was not restored.
        """
        if restored_at is None or self.due_at is None or self.due_at > restored_at or self.is_final:
            return self
        if self.failed_at is not None and self.failed_at >= restored_at:
            return self
        # A worker that was about to make the kept requests then may have been refused, and the email may have gone out
        # by others, with another key. After an unclear outcome no others are made.
        keeps = bool(self.history) and self.history[-1].result is AttemptResult.UNCLEAR
        return self._replace(
            state=DeliveryState.SENDING,
            restored_at=restored_at,
            may_have_been_sent=True,
            reason="",
            request=self.request if keeps else None,
        )

    @classmethod
    def as_it_counts(
        cls, found: "Delivery | None", task: ReportTask, *, restored_at: datetime | None
    ) -> "Delivery | None":
        """The delivery of a task as it counts (`restored`). One that a restored copy does not have may have been sent
        since the copy was made.

        Args:
            found: as Firestore has it; None where there is none.
            task: whose delivery.
            restored_at: the deployment's RESTORED_AT; None where Firestore was not restored.
        """
        if found is None and restored_at is not None and task.due_at <= restored_at:
            found = cls(task.delivery_id, DeliveryState.PENDING, version=None, due_at=task.due_at, kind=task.kind)
        return found and found.restored(restored_at)

    def settled_period(self, latest: datetime) -> Period | None:
        """What its report covers, as an attempt has settled it; None where none has (functions.shared.times.period).

        Args:
            latest: the latest moment at which an attempt can have settled it.
        """
        return settled_period(self.period_start, self.period_end, latest=latest)


def _standing(delivery: Delivery) -> tuple[Any, ...]:
    """Everything by which a worker that finds a delivery waiting decides, and that a note of a failed attempt leaves
    alone."""
    return (delivery.attempts, delivery.owner, delivery.lease_expires_at, delivery.by_hand, delivery.task)


_NEW = (0, "", None, False, "")


DELIVERY_FIELDS = tuple(name for name in Delivery._fields if name not in {"id", "problem", "version", "restored_at"})
"""The names of the document's fields."""
