"""Reads the dead letters that the DLQ handler keeps, for the operator."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from functions.shared.dead_letter import DEAD_LETTERS, DeadLetterReason, DeadLetterState, StoredDeadLetter
from functions.shared.delivery import DELIVERIES, Delivery
from functions.shared.ids import is_document_id
from functions.shared.logging import redact_addresses
from operations import document_fields
from operations.deliveries import delivery_row
from operations.errors import NotFound
from operations.letter_causes import CauseCount, by_cause
from operations.page import Page, read_page
from operations.threads import in_threads

_CAUSES_FROM = 100
"""The newest dead letters whose causes are shown: each further one would be read for a line at the end."""

_CAUSE_FIELDS = ("cause", "reason", "error", "received_at")


class DeadLetters:
    """Reads `dead_letters`.

    Args:
        client: the Firestore client.
    """

    def __init__(self, client: firestore.Client) -> None:
        self._client = client
        self._letters = client.collection(DEAD_LETTERS)

    def find(
        self,
        *,
        state: DeadLetterState | None,
        reason: DeadLetterReason | None = None,
        cause: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> Iterator[StoredDeadLetter]:
        """Dead letters, the newest first, by an index of state, one of reason and state, and one of cause and state,
        each with `received_at`.

        Args:
            state: only those in this state; None for all.
            reason: only those with this reason; not together with a cause, which has only one.
            cause: only those of this cause.
            since: only those received since.
            until: only those received until then.
            limit: how many at most; None for all.
        """
        query = self._query(state=state, reason=reason, cause=cause, since=since, until=until)
        query = query.order_by("received_at", direction=firestore.Query.DESCENDING)
        for snapshot in (query.limit(limit) if limit is not None else query).stream():
            if letter := StoredDeadLetter.from_snapshot(snapshot):
                yield letter

    def count(
        self,
        *,
        state: DeadLetterState | None,
        reason: DeadLetterReason | None = None,
        cause: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> int:
        """How many dead letters `find` would find, counted in the index."""
        query = self._query(state=state, reason=reason, cause=cause, since=since, until=until)
        return document_fields.count(query.order_by("received_at", direction=firestore.Query.DESCENDING))

    def page(
        self,
        *,
        state: DeadLetterState | None,
        reason: DeadLetterReason | None = None,
        cause: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None,
        limit: int,
    ) -> Page[StoredDeadLetter]:
        """What `find` finds, page by page.

        Args:
            state: as of `find`, and so are the others.
            reason: why.
            cause: of what cause.
            since: received since.
            until: received until then.
            after: the id of the dead letter after which the page begins; None for the first page.
            limit: how many at most.
        """
        query = self._query(state=state, reason=reason, cause=cause, since=since, until=until)
        query = query.order_by("received_at", direction=firestore.Query.DESCENDING)
        return read_page(query, self._letters, after=after, limit=limit, read=StoredDeadLetter.from_snapshot)

    def causes(
        self,
        *,
        state: DeadLetterState,
        reason: DeadLetterReason | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[CauseCount]:
        """The causes of the newest dead letters, those with the most first. All of each cause are counted, in the
        index.

        Args:
            state: only of those in this state.
            reason: only of those with this reason.
            since: only of those received since.
            until: only of those received until then.
        """
        newest = self._query(state=state, reason=reason, cause=None, since=since, until=until)
        newest = newest.order_by("received_at", direction=firestore.Query.DESCENDING).select(_CAUSE_FIELDS)
        found = (StoredDeadLetter.from_snapshot(each) for each in newest.limit(_CAUSES_FROM).stream())
        causes = [each for each in by_cause(letter for letter in found if letter) if each.cause]
        counts = in_threads(
            lambda each: self.count(state=state, cause=each.cause, since=since, until=until),
            causes,
        )
        counted = [replace(each, count=count) for each, count in zip(causes, counts, strict=True)]
        return sorted(counted, key=lambda each: -each.count)

    def of_run(self, run_id: str, *, limit: int) -> list[StoredDeadLetter]:
        """Dead letters of a run's reports, in any state and order; found by the index that Firestore has of each field.

        Args:
            run_id: the run.
            limit: how many at most.
        """
        query: Any = self._letters.where(filter=FieldFilter("payload.run_id", "==", run_id))
        found = (StoredDeadLetter.from_snapshot(each) for each in query.select(_CAUSE_FIELDS).limit(limit).stream())
        return [letter for letter in found if letter]

    def of_ids(self, letter_ids: Sequence[str]) -> list[StoredDeadLetter]:
        """Dead letters by their ids; those that do not exist are left out."""
        references = [self._letters.document(each) for each in letter_ids if is_document_id(each)]
        found = map(StoredDeadLetter.from_snapshot, self._client.get_all(references) if references else ())
        return [letter for letter in found if letter]

    def _query(
        self,
        *,
        state: DeadLetterState | None,
        reason: DeadLetterReason | None,
        cause: str | None,
        since: datetime | None,
        until: datetime | None,
    ) -> Any:
        query: Any = self._letters
        if state is not None:
            query = query.where(filter=FieldFilter("state", "==", state.value))
        field, value = ("cause", cause) if cause else ("reason", reason.value if reason else None)
        if value is not None:
            query = query.where(filter=FieldFilter(field, "==", value))
            if state is None:
                # The index with the state answers this, and one without it is not needed.
                any_state = [each.value for each in DeadLetterState]
                query = query.where(filter=FieldFilter("state", "in", any_state))
        if since is not None:
            query = query.where(filter=FieldFilter("received_at", ">=", since))
        if until is not None:
            query = query.where(filter=FieldFilter("received_at", "<=", until))
        return query

    def with_delivery_states(self, letters: Iterable[StoredDeadLetter]) -> list[dict[str, Any]]:
        """Dead letters as JSON shows them, each with where its delivery stands now; null where there is none."""
        letters = list(letters)
        deliveries = self._client.collection(DELIVERIES)
        references = [deliveries.document(task.delivery_id) for letter in letters if (task := letter.task)]
        states = {
            delivery.id: delivery.state.value
            for snapshot in self._client.get_all(references, field_paths=["state"])
            if (delivery := Delivery.from_snapshot(snapshot))
        }
        return [
            {
                **dead_letter_row(letter),
                "delivery_state": states.get(task.delivery_id) if (task := letter.task) else None,
            }
            for letter in letters
        ]

    def get(self, letter_id: str) -> StoredDeadLetter:
        """One dead letter.

        Raises:
            NotFound: there is no dead letter of this id.
        """
        snapshot = self._letters.document(letter_id).get() if is_document_id(letter_id) else None
        letter = StoredDeadLetter.from_snapshot(snapshot) if snapshot is not None else None
        if letter is None:
            raise NotFound(f"There is no dead letter {letter_id}: reports dead-letters list shows them.")
        return letter

    def show(self, letter_id: str) -> dict[str, Any]:
        """One dead letter as JSON shows it, with its payload and its delivery.

        Raises:
            NotFound: there is no dead letter of this id.
        """
        letter = self.get(letter_id)
        task = letter.task
        snapshot = self._client.collection(DELIVERIES).document(task.delivery_id).get() if task else None
        delivery = Delivery.from_snapshot(snapshot) if snapshot is not None else None
        return {
            **dead_letter_row(letter),
            "payload": document_fields.redacted_tree(letter.payload),
            "delivery": delivery_row(delivery) if delivery else None,
        }


def dead_letter_row(letter: StoredDeadLetter) -> dict[str, Any]:
    """A dead letter as JSON shows it. Texts come without e-mail addresses; ids stay as they are."""
    payload = letter.payload
    return {
        "dead_letter_id": letter.id,
        "state": letter.state.value,
        "reason": redact_addresses(letter.reason),
        "error": redact_addresses(letter.error) or None,
        "attempts": letter.attempts,
        "user_id": document_fields.identifier(payload, "user_id"),
        "subscription_id": document_fields.identifier(payload, "subscription_id"),
        "delivery_id": document_fields.identifier(payload, "delivery_id"),
        "due_at": document_fields.text(payload, "due_at"),
        "run_id": document_fields.identifier(payload, "run_id"),
        "kind": document_fields.text(payload, "kind"),
        "task_name": letter.task_name or None,
        "failed_at": letter.failed_at,
        "received_at": letter.received_at,
        "alerted_at": letter.alerted_at,
        "replays": letter.replays,
        "replayed_at": letter.replayed_at,
        "dismissed_at": letter.dismissed_at,
        "reopened_at": letter.reopened_at,
        "settled_at": letter.settled_at,
        "note": redact_addresses(letter.note) or None,
    }
