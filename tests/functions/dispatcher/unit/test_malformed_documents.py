"""Whether people know of a malformed document."""

from datetime import UTC, datetime, timedelta

import pytest

from functions.dispatcher.malformed_documents import is_told
from functions.shared.records.dead_letter import DeadLetterState, StoredDeadLetter

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("state", "failed_at", "expected"),
    [
        pytest.param(None, None, False, id="no dead letter"),
        pytest.param(DeadLetterState.OPEN, NOON - HOUR, True, id="open, whatever was written since"),
        pytest.param(DeadLetterState.DISMISSED, NOON + HOUR, True, id="closed, and the document is as it was"),
        pytest.param(DeadLetterState.DISMISSED, NOON, True, id="closed, written in the very moment"),
        pytest.param(DeadLetterState.DISMISSED, NOON - HOUR, False, id="closed, and written since"),
        pytest.param(DeadLetterState.DISMISSED, None, False, id="closed, without a time"),
    ],
)
def test_is_told(state: DeadLetterState | None, failed_at: datetime | None, expected: bool) -> None:
    letter = StoredDeadLetter(id="u1:default:malformed", state=state, failed_at=failed_at) if state else None
    assert is_told(letter, updated_at=NOON) is expected
