"""The turns of messages in each channel: carries out what functions.dlq_handler.channel_state decides."""

import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import structlog
from google.api_core.exceptions import GoogleAPIError
from google.cloud import firestore

from functions.dlq_handler import channel_state
from functions.dlq_handler.alert import Alert
from functions.dlq_handler.channel_state import ChannelState
from functions.dlq_handler.channels import Channel, ChannelBusy, ChannelFailed
from functions.dlq_handler.documents import QUICK, Fields, change

_KEEP = timedelta(days=30)
"""After how long without a message a channel's state may be forgotten: by the TTL policy on `expire_at`."""

_logger = structlog.get_logger()


class Turns:
    """Posts messages, each in its turn. The channels' states are kept beside the causes', as `alerts/channel-NAME`.

    Args:
        client: of Firestore.
        collection: where the states are kept.
        now: the present, in UTC.
    """

    def __init__(
        self, client: firestore.Client, collection: firestore.CollectionReference, *, now: Callable[[], datetime]
    ) -> None:
        self._client = client
        self._collection = collection
        self._now = now

    def open(self, names: Iterable[str]) -> list[str]:
        """Those of the channels that take a message soon."""
        references = {name: self._reference(name) for name in names}
        found = {each.id: each.to_dict() for each in self._client.get_all(list(references.values()), **QUICK)}
        now = self._now()
        return [
            name
            for name, reference in references.items()
            if ChannelState.from_fields(found.get(reference.id), now=now).is_open(now)
        ]

    def post(self, channel: Channel, alert: Alert) -> bool:
        """Wait for a turn and post; True if the channel took the alert, False also if there is no turn to be had."""
        try:
            reserved = self._reserve(channel.name)
        except GoogleAPIError as error:
            _logger.warning("there is no turn to be had", channel=channel.name, error=type(error).__name__)
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
            _logger.warning("a channel wants no more alerts for now", channel=channel.name, error=str(busy))
            self._note(channel, lambda state: channel_state.refused(state, retry_after=retry_after, now=self._now()))
            return False
        except ChannelFailed as error:
            _logger.warning("an alert was not taken", channel=channel.name, error=str(error))
            self._note(channel, lambda state: channel_state.failed(state, begun=begun, now=self._now()))
            return False
        if has_failed:
            self._note(channel, lambda state: channel_state.taken(state, now=self._now()))
        return True

    def _reserve(self, name: str) -> tuple[datetime, bool] | None:
        """The next turn, and whether the channel has failed before; None where that is too far away."""

        def decide(fields: Fields | None) -> tuple[Fields, tuple[datetime, bool] | None]:
            now = self._now()
            state = ChannelState.from_fields(fields, now=now)
            if not state.is_open(now):
                return {}, None
            after = channel_state.reserved(state, now=now)
            return self._to_fields(after), (state.turn(now), state.failures > 0)

        return change(self._client, self._reference(name), decide)

    def _note(self, channel: Channel, decide: Callable[[ChannelState], ChannelState]) -> None:
        """Write down how it went. Where that fails the next message finds out for itself."""

        def changed(fields: Fields | None) -> tuple[Fields, None]:
            return self._to_fields(decide(ChannelState.from_fields(fields, now=self._now()))), None

        try:
            change(self._client, self._reference(channel.name), changed)
        except GoogleAPIError as error:
            _logger.warning("a channel's state cannot be noted", channel=channel.name, error=type(error).__name__)

    def _to_fields(self, state: ChannelState) -> Fields:
        return {**state.to_fields(), "expire_at": self._now() + _KEEP}

    def _reference(self, name: str) -> firestore.DocumentReference:
        return self._collection.document(f"channel-{name}")
