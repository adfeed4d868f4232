"""A dead letter: the message that says that the pipeline will not send a report by itself, and why; and its document.

The worker and the dispatcher publish a `DeadLetter`. The DLQ handler keeps it in `dead_letters/{letter_id}`, and the
operator replays or dismisses it there: both read the document as a `StoredDeadLetter`, and build their writes with the
functions below the class. All of it is pure: the callers hold the Firestore client.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pydantic import ValidationError

from functions.shared.records.contract import Contract, UtcDatetime
from functions.shared.records.report_task import ReportTask
from functions.shared.records.states import DeadLetterReason as DeadLetterReason
from functions.shared.records.states import DeadLetterState as DeadLetterState
from functions.shared.records.stored_fields import stored_values

DEAD_LETTERS = "dead_letters"
"""The name of the collection."""

OPEN_LETTER_RETENTION = timedelta(days=400)
"""After this Firestore deletes a dead letter that is still open: more than a year after its latest failure."""

CLOSED_LETTER_RETENTION = timedelta(days=90)
"""After this Firestore deletes a dead letter that was replayed, dismissed or settled, counted from then."""


VARIOUS_CAUSES = "various"
"""The `cause` of dead letters that share one alert, although each has a cause of its own."""

_CAUSE = re.compile(rf"[0-9a-f]{{32}}|{VARIOUS_CAUSES}")


class DeadLetter(Contract):
    """What the worker or the dispatcher publishes about a report that will not be sent by itself.

    The task's own fields are absent where the task could not be read.
    """

    user_id: str | None = None
    subscription_id: str | None = None
    delivery_id: str | None = None
    due_at: UtcDatetime | None = None
    run_id: str | None = None
    kind: str | None = None
    reason: DeadLetterReason
    error: str
    attempts: int
    failed_at: UtcDatetime
    letter_id: str | None = None
    """The id of its document, where that is not the delivery's: a cause that fails one delivery after another, such as
    a malformed document, makes one dead letter (`malformed_letter_id`)."""
    body: str | None = None
    """The body as it came, cut to 10,000 characters, where it is not a task."""


class StoredDeadLetter(NamedTuple):
    """A dead letter as Firestore has it. Each attribute has the name of the document's field, except `id`, `problem`
    and `version`.

    Operators and other tools write to the collection, too. A field that is absent or malformed has the default.

    Attributes:
        id: the document's id: that of the delivery or, where the message names none, a hash of the message.
        state: its state. OPEN if the document has no valid state, since a person should look at it.
        reason: why the report became a dead letter: a DeadLetterReason, or the text of another tool.
        error: what went wrong.
        attempts: how often the worker was called for the report.
        cause: what it has in common with other dead letters, as an id; empty where the document has no valid one.
        payload: the task's fields as JSON has them; where the message is not a dead letter, its content.
        task_name: the name of the task that failed; empty where no task did.
        message_id: the id of the Pub/Sub message.
        failed_at: when the report was given up.
        received_at: when the DLQ handler stored the failure.
        alerted_at: when the last of all channels had taken the alert; None: not all have.
        alerts: the channels that have taken the alert, and when.
        replays: how many replays an operator has begun.
        in_replay: whether a replay has begun but may not have marked it yet. If the report fails again, the dead letter
            opens again, as if it were REPLAYED.
        replayed_at: when an operator replayed it last.
        dismissed_at: when an operator dismissed it last.
        reopened_at: when an operator took the dismissal back.
        settled_at: when it turned out that its report was sent.
        note: why it was dismissed.
        expire_at: when Firestore deletes it.
        problem: which of the fields that alerts depend on are absent or malformed; empty if none is. Valid only for a
            document that was read with all its fields.
        version: the update time of the document, set by the server; None where the caller does not know it.
    """

    id: str
    state: DeadLetterState
    reason: str = ""
    error: str = ""
    attempts: int = 0
    cause: str = ""
    payload: Mapping[str, Any] = {}
    task_name: str = ""
    message_id: str = ""
    failed_at: datetime | None = None
    received_at: datetime | None = None
    alerted_at: datetime | None = None
    alerts: Mapping[str, datetime] = {}
    replays: int = 0
    in_replay: bool = False
    replayed_at: datetime | None = None
    dismissed_at: datetime | None = None
    reopened_at: datetime | None = None
    settled_at: datetime | None = None
    note: str = ""
    expire_at: datetime | None = None
    problem: str = ""
    version: datetime | None = None

    @classmethod
    def from_snapshot(cls, snapshot: Any) -> "StoredDeadLetter | None":
        """Read a document, whatever is in it; None where there is no document.

        Args:
            snapshot: a FoundDocument, of all fields or of some.
        """
        fields = snapshot.fields
        return None if fields is None else cls.from_fields(snapshot.id, fields, version=snapshot.update_time)

    @classmethod
    def from_fields(
        cls, letter_id: str, document: Mapping[str, Any], *, version: datetime | None = None
    ) -> "StoredDeadLetter":
        """Read a document's fields, whatever they are.

        Args:
            letter_id: the document's id.
            document: its fields.
            version: the update time of the document.
        """
        state = next((state for state in DeadLetterState if state == document.get("state")), None)
        read = stored_values(cls, document)
        is_sound = {
            "state": state is not None,
            "cause": _CAUSE.fullmatch(read["cause"]) is not None,
            "failed_at": read["failed_at"] is not None,
            "received_at": read["received_at"] is not None,
            "alerted_at": document.get("alerted_at", "") is None or read["alerted_at"] is not None,
            "alerts": isinstance(document.get("alerts"), dict),
        }
        malformed = ", ".join(name for name, sound in is_sound.items() if not sound)
        own = {
            "id": letter_id,
            "state": state or DeadLetterState.OPEN,
            "cause": read["cause"] if is_sound["cause"] else "",
            "problem": f"dead_letters/{letter_id}: absent or malformed: {malformed}" if malformed else "",
            "version": version,
        }
        return cls(**read | own)

    @property
    def task(self) -> ReportTask | None:
        """What a replay puts into the queue; None where the dead letter names no report."""
        try:
            task = ReportTask.model_validate(self.payload)
        except ValidationError:
            return None
        # The worker refuses a task that names another delivery.
        return task if task.names_its_delivery else None

    def has_changed_since(self, moment: datetime | None) -> bool:
        """Whether it was written after a moment of Firestore's clock; False where there is none."""
        return moment is not None and self.version is not None and self.version > moment

    @property
    def needs_alert(self) -> bool:
        """Whether people still need an alert about it: not once it is closed."""
        return self.state is DeadLetterState.OPEN and self.alerted_at is None

    @property
    def opens_again(self) -> bool:
        """Whether a later failure of its report opens it again, so that people get an alert about that failure, too."""
        return self.state is not DeadLetterState.OPEN or self.in_replay

    def tells_of_same_failure(self, other: "StoredDeadLetter") -> bool:
        """Whether another reading of the document shows the same failure of its report, and not a later one."""
        return (self.failed_at, self.received_at) == (other.failed_at, other.received_at)


