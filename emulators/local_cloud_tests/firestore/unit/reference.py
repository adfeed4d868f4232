"""A second opinion: Firestore's order and filters written down plainly, without encodings or indexes."""

import math
from collections.abc import Callable
from fractions import Fraction
from functools import cmp_to_key
from typing import Any

from local_cloud.firestore.messages import StructuredQuery, Value

Op = StructuredQuery.FieldFilter
Unary = StructuredQuery.UnaryFilter
Composite = StructuredQuery.CompositeFilter

_TYPES = [
    "null",
    "boolean",
    "number",
    "timestamp",
    "string",
    "bytes",
    "reference",
    "geo_point",
    "array",
    "vector",
    "map",
]


def type_of(value: Any) -> str:
    kind = value.WhichOneof("value_type").removesuffix("_value")
    if kind in {"integer", "double"}:
        return "number"
    if kind == "map" and value.map_value.fields.get("__type__") is not None:
        return "vector"
    return str(kind)


def compare(left: Any, right: Any) -> int:
    kind = type_of(left)
    by_type = _TYPES.index(kind) - _TYPES.index(type_of(right))
    if by_type:
        return by_type
    return _COMPARISONS[kind](left, right)


def _three_way(left: Any, right: Any) -> int:
    return int(left > right) - int(left < right)


def _numbers(left: Any, right: Any) -> int:
    a, b = (getattr(value, value.WhichOneof("value_type")) for value in (left, right))
    if math.isnan(a) or math.isnan(b):
        return math.isnan(b) - math.isnan(a)
    if math.isinf(a) or math.isinf(b):
        return _three_way(float(a), float(b))
    return _three_way(Fraction(a), Fraction(b))


def _sequences(left: Any, right: Any) -> int:
    for a, b in zip(left, right, strict=False):
        if result := compare(a, b):
            return result
    return int(len(left) - len(right))


def _vectors(left: Any, right: Any) -> int:
    a, b = (value.map_value.fields["value"].array_value.values for value in (left, right))
    return int(len(a) - len(b)) or _sequences(a, b)


def _maps(left: Any, right: Any) -> int:
    a, b = (sorted(value.map_value.fields.items(), key=lambda pair: pair[0].encode()) for value in (left, right))
    for (key, value), (other_key, other_value) in zip(a, b, strict=False):
        if result := _three_way(key.encode(), other_key.encode()) or compare(value, other_value):
            return result
    return len(a) - len(b)


_COMPARISONS: dict[str, Callable[[Any, Any], int]] = {
    "null": lambda _left, _right: 0,
    "boolean": lambda left, right: _three_way(left.boolean_value, right.boolean_value),
    "number": _numbers,
    "timestamp": lambda left, right: _three_way(
        (left.timestamp_value.seconds, left.timestamp_value.nanos),
        (right.timestamp_value.seconds, right.timestamp_value.nanos),
    ),
    "string": lambda left, right: _three_way(left.string_value.encode(), right.string_value.encode()),
    "bytes": lambda left, right: _three_way(left.bytes_value, right.bytes_value),
    "reference": lambda left, right: compare_paths(left.reference_value, right.reference_value),
    "geo_point": lambda left, right: _three_way(
        (left.geo_point_value.latitude, left.geo_point_value.longitude),
        (right.geo_point_value.latitude, right.geo_point_value.longitude),
    ),
    "array": lambda left, right: _sequences(left.array_value.values, right.array_value.values),
    "vector": _vectors,
    "map": _maps,
}


def compare_paths(left: str, right: str) -> int:
    def key(path: str) -> list[tuple[int, int, bytes]]:
        segments = path.split("/")
        return [
            (0, int(segment[4:-2]), b"")
            if segment.startswith("__id") and segment.endswith("__")
            else (1, 0, segment.encode())
            for segment in segments
        ]

    return _three_way(key(left), key(right))


def field(document: Any, path: str) -> Any:
    """The value at a dotted path of simple names, None if there is none."""
    if path == "__name__":
        return Value(reference_value=document.name)
    fields, value = document.fields, None
    for key in path.split("."):
        if value is not None:
            if value.WhichOneof("value_type") != "map_value":
                return None
            fields = value.map_value.fields
        value = fields.get(key)
        if value is None:
            return None
    return value


def matches(document: Any, given: Any) -> bool:
    match given.WhichOneof("filter_type"):
        case "composite_filter":
            results = [matches(document, inner) for inner in given.composite_filter.filters]
            return all(results) if given.composite_filter.op == Composite.AND else any(results)
        case "unary_filter":
            return _matches_unary(field(document, given.unary_filter.field.field_path), given.unary_filter.op)
        case _:
            return _matches_field(
                field(document, given.field_filter.field.field_path), given.field_filter.op, given.field_filter.value
            )


