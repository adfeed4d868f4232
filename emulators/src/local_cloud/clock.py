"""The local cloud's time: the machine's, moved by an offset, so that a test can make hours pass."""

import asyncio
from datetime import UTC, datetime, timedelta


class Clock:
    """The clock of every part of the local cloud.

    Use it from the event loop's own thread only.

    Args:
        still: stand still at the moment of the machine's time that the clock is made at, and move by `advance` only.
            A test that uses such a clock does not depend on how fast the machine is.
    """

    def __init__(self, *, still: bool = False) -> None:
        self._still_at = datetime.now(UTC) if still else None
        self._offset = timedelta()
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        """The present, in UTC."""
        return (self._still_at or datetime.now(UTC)) + self._offset

    @staticmethod
    def machine_now() -> datetime:
        """The machine's present, in UTC: what a process has that does not follow this clock."""
        return datetime.now(UTC)

    def advance(self, by: timedelta) -> None:
        """Move the present forward and wake every waiter whose moment has come."""
        self._offset += by
        self._moved.set()
        self._moved = asyncio.Event()

    async def sleep_until(self, moment: datetime) -> None:
        """Return when the present has reached the moment, at once if it has passed."""
        while (seconds := (moment - self.now()).total_seconds()) > 0:
            moved = self._moved
            try:
                async with asyncio.timeout(seconds):
                    await moved.wait()
            except TimeoutError:
                continue

    async def sleep(self, seconds: float) -> None:
        """Wait for a number of seconds of this clock."""
        await self.sleep_until(self.now() + timedelta(seconds=seconds))
