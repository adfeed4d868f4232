"""Time that passes only by waits and requests."""

import threading
from datetime import UTC, datetime, timedelta

from tests.deployment.conftest import BARE

START = datetime.fromisoformat(BARE["created"]) + timedelta(days=1)
LONGEST = 12 * 3600.0
"""In seconds. What goes on for longer would go on for ever."""


class VirtualClock:
    """Seconds since the start, for each thread its own: threads that wait side by side wait at the same time."""

    def __init__(self) -> None:
        self._main = threading.main_thread().ident
        self._times: dict[int | None, float] = {self._main: 0.0}

    @property
    def seconds(self) -> float:
        """The time of this thread. The main thread goes on where the last of the others has stopped."""
        own = threading.get_ident()
        others = self._times.values() if own == self._main else (self._times.get(own, 0.0), self._times[self._main])
        return max(others)

    def wait(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            TimeoutError: too much has passed.
        """
        self._times[threading.get_ident()] = now = self.seconds + seconds
        if now > LONGEST:
            raise TimeoutError(f"still at it after {LONGEST / 3600:.0f} hours")

    def now(self) -> datetime:
        """The time of this thread as a date, in UTC."""
        return at(self.seconds)


def at(seconds: float) -> datetime:
    """A time of the clock as a date, in UTC."""
    return (START + timedelta(seconds=seconds)).astimezone(UTC)
