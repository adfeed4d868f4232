"""Decides who gets which alert when: the first record of a cause at once, all that follow in one alert a minute.

Pure: everything here works on the stored state of a cause.

The handler counts the records themselves (dead letters or system alerts) that people do not know of yet, so no counter
can go wrong. One message of a cause, its leader, is not acknowledged while a channel lacks an alert. Pub/Sub delivers
it again, and that brings about the next alert, even if no other record follows. All other messages are acknowledged as
soon as their records are stored.

This loses no alert. A call stores its record before it reads the cause's state. A call claims the state, which also
removes the leader, before it reads the records that need an alert. So if a message is acknowledged because another one
leads, its record was stored before that leader's claim, and the alert that follows the claim covers it.

A message leads a cause as its leader, or because its call claimed the cause. This does not depend on its own record: an
operator may replay, dismiss or erase a dead letter, and its report may fail again with another cause. So before the
handler acknowledges a message, it looks for every cause that the message leads.

Pub/Sub gives up a leader after as long as its subscription keeps a message. The next message of the cause replaces the
leader then, or the next message of any other cause does.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from functions.shared.records.stored_fields import stored_values

ALERT_INTERVAL = timedelta(minutes=1)
"""The time between two alerts about one cause in one channel."""

CLAIM_DURATION = timedelta(minutes=1)
"""How long a call has for an alert. If the call dies, another call takes over after this time."""

LEADER_TIMEOUT = timedelta(minutes=15)
"""A leader that is not delivered for this long is replaced. Pub/Sub delivers a message again after 10 minutes at most.
https://cloud.google.com/pubsub/docs/subscription-retry-policy"""


class CauseState(NamedTuple):
    """The stored state of a cause.

    Attributes:
        told_at: when each channel last took an alert about the cause, by the channel's name.
        claimed_by: the call that is sending an alert; empty: none.
        claimed_until: when its claim ends.
        claimant: the message of that call. It leads the cause until the claim is settled.
        leader: the message that is delivered again until all channels know everything; empty: none.
        leader_due_at: until when the leader or the claimant is expected; None: no channel lacks an alert.
    """

    told_at: Mapping[str, datetime] = {}
    claimed_by: str = ""
    claimed_until: datetime | None = None
    claimant: str = ""
    leader: str = ""
    leader_due_at: datetime | None = None

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any] | None, *, now: datetime) -> "CauseState":
        """Read the stored state. A field that is malformed, or further in the future than possible, is absent."""
        latest = {"claimed_until": now + 2 * CLAIM_DURATION, "leader_due_at": now + 2 * LEADER_TIMEOUT}
        read = stored_values(cls, fields or {}, latest=latest)
        told_at = {name: at for name, at in read["told_at"].items() if at - now <= ALERT_INTERVAL}
        return cls(**read | {"told_at": told_at})

    def to_fields(self) -> dict[str, Any]:
        """The fields to store."""
        return self._asdict() | {"told_at": dict(self.told_at)}

    def is_led_by(self, message: str) -> bool:
        """Whether the handler must not acknowledge this message while a channel lacks an alert."""
        return message in {self.leader, self.claimant}


class SendAlert(NamedTuple):
    """Claim the cause, and send these channels an alert about all its records that they do not know of."""

    channels: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class BecomeLeader:
    """Do not acknowledge the message: its next delivery brings about the next alert."""


@dataclass(frozen=True, kw_only=True)
class Acknowledge:
    """Acknowledge the message: it has no news, or another message leads the cause."""


class JoinCause(NamedTuple):
    """Too many causes wait for an alert: move the message's own record to another cause, and decide again there.

    Attributes:
        record_id: the record's id.
        cause: the other cause.
    """

    record_id: str
    cause: str


AlertDecision = SendAlert | BecomeLeader | Acknowledge | JoinCause


def decide_alert(
    state: CauseState, *, message: str, has_news: bool, channels: Sequence[str], now: datetime, call: str = ""
) -> SendAlert | BecomeLeader | Acknowledge:
    """Decide what the handler does about a cause when a message comes whose record is stored.

    Args:
        state: the state of the cause.
        message: the message's id, not empty.
        has_news: whether the message's own record has this cause and needs an alert, or the cause has lost its leader.
        channels: the channels that need alerts, and take them at present.
        now: the present.
        call: the id of this call. Its own claim does not stop it: if Firestore's answer to the claim was lost, the call
            does not know that it has one.
    """
    if not has_news and not state.is_led_by(message):
        return Acknowledge()
    is_claimed = state.claimed_until is not None and state.claimed_until > now and state.claimed_by != call
    due = [name for name in channels if name not in state.told_at or now - state.told_at[name] >= ALERT_INTERVAL]
    if due and not is_claimed:
        return SendAlert(channels=due)
    another_leads = state.leader not in {"", message} and state.leader_due_at is not None and state.leader_due_at > now
    return Acknowledge() if another_leads else BecomeLeader()


def state_after(state: CauseState, decision: AlertDecision, *, message: str, call: str, now: datetime) -> CauseState:
    """The state of a cause once a decision about a message holds.

    Args:
        state: the state that the decision was made on.
        decision: the decision.
        message: the message's id.
        call: the id of this call.
        now: the present.
    """
    match decision:
        case SendAlert():
            return claim_cause(state, message=message, call=call, now=now)
        case BecomeLeader():
            return lead_cause(state, message, now=now)
        case Acknowledge() | JoinCause():
            return state


def claim_cause(state: CauseState, *, message: str, call: str, now: datetime) -> CauseState:
    """The state while a call sends an alert. It has no leader: that alert may not cover the next message to come."""
    return CauseState(
        told_at=state.told_at,
        claimed_by=call,
        claimed_until=now + CLAIM_DURATION,
        claimant=message,
        leader_due_at=now + LEADER_TIMEOUT,
    )


def lead_cause(state: CauseState, message: str, *, now: datetime) -> CauseState:
    """The state while a message leads the cause."""
    return state._replace(leader=message, leader_due_at=now + LEADER_TIMEOUT)


def settle_claim(
    state: CauseState, *, message: str, call: str, told: Iterable[str], is_all: bool, now: datetime
) -> CauseState:
    """The state after a call has sent an alert. If a channel still lacks one, this message or another leads the cause.

    Args:
        state: the current state; another call may have taken over the claim.
        message: the message that the call handles.
        call: the id of the call, which had the claim.
        told: the channels that took the alert.
        is_all: whether every channel now knows of all records that the call found.
        now: the present.
    """
    after = state._replace(told_at={**state.told_at, **dict.fromkeys(told, now)})
    if state.claimed_by != call:
        return after
    after = after._replace(claimed_by="", claimed_until=None, claimant="")
    if after.leader:
        return after
    return after._replace(leader_due_at=None) if is_all else lead_cause(after, message, now=now)
