"""Stops sending while the provider is failing, and finds out when it has recovered.

A failing provider may still have accepted a mail: an unknown outcome, which a person has to look at. So each email that
the worker tries in an outage may cost a dead letter, and a queue tries thousands. After a few failures in a row the
outage begins, and the process sends nothing for a while. Then it lets one email through as a trial: the outage is over
if that succeeds, and the process waits twice as long if not.
https://learn.microsoft.com/en-us/azure/architecture/patterns/circuit-breaker
"""

import math
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import NamedTuple

FAILURES = 5
"""So many failures in a row begin one. If one email in ten fails by chance, that happens once in 100,000 times."""

LONGEST = 12
"""The longest wait, as a multiple of the first."""


class OutageChange(Enum):
    """What an email has shown of an outage."""

    BEGUN = auto()
    """The process sends nothing for now. A failed trial begins it again."""
    OVER = auto()
    """The trial succeeded."""


class OutagePass(NamedTuple):
    """Whether an email may be sent.

    Attributes:
        wait_seconds: 0 where it may; otherwise how long to send nothing.
        is_trial: whether it is the email that finds out if the provider has recovered.
    """

    wait_seconds: int = 0
    is_trial: bool = False


class ProviderOutage:
    """One process's view of the provider. Safe for threads. It has no clock and no client of its own.

    Args:
        now: the present, in UTC.
        wait: how long the first wait is; zero: it never waits.
    """

    def __init__(self, now: Callable[[], datetime], *, wait: timedelta) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._failures = 0
        self._first_wait = self._wait = wait
        self._until: datetime | None = None
        self._is_tried = False
        self._error = ""

    @property
    def error(self) -> str:
        """How the provider failed last; empty where it has not."""
        return self._error

    def wait_seconds(self) -> int:
        """How long to send nothing; 0 where an email may be sent, as far as the process can tell before it is tried."""
        with self._lock:
            return self._wait_seconds()

    def enter(self) -> OutagePass:
        """Ask to send an email. The caller must give the pass back to `leave`, whatever happens."""
        with self._lock:
            if wait := self._wait_seconds():
                return OutagePass(wait_seconds=wait)
            self._is_tried = self._until is not None
            return OutagePass(is_trial=self._is_tried)

    def leave(self, outage_pass: OutagePass, *, failure: str | None = None, is_up: bool = False) -> OutageChange | None:
        """Report how it went.

        Args:
            outage_pass: what `enter` gave.
            failure: how the provider failed; None where it did not, or was not asked.
            is_up: whether the provider answered as a healthy provider does, even with a refusal.

        Returns:
            What has changed; None for nothing.
        """
        if outage_pass.wait_seconds:
            return None
        with self._lock:
            if failure is not None:
                self._error = failure
            if outage_pass.is_trial:
                self._is_tried = False
                if failure is not None:
                    self._wait = min(self._wait * 2, self._first_wait * LONGEST)
                    return self._begin()
                return self._end() if is_up else None
            if self._until is not None:
                # It was on its way when the outage began: now only the trial counts.
                return None
            if failure is not None:
                self._failures += 1
                return self._begin() if self._failures >= FAILURES and self._first_wait else None
            if is_up:
                self._failures, self._error = 0, ""
            return None

    def _wait_seconds(self) -> int:
        if self._until is None:
            return 0
        left = self._until - self._now()
        if left > timedelta(0):
            return math.ceil(left.total_seconds())
        return math.ceil(self._first_wait.total_seconds()) if self._is_tried else 0

    def _begin(self) -> OutageChange:
        self._until = self._now() + self._wait
        return OutageChange.BEGUN

    def _end(self) -> OutageChange:
        self._failures, self._wait, self._until, self._error = 0, self._first_wait, None, ""
        return OutageChange.OVER
