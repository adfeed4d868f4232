"""What Firestore refuses in a single value, in a document as in a query.

https://firebase.google.com/docs/firestore/reference/rpc/google.firestore.v1#value
"""

from local_cloud.firestore import values
from local_cloud.firestore.errors import invalid_argument
from local_cloud.firestore.messages import Message
from local_cloud.firestore.paths import split_document

MAX_DIMENSIONS = 2048
"""https://firebase.google.com/docs/firestore/vector-search#limitations"""

_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799
"""Of the years 1 to 9999: https://protobuf.dev/reference/protobuf/google.protobuf/#timestamp"""

_NANOS = 1_000_000_000
WITHOUT_RULES = frozenset(
    {"null_value", "boolean_value", "integer_value", "double_value", "string_value", "bytes_value", "array_value"}
)
"""Types without an invalid value. Most of what is written is of these, and needs no check."""

_NUMBERS = {"integer_value", "double_value"}
_NOT_STORED = {"field_reference_value", "variable_reference_value", "function_value", "pipeline_value"}


def check(value: Message, what: str) -> None:
    """Refuse a value that cannot be. What is inside of an array or a map is not looked at.

    Args:
        value: the `Value`.
        what: what holds it, for the message, such as `Property a.b`.

    Raises:
        RpcError: INVALID_ARGUMENT.
    """
    match value.WhichOneof("value_type"):
        case None:
            raise invalid_argument(f"{what} holds a value without a type.")
        case "timestamp_value":
            timestamp = value.timestamp_value
            if not _FIRST_SECOND <= timestamp.seconds <= _LAST_SECOND:
                raise invalid_argument(f"{what} holds a timestamp beyond the years 1 to 9999.")
            if not 0 <= timestamp.nanos < _NANOS:
                raise invalid_argument(f"{what} holds a timestamp whose nanos are not from 0 to 999,999,999.")
        case "geo_point_value":
            point = value.geo_point_value
            if not (-90 <= point.latitude <= 90 and -180 <= point.longitude <= 180):
                raise invalid_argument(
                    f"{what} holds a point whose latitude is not from -90 to 90, or whose longitude is not from -180 "
                    "to 180."
                )
        case "reference_value":
            split_document(value.reference_value)
        case "map_value" if values.is_vector(value):
            _check_vector(value.map_value.fields, what)
        case kind if kind in _NOT_STORED:
            raise invalid_argument(f"{what} holds a {kind}, which cannot be stored.")


def _check_vector(fields: Message, what: str) -> None:
    """Refuse a map that is marked as a vector but has not exactly an array of numbers beside the mark."""
    array = fields["value"] if len(fields) == 2 and "value" in fields else None
    if array is None or array.WhichOneof("value_type") != "array_value":
        raise invalid_argument(f"{what} holds a vector that is no array.")
    numbers = array.array_value.values
    if any(each.WhichOneof("value_type") not in _NUMBERS for each in numbers):
        raise invalid_argument(f"{what} holds a vector with elements that are no numbers.")
    if len(numbers) > MAX_DIMENSIONS:
        raise invalid_argument(f"{what} holds a vector of more than {MAX_DIMENSIONS} dimensions.")


def check_deeply(value: Message, what: str) -> None:
    """Refuse a value that cannot be, or that has one in it that cannot be.

    Raises:
        RpcError: INVALID_ARGUMENT.
    """
    check(value, what)
    for inner in value.array_value.values:
        check_deeply(inner, what)
    for inner in value.map_value.fields.values():
        check_deeply(inner, what)
