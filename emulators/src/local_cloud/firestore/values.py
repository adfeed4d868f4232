"""The order of Firestore's values, as an encoding into bytes that compare the same way.

Values of different types are ordered by type: null, booleans, numbers (NaN first), timestamps, strings, bytes,
references, geographical points, arrays, vectors, maps. Integers and doubles are one type and compare by their exact
numeric value. See https://firebase.google.com/docs/firestore/manage-data/data-types#value_type_ordering

No encoding is a prefix of another one, so that encodings can be joined to a key of several fields, and the encoding
of a key in descending order is its bytes' complement.
"""

import math
import re
import struct
from collections.abc import Callable, Iterable
from typing import Any

from local_cloud.firestore.messages import Message

NULL = b"\x05"
BOOLEAN = b"\x06"
NUMBER = b"\x07"
TIMESTAMP = b"\x08"
STRING = b"\x09"
BYTES = b"\x0a"
REFERENCE = b"\x0b"
GEO_POINT = b"\x0c"
ARRAY = b"\x0d"
VECTOR = b"\x0e"
MAP = b"\x0f"
ABOVE_ALL = b"\x10"

SEGMENT_END = b"\x00\x01"
"""Ends a string. A zero byte inside of one is written as 00 FF, so this is found nowhere else in it."""

_END = b"\x00"
_PATH_END = b"\x00\x00"
_UINT64 = struct.Struct(">Q")
_DOUBLE = struct.Struct(">d")
_UINT32 = struct.Struct(">I")
_NUMBER = struct.Struct(">QH")
_TIMESTAMP = struct.Struct(">QI")
_SIGN = 1 << 63
_ALL_BITS = (1 << 64) - 1
_EXACT = 1 << 53
_COMPLEMENT = bytes(255 - byte for byte in range(256))
_NUMERIC_ID = re.compile(r"__id(-?\d+)__")


def encode(value: Message) -> bytes:
    """The bytes that stand for a `Value` in comparisons.

    Equal values have equal bytes: 1 and 1.0, 0.0 and -0.0, NaN and NaN.
    """
    return _ENCODERS[value.WhichOneof("value_type")](value)


def complement(encoded: bytes) -> bytes:
    """An encoding turned around, for descending order."""
    return encoded.translate(_COMPLEMENT)


def type_range(encoded: bytes) -> tuple[bytes, bytes]:
    """From where (inclusive) to where (exclusive) the values of the same type lie."""
    return encoded[:1], bytes([encoded[0] + 1])


def encode_segment(segment: str) -> bytes:
    """A collection or document id, without an end mark.

    Ids like `__id42__` are numbers, and come before all others
    (https://firebase.google.com/docs/firestore/manage-data/data-types#data_types, on references).
    """
    if segment.startswith("__id") and (number := _NUMERIC_ID.fullmatch(segment)):
        return b"\x00\xfe%020d" % (int(number[1]) + _SIGN)
    encoded = segment.encode()
    return encoded.replace(b"\x00", b"\x00\xff") if b"\x00" in encoded else encoded


def decode_segment(encoded: bytes) -> str:
    """The inverse of `encode_segment`."""
    if encoded.startswith(b"\x00\xfe"):
        return f"__id{int(encoded[2:]) - _SIGN}__"
    return (encoded.replace(b"\x00\xff", b"\x00") if b"\x00" in encoded else encoded).decode()


def encode_path(segments: Iterable[str]) -> bytes:
    """A path below a database, without an end mark: a document comes right before those of its sub-collections."""
    return SEGMENT_END.join(map(encode_segment, segments))


def is_vector(value: Message) -> bool:
    """Whether a map value is a vector: Firestore's protocol marks them by a field of a reserved name."""
    fields = value.map_value.fields
    return "__type__" in fields and fields["__type__"].string_value == "__vector__"


def vector_numbers(vector: Message) -> list[float]:
    """The numbers of a vector."""
    return [
        float(getattr(number, number.WhichOneof("value_type")))
        for number in vector.map_value.fields["value"].array_value.values
    ]


def _encode_text(encoded: bytes) -> bytes:
    if b"\x00" in encoded:
        encoded = encoded.replace(b"\x00", b"\x00\xff")
    return encoded + SEGMENT_END


def _double_bits(number: float) -> int:
    if number == 0:
        return _SIGN
    if math.isnan(number):
        return 0
    (bits,) = _UINT64.unpack(_DOUBLE.pack(number))
    ordered: int = bits ^ _ALL_BITS if bits & _SIGN else bits | _SIGN
    return ordered


def _encode_integer(value: Message) -> bytes:
    number: int = value.integer_value
    nearest = float(number)
    if -_EXACT <= number <= _EXACT:
        return NUMBER + _NUMBER.pack(_double_bits(nearest), 0)
    if int(nearest) > number:
        nearest = math.nextafter(nearest, -math.inf)
    return NUMBER + _NUMBER.pack(_double_bits(nearest), number - int(nearest))


def _encode_double(value: Message) -> bytes:
    return NUMBER + _NUMBER.pack(_double_bits(value.double_value), 0)


def _encode_timestamp(value: Message) -> bytes:
    timestamp = value.timestamp_value
    return TIMESTAMP + _TIMESTAMP.pack(timestamp.seconds + _SIGN, timestamp.nanos)


def _encode_geo_point(value: Message) -> bytes:
    point = value.geo_point_value
    return GEO_POINT + _UINT64.pack(_double_bits(point.latitude)) + _UINT64.pack(_double_bits(point.longitude))


def _encode_array(value: Message) -> bytes:
    return ARRAY + b"".join(map(encode, value.array_value.values)) + _END


def _encode_map(value: Message) -> bytes:
    fields = value.map_value.fields
    if is_vector(value):
        numbers = fields["value"].array_value.values
        return VECTOR + _UINT32.pack(len(numbers)) + b"".join(map(encode, numbers))
    parts = [MAP]
    for key in sorted(fields):
        parts += (b"\x01", _encode_text(key.encode()), encode(fields[key]))
    parts.append(_END)
    return b"".join(parts)


_ENCODERS: dict[str | None, Callable[[Any], bytes]] = {
    # A Value with nothing set is what some clients send for null.
    None: lambda _: NULL,
    "null_value": lambda _: NULL,
    "boolean_value": lambda value: b"\x06\x01" if value.boolean_value else b"\x06\x00",
    "integer_value": _encode_integer,
    "double_value": _encode_double,
    "timestamp_value": _encode_timestamp,
    "string_value": lambda value: STRING + _encode_text(value.string_value.encode()),
    "bytes_value": lambda value: BYTES + _encode_text(value.bytes_value),
    "reference_value": lambda value: REFERENCE + encode_path(value.reference_value.split("/")) + _PATH_END,
    "geo_point_value": _encode_geo_point,
    "array_value": _encode_array,
    "map_value": _encode_map,
}
