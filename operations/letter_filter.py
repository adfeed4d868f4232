"""Which dead letters are meant. Pure."""

from dataclasses import dataclass
from datetime import datetime

from functions.shared.dead_letter import DeadLetterReason, DeadLetterState


@dataclass(frozen=True, kw_only=True)
class LetterFilter:
    """Which dead letters are meant. An index of state, one of reason and state, and one of cause and state find them,
    each with `received_at`.

    Attributes:
        state: where they stand; None for all.
        reason: why they are dead letters; None for any. Where there is a cause, which has only one, it counts.
        cause: the id of their cause; empty for any.
        since: when they were received at the earliest.
        until: when they were received at the latest.
    """

    state: DeadLetterState | None = DeadLetterState.OPEN
    reason: DeadLetterReason | None = None
    cause: str = ""
    since: datetime | None = None
    until: datetime | None = None
