"""The choice of the index that answers a query with the least work.

Firestore refuses a query that no index answers whole; here any query is answered, by the index that leaves the fewest
documents to look into. How many entries lie in a range of an index is known without walking over them, so the choice
is made on counts, not on guesses.
"""

import functools
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from local_cloud.firestore import values
from local_cloud.firestore.declared_indexes import CompositeFields
from local_cloud.firestore.indexes import EVERYTHING, CollectionIndexes, Index, KeyRange
from local_cloud.firestore.paths import NAME, FieldPath, format_field_path
from local_cloud.firestore.query import AFTER_VALUE, Bound, Condition, Conjunction, Query


class Source(Protocol):
    """The documents that a query looks into: a collection, or all collections of a group together."""

    @property
    def documents(self) -> Mapping[bytes, object]:
        """The live documents by key."""

    def key_of(self, path_key: bytes) -> bytes | None:
        """The key that the document with this path key has here; None if it has none."""

    def key_range(self, path_range: KeyRange) -> KeyRange:
        """A range of path keys as one of the keys here."""


@dataclass(frozen=True, slots=True)
class Walk:
    """A way to the documents of one conjunction in one collection.

    Attributes:
        index: the index to walk over.
        fixed: the beginning of all entries in the ranges.
        ranges: the parts of it, in order.
        properties: the index's fields, as Firestore's query explanation writes them.
        by_name: its keys are the documents' keys themselves.
        exact: every entry is of a document that fulfils the conjunction.
        sorted: the entries are in the query's order (in `reverse`), and so are those of several sorted walks without
            their `fixed` beginnings.
        reverse: walk from the end.
        bounded: the ranges already keep to the query's cursors.
        complete: a document without an entry is no result, and whatever has one has all fields of the order.
        entries: how many entries lie in the ranges.
    """

    index: Index
    fixed: bytes
    ranges: tuple[KeyRange, ...]
    properties: str
    by_name: bool
    exact: bool
    sorted: bool
    reverse: bool
    bounded: bool
    complete: bool
    entries: int

    def rank(self, entry: bytes) -> bytes:
        """Where an entry comes among those of several sorted walks."""
        return values.SEGMENT_END + entry if self.by_name else entry[len(self.fixed) :]


def plan(query: Query, indexes: CollectionIndexes, source: Source) -> list[Walk]:
    """How to answer a query in one collection or collection group: one walk for each disjunct, and for each value of
    its `in` filters.

    Args:
        query: the query.
        indexes: the indexes of the collection or group.
        source: the collection or group.
    """
    conjunctions = [part for conjunction in query.disjuncts for part in split(conjunction)]
    planner = _Planner(query, indexes, source, alone=len(conjunctions) == 1)
    walks = [planner.best(conjunction) for conjunction in conjunctions]
    if len(walks) > 1 and sum(walk.entries for walk in walks) > len(source.documents):
        return [planner.everything()]
    return walks


@functools.lru_cache(maxsize=1024)
def properties(paths: tuple[FieldPath, ...], *, descending: bool = False) -> str:
    """An index's fields, as Firestore's query explanation writes them. Kept, since every walk that is considered asks,
    and a query over 30 shards considers more than a hundred."""
    direction = "DESC" if descending else "ASC"
    listed = [path for path in paths if path != NAME]
    return "(" + ", ".join(f"{format_field_path(path)} {direction}" for path in (*listed, NAME)) + ")"


def ideal_composite(query: Query) -> CompositeFields | None:
    """The fields of the composite index whose entries would be a query's results and no others, None if there is none.

    Those with one value first, then those that the results are ordered by: what Firestore would ask to create.
    """
    if len(query.disjuncts) != 1 or query.required:
        return None
    conditions = query.disjuncts[0]
    pinned = sorted({condition.path for condition in conditions if is_pinned(condition)})
    ordered = [order.path for order in query.orders if order.path != NAME and order.path not in pinned]
    if any(not is_pinned(condition) and condition.path not in ordered[:1] for condition in conditions):
        return None
    fields = (*pinned, *ordered)
    return fields if len(fields) > 1 else None


def split(conjunction: Conjunction) -> Iterator[Conjunction]:
    """A conjunction for each combination of values that its `in` filters allow: no document fulfils two of them."""
    alternatives = [
        [replace(condition, ranges=(point,)) for point in condition.ranges] if _is_in(condition) else [condition]
        for condition in conjunction
    ]
    return itertools.product(*alternatives)