DEAD_LETTER_FIELDS = tuple(name for name in StoredDeadLetter._fields if name not in {"id", "problem", "version"})
"""The names of the document's fields."""


def replay_begun_fields(*, replays: int) -> dict[str, Any]:
    """An operator begins a replay. If the report fails before the replay marks the dead letter, people get another
    alert.

    Args:
        replays: the number of this replay.
    """
    return {"replays": replays, "in_replay": True}


def known_failure_fields(*, reason: DeadLetterReason, error: str, failed_at: datetime) -> dict[str, Any]:
    """The delivery has a later failure than the dead letter: the message about it is still to come, and changes
    nothing.

    Args:
        reason: why the report was given up.
        error: what went wrong.
        failed_at: when that was settled.
    """
    return {"reason": reason.value, "error": error, "failed_at": failed_at}


def replayed_fields(*, now: datetime) -> dict[str, Any]:
    """The report is back in the queue, or turned out to be final: the dead letter needs no one's attention.

    Args:
        now: when it is written, in UTC.
    """
    return {**_closed(DeadLetterState.REPLAYED, now), "replayed_at": now}


def dismissed_fields(*, note: str, now: datetime) -> dict[str, Any]:
    """An operator decides that the report is not to be sent.

    Args:
        note: why.
        now: when it is written, in UTC.
    """
    return {**_closed(DeadLetterState.DISMISSED, now), "dismissed_at": now, "note": note}


def reopened_fields(*, now: datetime) -> dict[str, Any]:
    """An operator takes a dismissal back.

    Args:
        now: when it is written, in UTC.
    """
    return {"state": DeadLetterState.OPEN.value, "reopened_at": now, "expire_at": now + OPEN_LETTER_RETENTION}


def settled_letter_fields(*, now: datetime) -> dict[str, Any]:
    """The report of unknown outcome was sent: the dead letter needs no one's attention.

    Args:
        now: when it is written, in UTC.
    """
    return {**_closed(DeadLetterState.SETTLED, now), "settled_at": now}


def _closed(state: DeadLetterState, now: datetime) -> dict[str, Any]:
    return {"state": state.value, "expire_at": now + CLOSED_LETTER_RETENTION}
