"""Stops handing mails to a provider that is failing, and finds out when it is well again.

A mail that a failing provider may have taken is an unknown outcome, which a person has to look at. So each mail that is
tried during an outage may cost a dead letter, and a queue tries thousands. After a few failures in a row the breaker
opens: the process sends nothing for a while. Then it lets one mail through as a trial: closed again if that goes well,
open for twice as long if not.
https://learn.microsoft.com/en-us/azure/architecture/patterns/circuit-breaker
"""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

FAILURES = 5
"""So many in a row open it. Where one mail in ten fails by chance, that is one time in 100,000."""

LONGEST = 12
"""How many times the first pause the longest is."""


class BreakerChange(Enum):
    """What a mail has done to the breaker."""

    OPENED = auto()
    """The process sends nothing for now; also where a trial has failed."""
    CLOSED = auto()
    """The trial went well."""


@dataclass(frozen=True, kw_only=True)
class Admission:
    """Whether a mail may be sent.

    Attributes:
        wait_seconds: 0 where it may; otherwise how long to leave the provider alone.
        is_trial: whether it is the one that finds out if the provider is well again.
    """

    wait_seconds: int = 0
    is_trial: bool = False


class Breaker:
    """One process's view of the provider. Safe for threads. It knows no clock and no client of its own.

    Args:
        now: the present, in UTC.
        pause: how long the first pause is; zero: it never opens.
    """

    def __init__(self, now: Callable[[], datetime], *, pause: timedelta) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._failures = 0
        self._first_pause = self._pause = pause
        self._open_until: datetime | None = None
        self._is_tried = False
        self._error = ""

    @property
    def error(self) -> str:
        """How the provider failed last; empty where it has not."""
        return self._error

    def wait_seconds(self) -> int:
        """How long to leave the provider alone; 0 where a mail may be sent, as far as can be told before trying."""
        with self._lock:
            return self._wait_seconds()

    def enter(self) -> Admission:
        """Ask to send a mail. Every admission must come back by `leave`, whatever happens."""
        with self._lock:
            if wait := self._wait_seconds():
                return Admission(wait_seconds=wait)
            self._is_tried = self._open_until is not None
            return Admission(is_trial=self._is_tried)

    def leave(self, admission: Admission, *, failure: str | None = None, is_up: bool = False) -> BreakerChange | None:
        """Say how it went.

        Args:
            admission: what `enter` gave.
            failure: how the provider failed; None where it did not, or was not asked.
            is_up: whether the provider answered as one that is well, be it with a refusal.

        Returns:
            What has changed; None for nothing.
        """
        if admission.wait_seconds:
            return None
        with self._lock:
            if failure is not None:
                self._error = failure
            if admission.is_trial:
                self._is_tried = False
                if failure is not None:
                    self._pause = min(self._pause * 2, self._first_pause * LONGEST)
                    return self._open()
                return self._close() if is_up else None
            if self._open_until is not None:
                # It was on its way when the breaker opened: the trial has the word now.
                return None
            if failure is not None:
                self._failures += 1
                return self._open() if self._failures >= FAILURES and self._first_pause else None
            if is_up:
                self._failures, self._error = 0, ""
            return None

    def _wait_seconds(self) -> int:
        if self._open_until is None:
            return 0
        left = self._open_until - self._now()
        if left > timedelta(0):
            return math.ceil(left.total_seconds())
        return math.ceil(self._first_pause.total_seconds()) if self._is_tried else 0

    def _open(self) -> BreakerChange:
        self._open_until = self._now() + self._pause
        return BreakerChange.OPENED

    def _close(self) -> BreakerChange:
        self._failures, self._pause, self._open_until, self._error = 0, self._first_pause, None, ""
        return BreakerChange.CLOSED
