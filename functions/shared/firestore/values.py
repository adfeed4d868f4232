"""Python's values as Firestore's messages, and back.

A timestamp is a datetime to the microsecond, as the service keeps it. The types that Python lacks are the client
library's: GeoPoint, Vector, and DocumentReference, which has a path and an id, and no client to read by.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from google.cloud.firestore import DocumentReference, GeoPoint
from google.cloud.firestore_v1.vector import Vector

__all__ = ["DocumentReference", "GeoPoint", "moment_of", "set_timestamp", "set_value", "value_of", "values_of"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_BEFORE_PATH = "/documents/"
"""What stands before the path in the full name of a document, once."""


def set_value(target: Any, value: Any, root: str = "") -> None:
    """Write a value into a message.

    Args:
        target: a google.firestore.v1.Value, without a value.
        value: the value.
        root: the beginning of all names in the database, for references.

    Raises:
        TypeError: no document can have such a value.
    """
    match value:
        case bool():
            target.boolean_value = value
        case int():
            target.integer_value = value
        case float():
            target.double_value = value
        case str():
            target.string_value = value
        case bytes():
            target.bytes_value = value
        case datetime():
            set_timestamp(target.timestamp_value, value)
        case None:
            target.null_value = 0
        case list() | tuple():
            target.array_value.SetInParent()
            for item in value:
                set_value(target.array_value.values.add(), item, root)
        case Mapping():
            target.map_value.SetInParent()
            for name, item in value.items():
                set_value(target.map_value.fields[name], item, root)
        case GeoPoint():
            target.geo_point_value.latitude, target.geo_point_value.longitude = value.latitude, value.longitude
        case Vector():
            set_value(target, {"__type__": "__vector__", "value": list(value)})
        case DocumentReference():
            target.reference_value = f"{root}{value.path}"
        case _:
            raise TypeError(type(value).__name__)


def values_of(fields: Any) -> dict[str, Any]:
    """What a map of google.firestore.v1.Value has. Its items() would make a pair of each in Python."""
    return {name: value_of(fields[name]) for name in fields}


def value_of(value: Any) -> Any:
    """What a google.firestore.v1.Value has."""
    match value.WhichOneof("value_type"):
        case "string_value" | "integer_value" | "double_value" | "boolean_value" | "bytes_value" as kind:
            return getattr(value, kind)
        case "map_value":
            fields = values_of(value.map_value.fields)
            return Vector(fields["value"]) if fields.get("__type__") == "__vector__" else fields
        case "timestamp_value":
            return moment_of(value.timestamp_value)
        case "null_value":
            return None
        case "array_value":
            return [value_of(each) for each in value.array_value.values]
        case "geo_point_value":
            return GeoPoint(value.geo_point_value.latitude, value.geo_point_value.longitude)
        case "reference_value":
            return DocumentReference(*value.reference_value.partition(_BEFORE_PATH)[2].split("/"))
        case kind:
            raise ValueError(f"an unknown type of value: {kind}")


def moment_of(timestamp: Any) -> datetime:
    """A google.protobuf.Timestamp as a datetime in UTC."""
    return _EPOCH + timedelta(seconds=timestamp.seconds, microseconds=timestamp.nanos // 1_000)


def set_timestamp(target: Any, moment: datetime) -> None:
    """Write a moment into a google.protobuf.Timestamp, one without a time zone as UTC. Its FromDatetime takes six times
    as long."""
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    target.seconds = since.days * 86_400 + since.seconds
    target.nanos = since.microseconds * 1_000
