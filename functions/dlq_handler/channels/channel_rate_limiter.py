"""Posts each alert in its turn, as functions.dlq_handler.channels.channel_state decides."""

import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import structlog
from google.api_core.exceptions import GoogleAPIError
from google.cloud import firestore

from functions.dlq_handler.channels.alert import Alert
from functions.dlq_handler.channels.channel import Channel, ChannelBusy, ChannelFailed
from functions.dlq_handler.channels.channel_state import (
    ChannelState,
    alert_taken,
    channel_failed,
    pause_requested,
    turn_reserved,
)
from functions.dlq_handler.store.compare_and_swap import QUICK_CALL, DocumentFields, compare_and_swap

_RETENTION = timedelta(days=30)
"""After this time without an alert Firestore deletes a channel's state, by the TTL policy on `expire_at`."""

_logger = structlog.get_logger()


class ChannelRateLimiter:
    """Posts alerts, each in its turn. It keeps the state of each channel in a document `channel-NAME`.

    Args:
        client: the Firestore client.
        collection: the collection of these documents.
        now: returns the present, in UTC.
    """

    def __init__(
        self, client: firestore.Client, collection: firestore.CollectionReference, *, now: Callable[[], datetime]
    ) -> None:
        self._client = client
        self._collection = collection
        self._now = now

    def open_channels(self, names: Iterable[str]) -> list[str]:
        """The names of those channels that have a turn soon.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore refused it or could not be reached.
        """
        references = {name: self._reference(name) for name in names}
        found = {each.id: each.to_dict() for each in self._client.get_all(list(references.values()), **QUICK_CALL)}
        now = self._now()
        return [
            name
            for name, reference in references.items()
            if ChannelState.from_fields(found.get(reference.id), now=now).is_open(now)
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

        def decide(fields: DocumentFields | None) -> tuple[DocumentFields, tuple[datetime, bool] | None]:
            now = self._now()
            state = ChannelState.from_fields(fields, now=now)
            if not state.is_open(now):
                return {}, None
            after = turn_reserved(state, now=now)
            return self._to_fields(after), (state.turn(now), state.failures > 0)

        return compare_and_swap(self._client, self._reference(name), decide)

    def _save(self, channel: Channel, change: Callable[[ChannelState], ChannelState]) -> None:
        """Save how the post ended. If that fails, the next sender finds out for itself."""

        def decide(fields: DocumentFields | None) -> tuple[DocumentFields, None]:
            return self._to_fields(change(ChannelState.from_fields(fields, now=self._now()))), None

        try:
            compare_and_swap(self._client, self._reference(channel.name), decide)
        except GoogleAPIError as error:
            _logger.warning("channel_state_not_saved", channel=channel.name, error=type(error).__name__)

    def _to_fields(self, state: ChannelState) -> DocumentFields:
        return {**state.to_fields(), "expire_at": self._now() + _RETENTION}

    def _reference(self, name: str) -> firestore.DocumentReference:
        return self._collection.document(f"channel-{name}")
