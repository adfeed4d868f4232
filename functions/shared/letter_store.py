"""Reads and writes a delivery and its dead letter together: what one says of the other holds."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from google.api_core.exceptions import Aborted
from google.cloud import firestore

from functions.shared.dead_letter import DEAD_LETTERS, DeadLetterState, StoredDeadLetter, replayed_fields
from functions.shared.delivery import DELIVERIES, Delivery
from functions.shared.firestore_calls import (
    CALL_SECONDS,
    CHANGED,
    MOST_TURNS,
    ONE_CALL_SECONDS,
    FoundDocument,
    change,
    creation,
    firestore_calls,
    retry_for,
)
from functions.shared.mail_event import MAIL_EVENTS, MailRecord
from functions.shared.stored_fields import stored_version

Result = TypeVar("Result")

Decide = Callable[
    [Delivery | None, StoredDeadLetter | None, MailRecord | None],
    tuple[Result, Mapping[str, Any], Mapping[str, Any]],
]
"""Decides by a delivery, its dead letter and its mail events: returns its result, and the fields to write to the
delivery and to its dead letter; none where it stays."""


class LetterStore:
    """Reads and writes deliveries with their dead letters. Safe for threads.

    Args:
        client: the Firestore client.
    """

    def __init__(self, client: firestore.Client) -> None:
        self._client = client
        self._calls = firestore_calls(client)

    def decide(self, delivery_id: str, decide: Decide[Result], *, letter_id: str = "") -> Result:
        """Read the documents at one moment, decide, and write what was decided: all or nothing. Where others have
        written them meanwhile, decide again.

        Args:
            delivery_id: which delivery.
            decide: see Decide.
            letter_id: the dead letter's id, where that is not the delivery's.

        Raises:
            google.api_core.exceptions.GoogleAPIError: Firestore failed, or others kept writing the documents.
        """
        places = [
            self._client.collection(DELIVERIES).document(delivery_id),
            self._client.collection(DEAD_LETTERS).document(letter_id or delivery_id),
            self._client.collection(MAIL_EVENTS).document(delivery_id),
        ]
        for _ in range(MOST_TURNS):
            found = self._calls.get_all(places, retry=retry_for(CALL_SECONDS), timeout=ONE_CALL_SECONDS)
            delivery, letter, record = (found[each.path] for each in places)
            result, of_delivery, of_letter = decide(
                Delivery.from_snapshot(delivery),
                StoredDeadLetter.from_snapshot(letter),
                MailRecord.from_snapshot(record),
            )
            writes = [
                _write(place, each, fields)
                for place, each, fields in ((places[0], delivery, of_delivery), (places[1], letter, of_letter))
                if fields
            ]
            try:
                if writes:
                    self._calls.commit(writes, retry=retry_for(CALL_SECONDS), timeout=ONE_CALL_SECONDS)
            except CHANGED:
                continue
            return result
        raise Aborted("others kept writing the documents")  # type: ignore[no-untyped-call]  # google-api-core

    def close(self, delivery_id: str, *, now: datetime) -> None:
        """Mark the dead letter of a replayed delivery that is final now, where the replay was interrupted before it
        did."""

        def decide(
            _delivery: Delivery | None, letter: StoredDeadLetter | None, _record: MailRecord | None
        ) -> tuple[None, Mapping[str, Any], Mapping[str, Any]]:
            is_left = letter is not None and letter.state is DeadLetterState.OPEN and letter.in_replay
            return None, {}, replayed_fields(now=now) if is_left else {}

        self.decide(delivery_id, decide)


def _write(place: Any, found: FoundDocument, fields: Mapping[str, Any]) -> Any:
    return change(place, fields, stored_version(found)) if found.exists else creation(place, fields)
