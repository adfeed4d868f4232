"""Who is told, when: at once of the first dead letter of a cause, and of all that follow in one message a minute.

Pure: the decision is made over what is stored of the cause, and nothing here knows where that is.

The dead letters themselves are the count of what is still to be told, so nothing is lost with a counter. One message of
a cause, the herald, is not acknowledged while something is still to be told: Pub/Sub delivers it again, and that brings
the next alert about, also when no other dead letter follows. All others are acknowledged as soon as they are stored.

That is safe because a dead letter is stored before the cause's state is read, and the state is claimed, which takes the
herald away, before the dead letters that are still to be told are read. A message that saw a herald and was
acknowledged was stored before that herald's claim, and is in the alert that follows it.

A message leads a cause, as its herald or because it claimed it, whatever becomes of its own dead letter: the letter may
be replayed, dismissed, erased, or die again of another cause. So the handler looks for every cause that a message leads
before it acknowledges that message.

A leader that Pub/Sub has given up, after as long as the subscription keeps a message, is replaced: by the next message
of its cause, and by the next message of any other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from functions.shared.plausible_time import plausible

PAUSE = timedelta(minutes=1)
"""Between two messages about one cause in one channel."""

CLAIM = timedelta(minutes=1)
"""How long the one that alerts has for it. If it dies meanwhile, another takes over after that."""

SILENCE = timedelta(minutes=15)
"""After how long without a delivery a leader is replaced. Eventarc's subscriptions deliver again after ten minutes at
most. https://cloud.google.com/eventarc/docs/retry-events"""


@dataclass(frozen=True, kw_only=True)
class CauseState:
    """What is stored of a cause.

    Attributes:
        told_at: by channel, when it was last told of this cause.
        claimed_by: the call that alerts at the moment.
        claimed_until: when its claim ends.
        claimant: the message that the call handles: it leads until the claim is settled.
        herald: the message that is delivered again until everything is told; empty: none.
        leader_due_at: until when the herald or the claimant is expected; None: nothing is left to be told.
    """

    told_at: Mapping[str, datetime] = field(default_factory=dict)
    claimed_by: str = ""
    claimed_until: datetime | None = None
    claimant: str = ""
    herald: str = ""
    leader_due_at: datetime | None = None

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any] | None, *, now: datetime) -> "CauseState":
        """Read the stored state; what is not as it was written counts as absent, also times that are yet to come."""
        fields = fields or {}
        told_at = fields.get("told_at")

        def text(name: str) -> str:
            value = fields.get(name)
            return value if isinstance(value, str) else ""

        def moment(name: str, longest: timedelta) -> datetime | None:
            value = plausible(fields.get(name))
            return value if value is not None and value - now <= longest else None

        return cls(
            told_at={name: at for name, at in told_at.items() if plausible(at) and at - now <= PAUSE}
            if isinstance(told_at, dict)
            else {},
            claimed_by=text("claimed_by"),
            claimed_until=moment("claimed_until", 2 * CLAIM),
            claimant=text("claimant"),
            herald=text("herald"),
            leader_due_at=moment("leader_due_at", 2 * SILENCE),
        )

    def to_fields(self) -> dict[str, Any]:
        """The same, to be stored."""
        return {
            "told_at": dict(self.told_at),
            "claimed_by": self.claimed_by,
            "claimed_until": self.claimed_until,
            "claimant": self.claimant,
            "herald": self.herald,
            "leader_due_at": self.leader_due_at,
        }

    def is_led_by(self, message: str) -> bool:
        """Whether this message may not be acknowledged while something is still to be told."""
        return message in {self.herald, self.claimant}


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
    state: CauseState, *, message: str, has_news: bool, channels: Sequence[str], now: datetime, by: str = ""
) -> Decision:
    """What a message brings about, whose dead letter is stored.

    Args:
        state: of the cause.
        message: the message's id, not empty.
        has_news: whether its own dead letter has this cause and is still to be told of.
        channels: all that are to be told, and take messages at present.
        now: the present.
        by: the call that asks: a claim that is its own does not stand in its way. It does not know of such a claim
            where the answer to its writing was lost.
    """
    if not has_news and not state.is_led_by(message):
        return Covered()
    busy = state.claimed_until is not None and state.claimed_until > now and state.claimed_by != by
    due = [name for name in channels if name not in state.told_at or now - state.told_at[name] >= PAUSE]
    if due and not busy:
        return Tell(channels=due)
    is_led = state.herald not in {"", message} and state.leader_due_at is not None and state.leader_due_at > now
    return Covered() if is_led else Wait()


def claimed(state: CauseState, *, message: str, by: str, now: datetime) -> CauseState:
    """The state while a call alerts: the next message to come is the next herald, as that alert may not know of it."""
    return CauseState(
        told_at=state.told_at,
        claimed_by=by,
        claimed_until=now + CLAIM,
        claimant=message,
        leader_due_at=now + SILENCE,
    )


def heralded(state: CauseState, message: str, *, now: datetime) -> CauseState:
    """The state while a message is delivered again and again."""
    return replace(state, herald=message, leader_due_at=now + SILENCE)


def settled(
    state: CauseState, *, message: str, by: str, told: Iterable[str], is_all: bool, now: datetime
) -> CauseState:
    """The state after a call has alerted. Its message leads on if it is then the herald.

    Args:
        state: as it is now; another may have taken the claim over.
        message: the message that the call handles.
        by: the call, which held the claim.
        told: the channels that took the alert.
        is_all: whether every channel now knows all that the call has found.
        now: the present.
    """
    after = replace(state, told_at={**state.told_at, **dict.fromkeys(told, now)})
    if state.claimed_by != by:
        return after
    after = replace(after, claimed_by="", claimed_until=None, claimant="")
    if after.herald:
        return after
    return replace(after, leader_due_at=None) if is_all else heralded(after, message, now=now)
