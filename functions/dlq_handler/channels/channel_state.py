"""Decides when a channel takes the next alert: at most one a second, and fewer while it fails or asks for a pause.

Pure. The sender of each alert reserves a turn, waits for it, and then posts. So all instances together keep to the
limit of one webhook, whatever the alerts are about. While the channel fails, turns are further apart with each failure,
and only one alert tries the channel in each of these pauses.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from functions.shared.records.stored_fields import stored_values

TURN_INTERVAL = timedelta(seconds=1.25)
"""The time between two turns. Slack asks for one second, and one alert may take longer to arrive than the next.
https://docs.slack.dev/apis/web-api/rate-limits"""

MAX_TURN_WAIT = timedelta(seconds=2.5)
"""How long a sender waits for its turn. If the turn is later, Pub/Sub delivers the message again."""

_FIRST_FAILURE_PAUSE = timedelta(seconds=5)
_MAX_PAUSE = timedelta(minutes=5)
_MAX_FAILURES = 100
"""How many failures are counted: the pause has its maximum long before."""


class ChannelState(NamedTuple):
    """The stored state of a channel.

    Attributes:
        next_turn_at: when the next turn begins; None: at any time.
        failures: how often in a row the channel has failed.
        failed_at: when it failed last.
    """

    next_turn_at: datetime | None = None
    failures: int = 0
    failed_at: datetime | None = None

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any] | None, *, now: datetime) -> "ChannelState":
        """Read the stored state. A field that is malformed, or further in the future than possible, is absent."""
        latest = {"next_turn_at": now + 2 * _MAX_PAUSE, "failed_at": now + _MAX_PAUSE}
        read = stored_values(cls, fields or {}, latest=latest)
        return cls(**read | {"failures": min(read["failures"], _MAX_FAILURES)})

    def to_fields(self) -> dict[str, Any]:
        """The fields to store."""
        return self._asdict()

    def turn(self, now: datetime) -> datetime:
        """When a sender that asks now has its turn."""
        return max(now, self.next_turn_at) if self.next_turn_at else now

    def is_open(self, now: datetime) -> bool:
        """Whether a sender that asks now has its turn soon enough."""
        return self.turn(now) - now <= MAX_TURN_WAIT


def turn_reserved(state: ChannelState, *, now: datetime) -> ChannelState:
    """The state after a sender has reserved the next turn."""
    interval = failure_pause(state.failures) if state.failures else TURN_INTERVAL
    return state._replace(next_turn_at=state.turn(now) + interval)


def alert_taken(state: ChannelState, *, now: datetime) -> ChannelState:
    """The state after the channel took an alert: a channel that had failed is open to all again."""
    return state._replace(failures=0, failed_at=None, next_turn_at=now + TURN_INTERVAL) if state.failures else state


def pause_requested(state: ChannelState, *, retry_after: timedelta, now: datetime) -> ChannelState:
    """The state after the channel asked for a pause, which is not a failure."""
    return state._replace(next_turn_at=max(state.turn(now), now + min(retry_after, _MAX_PAUSE)))


def channel_failed(state: ChannelState, *, begun: datetime, now: datetime) -> ChannelState:
    """The state after the channel failed.

    Args:
        state: the current state.
        begun: when the sender posted the alert. Alerts that were on their way together count as one failure.
        now: the present.
    """
    if state.failed_at is not None and state.failed_at >= begun:
        return state
    failures = min(state.failures + 1, _MAX_FAILURES)
    next_turn_at = max(state.turn(now), now + failure_pause(failures))
    return ChannelState(next_turn_at=next_turn_at, failures=failures, failed_at=now)


def failure_pause(failures: int) -> timedelta:
    """How long a channel gets no alert after it has failed so often in a row."""
    doubled: int = 2 ** min(failures - 1, 20)
    return min(_FIRST_FAILURE_PAUSE * doubled, _MAX_PAUSE)