def _is_nan(value: Any) -> bool:
    return type_of(value) == "number" and math.isnan(getattr(value, value.WhichOneof("value_type")))


def _matches_unary(value: Any, op: int) -> bool:
    if value is None:
        return False
    is_null = type_of(value) == "null"
    is_nan = _is_nan(value)
    return {
        Unary.IS_NULL: is_null,
        Unary.IS_NOT_NULL: not is_null,
        Unary.IS_NAN: is_nan,
        Unary.IS_NOT_NAN: not is_nan and not is_null,
    }[op]


def _matches_field(value: Any, op: int, operand: Any) -> bool:
    if value is None:
        return False
    listed = operand.array_value.values
    elements = value.array_value.values
    if op in {Op.ARRAY_CONTAINS, Op.ARRAY_CONTAINS_ANY, Op.IN}:
        wanted = [operand] if op == Op.ARRAY_CONTAINS else listed
        found = [value] if op == Op.IN else elements
        findable = [each for each in wanted if type_of(each) != "null" and not _is_nan(each)]
        return any(compare(each, one) == 0 for each in found for one in findable)
    if op == Op.NOT_IN:
        if type_of(value) == "null" or any(type_of(unwanted) == "null" for unwanted in listed):
            return False
        return all(compare(value, unwanted) != 0 for unwanted in listed)
    if op == Op.NOT_EQUAL:
        return type_of(value) != "null" and compare(value, operand) != 0
    if type_of(value) != type_of(operand):
        return False
    if op != Op.EQUAL and (type_of(operand) == "null" or _is_nan(value) or _is_nan(operand)):
        return False
    result = compare(value, operand)
    return {
        Op.EQUAL: result == 0,
        Op.LESS_THAN: result < 0,
        Op.LESS_THAN_OR_EQUAL: result <= 0,
        Op.GREATER_THAN: result > 0,
        Op.GREATER_THAN_OR_EQUAL: result >= 0,
    }[op]


_INEQUALITIES = {
    Op.LESS_THAN, Op.LESS_THAN_OR_EQUAL, Op.GREATER_THAN, Op.GREATER_THAN_OR_EQUAL, Op.NOT_EQUAL, Op.NOT_IN
}  # fmt: skip


def unequal(given: Any) -> set[str]:
    """The fields with an inequality in a filter."""
    match given.WhichOneof("filter_type"):
        case "composite_filter":
            return {path for inner in given.composite_filter.filters for path in unequal(inner)}
        case "unary_filter":
            negative = given.unary_filter.op in {Unary.IS_NOT_NULL, Unary.IS_NOT_NAN}
            return {given.unary_filter.field.field_path} if negative else set()
        case "field_filter":
            negative = given.field_filter.op in _INEQUALITIES
            return {given.field_filter.field.field_path} if negative else set()
        case _:
            return set()


def run(query: Any, documents: dict[str, Any]) -> list[str]:
    """The paths of a query's results among some documents, found by looking at each."""
    orders = [(order.field.field_path, order.direction == StructuredQuery.DESCENDING) for order in query.order_by]
    last = orders[-1][1] if orders else False
    named = {path for path, _ in orders}
    orders += [(path, last) for path in sorted(unequal(query.where) - named - {"__name__"})]
    if "__name__" not in named:
        orders.append(("__name__", last))

    def in_order(left: str, right: str) -> int:
        for path, descending in orders:
            if path == "__name__":
                result = compare_paths(left, right)
            else:
                result = compare(field(documents[left], path), field(documents[right], path))
            if result:
                return -result if descending else result
        return 0

    def against(path: str, cursor: Any) -> int:
        for (ordered, descending), value in zip(orders, cursor.values, strict=False):
            if ordered == "__name__":
                result = compare_paths(path, value.reference_value.partition("/documents/")[2])
            else:
                result = compare(field(documents[path], ordered), value)
            if result:
                return -result if descending else result
        return 0

    found = [
        path
        for path, document in documents.items()
        if (not query.HasField("where") or matches(document, query.where))
        and all(ordered == "__name__" or field(document, ordered) is not None for ordered, _ in orders)
    ]
    if query.HasField("start_at"):
        least = 0 if query.start_at.before else 1
        found = [path for path in found if against(path, query.start_at) >= least]
    if query.HasField("end_at"):
        most = -1 if query.end_at.before else 0
        found = [path for path in found if against(path, query.end_at) <= most]
    found.sort(key=cmp_to_key(in_order))
    found = found[query.offset :]
    return found[: query.limit.value] if query.HasField("limit") else found
