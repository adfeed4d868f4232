"""Fields of a document by their paths: read, set, remove, project; and what a document may hold.

`fields` is everywhere the protobuf map of a `Document` or of a `MapValue`.
"""

from collections.abc import Iterable

from local_cloud.firestore import value_rules, values
from local_cloud.firestore.errors import invalid_argument
from local_cloud.firestore.messages import Message
from local_cloud.firestore.paths import MAX_FIELD_NAME_BYTES, FieldPath, format_field_path, is_reserved

MAX_DEPTH = 20


def get(fields: Message, path: FieldPath) -> Message | None:
    """The value at a path, None if there is none."""
    for key in path[:-1]:
        if key not in fields:
            return None
        value = fields[key]
        if value.WhichOneof("value_type") != "map_value":
            return None
        fields = value.map_value.fields
    # Not []: that adds a key that is missing.
    return fields.get(path[-1])


def put(fields: Message, path: FieldPath, value: Message) -> None:
    """Set the value at a path, making maps of what stands in its way."""
    for key in path[:-1]:
        inner = fields[key]
        if inner.WhichOneof("value_type") != "map_value" or values.is_vector(inner):
            inner.Clear()
            inner.map_value.SetInParent()
        fields = inner.map_value.fields
    fields[path[-1]].CopyFrom(value)


def remove(fields: Message, path: FieldPath) -> None:
    """Remove the value at a path if there is one."""
    for key in path[:-1]:
        if key not in fields or fields[key].WhichOneof("value_type") != "map_value":
            return
        fields = fields[key].map_value.fields
    if path[-1] in fields:
        del fields[path[-1]]


def project(document: Message, paths: Iterable[FieldPath], projected: Message) -> None:
    """Fill an empty Document with a document's name and times, and its fields at some paths."""
    projected.name = document.name
    if document.HasField("create_time"):
        projected.create_time.CopyFrom(document.create_time)
        projected.update_time.CopyFrom(document.update_time)
    source, target = document.fields, projected.fields
    for path in paths:
        name = path[0]
        if name not in source:
            continue
        if len(path) == 1:
            target[name].CopyFrom(source[name])
        elif (value := get(source, path)) is not None:
            put(target, path, value)


def check_document(document: Message) -> None:
    """Refuse what Firestore does not store, sizes apart, and cut timestamps to the microseconds that it keeps.

    Raises:
        RpcError: INVALID_ARGUMENT, naming the field.
    """
    _check_fields(document.fields, (), 1)


def _check_fields(fields: Message, parent: FieldPath, depth: int) -> None:
    for key in fields:
        if not key:
            raise invalid_argument(f'Document field "{format_field_path(parent)}" has an empty field name in it.')
        if is_reserved(key):
            raise invalid_argument(f'Field name "{key}" is reserved.')
        if len(key) * 4 > MAX_FIELD_NAME_BYTES and len(key.encode()) > MAX_FIELD_NAME_BYTES:
            raise invalid_argument(f"A field name is longer than {MAX_FIELD_NAME_BYTES} bytes.")
        _check_value(fields[key], (*parent, key), depth, in_array=False)


def _check_value(value: Message, path: FieldPath, depth: int, *, in_array: bool) -> None:
    kind = value.WhichOneof("value_type")
    if kind not in value_rules.WITHOUT_RULES:
        value_rules.check(value, f"Property {format_field_path(path)}")
    if kind == "timestamp_value":
        nanos = value.timestamp_value.nanos
        if nanos % 1000:
            value.timestamp_value.nanos = nanos - nanos % 1000
    elif kind == "map_value":
        if values.is_vector(value):
            return
        if value.map_value.fields:
            _check_depth(path, depth)
            _check_fields(value.map_value.fields, path, depth + 1)
    elif kind == "array_value":
        if in_array:
            raise invalid_argument(
                f"Property {format_field_path(path)} contains an invalid nested entity: "
                "an array directly within another array."
            )
        if value.array_value.values:
            _check_depth(path, depth)
            for element in value.array_value.values:
                _check_value(element, path, depth + 1, in_array=True)


def _check_depth(path: FieldPath, depth: int) -> None:
    """Refuse a value that is within more than 20 maps and arrays.

    Firestore counts both, and only those that are not empty: https://github.com/googleapis/nodejs-firestore/pull/1815
    """
    if depth > MAX_DEPTH:
        raise invalid_argument(f"Property {format_field_path(path[:1])} is nested deeper than {MAX_DEPTH} levels.")
