"""Finds queries that Firestore would refuse because an index is missing.

The local Firestore answers them, as Google's emulator does. A test that must behave as the deployed database makes it
refuse them.

https://firebase.google.com/docs/firestore/query-data/index-overview
"""

from collections.abc import Iterator, Mapping

from local_cloud.firestore.errors import failed_precondition
from local_cloud.firestore.indexes import NOTHING_DECLARED, CollectionIndexes, CompositeFields, DeclaredIndexes
from local_cloud.firestore.paths import NAME, FieldPath, format_field_path
from local_cloud.firestore.plan import is_pinned, split
from local_cloud.firestore.query import Conjunction, Query


def missing_index(query: Query, declared: Mapping[str, DeclaredIndexes]) -> str | None:
    """The index that Firestore would lack for a query, in words; None if it would answer.

    Directions are left out, as in `DeclaredIndexes`: a query that orders by several fields in different directions may
    need one more index.

    Args:
        query: the query.
        declared: for a collection id what an index file says of it.
    """
    if not query.collection_id or query.nearest is not None:
        return None
    indexes = _indexes(declared.get(query.collection_id, NOTHING_DECLARED), is_group=query.descendants)
    for disjunct in query.disjuncts:
        # Whichever of the values of its `in` filters a part has, it needs the same index.
        missing = _missing(query, next(split(disjunct)), indexes)
        if missing:
            scope = "collection group" if query.descendants else "collection"
            fields = ", ".join(map(format_field_path, missing))
            return f"The query requires an index of the {scope} {query.collection_id}: {fields}."
    return None


def refuse(missing: str) -> None:
    """Refuse a query as Firestore does.

    Args:
        missing: what `missing_index` says of it.

    Raises:
        RpcError: FAILED_PRECONDITION.
    """
    raise failed_precondition(missing)


def _indexes(declared: DeclaredIndexes, *, is_group: bool) -> CollectionIndexes:
    if is_group:
        return CollectionIndexes(declared.group_composites, only=declared.group_fields)
    return CollectionIndexes(declared.composites, exempt=declared.exempt)


def _missing(query: Query, conjunction: Conjunction, indexes: CollectionIndexes) -> CompositeFields:
    """The fields of the index that would answer the conjunction; none if existing indexes answer it."""
    equal = {each.path for each in conjunction if is_pinned(each) or each.contains} - {NAME}
    order = tuple(each.path for each in query.orders if each.path != NAME and each.path not in equal)
    # Firestore joins indexes that end alike: each answers for some of the fields with one value.
    usable = list(_usable(equal, order, indexes))
    is_answered = {path for fields in usable for path in fields} == equal and (bool(usable) or not order)
    return () if is_answered else (*sorted(equal), *order)


def _usable(equal: set[FieldPath], order: CompositeFields, indexes: CollectionIndexes) -> Iterator[CompositeFields]:
    """For each index that is in the query's order once some fields have one value: these fields."""
    if not order:
        yield from ((path,) for path in equal if indexes.has_field(path))
    elif len(order) == 1 and indexes.has_field(order[0]):
        yield ()
    for fields in indexes.composites:
        first, last = fields[: len(fields) - len(order)], fields[len(fields) - len(order) :]
        if last == order and equal.issuperset(first):
            yield first
