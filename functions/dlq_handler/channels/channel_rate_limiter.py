"""Posts each alert in its turn, as functions.dlq_handler.channels.channel_state decides."""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog
from google.api_core.exceptions import GoogleAPIError

from functions.dlq_handler.channels.alert import Alert
from functions.dlq_handler.channels.channel import Channel, ChannelBusy, ChannelFailed
from functions.dlq_handler.channels.channel_state import (
    ChannelState,
    alert_taken,
    channel_failed,
    pause_requested,
    turn_reserved,
)
from functions.shared.firestore.database import Database
from functions.shared.firestore.found_document import FoundDocument

_T = TypeVar("_T")

_RETENTION = timedelta(days=30)
"""After this time without an alert Firestore deletes a channel's state, by the TTL policy on `expire_at`."""

_logger = structlog.get_logger()


class ChannelRateLimiter:
    """Posts alerts, each in its turn. It keeps the state of each channel in a document `channel-NAME`.

    Args:
        database: the Firestore database.
        collection: the path of the collection of these documents.
        now: returns the present, in UTC.
    """

    def __init__(self, database: Database, collection: str, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._collection = collection
        self._now = now

    def open_channels(self, names: Iterable[str]) -> list[str]:
        """The names of those channels that have a turn soon.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore refused it or could not be reached.
        """
        paths = {name: self._path(name) for name in names}
        found = self._database.get_all(paths.values())
        now = self._now()
        return [
            name for name, path in paths.items() if ChannelState.from_fields(found[path].fields, now=now).is_open(now)
        ]

    def post(self, channel: Channel, alert: Alert) -> bool:
        """Wait for a turn and post; True if the channel took the alert, False if it did not or has no turn soon."""
        try:
            reserved = self._reserve_turn(channel.name)
        except GoogleAPIError as error:
            _logger.warning("channel_turn_not_reserved", channel=channel.name, error=type(error).__name__)
            return False
        if reserved is None:
            return False
        turn, has_failed = reserved
        time.sleep(max(0.0, (turn - self._now()).total_seconds()))
        begun = self._now()
        try:
            channel.send(alert)
        except ChannelBusy as busy:
            retry_after = busy.retry_after
            _logger.warning("channel_busy", channel=channel.name, error=str(busy))
            self._save(channel, lambda state: pause_requested(state, retry_after=retry_after, now=self._now()))
            return False
        except ChannelFailed as error:
            _logger.warning("channel_failed", channel=channel.name, error=str(error))
            self._save(channel, lambda state: channel_failed(state, begun=begun, now=self._now()))
            return False
        if has_failed:
            self._save(channel, lambda state: alert_taken(state, now=self._now()))
        return True

    def _reserve_turn(self, name: str) -> tuple[datetime, bool] | None:
        """Reserve a turn; returns when it is, and whether the channel failed last; None if no turn is soon enough."""

        def decide(state: ChannelState) -> tuple[tuple[datetime, bool] | None, ChannelState | None]:
            now = self._now()
            if not state.is_open(now):
                return None, None
            return (state.turn(now), state.failures > 0), turn_reserved(state, now=now)

        return self._change(name, decide)

    def _save(self, channel: Channel, change: Callable[[ChannelState], ChannelState]) -> None:
        """Save how the post ended. If that fails, the next sender finds out for itself."""
        try:
            self._change(channel.name, lambda state: (None, change(state)))
        except GoogleAPIError as error:
            _logger.warning("channel_state_not_saved", channel=channel.name, error=type(error).__name__)

    def _change(self, name: str, decide: Callable[[ChannelState], tuple[_T, ChannelState | None]]) -> _T:
        def decided(found: FoundDocument) -> tuple[_T, Mapping[str, Any]]:
            result, state = decide(ChannelState.from_fields(found.fields, now=self._now()))
            return result, {**state.to_fields(), "expire_at": self._now() + _RETENTION} if state else {}

        return self._database.change(self._path(name), decided)

    def _path(self, name: str) -> str:
        return f"{self._collection}/channel-{name}"
