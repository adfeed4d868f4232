"""Who is told, when: at once of the first dead letter of a cause, and of all that follow in one message a minute.

Pure: the decision is made over what is stored of the cause, and nothing here knows where that is.

The dead letters themselves are the count of what is still to be told, so nothing is lost with a counter. One message of
a cause, the herald, is not acknowledged while something is still to be told: Pub/Sub delivers it again, and that brings
the next alert about, also when no other dead letter follows. All others are acknowledged as soon as they are stored.

That is safe because a dead letter is stored before the cause's state is read, and the state is claimed, which takes the
herald away, before the dead letters that are still to be told are read. Who saw a herald and left was stored before
that herald's claim, and is in the alert that follows it.

Should Pub/Sub give the herald's message up, after the day that Eventarc keeps it, the next dead letter of the cause
brings the alert about in its place.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

PAUSE = timedelta(minutes=1)
"""Between two messages about one cause in one channel."""

CLAIM = timedelta(minutes=1)
"""How long the one that alerts has for it. If it dies meanwhile, another takes over after that."""


@dataclass(frozen=True, kw_only=True)
class CauseState:
    """What is stored of a cause.

    Attributes:
        told_at: by channel, when it was last told of this cause.
        claimed_by: the call that alerts at the moment.
        claimed_until: when its claim ends.
        herald: the dead letter whose message is delivered again until everything is told; empty: none.
    """

    told_at: Mapping[str, datetime] = field(default_factory=dict)
    claimed_by: str = ""
    claimed_until: datetime | None = None
    herald: str = ""

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any] | None) -> "CauseState":
        """Read the stored state; what is not as it was written counts as absent."""
        fields = fields or {}
        told_at, until = fields.get("told_at"), fields.get("claimed_until")
        return cls(
            told_at={name: at for name, at in told_at.items() if isinstance(at, datetime)}
            if isinstance(told_at, dict)
            else {},
            claimed_by=str(fields.get("claimed_by") or ""),
            claimed_until=until if isinstance(until, datetime) else None,
            herald=str(fields.get("herald") or ""),
        )

    def to_fields(self) -> dict[str, Any]:
        """The same, to be stored."""
        return {
            "told_at": dict(self.told_at),
            "claimed_by": self.claimed_by,
            "claimed_until": self.claimed_until,
            "herald": self.herald,
        }


@dataclass(frozen=True, kw_only=True)
class Tell:
    """Tell these channels now, of everything of this cause that they do not know."""

    channels: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Wait:
    """Be the herald: do not acknowledge the message."""


@dataclass(frozen=True, kw_only=True)
class Covered:
    """Acknowledge the message: what there is to tell will be told by another's."""


Decision = Tell | Wait | Covered


def decide(
    state: CauseState, *, letter: str, needs_alert: bool, channels: Sequence[str], now: datetime, by: str = ""
) -> Decision:
    """What the message of a dead letter, which is stored, brings about.

    Args:
        state: of the letter's cause.
        letter: the dead letter's id.
        needs_alert: whether it is still to be told of.
        channels: all that are to be told, and take messages at present.
        now: the present.
        by: the call that asks: a claim that is its own does not stand in its way. It does not know of such a claim
            where the answer to its writing was lost.
    """
    if not needs_alert and state.herald != letter:
        return Covered()
    busy = state.claimed_until is not None and state.claimed_until > now and state.claimed_by != by
    due = [name for name in channels if name not in state.told_at or now - state.told_at[name] >= PAUSE]
    if due and not busy:
        return Tell(channels=due)
    return Wait() if state.herald in {"", letter} else Covered()


def claimed(state: CauseState, *, by: str, now: datetime) -> CauseState:
    """The state while somebody alerts: whoever comes now is the next herald, as that alert may not know of it."""
    return CauseState(told_at=state.told_at, claimed_by=by, claimed_until=now + CLAIM, herald="")


def heralded(state: CauseState, letter: str) -> CauseState:
    """The state while a letter's message is delivered again and again."""
    return replace(state, herald=letter)


def settled(state: CauseState, *, by: str, told: Iterable[str], now: datetime) -> CauseState:
    """The state after somebody has alerted.

    Args:
        state: as it is now; another may have taken the claim over.
        by: who held the claim.
        told: the channels that took the alert.
        now: the present.
    """
    after = replace(state, told_at={**state.told_at, **dict.fromkeys(told, now)})
    return replace(after, claimed_by="", claimed_until=None) if state.claimed_by == by else after
