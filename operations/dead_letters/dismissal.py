"""Dismisses dead letters whose reports are not to be sent, or opens them again."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from functions.shared.firestore.database import Database
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.records.dead_letter import (
    DEAD_LETTERS,
    DeadLetterState,
    StoredDeadLetter,
    dismissed_fields,
    reopened_fields,
)
from operations.dead_letters.dead_letter_result import DeadLetterOutcome, DeadLetterResult, result_of


class DismissalOutcome(DeadLetterOutcome):
    """The result of dismissing one dead letter, or of opening it again. It is a success where the dead letter is now in
    the state that was asked for."""

    DISMISSED = "dismissed", "nothing more will be done about it", True
    ALREADY_DISMISSED = "already-dismissed", "it was dismissed before", True
    REOPENED = "reopened", "it is open: reports dead-letters replay sends its report", True
    ALREADY_OPEN = "already-open", "it is not dismissed, but open", True
    REPLAYED = "replayed", "it was replayed: it opens again if its report fails again"
    SETTLED = "settled", "its report was sent, and it is closed: nothing is left to do"
    CHANGED = "changed", "it has changed since you looked: nothing was done"
    NOT_FOUND = "not-found", "there is no such dead letter"
    ERROR = "error", "Firestore did not answer or refused"


def decide_dismissal(letter: StoredDeadLetter, *, wanted: DeadLetterState) -> DismissalOutcome:
    """Decide the result of dismissing a dead letter, or of opening it again.

    Args:
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
    """Dismisses dead letters, and opens them again. Safe for threads, and while other operators replay."""

    def __init__(self, *, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def dismiss(self, letter_id: str, *, note: str, as_of: datetime | None = None) -> DeadLetterResult:
        """Dismiss one dead letter. Raises nothing for one that cannot be dismissed, except UNREACHABLE.

        Args:
            note: why; kept with it.
            as_of: leave it if it has changed since this moment of Firestore's clock; None: dismiss it as it is.
        """
        fields = dismissed_fields(note=note, now=self._now())
        return self._change(letter_id, DeadLetterState.DISMISSED, fields, as_of)

    def reopen(self, letter_id: str, *, as_of: datetime | None = None) -> DeadLetterResult:
        """Open one dismissed dead letter again. Raises nothing for one that cannot be opened, except UNREACHABLE.

        Args:
            as_of: leave it if it has changed since this moment of Firestore's clock; None: open it as it is.
        """
        return self._change(letter_id, DeadLetterState.OPEN, reopened_fields(now=self._now()), as_of)

    def _change(
        self, letter_id: str, wanted: DeadLetterState, fields: Mapping[str, Any], as_of: datetime | None
    ) -> DeadLetterResult:
        def decided(found: FoundDocument) -> tuple[DismissalOutcome, Mapping[str, Any]]:
            letter = StoredDeadLetter.from_snapshot(found)
            if letter and letter.has_changed_since(as_of):
                return DismissalOutcome.CHANGED, {}
            outcome = decide_dismissal(letter, wanted=wanted) if letter else DismissalOutcome.NOT_FOUND
            return outcome, fields if outcome in {DismissalOutcome.DISMISSED, DismissalOutcome.REOPENED} else {}

        path = f"{DEAD_LETTERS}/{letter_id}"
        return result_of(letter_id, lambda: self._database.change(path, decided), failed=DismissalOutcome.ERROR)
