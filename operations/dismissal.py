"""Dismisses dead letters: nothing will be done about them, and somebody has said so."""

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from google.api_core.exceptions import GoogleAPIError
from google.cloud import firestore

from operations import documents
from operations.dead_letters import LetterState, StoredLetter
from operations.errors import UNREACHABLE
from operations.output import printable
from operations.result import Result


class Outcome(StrEnum):
    """What came of dismissing one dead letter."""

    DISMISSED = "dismissed"
    ALREADY_DISMISSED = "already-dismissed"
    REPLAYED = "replayed"
    NOT_FOUND = "not-found"
    ERROR = "error"

    @property
    def is_success(self) -> bool:
        """Whether the letter is dismissed now."""
        return self in {Outcome.DISMISSED, Outcome.ALREADY_DISMISSED}

    @property
    def explanation(self) -> str:
        """What it means."""
        return _EXPLANATIONS[self]


_EXPLANATIONS = {
    Outcome.DISMISSED: "nothing more will be done about it",
    Outcome.ALREADY_DISMISSED: "it was dismissed before",
    Outcome.REPLAYED: "it was replayed: it opens again if its report fails again",
    Outcome.NOT_FOUND: "there is no such dead letter",
    Outcome.ERROR: "Firestore could not be asked or told",
}


def judge(state: str) -> Outcome:
    """What comes of dismissing a dead letter that is in a state."""
    match state:
        case LetterState.DISMISSED:
            return Outcome.ALREADY_DISMISSED
        case LetterState.REPLAYED:
            return Outcome.REPLAYED
        case _:
            return Outcome.DISMISSED


class Dismissal:
    """Dismisses dead letters. Safe for threads.

    Args:
        client: the Firestore client.
        note: why, kept with each.
        now: the present, in UTC.
    """

    def __init__(
        self, *, client: firestore.Client, note: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._client = client
        self._note = note
        self._now = now

    def __call__(self, letter_id: str) -> Result:
        """Dismiss one dead letter. Nothing is raised for one that cannot be, except UNREACHABLE."""
        try:
            return Result(letter_id=letter_id, outcome=self._dismiss(letter_id))
        except UNREACHABLE:
            raise
        except (GoogleAPIError, ValueError) as error:
            return Result(letter_id=letter_id, outcome=Outcome.ERROR, detail=printable(str(error)).replace("\n", " "))

    def _dismiss(self, letter_id: str) -> Outcome:
        reference = self._client.collection("dead_letters").document(letter_id)

        @firestore.transactional
        def carry_out(transaction: Any) -> Outcome:
            snapshot = reference.get(transaction=transaction)
            if not snapshot.exists:
                return Outcome.NOT_FOUND
            outcome = judge(StoredLetter.from_document(snapshot.id, documents.fields_of(snapshot)).state)
            if outcome is Outcome.DISMISSED:
                fields = {"state": LetterState.DISMISSED.value, "dismissed_at": self._now(), "note": self._note}
                transaction.update(reference, fields)
            return outcome

        outcome: Outcome = carry_out(self._client.transaction())
        return outcome
