"""Finds queries that Firestore refuses because an index is missing, and says so in its words.

The local Firestore answers them, as Google's emulator does, unless it is to require indexes.

https://firebase.google.com/docs/firestore/query-data/index-overview
"""

from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet

from local_cloud.firestore.declared_indexes import (
    AUTOMATIC,
    NO_MODES,
    NOTHING_DECLARED,
    CompositeIndex,
    DeclaredIndexes,
    IndexField,
    Mode,
    modes_of,
)
from local_cloud.firestore.errors import failed_precondition
from local_cloud.firestore.paths import NAME, FieldPath, format_field_path
from local_cloud.firestore.plan import is_pinned, split
from local_cloud.firestore.query import Conjunction, Query

_NAME_DESCENDING = (IndexField(NAME, Mode.DESCENDING),)
_DIRECTIONS = frozenset({Mode.ASCENDING, Mode.DESCENDING})


def missing_index(query: Query, declared: Mapping[str, DeclaredIndexes], database: str) -> str | None:
    """What Firestore says of the index that it lacks for a query; None if it answers the query.

    Firestore reads an index in its own direction only: a descending query needs a descending index
    (https://firebase.google.com/docs/firestore/query-data/index-overview#composite_indexes_and_reads).

    Args:
        query: the query.
        declared: for a collection id what an index file says of it.
        database: `projects/P/databases/D`, for the link that makes the index.
    """
    if not query.collection_id:
        return None
    indexes = _Indexes(declared.get(query.collection_id, NOTHING_DECLARED), is_group=query.descendants)
    for disjunct in query.disjuncts:
        # Whichever of the values of its `in` filters a part has, it needs the same index.
        missing = _missing(query, next(split(disjunct)), indexes)
        if missing:
            return _refusal(query, missing, database)
    return None


def refuse(missing: str) -> None:
    """Refuse a query as Firestore does.

    Args:
        missing: what `missing_index` says of it.

    Raises:
        RpcError: FAILED_PRECONDITION.
    """
    raise failed_precondition(missing)


class _Indexes:
    """The indexes of a collection, or of a collection group.

    Attributes:
        composites: the composite ones.
    """

    def __init__(self, declared: DeclaredIndexes, *, is_group: bool) -> None:
        self.composites = declared.group_composites if is_group else declared.composites
        self._fields = declared.group_fields if is_group else declared.fields
        self._default = NO_MODES if is_group else AUTOMATIC

    def of_field(self, path: FieldPath) -> frozenset[Mode]:
        """Those of a field by itself."""
        return modes_of(path, self._fields, self._default)


def _missing(query: Query, conjunction: Conjunction, indexes: _Indexes) -> CompositeIndex:
    """The index that would answer the conjunction; none if existing indexes answer it."""
    equal = {each.path for each in conjunction if is_pinned(each)}
    wanted = {IndexField(path, Mode.ASCENDING) for path in equal}
    wanted |= {IndexField(each.path, Mode.CONTAINS) for each in conjunction if each.contains}
    order = tuple(
        IndexField(each.path, Mode.DESCENDING if each.descending else Mode.ASCENDING)
        for each in query.orders
        if each.path not in equal
    )
    if query.nearest is not None:
        vector = IndexField(query.nearest.path, Mode.VECTOR, len(query.nearest.vector))
        return _missing_vector(wanted | set(order), vector, indexes)
    if not wanted and order == _NAME_DESCENDING:
        # The documents' names have an index without being declared, but one that ascends:
        # https://github.com/GoogleCloudPlatform/magic-modules/pull/12121
        return () if order in indexes.composites else order
    is_ordered = order != () and order[0].path != NAME
    # Firestore joins indexes that end alike: each answers for some of the fields with one value.
    usable = list(_usable(wanted, order, indexes) if is_ordered else _usable_unordered(wanted, indexes))
    if {each for found in usable for each in found} == wanted and (usable or not is_ordered):
        return ()
    return (*sorted(wanted, key=lambda each: each.path), *order)


