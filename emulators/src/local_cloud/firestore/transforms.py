"""Field transforms: values that the server computes from what is stored.

https://firebase.google.com/docs/firestore/reference/rpc/google.firestore.v1#fieldtransform
"""

import math
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from local_cloud.firestore import fields, value_rules, values
from local_cloud.firestore.errors import invalid_argument
from local_cloud.firestore.messages import DocumentTransform, Message, Value
from local_cloud.firestore.paths import parse_field_path

_REQUEST_TIME = DocumentTransform.FieldTransform.REQUEST_TIME
_INT64_MIN = -(2**63)
_INT64_MAX = 2**63 - 1
_NULL = Value(null_value=0)


def apply(document: Message, transform: Message, now: Timestamp) -> Message:
    """Apply one field transform to a document in place.

    Returns:
        The `Value` for the write's `transform_results`.

    Raises:
        RpcError: INVALID_ARGUMENT, the transform is not one.
    """
    path = parse_field_path(transform.field_path)
    kind = transform.WhichOneof("transform_type")
    stored = fields.get(document.fields, path)
    result = _NULL
    match kind:
        case "set_to_server_value":
            if transform.set_to_server_value != _REQUEST_TIME:
                raise invalid_argument(f"Transform of field {transform.field_path} has no server value.")
            new = result = Value(timestamp_value=now)
        case "increment":
            new = result = _number(transform, kind, lambda operand: _add(stored, operand))
        case "maximum":
            new = result = _number(transform, kind, lambda operand: _further(stored, operand, larger=True))
        case "minimum":
            new = result = _number(transform, kind, lambda operand: _further(stored, operand, larger=False))
        case "append_missing_elements":
            new = _append_missing(stored, _elements(transform, kind))
        case "remove_all_from_array":
            new = _remove_all(stored, _elements(transform, kind))
        case _:
            raise invalid_argument(f"Transform of field {transform.field_path} has no type.")
    fields.put(document.fields, path, new)
    return result


def _number(transform: Message, kind: str, compute: Any) -> Message:
    operand = getattr(transform, kind)
    if not _is_number(operand):
        raise invalid_argument(f"Transform {kind} of field {transform.field_path} needs an integer or a double.")
    return compute(operand)


def _elements(transform: Message, kind: str) -> Any:
    elements = getattr(transform, kind).values
    for element in elements:
        if element.WhichOneof("value_type") == "array_value":
            raise invalid_argument(f"Transform {kind} of field {transform.field_path} has an array in its array.")
        value_rules.check_deeply(element, f"Transform {kind} of field {transform.field_path}")
    return elements


def _is_number(value: Message | None) -> bool:
    return value is not None and value.WhichOneof("value_type") in {"integer_value", "double_value"}


def _plain(value: Message) -> int | float:
    number: int | float = getattr(value, value.WhichOneof("value_type"))
    return number


def _add(stored: Message | None, operand: Message) -> Message:
    if stored is None or not _is_number(stored):
        return operand
    left, right = _plain(stored), _plain(operand)
    if isinstance(left, int) and isinstance(right, int):
        return Value(integer_value=min(max(left + right, _INT64_MIN), _INT64_MAX))
    return Value(double_value=float(left) + float(right))


def _further(stored: Message | None, operand: Message, *, larger: bool) -> Message:
    if stored is None or not _is_number(stored):
        return operand
    left, right = _plain(stored), _plain(operand)
    if math.isnan(left) or math.isnan(right):
        return Value(double_value=math.nan)
    # Equal numbers of different types, and zeros of different signs, leave the stored value.
    return operand if (right > left if larger else right < left) else stored


def _append_missing(stored: Message | None, elements: Any) -> Message:
    new = _array(stored)
    present = {values.encode(element) for element in new.array_value.values}
    for element in elements:
        encoded = values.encode(element)
        if encoded not in present:
            present.add(encoded)
            new.array_value.values.append(element)
    return new


def _remove_all(stored: Message | None, elements: Any) -> Message:
    unwanted = {values.encode(element) for element in elements}
    new = Value()
    new.array_value.SetInParent()
    new.array_value.values.extend(
        element for element in _array(stored).array_value.values if values.encode(element) not in unwanted
    )
    return new


def _array(stored: Message | None) -> Message:
    new = Value()
    if stored is not None and stored.WhichOneof("value_type") == "array_value":
        new.CopyFrom(stored)
    else:
        new.array_value.SetInParent()
    return new
