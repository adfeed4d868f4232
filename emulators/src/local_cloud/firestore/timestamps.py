"""Firestore's time: whole microseconds since 1970, which is the precision that it stores and compares."""

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def from_datetime(moment: datetime) -> int:
    """Microseconds since 1970 of a datetime that has a time zone."""
    return (moment - _EPOCH) // _MICROSECOND


def from_proto(timestamp: Timestamp) -> int:
    """Microseconds since 1970 of a protobuf timestamp, its nanoseconds cut off."""
    return timestamp.seconds * 1_000_000 + timestamp.nanos // 1000


def is_aligned(timestamp: Timestamp) -> bool:
    """Whether a protobuf timestamp is a whole number of microseconds."""
    return timestamp.nanos % 1000 == 0


def to_proto(microseconds: int) -> Timestamp:
    """The protobuf timestamp of microseconds since 1970."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return Timestamp(seconds=seconds, nanos=rest * 1000)
