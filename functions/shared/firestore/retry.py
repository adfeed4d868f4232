"""When a call of Firestore is made again: after what passes by itself, for as long as its caller has time."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from google.api_core import exceptions

T = TypeVar("T")

CALL_SECONDS = 10.0
"""How long a read or a write may take, with all its repetitions, unless its caller has more time, or less."""

LONGEST_SILENCE_SECONDS = 15.0
"""After how long without a document a stream begins again: a connection may be silent without an end."""

_TRANSIENT = (
    *(exceptions.Aborted, exceptions.Cancelled, exceptions.InternalServerError, exceptions.ServiceUnavailable),
    # As gRPC says it: DEADLINE_EXCEEDED and RESOURCE_EXHAUSTED.
    *(exceptions.GatewayTimeout, exceptions.TooManyRequests),
    # Only over REST.
    exceptions.BadGateway,
)
_FIRST_WAIT_SECONDS = 0.1
_LONGEST_WAIT_SECONDS = 2.0


class Patience:
    """The time that a caller has, and the growing waits between its calls.

    Args:
        seconds: how long it has, from now on.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._over_at = time.monotonic() + seconds
        self._longest = _FIRST_WAIT_SECONDS

    @property
    def left(self) -> float:
        """How many seconds are left."""
        return max(self._over_at - time.monotonic(), 0.0)

    @property
    def attempt_seconds(self) -> float:
        """How many seconds the next call may take: half of them all, so that one that hangs is made again."""
        return min(self._seconds / 2, self.left)

    def wait_after(self, error: exceptions.GoogleAPICallError) -> None:
        """Wait a while after a call has failed.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: the error, which does not pass, or would not in time.
        """
        seconds = random.uniform(0, self._longest)  # noqa: S311  it only spreads the calls
        if not isinstance(error, _TRANSIENT) or seconds >= self.left:
            raise error
        time.sleep(seconds)
        self._longest = min(2 * self._longest, _LONGEST_WAIT_SECONDS)

    def renew(self) -> None:
        """Begin with short waits again: something has come."""
        self._longest = _FIRST_WAIT_SECONDS


def repeated(call: Callable[[float], T], seconds: float) -> T:
    """The result of a call, made again while its errors may pass.

    Args:
        call: is given how many seconds it may take.
        seconds: how long all may take together.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: what the last call has raised.
    """
    patience = Patience(seconds)
    while True:
        try:
            return call(patience.attempt_seconds)
        except exceptions.GoogleAPICallError as error:
            patience.wait_after(error)
