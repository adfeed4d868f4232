"""Hypothesis strategies for Firestore's values, documents and queries."""

import math
from typing import Any

from google.type.latlng_pb2 import LatLng
from hypothesis import strategies as st

from local_cloud.firestore.messages import StructuredQuery, Value
from local_cloud.firestore.query import parse
from local_cloud.rpc import RpcError
from local_cloud_tests.firestore.unit.reference import unequal

ROOT = "projects/p/databases/(default)/documents"

_INT64 = st.integers(-(2**63), 2**63 - 1)
_NEAR = st.integers(-2, 2).flatmap(
    lambda near: st.sampled_from([0, 2**53, -(2**53), 2**62]).map(lambda far: far + near)
)
_TEXT = st.text(st.sampled_from("ab\x00\x01é\U0001f600~"), max_size=4) | st.text(max_size=6)
_IDS = st.sampled_from(["a", "b", "ab", "__id1__", "__id7__", "__id-3__", "é"])


def _array(values: list[Any]) -> Any:
    value = Value()
    value.array_value.SetInParent()
    value.array_value.values.extend(values)
    return value


def _map(fields: dict[str, Any]) -> Any:
    value = Value()
    value.map_value.SetInParent()
    for key, inner in fields.items():
        value.map_value.fields[key].CopyFrom(inner)
    return value


def _vector(numbers: list[float]) -> Any:
    return _map(
        {"__type__": Value(string_value="__vector__"), "value": _array([Value(double_value=n) for n in numbers])}
    )


def timestamp(seconds: int, micros: int) -> Any:
    value = Value()
    value.timestamp_value.seconds = seconds
    value.timestamp_value.nanos = micros * 1000
    return value


simple_values = st.one_of(
    st.just(Value(null_value=0)),
    st.booleans().map(lambda flag: Value(boolean_value=flag)),
    (_INT64 | _NEAR).map(lambda number: Value(integer_value=number)),
    # One NaN is like another, whatever its bits are.
    (st.floats(allow_nan=False) | _NEAR.map(float) | st.sampled_from([math.nan, -0.0, 0.0, math.inf, -math.inf])).map(
        lambda number: Value(double_value=number)
    ),
    st.builds(timestamp, st.integers(-(2**33), 2**35), st.integers(0, 999_999)),
    _TEXT.map(lambda text: Value(string_value=text)),
    st.binary(max_size=4).map(lambda data: Value(bytes_value=data)),
    st.lists(_IDS, min_size=2, max_size=2).map(lambda ids: Value(reference_value="/".join([ROOT, *ids]))),
    st.lists(_IDS, min_size=4, max_size=4).map(lambda ids: Value(reference_value="/".join([ROOT, *ids]))),
    st.builds(
        lambda latitude, longitude: Value(geo_point_value=LatLng(latitude=latitude, longitude=longitude)),
        st.floats(-90, 90),
        st.floats(-180, 180),
    ),
    st.lists(st.floats(allow_nan=False), max_size=3).map(_vector),
)
"""Values of every type without others in them, but for vectors."""

values = st.recursive(
    simple_values,
    lambda inner: st.lists(inner, max_size=3).map(_array) | st.dictionaries(_TEXT, inner, max_size=3).map(_map),
    max_leaves=6,
)
"""Values of every type."""

few_values = st.one_of(
    st.sampled_from([0, 1, 2]).map(lambda number: Value(integer_value=number)),
    st.sampled_from([0.5, 1.0, math.nan]).map(lambda number: Value(double_value=number)),
    st.sampled_from(["", "a", "b"]).map(lambda text: Value(string_value=text)),
    st.booleans().map(lambda flag: Value(boolean_value=flag)),
    st.just(Value(null_value=0)),
)
"""Few enough values that documents and filters often agree."""

_stored = few_values | st.lists(few_values, max_size=3).map(_array)
_full = {"x": _stored, "y": _stored, "m": st.fixed_dictionaries({"z": _stored}).map(_map)}
_partial = _full | {"m": st.fixed_dictionaries({}, optional={"z": _stored}).map(_map)}
fields = st.fixed_dictionaries(_full) | st.fixed_dictionaries({}, optional=_partial)
"""A document's fields."""

_PATHS = st.sampled_from(["x", "y", "m.z"])
_Op = StructuredQuery.FieldFilter
_Unary = StructuredQuery.UnaryFilter