def _is_in(condition: Condition) -> bool:
    points = (_point((key_range,)) is not None for key_range in condition.ranges)
    return not condition.contains and condition.path != NAME and bool(condition.ranges) and all(points)


def is_pinned(condition: Condition) -> bool:
    """Whether the condition leaves a field one value."""
    return not condition.contains and condition.path != NAME and _point(condition.ranges) is not None


class _Planner:
    def __init__(self, query: Query, indexes: CollectionIndexes, source: Source, *, alone: bool) -> None:
        self._query = query
        self._alone = alone
        self._indexes = indexes
        self._source = source
        self._size = max(len(source.documents), 1)
        self._descending = query.orders[-1].descending
        self._one_direction = all(order.descending == self._descending for order in query.orders)
        self._must_have = {order.path for order in query.orders}.union(query.required)
        self._wanted = None if query.limit is None else query.limit + query.offset

    def everything(self) -> Walk:
        """The walk over all documents, regardless of what they match."""
        walk = self._walk((), index=self._indexes.by_name, fields=(NAME,), fixed=b"", ranges=(EVERYTHING,), used=0)
        return replace(walk, exact=False)

    def best(self, conjunction: Conjunction) -> Walk:
        """The cheapest walk for one conjunction."""
        walks: list[Walk] = []
        for walk in self._walks(conjunction):
            if not walk.entries:
                # None is cheaper than one that finds nothing, and the others cost time to look at.
                return walk
            walks.append(walk)
        share = 1.0
        for walk in walks:
            share = min(share, walk.entries / self._size)
        return min(walks, key=lambda walk: self._cost(walk, share))

    def _cost(self, walk: Walk, share: float) -> tuple[float, bool]:
        cost = float(walk.entries)
        if not walk.sorted:
            cost *= 2
        elif self._wanted is not None:
            # A walk in order ends with the last result: of the entries on the way, this share are results.
            hits = 1.0 if walk.exact else max(share, 1 / self._size)
            cost = min(cost, self._wanted / hits)
        return cost, not walk.exact

    def _walks(self, conjunction: Conjunction) -> Iterator[Walk]:
        by_path: dict[FieldPath, tuple[KeyRange, ...]] = {}
        used: dict[FieldPath, int] = {}
        found = False
        for condition in conjunction:
            if condition.contains:
                if self._indexes.has_field(condition.path):
                    found = True
                    yield self._containing(conjunction, condition)
                continue
            path = condition.path
            by_path[path] = _intersect(by_path[path], condition.ranges) if path in by_path else condition.ranges
            used[path] = used.get(path, 0) + 1
        for path, ranges in by_path.items():
            if path == NAME or self._indexes.has_field(path):
                found = True
                yield self._ordered(conjunction, path, ranges, used[path])
        first = self._query.orders[0].path
        if first not in by_path and first != NAME and self._indexes.has_field(first):
            found = True
            yield self._ordered(conjunction, first, (EVERYTHING,), 0)
        if not found or not by_path:
            yield self._ordered(conjunction, NAME, (EVERYTHING,), 0)
        for fields in self._indexes.composites:
            walk = self._composite(conjunction, fields, by_path, used)
            if walk is not None:
                yield walk

    def _ordered(self, conjunction: Conjunction, path: FieldPath, ranges: tuple[KeyRange, ...], used: int) -> Walk:
        if path == NAME:
            inside = tuple(map(self._source.key_range, ranges))
            return self._walk(
                conjunction, index=self._indexes.by_name, fields=(NAME,), fixed=b"", ranges=inside, used=used
            )
        fixed = _point(ranges)
        return self._walk(
            conjunction,
            index=self._indexes.ordered(path),
            fields=(path,),
            fixed=fixed or b"",
            ranges=ranges,
            used=used,
            fixed_fields=1 if fixed is not None else 0,
        )

    def _containing(self, conjunction: Conjunction, condition: Condition) -> Walk:
        # An array with two of the elements has two entries, so only one element leaves the order as it is.
        fixed = _point(condition.ranges)
        walk = self._walk(
            conjunction,
            index=self._indexes.containing(condition.path),
            fields=(condition.path,),
            fixed=fixed or b"",
            ranges=condition.ranges,
            used=1,
            fixed_fields=1,
            sortable=fixed is not None,
        )
        name = format_field_path(condition.path)
        direction = "DESC" if self._descending else "ASC"
        return replace(walk, properties=f"({name} CONTAINS, __name__ {direction})")

    def _composite(
        self,
        conjunction: Conjunction,
        fields: CompositeFields,
        by_path: dict[FieldPath, tuple[KeyRange, ...]],
        used: dict[FieldPath, int],
    ) -> Walk | None:
        ordered = {order.path for order in self._query.orders}
        if any(path not in by_path and path not in ordered for path in fields):
            # Documents that lack the field have no entry but may be results.
            return None
        fixed = b""
        position = 0
        consumed = 0
        for path in fields:
            point = _point(by_path.get(path, ()))
            if point is None:
                break
            fixed += point
            position += 1
            consumed += used[path]
        ranges: tuple[KeyRange, ...] = ((fixed, fixed + AFTER_VALUE),) if fixed else (EVERYTHING,)
        if position < len(fields) and fields[position] in by_path:
            ranges = tuple((fixed + low, fixed + high) for low, high in by_path[fields[position]])
            consumed += used[fields[position]]
        return self._walk(
            conjunction,
            index=self._indexes.composite(fields),
            fields=fields,
            fixed=fixed,
            ranges=ranges,
            used=consumed,
            fixed_fields=position,
        )

    def _walk(
        self,
        conjunction: Conjunction,
        *,
        index: Index,
        fields: CompositeFields,
        fixed: bytes,
        ranges: tuple[KeyRange, ...],
        used: int,
        fixed_fields: int = 0,
        sortable: bool = True,
    ) -> Walk:
        pinned = {condition.path for condition in conjunction if is_pinned(condition)}
        orders = [order for order in self._query.orders if order.path not in pinned]
        by_name = fields == (NAME,)
        remaining = [path for path in fields[fixed_fields:] if path != NAME]
        in_order = (
            sortable
            and self._one_direction
            and [order.path for order in orders] == [*remaining, NAME]
            # A field with one value here has other values in other walks.
            and (self._alone or len(orders) == len(self._query.orders))
        )
        bounded = self._query.start is None and self._query.end is None
        if in_order and not bounded and len(orders) == len(self._query.orders):
            kept = self._bounded(ranges, fixed, by_name=by_name)
            if kept is not None:
                ranges, bounded = kept, True
        covered = {*fields, NAME}
        return Walk(
            index=index,
            fixed=fixed,
            ranges=ranges,
            properties=properties(fields, descending=self._descending),
            by_name=by_name,
            exact=used == len(conjunction),
            sorted=in_order,
            reverse=self._descending,
            bounded=bounded,
            complete=sortable and covered.issuperset(self._must_have),
            entries=sum(index.count(key_range) for key_range in ranges),
        )

    def _bounded(self, ranges: tuple[KeyRange, ...], fixed: bytes, *, by_name: bool) -> tuple[KeyRange, ...] | None:
        """The ranges cut to the query's cursors; None if a cursor has no place in this index."""
        low, high = EVERYTHING
        for bound, is_start in ((self._query.start, True), (self._query.end, False)):
            if bound is None:
                continue
            place = self._place(bound, fixed, by_name=by_name)
            if place is None:
                return None
            if is_start != self._descending:
                low = place
            else:
                high = place
        return _intersect(ranges, ((low, high),)) if low < high else ()

    def _place(self, bound: Bound, fixed: bytes, *, by_name: bool) -> bytes | None:
        parts = list(bound.parts)
        named = len(parts) == len(self._query.orders)
        key = b""
        if named:
            found = self._source.key_of(parts.pop())
            if found is None:
                return None
            key = found
        place = b"".join((fixed, *parts))
        if named:
            place += key if by_name else values.SEGMENT_END + key
        if bound.before != self._descending:
            return place
        return place + (b"\x00" if named else AFTER_VALUE)


def _point(ranges: tuple[KeyRange, ...]) -> bytes | None:
    """The encoded value if the ranges are that one value."""
    if len(ranges) != 1:
        return None
    low, high = ranges[0]
    return low if high == low + AFTER_VALUE else None


def _intersect(left: tuple[KeyRange, ...], right: tuple[KeyRange, ...]) -> tuple[KeyRange, ...]:
    both = ((max(low, other_low), min(high, other_high)) for low, high in left for other_low, other_high in right)
    return tuple(sorted(key_range for key_range in both if key_range[0] < key_range[1]))
