"""A structured query, checked and brought into the form in which it is planned and matched.

Every filter is a set of ranges of encoded values: `a == 1` is one point, `a != 1` what lies below and above it,
`a in [...]` several points. Matching a document and walking over an index then use the same ranges.

https://firebase.google.com/docs/firestore/query-data/queries
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from local_cloud.firestore import fields as document_fields
from local_cloud.firestore import query_rules, value_rules, values
from local_cloud.firestore.errors import invalid_argument
from local_cloud.firestore.indexes import KeyRange
from local_cloud.firestore.messages import Message, StructuredQuery, Value
from local_cloud.firestore.paths import NAME, FieldPath, check_single_id, format_field_path, parse_field_path

_And = StructuredQuery.CompositeFilter.AND
_Or = StructuredQuery.CompositeFilter.OR
_Op = StructuredQuery.FieldFilter
_Unary = StructuredQuery.UnaryFilter
_DESCENDING = StructuredQuery.DESCENDING

AFTER_VALUE = values.ABOVE_ALL
"""An index entry goes on after a value with a zero byte or the type of another value: this ends those of one value."""

_AFTER_PREFIX = b"\xff"
_PATH_END = b"\x00\x00"
_NAN = values.encode(Value(double_value=float("nan")))
_NOT_NULL: KeyRange = (values.BOOLEAN, values.ABOVE_ALL)
_NEVER_LISTED = frozenset({values.NULL, _NAN})
"""`in`, `array-contains` and `array-contains-any` find neither null nor NaN, and nothing is less or greater: only `==`
and `!=` match them (https://github.com/firebase/firebase-js-sdk/pull/3960)."""

_NOTHING: KeyRange = (b"", b"")


@dataclass(frozen=True, slots=True)
class Condition:
    """One filter on one field.

    Attributes:
        path: the field.
        ranges: where its encoded value must lie, in order and apart from each other.
        contains: the ranges are for the elements of the array that the field holds, not for its value.
        inequality: Firestore orders by such a field even where the query does not say so.
    """

    path: FieldPath
    ranges: tuple[KeyRange, ...]
    contains: bool = False
    inequality: bool = False

    def matches(self, fields: Message, path_key: bytes) -> bool:
        """Whether a document with these fields and this path fulfils it."""
        if self.path == NAME:
            return self._within(path_key)
        value = document_fields.get(fields, self.path)
        if value is None:
            return False
        if self.contains:
            return any(self._within(values.encode(element)) for element in value.array_value.values)
        return self._within(values.encode(value))

    def _within(self, encoded: bytes) -> bool:
        position = bisect_right(self.ranges, encoded, key=_low)
        return position > 0 and encoded < self.ranges[position - 1][1]


@dataclass(frozen=True, slots=True)
class Bound:
    """A cursor: a place in the order of results.

    Attributes:
        parts: the encoded values for the first fields of the order; for the name the encoded path.
        before: the place is right before the results with these values, not right after them.
    """

    parts: tuple[bytes, ...]
    before: bool


Conjunction = tuple[Condition, ...]
"""Conditions that must all be fulfilled."""


@dataclass(frozen=True, slots=True)
class Order:
    """One field that results are ordered by."""

    path: FieldPath
    descending: bool


@dataclass(frozen=True, slots=True)
class Nearest:
    """The search for the vectors that are nearest to one.

    Attributes:
        path: the field with the vectors.
        vector: the one.
        measure: a `FindNearest.DistanceMeasure`.
        limit: the largest number of results.
        result_field: where results get their distance, None: nowhere.
        threshold: how far away results may be (how near at most, for the dot product), None: any distance.
    """

    path: FieldPath
    vector: tuple[float, ...]
    measure: int
    limit: int
    result_field: FieldPath | None
    threshold: float | None


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for.

    Attributes:
        parent: the path of the document below which it looks, empty for the whole database.
        collection_id: the collections' id, empty for any.
        descendants: whether it also looks into collections further down.
        disjuncts: a document matches that fulfils one of these conjunctions.
        orders: what results are ordered by, the implicit fields and the name at last included.
        required: fields that would be ordered by after the name: they order nothing, but results must have them.
        start: where results begin, None: with the first.
        end: where results end, None: with the last.
        offset: the number of results to leave out.
        limit: the largest number of results, None: any.
        projection: the fields to return, None: all.
        nearest: a search for near vectors among the results.
    """

    parent: str
    collection_id: str
    descendants: bool
    disjuncts: tuple[Conjunction, ...]
    orders: tuple[Order, ...]
    required: tuple[FieldPath, ...] = ()
    start: Bound | None = None
    end: Bound | None = None
    offset: int = 0
    limit: int | None = None
    projection: tuple[FieldPath, ...] | None = None
    nearest: Nearest | None = None

    @property
    def is_whole_group(self) -> bool:
        """Whether it asks for all documents of a collection group, in the order of their names."""
        whole = Query(self.parent, self.collection_id, True, ((),), (Order(NAME, False),), projection=self.projection)
        return bool(self.collection_id) and not self.parent and self == whole

    def covers(self, path: str) -> bool:
        """Whether it looks into the collection at a path."""
        parent, _, collection_id = path.rpartition("/")
        if self.collection_id and collection_id != self.collection_id:
            return False
        if self.descendants:
            return not self.parent or path.startswith(f"{self.parent}/")
        return parent == self.parent

    def sort_key(self, fields: Message, path_key: bytes) -> bytes | None:
        """What a document is ordered by; None if it lacks a field of the order, which makes it no result."""
        if any(document_fields.get(fields, path) is None for path in self.required):
            return None
        parts: list[bytes] = []
        for order in self.orders:
            if order.path == NAME:
                encoded = path_key + _PATH_END
            else:
                value = document_fields.get(fields, order.path)
                if value is None:
                    return None
                encoded = values.encode(value)
            parts.append(values.complement(encoded) if order.descending else encoded)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def matches(self, fields: Message, path_key: bytes) -> bool:
        """Whether a document fulfils the filters."""
        return any(
            all(condition.matches(fields, path_key) for condition in conjunction) for conjunction in self.disjuncts
        )

    def accepts(self, fields: Message, path_key: bytes) -> bytes | None:
        """The sort key of a document that is a result, not counting offset and limit; None if it is none."""
        if not self.matches(fields, path_key):
            return None
        return self.position(fields, path_key)

    def position(self, fields: Message, path_key: bytes) -> bytes | None:
        """The sort key of a document that fulfils the filters; None if the order or the cursors leave it out."""
        key = self.sort_key(fields, path_key)
        if key is None:
            return None
        if self.start is not None and key < self._edge(self.start):
            return None
        if self.end is not None and key >= self._edge(self.end):
            return None
        return key

    def _edge(self, bound: Bound) -> bytes:
        parts: list[bytes] = []
        for order, part in zip(self.orders, bound.parts, strict=False):
            encoded = part + _PATH_END if order.path == NAME else part
            parts.append(values.complement(encoded) if order.descending else encoded)
        if not bound.before:
            parts.append(_AFTER_PREFIX)
        return b"".join(parts)


def parse(query: Message, *, parent: str, root: str, aggregated: Iterable[FieldPath] = ()) -> Query:
    """Check a `StructuredQuery` and bring it into form.

    Args:
        query: the message.
        parent: the path of the document below which it looks.
        root: `projects/P/databases/D/documents`.
        aggregated: the fields that a sum or an average is made of. Firestore takes them from an index of the field,
            so only documents that have it are results, and a limit takes them in the order of the field.

    Raises:
        RpcError: INVALID_ARGUMENT, naming what is wrong.
    """
    if len(query.from_) > 1:
        raise invalid_argument("A query can have one collection selector only.")
    return _Parser(query, parent, root, aggregated).parse()


class _Parser:
    def __init__(self, query: Message, parent: str, root: str, aggregated: Iterable[FieldPath]) -> None:
        self._aggregated = frozenset(aggregated)
        self._query = query
        self._parent = parent
        self._root = root
        selectors = query.from_
        self._collection_id = selectors[0].collection_id if selectors else ""
        self._descendants = selectors[0].all_descendants if selectors else True
        if self._collection_id:
            check_single_id(self._collection_id)

    def parse(self) -> Query:
        query = self._query
        if query.offset < 0:
            raise invalid_argument("offset is negative.")
        if query.HasField("limit") and query.limit.value < 0:
            raise invalid_argument("limit is negative.")
        disjuncts: tuple[Conjunction, ...] = ((),)
        where = query_rules.NO_FILTER
        if query.HasField("where"):
            where = query_rules.check_filter(query.where)
            disjuncts = tuple(map(tuple, self._disjuncts(query.where)))
        query_rules.check_whole(query, where, is_below_document=bool(self._parent))
        orders, required = self._orders(disjuncts)
        return Query(
            parent=self._parent,
            collection_id=self._collection_id,
            descendants=self._descendants,
            disjuncts=disjuncts,
            orders=orders,
            required=required,
            start=self._bound(query.start_at, orders) if query.HasField("start_at") else None,
            end=self._bound(query.end_at, orders) if query.HasField("end_at") else None,
            offset=query.offset,
            limit=query.limit.value if query.HasField("limit") else None,
            projection=self._projection(),
            nearest=self._nearest() if query.HasField("find_nearest") else None,
        )

    def _projection(self) -> tuple[FieldPath, ...] | None:
        if not self._query.select.fields:
            return None
        paths = [parse_field_path(reference.field_path) for reference in self._query.select.fields]
        return tuple(path for path in paths if path != NAME)

    def _nearest(self) -> Nearest:
        nearest = self._query.find_nearest
        if not values.is_vector(nearest.query_vector):
            raise invalid_argument("find_nearest.query_vector is not a vector.")
        value_rules.check(nearest.query_vector, "find_nearest.query_vector")
        vector = tuple(values.vector_numbers(nearest.query_vector))
        if not vector:
            raise invalid_argument("find_nearest.query_vector has no dimensions.")
        if not 1 <= nearest.limit.value <= 1000:
            raise invalid_argument("find_nearest.limit must be from 1 to 1000.")
        if not nearest.distance_measure:
            raise invalid_argument("find_nearest.distance_measure is missing.")
        return Nearest(
            path=parse_field_path(nearest.vector_field.field_path),
            vector=vector,
            measure=nearest.distance_measure,
            limit=nearest.limit.value,
            result_field=parse_field_path(nearest.distance_result_field) if nearest.distance_result_field else None,
            threshold=nearest.distance_threshold.value if nearest.HasField("distance_threshold") else None,
        )

    def _disjuncts(self, given: Message) -> list[list[Condition]]:
        """A filter's disjunctive normal form."""
        kind = given.WhichOneof("filter_type")
        if kind == "field_filter":
            return [[self._field_condition(given.field_filter)]]
        if kind == "unary_filter":
            return [[self._unary_condition(given.unary_filter)]]
        composite = given.composite_filter
        parts = [self._disjuncts(inner) for inner in composite.filters]
        if composite.op == _Or:
            return [conjunction for part in parts for conjunction in part]
        if composite.op != _And:
            raise invalid_argument("A composite filter has no operator.")
        combined: list[list[Condition]] = [[]]
        for part in parts:
            combined = [left + right for left in combined for right in part]
        return combined

    def _field_condition(self, given: Message) -> Condition:
        path = parse_field_path(given.field.field_path)
        op, value = given.op, given.value
        value_rules.check_deeply(value, f"The filter on {format_field_path(path)}")
        if path == NAME:
            return self._name_condition(op, value)
        if op in {_Op.ARRAY_CONTAINS, _Op.ARRAY_CONTAINS_ANY, _Op.IN}:
            listed = [value] if op == _Op.ARRAY_CONTAINS else value.array_value.values
            points = _points(set(map(values.encode, listed)) - _NEVER_LISTED)
            return Condition(path, points, contains=op != _Op.IN)
        if op == _Op.NOT_IN:
            points = _points(map(values.encode, value.array_value.values))
            if any(point[0] == values.NULL for point in points):
                return Condition(path, (), inequality=True)
            return Condition(path, _without(_NOT_NULL, points), inequality=True)
        encoded = values.encode(value)
        if op == _Op.NOT_EQUAL:
            return Condition(path, _without(_NOT_NULL, _points([encoded])), inequality=True)
        if op != _Op.EQUAL and encoded in _NEVER_LISTED:
            return Condition(path, _comparison(op, *_NOTHING, *_NOTHING), inequality=True)
        low, end = values.type_range(encoded)
        if low == values.NUMBER:
            # NaN is the first of all numbers, and in no range of them.
            low = _NAN + AFTER_VALUE
        return Condition(
            path,
            _comparison(op, low, end, encoded, encoded + AFTER_VALUE),
            inequality=op in query_rules.INEQUALITIES,
        )

    def _unary_condition(self, given: Message) -> Condition:
        path = parse_field_path(given.field.field_path)
        if path == NAME:
            raise invalid_argument("The document's name cannot be compared with null or NaN.")
        match given.op:
            case _Unary.IS_NULL:
                return Condition(path, _points([values.NULL]))
            case _Unary.IS_NOT_NULL:
                return Condition(path, (_NOT_NULL,), inequality=True)
            case _Unary.IS_NAN:
                return Condition(path, _points([_NAN]))
            case _Unary.IS_NOT_NAN:
                return Condition(path, _without(_NOT_NULL, _points([_NAN])), inequality=True)
            case _:
                raise invalid_argument(f"The unary filter on {format_field_path(path)} has no operator.")

    def _name_condition(self, op: int, value: Message) -> Condition:
        whole: KeyRange = (b"", _AFTER_PREFIX)
        if op in {_Op.IN, _Op.NOT_IN}:
            keys = sorted(map(self._path_key, value.array_value.values))
            points = tuple((key, key + b"\x00") for key in dict.fromkeys(keys))
            if op == _Op.IN:
                return Condition(NAME, points)
            return Condition(NAME, _without(whole, points), inequality=True)
        key = self._path_key(value)
        if op == _Op.NOT_EQUAL:
            return Condition(NAME, _without(whole, ((key, key + b"\x00"),)), inequality=True)
        if op in {_Op.ARRAY_CONTAINS, _Op.ARRAY_CONTAINS_ANY}:
            raise invalid_argument("The document's name is not an array.")
        return Condition(NAME, _comparison(op, *whole, key, key + b"\x00"), inequality=op in query_rules.INEQUALITIES)

    def _path_key(self, value: Message) -> bytes:
        if value.WhichOneof("value_type") != "reference_value":
            raise invalid_argument("__key__ filter value must be a Key")
        name = value.reference_value
        if not name.startswith(f"{self._root}/"):
            raise invalid_argument(f'The reference "{name}" is not one to a document of {self._root}.')
        return values.encode_path(name[len(self._root) + 1 :].split("/"))

    def _orders(self, disjuncts: tuple[Conjunction, ...]) -> tuple[tuple[Order, ...], tuple[FieldPath, ...]]:
        orders = [
            Order(parse_field_path(order.field.field_path), order.direction == _DESCENDING)
            for order in self._query.order_by
        ]
        descending = orders[-1].descending if orders else False
        ordered = {order.path for order in orders}
        unequal = {condition.path for conjunction in disjuncts for condition in conjunction if condition.inequality}
        unequal |= self._aggregated
        orders += [Order(path, descending) for path in sorted(unequal - ordered - {NAME})]
        if NAME in ordered:
            position = next(position for position, order in enumerate(orders) if order.path == NAME) + 1
            return tuple(orders[:position]), tuple(order.path for order in orders[position:])
        return (*orders, Order(NAME, descending)), ()

    def _bound(self, cursor: Message, orders: tuple[Order, ...]) -> Bound:
        for value in cursor.values:
            value_rules.check_deeply(value, "A cursor")
        return Bound(
            tuple(
                self._path_key(value) if order.path == NAME else values.encode(value)
                for order, value in zip(orders, cursor.values, strict=False)
            ),
            cursor.before,
        )


def _low(key_range: KeyRange) -> bytes:
    return key_range[0]


def _points(encoded: Iterable[bytes]) -> tuple[KeyRange, ...]:
    return tuple((point, point + AFTER_VALUE) for point in sorted(set(encoded)))


def _without(whole: KeyRange, points: Iterable[KeyRange]) -> tuple[KeyRange, ...]:
    return tuple(_gaps(whole, points))


def _gaps(whole: KeyRange, points: Iterable[KeyRange]) -> Iterator[KeyRange]:
    low, end = whole
    for start, stop in points:
        if stop <= low:
            continue
        if low < start:
            yield low, start
        low = stop
    if low < end:
        yield low, end


def _comparison(op: int, low: bytes, end: bytes, point: bytes, after: bytes) -> tuple[KeyRange, ...]:
    match op:
        case _Op.EQUAL:
            found = (point, after)
        case _Op.LESS_THAN:
            found = (low, point)
        case _Op.LESS_THAN_OR_EQUAL:
            found = (low, after)
        case _Op.GREATER_THAN:
            found = (after, end)
        case _Op.GREATER_THAN_OR_EQUAL:
            found = (point, end)
        case _:
            raise invalid_argument("A field filter has no operator.")
    return (found,) if found[0] < found[1] else ()
