"""Dismisses dead letters whose reports are not to be sent, or opens them again."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from google.api_core.exceptions import GoogleAPIError

from functions.shared.firestore.database import Database
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.records.dead_letter import (
    DEAD_LETTERS,
    DeadLetterState,
    StoredDeadLetter,
    dismissed_fields,
    reopened_fields,
)
from operations.dead_letters.dead_letter_result import DeadLetterResult
from operations.failures import UNREACHABLE, describe


class DismissalOutcome(StrEnum):
    """The result of dismissing one dead letter, or of opening it again."""

    DISMISSED = "dismissed"
    ALREADY_DISMISSED = "already-dismissed"
    REOPENED = "reopened"
    ALREADY_OPEN = "already-open"
    REPLAYED = "replayed"
    SETTLED = "settled"
    NOT_FOUND = "not-found"
    ERROR = "error"

    @property
    def is_success(self) -> bool:
        """Whether the dead letter is now in the state that was asked for."""
        return self in {
            DismissalOutcome.DISMISSED,
            DismissalOutcome.ALREADY_DISMISSED,
            DismissalOutcome.REOPENED,
            DismissalOutcome.ALREADY_OPEN,
        }

    @property
    def explanation(self) -> str:
        """What it means."""
        return _EXPLANATIONS[self]


_EXPLANATIONS = {
    DismissalOutcome.DISMISSED: "nothing more will be done about it",
    DismissalOutcome.ALREADY_DISMISSED: "it was dismissed before",
    DismissalOutcome.REOPENED: "it is open: reports dead-letters replay sends its report",
    DismissalOutcome.ALREADY_OPEN: "it is not dismissed, but open",
    DismissalOutcome.REPLAYED: "it was replayed: it opens again if its report fails again",
    DismissalOutcome.SETTLED: "its report was sent, and it is closed: nothing is left to do",
    DismissalOutcome.NOT_FOUND: "there is no such dead letter",
    DismissalOutcome.ERROR: "Firestore did not answer or refused",
}


def decide_dismissal(letter: StoredDeadLetter, *, wanted: DeadLetterState) -> DismissalOutcome:
    """Decide the result of dismissing a dead letter, or of opening it again.

    Args:
        letter: the dead letter.
        wanted: DISMISSED or OPEN.
    """
    is_dismissed = letter.state is DeadLetterState.DISMISSED
    if letter.state is DeadLetterState.REPLAYED:
        return DismissalOutcome.REPLAYED
    if letter.state is DeadLetterState.SETTLED:
        return DismissalOutcome.SETTLED
    if wanted is DeadLetterState.DISMISSED:
        return DismissalOutcome.ALREADY_DISMISSED if is_dismissed else DismissalOutcome.DISMISSED
    return DismissalOutcome.REOPENED if is_dismissed else DismissalOutcome.ALREADY_OPEN


class Dismissals:
    """Dismisses dead letters, and opens them again. Safe for threads, and while other operators replay.

    Args:
        database: the Firestore database.
        now: the present, in UTC.
    """

    def __init__(self, *, database: Database, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._now = now

    def dismiss(self, letter_id: str, *, note: str) -> DeadLetterResult:
        """Dismiss one dead letter. Raises nothing for one that cannot be dismissed, except UNREACHABLE.

        Args:
            letter_id: the dead letter.
            note: why; kept with it.
        """
        return self._change(letter_id, DeadLetterState.DISMISSED, dismissed_fields(note=note, now=self._now()))

    def reopen(self, letter_id: str) -> DeadLetterResult:
        """Open one dismissed dead letter again. Raises nothing for one that cannot be opened, except UNREACHABLE."""
        return self._change(letter_id, DeadLetterState.OPEN, reopened_fields(now=self._now()))

    def _change(self, letter_id: str, wanted: DeadLetterState, fields: dict[str, Any]) -> DeadLetterResult:
        try:
            return DeadLetterResult(letter_id=letter_id, outcome=self._write(letter_id, wanted, fields))
        except UNREACHABLE:
            raise
        except GoogleAPIError as error:
            return DeadLetterResult(letter_id=letter_id, outcome=DismissalOutcome.ERROR, detail=describe(error))

    def _write(self, letter_id: str, wanted: DeadLetterState, fields: dict[str, Any]) -> DismissalOutcome:
        def decided(found: FoundDocument) -> tuple[DismissalOutcome, Mapping[str, Any]]:
            letter = StoredDeadLetter.from_snapshot(found)
            outcome = decide_dismissal(letter, wanted=wanted) if letter else DismissalOutcome.NOT_FOUND
            return outcome, fields if outcome in {DismissalOutcome.DISMISSED, DismissalOutcome.REOPENED} else {}

        return self._database.change(f"{DEAD_LETTERS}/{letter_id}", decided)
