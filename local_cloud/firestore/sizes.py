"""The size of a document as Firestore reckons it.

https://firebase.google.com/docs/firestore/storage-size
"""

from local_cloud.firestore.messages import Message

MAX_DOCUMENT_BYTES = 1_048_576
"""https://firebase.google.com/docs/firestore/quotas#collections_documents_and_fields"""

_SURELY_SMALL = MAX_DOCUMENT_BYTES // 16
"""A protobuf message below this is no document above the limit: no value takes sixteen times its serialized size."""

_OVERHEAD = 32
_FIXED = {
    None: 1,
    "null_value": 1,
    "boolean_value": 1,
    "integer_value": 8,
    "double_value": 8,
    "timestamp_value": 8,
    "geo_point_value": 16,
}


def is_too_large(document: Message) -> int | None:
    """The size in bytes of a document that is larger than Firestore stores, None if it is not."""
    if document.ByteSize() < _SURELY_SMALL:
        return None
    size = _name(document.name) + _fields(document.fields) + _OVERHEAD
    return size if size > MAX_DOCUMENT_BYTES else None


def _name(name: str) -> int:
    path = name.partition("/documents/")[2]
    return 16 + sum(len(segment.encode()) + 1 for segment in path.split("/"))


def _fields(fields: Message) -> int:
    return sum(len(key.encode()) + 1 + _value(fields[key]) for key in fields)


def _value(value: Message) -> int:
    kind = value.WhichOneof("value_type")
    if kind in _FIXED:
        return _FIXED[kind]
    match kind:
        case "string_value":
            return len(value.string_value.encode()) + 1
        case "bytes_value":
            return len(value.bytes_value)
        case "reference_value":
            return _name(value.reference_value)
        case "array_value":
            return sum(map(_value, value.array_value.values))
        case _:
            return _fields(value.map_value.fields) + _OVERHEAD
