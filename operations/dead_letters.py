"""The dead letters that the DLQ handler keeps: found and read."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter
from pydantic import ValidationError

from functions.shared.dead_letter import DeadLetterReason, DeadLetterState
from functions.shared.ids import delivery_id
from functions.shared.report_task import ReportTask
from operations import deliveries, documents
from operations.errors import NotFound


@dataclass(frozen=True, kw_only=True)
class StoredLetter:
    """A dead letter as it is kept.

    Attributes:
        id: the delivery's, or a hash of the message where it names none.
        state: as the document has it.
        reason: why it became one.
        replays: how often it was replayed.
        failure: what tells this failure from a later one of the same delivery.
        task: what a replay puts into the queue; None where the letter names no report.
    """

    id: str
    state: str
    reason: str
    replays: int
    failure: tuple[datetime | None, datetime | None]
    task: ReportTask | None
    fields: Mapping[str, Any] = field(repr=False)

    @classmethod
    def from_document(cls, letter_id: str, fields: Mapping[str, Any]) -> "StoredLetter":
        """Read a document of `dead_letters`, whatever is in it."""
        return cls(
            id=letter_id,
            state=documents.text(fields, "state") or DeadLetterState.OPEN,
            reason=documents.text(fields, "reason") or "",
            replays=documents.number(fields, "replays"),
            failure=(documents.moment(fields, "failed_at"), documents.moment(fields, "received_at")),
            task=_task(fields),
            fields=fields,
        )

    def to_row(self) -> dict[str, Any]:
        """The dead letter as JSON shows it."""
        fields, payload = self.fields, _payload(self.fields)
        return {
            "dead_letter_id": self.id,
            "state": self.state,
            "reason": self.reason,
            "error": documents.text(fields, "error"),
            "attempts": documents.number(fields, "attempts"),
            "user_id": documents.identifier(payload, "user_id"),
            "delivery_id": documents.identifier(payload, "delivery_id"),
            "due_at": documents.text(payload, "due_at"),
            "run_id": documents.identifier(payload, "run_id"),
            "kind": documents.text(payload, "kind"),
            "task_name": documents.identifier(fields, "task_name"),
            "failed_at": documents.moment(fields, "failed_at"),
            "received_at": documents.moment(fields, "received_at"),
            "alerted_at": documents.moment(fields, "alerted_at"),
            "replays": self.replays,
            "replayed_at": documents.moment(fields, "replayed_at"),
            "dismissed_at": documents.moment(fields, "dismissed_at"),
            "reopened_at": documents.moment(fields, "reopened_at"),
            "note": documents.text(fields, "note"),
        }


class DeadLetters:
    """Reads `dead_letters`.

    Args:
        client: the Firestore client.
    """

    def __init__(self, client: firestore.Client) -> None:
        self._client = client
        self._letters = client.collection("dead_letters")

    def find(
        self,
        *,
        state: DeadLetterState | None,
        reason: DeadLetterReason | None = None,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> Iterator[StoredLetter]:
        """Dead letters, the newest first, by an index of state and one of reason and state, each with `received_at`.

        Args:
            state: only those in this state; None for all.
            reason: only those with this reason.
            since: only those received since.
            limit: how many at most; None for all.
        """
        query: Any = self._letters
        if state is not None:
            query = query.where(filter=FieldFilter("state", "==", state.value))
        if reason is not None:
            query = query.where(filter=FieldFilter("reason", "==", reason.value))
            if state is None:
                # Answered by the index of reason and state: one of reason alone is not needed then.
                query = query.where(
                    filter=FieldFilter("state", "in", [any_state.value for any_state in DeadLetterState])
                )
        if since is not None:
            query = query.where(filter=FieldFilter("received_at", ">=", since))
        query = query.order_by("received_at", direction=firestore.Query.DESCENDING)
        for snapshot in (query.limit(limit) if limit is not None else query).stream():
            yield StoredLetter.from_document(snapshot.id, documents.fields_of(snapshot))

    def with_delivery_states(self, letters: Iterable[StoredLetter]) -> list[dict[str, Any]]:
        """Dead letters as JSON shows them, each with where its delivery stands now; null where there is none."""
        letters = list(letters)
        deliveries = self._client.collection("deliveries")
        references = [deliveries.document(letter.task.delivery_id) for letter in letters if letter.task]
        states = {
            snapshot.id: documents.text(documents.fields_of(snapshot), "state")
            for snapshot in self._client.get_all(references, field_paths=["state"])
        }
        return [
            {**letter.to_row(), "delivery_state": states.get(letter.task.delivery_id) if letter.task else None}
            for letter in letters
        ]

    def get(self, letter_id: str) -> StoredLetter:
        """One dead letter.

        Raises:
            NotFound: there is none of this id.
        """
        snapshot = self._letters.document(letter_id).get() if _may_be_an_id(letter_id) else None
        if snapshot is None or not snapshot.exists:
            raise NotFound(f"There is no dead letter {letter_id}: reports dead-letters list shows them.")
        return StoredLetter.from_document(snapshot.id, documents.fields_of(snapshot))

    def show(self, letter_id: str) -> dict[str, Any]:
        """One dead letter, with its payload, and with what the ledger has of its delivery.

        Raises:
            NotFound: there is none of this id.
        """
        letter = self.get(letter_id)
        row = {**letter.to_row(), "payload": documents.redacted_tree(_payload(letter.fields)), "delivery": None}
        if letter.task is not None:
            snapshot = self._client.collection("deliveries").document(letter.task.delivery_id).get()
            if snapshot.exists:
                row["delivery"] = deliveries.to_row(snapshot.id, documents.fields_of(snapshot))
        return row


def _payload(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The task's fields, as the DLQ handler keeps them; of a message that is no dead letter its content."""
    payload = fields.get("payload")
    return payload if isinstance(payload, dict) else {}


def _task(fields: Mapping[str, Any]) -> ReportTask | None:
    try:
        task = ReportTask.model_validate(_payload(fields))
    except ValidationError:
        return None
    # The worker takes no task of one report that is named as another's.
    return task if task.delivery_id == delivery_id(task.user_id, task.due_at) else None


def _may_be_an_id(text: str) -> bool:
    return bool(text) and "/" not in text
