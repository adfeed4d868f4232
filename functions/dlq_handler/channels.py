"""Where alerts go."""

from typing import Protocol

from functions.dlq_handler.alert import Alert


class ChannelFailed(Exception):
    """A channel did not take an alert. The message says what it answered, and nothing secret."""


class Channel(Protocol):
    """One place that alerts go to."""

    @property
    def name(self) -> str:
        """What it is called in the records: the same from start to start, and nothing secret in it."""

    def send(self, alert: Alert) -> None:
        """Post an alert.

        Raises:
            ChannelFailed: it was not taken.
        """