def _field_filter(path: str, op: int, value: Any) -> Any:
    given = StructuredQuery.Filter()
    given.field_filter.field.field_path = path
    given.field_filter.op = op
    given.field_filter.value.CopyFrom(value)
    return given


def _unary_filter(path: str, op: int) -> Any:
    given = StructuredQuery.Filter()
    given.unary_filter.field.field_path = path
    given.unary_filter.op = op
    return given


def _composite_filter(op: int, filters: list[Any]) -> Any:
    given = StructuredQuery.Filter()
    given.composite_filter.op = op
    given.composite_filter.filters.extend(filters)
    return given


_compared = st.sampled_from(
    [_Op.EQUAL, _Op.NOT_EQUAL, _Op.LESS_THAN, _Op.LESS_THAN_OR_EQUAL, _Op.GREATER_THAN, _Op.GREATER_THAN_OR_EQUAL]
)
_listing = st.sampled_from([_Op.IN, _Op.NOT_IN, _Op.ARRAY_CONTAINS_ANY])
_plain_filters = st.one_of(
    st.builds(_field_filter, _PATHS, _compared, _stored),
    st.builds(_field_filter, _PATHS, st.just(_Op.ARRAY_CONTAINS), few_values),
    st.builds(_field_filter, _PATHS, _listing, st.lists(few_values, min_size=1, max_size=2).map(_array)),
    st.builds(
        _unary_filter, _PATHS, st.sampled_from([_Unary.IS_NULL, _Unary.IS_NOT_NULL, _Unary.IS_NAN, _Unary.IS_NOT_NAN])
    ),
)
_references = st.sampled_from(["c/a", "c/b", "c/ab", "c/z", "c/__id7__", "p/1/c/b", "p/2"]).map(
    lambda path: Value(reference_value=f"{ROOT}/{path}")
)
_name_filters = st.one_of(
    st.builds(_field_filter, st.just("__name__"), _compared, _references),
    st.builds(
        _field_filter,
        st.just("__name__"),
        st.sampled_from([_Op.IN, _Op.NOT_IN]),
        st.lists(_references, min_size=1, max_size=3).map(_array),
    ),
)
filters = st.recursive(
    _plain_filters | _name_filters,
    lambda inner: st.builds(
        _composite_filter,
        st.sampled_from([StructuredQuery.CompositeFilter.AND, StructuredQuery.CompositeFilter.OR]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=4,
)
"""Filters of every kind."""


def _is_answered(query: Any) -> bool:
    """Whether Firestore takes the query's parts together."""
    try:
        parse(query, parent="", root=ROOT)
    except RpcError:
        return False
    return True


def _filtered(collection: str, given: Any) -> Any:
    query = StructuredQuery(where=given)
    query.from_.add(collection_id=collection)
    return query


@st.composite
def queries(draw: st.DrawFn, *, collection: str, ids: list[str]) -> Any:
    """Queries of a collection or a group with filters, orders, cursors, offset and limit."""
    query = StructuredQuery()
    query.from_.add(collection_id=collection, all_descendants=draw(st.booleans()))
    if draw(st.booleans()):
        query.where.CopyFrom(draw(filters.filter(lambda given: _is_answered(_filtered(collection, given)))))
    directions = st.sampled_from([StructuredQuery.ASCENDING, StructuredQuery.DESCENDING])
    same = draw(directions) if draw(st.booleans()) else None
    paths = draw(st.lists(_PATHS, max_size=2, unique=True))
    if draw(st.booleans()):
        paths.append("__name__")
    if "__name__" in paths:
        # The name is the last field of an order, implied ones included.
        paths = [*paths[:-1], *(path for path in sorted(unequal(query.where)) if path not in paths), "__name__"]
    for path in paths:
        query.order_by.add(direction=same or draw(directions)).field.field_path = path
    for cursor in (query.start_at, query.end_at):
        if paths and draw(st.integers(0, 2)) == 0:
            cursor.before = draw(st.booleans())
            for path in paths[: draw(st.integers(1, len(paths)))]:
                if path == "__name__":
                    cursor.values.add(reference_value=f"{ROOT}/{collection}/{draw(st.sampled_from(ids))}")
                else:
                    cursor.values.append(draw(_stored))
    query.offset = draw(st.sampled_from([0, 0, 0, 1, 3]))
    if draw(st.booleans()):
        query.limit.value = draw(st.integers(0, 6))
    return query
