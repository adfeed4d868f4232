"""Moments as whole microseconds since 1970.

A queue compares and sorts hundreds of thousands of them, Cloud Tasks truncates its own to the microsecond, and an
integer neither drifts nor needs a time zone.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

SECOND = 1_000_000
"""Microseconds in a second."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def from_datetime(moment: datetime) -> int:
    """Microseconds since 1970 of a moment with a time zone."""
    return (moment - _EPOCH) // _MICROSECOND


def to_datetime(micros: int) -> datetime:
    """The moment, in UTC."""
    return _EPOCH + timedelta(microseconds=micros)


def length(duration: timedelta) -> int:
    """A duration in microseconds."""
    return duration // _MICROSECOND


def from_message(message: Any) -> int:
    """Microseconds of a google.protobuf.Timestamp or Duration, rounded down."""
    micros: int = message.seconds * SECOND + int(message.nanos / 1000)
    return micros


def write(message: Any, micros: int) -> None:
    """Set a google.protobuf.Timestamp, or a Duration that is not negative."""
    message.seconds = micros // SECOND
    message.nanos = micros % SECOND * 1000
