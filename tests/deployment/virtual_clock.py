"""Time that passes by waits alone."""

from datetime import UTC, datetime, timedelta

_START = datetime(2026, 11, 25, 13, tzinfo=UTC)


class VirtualClock:
    """Begins at a fixed time.

    Attributes:
        seconds: how long was waited.
    """

    def __init__(self) -> None:
        self.seconds = 0.0

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds

    def now(self) -> datetime:
        """The time, in UTC."""
        return _START + timedelta(seconds=self.seconds)
