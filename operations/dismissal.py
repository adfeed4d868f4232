"""Dismisses dead letters, since nothing will be done about them and somebody has said so; or opens them again."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from google.api_core.exceptions import GoogleAPIError
from google.cloud import firestore

from functions.shared.dead_letter import CLOSED_LETTER_RETENTION, OPEN_LETTER_RETENTION, DeadLetterState
from operations import documents
from operations.dead_letters import StoredLetter
from operations.errors import UNREACHABLE, describe
from operations.result import Result


class Outcome(StrEnum):
    """What came of dismissing one dead letter, or of opening it again."""

    DISMISSED = "dismissed"
    ALREADY_DISMISSED = "already-dismissed"
    REOPENED = "reopened"
    ALREADY_OPEN = "already-open"
    REPLAYED = "replayed"
    NOT_FOUND = "not-found"
    ERROR = "error"

    @property
    def is_success(self) -> bool:
        """Whether the letter is now as it was to be."""
        return self in {Outcome.DISMISSED, Outcome.ALREADY_DISMISSED, Outcome.REOPENED, Outcome.ALREADY_OPEN}

    @property
    def explanation(self) -> str:
        """What it means."""
        return _EXPLANATIONS[self]


_EXPLANATIONS = {
    Outcome.DISMISSED: "nothing more will be done about it",
    Outcome.ALREADY_DISMISSED: "it was dismissed before",
    Outcome.REOPENED: "it is open: reports dead-letters replay sends its report",
    Outcome.ALREADY_OPEN: "it is not dismissed, but open",
    Outcome.REPLAYED: "it was replayed: it opens again if its report fails again",
    Outcome.NOT_FOUND: "there is no such dead letter",
    Outcome.ERROR: "Firestore could not be asked or told",
}


def judge(state: str, *, wanted: DeadLetterState) -> Outcome:
    """What comes of having a dead letter dismissed, or open again.

    Args:
        state: where it stands.
        wanted: DISMISSED or OPEN.
    """
    if state == DeadLetterState.REPLAYED:
        return Outcome.REPLAYED
    if wanted is DeadLetterState.DISMISSED:
        return Outcome.ALREADY_DISMISSED if state == DeadLetterState.DISMISSED else Outcome.DISMISSED
    return Outcome.REOPENED if state == DeadLetterState.DISMISSED else Outcome.ALREADY_OPEN


class Dismissals:
    """Dismisses dead letters, and opens them again. Safe for threads, and beside those who replay.

    Args:
        client: the Firestore client.
        now: the present, in UTC.
    """

    def __init__(self, *, client: firestore.Client, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._client = client
        self._now = now

    def dismiss(self, letter_id: str, *, note: str) -> Result:
        """Dismiss one dead letter. Nothing is raised for one that cannot be, except UNREACHABLE.

        Args:
            letter_id: which.
            note: why; kept with it.
        """
        now = self._now()
        fields = {"dismissed_at": now, "note": note, "expire_at": now + CLOSED_LETTER_RETENTION}
        return self._change(letter_id, DeadLetterState.DISMISSED, fields)

    def reopen(self, letter_id: str) -> Result:
        """Open one dismissed dead letter again. Nothing is raised for one that cannot be, except UNREACHABLE."""
        now = self._now()
        fields = {"reopened_at": now, "expire_at": now + OPEN_LETTER_RETENTION}
        return self._change(letter_id, DeadLetterState.OPEN, fields)

    def _change(self, letter_id: str, wanted: DeadLetterState, fields: Mapping[str, Any]) -> Result:
        try:
            return Result(letter_id=letter_id, outcome=self._write(letter_id, wanted, fields))
        except UNREACHABLE:
            raise
        except (GoogleAPIError, ValueError) as error:
            return Result(letter_id=letter_id, outcome=Outcome.ERROR, detail=describe(error))

    def _write(self, letter_id: str, wanted: DeadLetterState, fields: Mapping[str, Any]) -> Outcome:
        reference = self._client.collection("dead_letters").document(letter_id)

        @firestore.transactional
        def carry_out(transaction: Any) -> Outcome:
            snapshot = reference.get(transaction=transaction)
            if not snapshot.exists:
                return Outcome.NOT_FOUND
            letter = StoredLetter.from_document(snapshot.id, documents.fields_of(snapshot))
            outcome = judge(letter.state, wanted=wanted)
            if outcome in {Outcome.DISMISSED, Outcome.REOPENED}:
                transaction.update(reference, {"state": wanted.value, **fields})
            return outcome

        outcome: Outcome = carry_out(self._client.transaction())
        return outcome
