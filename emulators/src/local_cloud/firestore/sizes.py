"""The size of a document as Firestore reckons it, and the limits of size.

https://firebase.google.com/docs/firestore/storage-size
"""

from collections.abc import Mapping

from local_cloud.firestore import index_entries
from local_cloud.firestore.declared_indexes import NOTHING_DECLARED, DeclaredIndexes
from local_cloud.firestore.errors import invalid_argument
from local_cloud.firestore.messages import Message

MAX_DOCUMENT_BYTES = 1_048_576
"""https://firebase.google.com/docs/firestore/quotas#collections_documents_and_fields"""

MAX_VALUE_BYTES = MAX_DOCUMENT_BYTES - 89
"""Of a string, or of bytes: https://firebase.google.com/docs/firestore/quotas#collections_documents_and_fields"""

_SURELY_SMALL = MAX_DOCUMENT_BYTES // 16
"""A protobuf message below this is no document above the limits: no value takes sixteen times its serialized size, or
less than two bytes for each of its entries in the indexes of its field."""

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


def check(document: Message, declared: Mapping[str, DeclaredIndexes]) -> None:
    """Refuse a document that is too large, or has a value that is, or has too many entries in indexes.

    Args:
        document: the document.
        declared: for a collection id what an index file says of it.

    Raises:
        RpcError: INVALID_ARGUMENT.
    """
    if document.ByteSize() < _SURELY_SMALL:
        return
    for name in document.fields:
        _check_value(document.fields[name], name)
    size = _name(document.name) + _fields(document.fields) + _OVERHEAD
    if size > MAX_DOCUMENT_BYTES:
        raise invalid_argument(
            f"Document '{document.name}' cannot be written because its size ({size:,} bytes) exceeds the maximum "
            f"allowed size of {MAX_DOCUMENT_BYTES:,} bytes."
        )
    collection_id = document.name.rsplit("/", 2)[-2]
    entries = index_entries.count(document.fields, declared.get(collection_id, NOTHING_DECLARED))
    if entries > index_entries.MAX_INDEX_ENTRIES:
        raise invalid_argument(
            f"Document '{document.name}' cannot be written because it would have {entries:,} entries in indexes; the "
            f"maximum is {index_entries.MAX_INDEX_ENTRIES:,}."
        )


def _check_value(value: Message, name: str) -> None:
    if len(value.string_value.encode()) > MAX_VALUE_BYTES or len(value.bytes_value) > MAX_VALUE_BYTES:
        raise invalid_argument(f'The value of property "{name}" is longer than {MAX_VALUE_BYTES} bytes.')
    for inner in value.array_value.values:
        _check_value(inner, name)
    for key, inner in value.map_value.fields.items():
        _check_value(inner, key)


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
