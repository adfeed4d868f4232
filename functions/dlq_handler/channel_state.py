"""When a channel takes the next message: at most one a second, not before it said so, and rarely while it fails.

Pure. Each message has a turn: its sender reserves the moment, waits for it, and then posts. So many instances together
keep to the limit of one webhook, whatever the messages are about. While the channel fails, the turns are as far apart
as it has failed often: only one message in all of that time tries it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from functions.shared.plausible_time import plausible

PAUSE = timedelta(seconds=1.25)
"""Between two messages in one channel: a second is what Slack asks for, and one may be longer on its way than the next.
https://docs.slack.dev/apis/web-api/rate-limits"""

PATIENCE = timedelta(seconds=2.5)
"""How long a message may wait for its turn. What would wait longer is delivered again later."""

_FIRST_REST = timedelta(seconds=5)
_LONGEST_REST = timedelta(minutes=5)
_MOST_FAILURES = 100
"""How many are counted: the rest is the longest by then."""


@dataclass(frozen=True, kw_only=True)
class ChannelState:
    """What is stored of a channel.

    Attributes:
        next_turn_at: when the next message may be posted; None: at any time.
        failures: how often in a row it has failed.
        failed_at: when it failed for the last time.
    """

    next_turn_at: datetime | None = None
    failures: int = 0
    failed_at: datetime | None = None

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any] | None, *, now: datetime) -> "ChannelState":
        """Read the stored state; what is not as it was written counts as absent, also times that are yet to come."""
        fields = fields or {}
        failures = fields.get("failures")

        def moment(name: str, longest: timedelta) -> datetime | None:
            value = plausible(fields.get(name))
            return value if value is not None and value - now <= longest else None

        return cls(
            next_turn_at=moment("next_turn_at", 2 * _LONGEST_REST),
            failures=max(0, min(failures, _MOST_FAILURES)) if isinstance(failures, int) else 0,
            failed_at=moment("failed_at", _LONGEST_REST),
        )

    def to_fields(self) -> dict[str, Any]:
        """The same, to be stored."""
        return {"next_turn_at": self.next_turn_at, "failures": self.failures, "failed_at": self.failed_at}

    def turn(self, now: datetime) -> datetime:
        """When a message that comes now would be posted."""
        return max(now, self.next_turn_at) if self.next_turn_at else now

    def is_open(self, now: datetime) -> bool:
        """Whether a message that comes now need not wait for too long."""
        return self.turn(now) - now <= PATIENCE


def reserved(state: ChannelState, *, now: datetime) -> ChannelState:
    """The state when the next turn is somebody's."""
    return replace(state, next_turn_at=state.turn(now) + (rest(state.failures) if state.failures else PAUSE))


def taken(state: ChannelState, *, now: datetime) -> ChannelState:
    """The state after the channel took a message: if it had failed before, all may come again."""
    return replace(state, failures=0, failed_at=None, next_turn_at=now + PAUSE) if state.failures else state


def refused(state: ChannelState, *, retry_after: timedelta, now: datetime) -> ChannelState:
    """The state after the channel asked to be left alone for a while, which is not a failure."""
    return replace(state, next_turn_at=max(state.turn(now), now + min(retry_after, _LONGEST_REST)))


def failed(state: ChannelState, *, begun: datetime, now: datetime) -> ChannelState:
    """The state after the channel failed.

    Args:
        state: as it is now.
        begun: when the message was posted. Messages that were under way together fail together, which counts once.
        now: the present.
    """
    if state.failed_at is not None and state.failed_at >= begun:
        return state
    failures = min(state.failures + 1, _MOST_FAILURES)
    return ChannelState(next_turn_at=max(state.turn(now), now + rest(failures)), failures=failures, failed_at=now)


def rest(failures: int) -> timedelta:
    """How long a channel that has failed so often is left alone."""
    doubled: int = 2 ** min(failures - 1, 20)
    return min(_FIRST_REST * doubled, _LONGEST_REST)