def _missing_vector(wanted: AbstractSet[IndexField], vector: IndexField, indexes: _Indexes) -> CompositeIndex:
    before = {each for each in wanted if each.path != NAME}
    paths = {each.path for each in before}
    for composite in indexes.composites:
        if composite[-1] == vector and {each.path for each in composite[:-1]} == paths:
            return ()
    return (*sorted(before, key=lambda each: each.path), vector)


def _usable(
    wanted: AbstractSet[IndexField], order: CompositeIndex, indexes: _Indexes
) -> Iterator[AbstractSet[IndexField]]:
    """For each index that is in the query's order once some fields have one value: these fields."""
    if len(order) == 2 and order[0].mode is order[1].mode and order[0].mode in indexes.of_field(order[0].path):
        yield set()
    for composite in indexes.composites:
        if composite[-len(order) :] == order:
            first = set(map(_as_filter, composite[: -len(order)]))
            if wanted >= first:
                yield first


def _usable_unordered(wanted: AbstractSet[IndexField], indexes: _Indexes) -> Iterator[AbstractSet[IndexField]]:
    """For each index that has some of the fields, and no others: these fields."""
    for each in wanted:
        if indexes.of_field(each.path) & (_DIRECTIONS if each.mode is Mode.ASCENDING else {each.mode}):
            yield {each}
    for composite in indexes.composites:
        first = {_as_filter(part) for part in composite if part.path != NAME}
        if wanted >= first:
            yield first


def _as_filter(part: IndexField) -> IndexField:
    """A field of one value is in order either way."""
    return IndexField(part.path, Mode.ASCENDING) if part.mode is Mode.DESCENDING else part


def _refusal(query: Query, missing: CompositeIndex, database: str) -> str:
    *fields, last = missing
    scope = "COLLECTION_GROUP" if query.descendants else "COLLECTION"
    if last.mode is Mode.VECTOR:
        return _vector_refusal(query.collection_id, scope, missing, database)
    only = fields[0] if len(fields) == 1 else None
    if only is not None and (only.mode is Mode.CONTAINS or only.mode is last.mode):
        name = f"{database}/collectionGroups/{query.collection_id}/fields/{format_field_path(only.path)}"
        return (
            f"The query requires a {scope}_{only.mode} index for collection {query.collection_id} and field "
            f"{format_field_path(only.path)}. You can create it here: "
            f"{_link(database, 'create_exemption', name, scope, (only,))}"
        )
    name = f"{database}/collectionGroups/{query.collection_id}/indexes/_"
    link = _link(database, "create_composite", name, scope, missing)
    return f"The query requires an index. You can create it here: {link}"


def _link(database: str, action: str, name: str, scope: str, fields: CompositeIndex) -> str:
    """The page of Firebase's console that offers to make an index: the index itself is in the address."""
    # Not at the top: it takes long to import, and most local clouds never need it.
    from google.cloud.firestore_admin_v1.types import Index

    index = Index(
        name=name,
        query_scope=scope,
        fields=[
            {"field_path": format_field_path(each.path), "array_config": "CONTAINS"}
            if each.mode is Mode.CONTAINS
            else {"field_path": format_field_path(each.path), "order": each.mode.name}
            for each in fields
        ],
    )
    encoded = urlsafe_b64encode(Index.serialize(index)).decode().rstrip("=")
    _, project, _, database_id = database.split("/")
    place = "firestore" if database_id == "(default)" else f"firestore/databases/{database_id}"
    return f"https://console.firebase.google.com/v1/r/project/{project}/{place}/indexes?{action}={encoded}"


def _vector_refusal(collection_id: str, scope: str, missing: CompositeIndex, database: str) -> str:
    *fields, vector = missing
    _, project, _, database_id = database.split("/")
    configs = [
        f"--field-config={'array-config' if each.mode is Mode.CONTAINS else 'order'}={each.mode.name},"
        f"field-path={format_field_path(each.path)}"
        for each in fields
    ]
    configs.append(
        f"--field-config=field-path={format_field_path(vector.path)},"
        f'vector-config=\'{{"dimension":"{vector.dimension}","flat": "{{}}"}}\''
    )
    return (
        "Missing vector index configuration. Please create the required index with the following gcloud command: "
        f"gcloud firestore indexes composite create --project={project} --database={database_id} "
        f"--collection-group={collection_id} --query-scope={scope} {' '.join(configs)}"
    )
