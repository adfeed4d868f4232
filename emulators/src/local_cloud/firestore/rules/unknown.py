"""What is known of documents that a query has not found yet: only that its filters hold for them.

Rules are no filters: a query is allowed only if its rules hold for whatever it could find.
https://firebase.google.com/docs/firestore/security/rules-query
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from local_cloud.firestore import values
from local_cloud.firestore.indexes import KeyRange
from local_cloud.firestore.messages import Value
from local_cloud.firestore.native_values import set_value
from local_cloud.firestore.query import AFTER_VALUE, Condition
from local_cloud.firestore.rules import kinds

_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}

_TYPES = {
    "bool": values.BOOLEAN,
    "number": values.NUMBER,
    "timestamp": values.TIMESTAMP,
    "string": values.STRING,
    "bytes": values.BYTES,
    "path": values.REFERENCE,
    "latlng": values.GEO_POINT,
    "list": values.ARRAY,
    "map": values.MAP,
}


@dataclass(frozen=True)
class Unknown:
    """A value that differs from document to document, or may."""


@dataclass(frozen=True)
class UnknownField(Unknown):
    """A field of the documents, or all of them.

    Attributes:
        conditions: the filters that hold for all documents.
        path: the field's.
    """

    conditions: Sequence[Condition] = field(repr=False)
    path: tuple[str, ...] = ()

    def of(self, name: str) -> "UnknownField":
        """A field in this one."""
        return UnknownField(self.conditions, (*self.path, name))

    def lies_in(self, ranges: Sequence[KeyRange], *, contains: bool = False) -> Any:
        """Whether its encoded value lies in some ranges, as far as a filter says so.

        Args:
            ranges: the ranges.
            contains: whether it is about the elements of a list, one of which must lie there.
        """
        for condition in self.conditions:
            if condition.path != self.path or condition.contains != contains:
                continue
            if all(any(low >= start and high <= end for start, end in ranges) for low, high in condition.ranges):
                return True
            if not contains and all(
                high <= start or low >= end for low, high in condition.ranges for start, end in ranges
            ):
                return False
        return Unknown()

    @property
    def exists(self) -> Any:
        """Whether the documents have it: a filter finds only those."""
        return True if any(condition.path == self.path for condition in self.conditions) else Unknown()


def operate(operator: str, left: Any, right: Any) -> Any:
    """Combine two values, one of which at least is unknown."""
    if isinstance(left, UnknownField) and operator == "in" and isinstance(right, list):
        points = [_ranges("==", each) for each in right]
        return left.lies_in([each for point in points for each in point or []]) if all(points) else Unknown()
    if isinstance(right, UnknownField) and operator == "in" and not isinstance(left, Unknown):
        ranges = _ranges("==", left)
        if isinstance(left, str) and right.of(left).exists is True:
            return True
        return right.lies_in(ranges, contains=True) if ranges else Unknown()
    if operator in {"==", "!="} and (left is None or right is None) and not isinstance(left or right, Unknown):
        return operator == "!="  # a list or a map, whatever is in it
    if operator in _MIRRORED and isinstance(right, UnknownField):
        left, right, operator = right, left, _MIRRORED[operator]
    if isinstance(left, UnknownField) and not isinstance(right, Unknown):
        ranges = _ranges(operator, right)
        if ranges is not None:
            found = left.lies_in(ranges)
            if operator == "!=":
                return not found if isinstance(found, bool) else found
            # What is of another type is not less, and not greater either.
            is_certain = found is not False or operator == "==" or left.lies_in([_type_range(ranges)]) is True
            return found if is_certain else Unknown()
    return Unknown()


def is_kind(value: Unknown, kind: str) -> Any:
    """Whether `value is kind`."""
    if isinstance(value, UnknownField) and kind in _TYPES:
        return value.lies_in([_type_range([(_TYPES[kind], b"")])])
    return Unknown()


def _type_range(ranges: list[KeyRange]) -> KeyRange:
    kind = ranges[0][0][0]
    return bytes([kind]), bytes([kind + 1])


def _ranges(operator: str, value: Any) -> list[KeyRange] | None:
    """Where the encoded values lie that an operator holds for; for `!=` where those lie that it does not hold for."""
    message = Value()
    if isinstance(value, kinds.Timestamp):
        message.timestamp_value.FromNanoseconds(value.nanoseconds)
    elif isinstance(value, bytes):
        message.bytes_value = value
    else:
        try:
            set_value(message, value)
        except TypeError:
            return None
    encoded = values.encode(message)
    low, high = values.type_range(encoded)
    return {
        "==": [(encoded, encoded + AFTER_VALUE)],
        "!=": [(encoded, encoded + AFTER_VALUE)],
        "<": [(low, encoded)],
        "<=": [(low, encoded + AFTER_VALUE)],
        ">": [(encoded + AFTER_VALUE, high)],
        ">=": [(encoded, high)],
    }.get(operator)
