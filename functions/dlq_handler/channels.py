"""Where alerts go."""

from datetime import timedelta
from typing import Protocol

from functions.dlq_handler.alert import Alert


class ChannelFailed(Exception):
    """A channel did not take an alert. The message says what it answered, and nothing secret."""


class ChannelBusy(ChannelFailed):
    """It did not take it now, and says when it will.

    Args:
        message: what it answered.
        retry_after: how long it wants to be left alone.
    """

    def __init__(self, message: str, *, retry_after: timedelta) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Channel(Protocol):
    """One place that alerts go to."""

    @property
    def name(self) -> str:
        """What it is called in the records: the same from start to start, and nothing secret in it."""

    def send(self, alert: Alert) -> None:
        """Post an alert.

        Raises:
            ChannelBusy: it has had too many.
            ChannelFailed: it was not taken.
        """
