"""Which dead letters are meant. Pure."""

from dataclasses import dataclass
from datetime import datetime

from functions.shared.records.dead_letter import DeadLetterReason, DeadLetterState, StoredDeadLetter


@dataclass(frozen=True, kw_only=True)
class LetterFilter:
    """Which dead letters are meant. What is empty or None leaves all. An index of state, one of reason and state, and
    one of cause and state find them, each with `received_at`.

    Attributes:
        reason: why they are dead letters; ignored where there is a cause, which has only one.
    """

    state: DeadLetterState | None = DeadLetterState.OPEN
    reason: DeadLetterReason | None = None
    cause: str = ""
    since: datetime | None = None
    until: datetime | None = None
    user_id: str = ""
    run_id: str = ""
    kind: str = ""

    @property
    def is_by_index(self) -> bool:
        """Whether an index finds those that are meant, and no others."""
        return not (self.user_id or self.run_id or self.kind)

    def matches(self, letter: StoredDeadLetter) -> bool:
        """Whether a dead letter is meant."""
        wanted = (
            (self.state, letter.state),
            (None if self.cause else self.reason, letter.reason),
            (self.cause, letter.cause),
            (self.user_id, letter.payload.get("user_id")),
            (self.run_id, letter.payload.get("run_id")),
            (self.kind, letter.payload.get("kind")),
        )
        at = letter.received_at
        return (
            all(found == asked for asked, found in wanted if asked)
            and (self.since is None or (at is not None and at >= self.since))
            and (self.until is None or (at is not None and at <= self.until))
        )
