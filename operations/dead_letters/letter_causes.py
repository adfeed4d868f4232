"""Dead letters by what they have in common. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from functions.shared.logging import redact_addresses
from functions.shared.records.dead_letter import StoredDeadLetter


@dataclass(frozen=True, kw_only=True)
class CauseCount:
    """The dead letters of one cause.

    Attributes:
        cause: its id; empty where the dead letters have none.
        error: what the newest of them says, without addresses.
    """

    cause: str
    reason: str
    error: str
    count: int
    newest_at: datetime | None


def by_cause(letters: Iterable[StoredDeadLetter]) -> list[CauseCount]:
    """The causes of dead letters, those with the most first."""
    counts: Counter[tuple[str, str]] = Counter()
    newest: dict[tuple[str, str], StoredDeadLetter] = {}
    for letter in letters:
        # Those without a cause have no more in common than their reason.
        group = (letter.cause, "" if letter.cause else letter.reason)
        counts[group] += 1
        before = newest.get(group)
        if before is None or _is_newer(letter, before):
            newest[group] = letter
    return [
        CauseCount(
            cause=letter.cause,
            reason=redact_addresses(letter.reason),
            error=redact_addresses(letter.error),
            count=count,
            newest_at=letter.received_at,
        )
        for group, count in counts.most_common()
        for letter in [newest[group]]
    ]


def _is_newer(letter: StoredDeadLetter, other: StoredDeadLetter) -> bool:
    return letter.received_at is not None and (other.received_at is None or letter.received_at > other.received_at)
