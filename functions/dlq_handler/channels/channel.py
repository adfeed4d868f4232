"""The interface of a service that takes alerts."""

from datetime import timedelta
from typing import Protocol

from functions.dlq_handler.channels.alert import Alert


class ChannelFailed(Exception):
    """A channel did not take an alert. The message says what it answered, and nothing secret."""


class ChannelBusy(ChannelFailed):
    """A channel did not take an alert now, and says when it will.

    Args:
        message: what it answered.
        retry_after: how long it wants no alerts.
    """

    def __init__(self, message: str, *, retry_after: timedelta) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Channel(Protocol):
    """A service that takes alerts."""

    @property
    def name(self) -> str:
        """Its name in the stored records: always the same, different from every other channel's, and not secret."""

    def send(self, alert: Alert) -> None:
        """Post an alert.

        Raises:
            ChannelBusy: the service takes no alerts for a while.
            ChannelFailed: the service did not take the alert.
        """
