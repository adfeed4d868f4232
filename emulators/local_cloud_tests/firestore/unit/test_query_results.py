"""Whatever index a query goes through, it finds what a walk over all documents finds."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_cloud.firestore import query as queries
from local_cloud.firestore import values, writes
from local_cloud.firestore.declared_indexes import AUTOMATIC, DeclaredIndexes, IndexField, Mode
from local_cloud.firestore.execution import Execution
from local_cloud.firestore.indexes import CollectionIndexes
from local_cloud.firestore.messages import Document, StructuredQuery, Value, Write
from local_cloud.firestore.store import Database, Version
from local_cloud.firestore.transactions import QueryRead, Transactions
from local_cloud.firestore.usage import Usage
from local_cloud_tests.firestore.unit import reference, strategies

_NAME = "projects/p/databases/(default)"
_IDS = ["a", "b", "c", "ab", "b\x00", "é", "__id7__", "__id12__"]
_COMPOSITES = ((("x",), ("y",)), (("y",), ("m", "z")), (("x",), ("y",), ("m", "z")))
_AS_DECLARED = tuple(tuple(IndexField(path, Mode.ASCENDING) for path in paths) for paths in _COMPOSITES)
_DECLARED = DeclaredIndexes(
    composites=_AS_DECLARED,
    fields={("m",): frozenset()},
    group_composites=_AS_DECLARED,
    group_fields={("x",): AUTOMATIC, ("m", "z"): AUTOMATIC},
)

_PATHS = [*(f"c/{document_id}" for document_id in _IDS), "p/1/c/a", "p/1/c/b", "p/2/c/a", "x/a"]
_edits = st.lists(st.tuples(st.sampled_from(_PATHS), st.none() | strategies.fields), max_size=16)
"""Documents that are set, or deleted where there are no fields."""


@pytest.fixture(autouse=True)
def _indexes_for_small_collections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CollectionIndexes, "WORTHWHILE", 0)


def _database() -> Database:
    return Database(_NAME, lambda: 0, {"c": _DECLARED})


def _apply(database: Database, documents: dict[str, Any], edits: list[tuple[str, dict[str, Any] | None]]) -> None:
    for path, fields in edits:
        name = f"{database.root}/{path}"
        if fields is None:
            writes.commit(database, [Write(delete=name)], Usage())
            documents.pop(path, None)
        else:
            document = Document(name=name)
            for key, value in fields.items():
                document.fields[key].CopyFrom(value)
            writes.commit(database, [Write(update=document)], Usage())
            documents[path] = document


def _expected(message: Any, documents: dict[str, Any]) -> list[str]:
    if message.from_[0].all_descendants:
        among = {path: document for path, document in documents.items() if path.split("/")[-2] == "c"}
    else:
        among = {path: document for path, document in documents.items() if path.rpartition("/")[0] == "c"}
    return reference.run(message, among)


async def _paths(database: Database, query: queries.Query, time: int) -> list[str]:
    with Execution(database, query, time, Usage()) as execution:
        return [result.version.path async for result in execution.results()]


@given(_edits, strategies.queries(collection="c", ids=_IDS))
@settings(max_examples=250, deadline=None)
def test_indexes_find_what_a_walk_finds(edits: list[tuple[str, dict[str, Any] | None]], message: Any) -> None:
    database = _database()
    documents: dict[str, Any] = {}
    _apply(database, documents, edits)
    query = queries.parse(message, parent="", root=database.root)
    assert asyncio.run(_paths(database, query, database.read_time())) == _expected(message, documents)


@given(_edits, _edits, strategies.queries(collection="c", ids=_IDS))
@settings(max_examples=120, deadline=None)
def test_a_past_snapshot_is_what_was(
    before: list[tuple[str, dict[str, Any] | None]], after: list[tuple[str, dict[str, Any] | None]], message: Any
) -> None:
    database = _database()
    documents: dict[str, Any] = {}
    _apply(database, documents, before)
    time = database.read_time()
    _apply(database, dict(documents), after)
    query = queries.parse(message, parent="", root=database.root)
    assert asyncio.run(_paths(database, query, time)) == _expected(message, documents)


@given(_edits, _edits, strategies.queries(collection="c", ids=_IDS))
@settings(max_examples=120, deadline=None)
def test_writes_while_results_are_read_change_none_of_them(
    before: list[tuple[str, dict[str, Any] | None]], after: list[tuple[str, dict[str, Any] | None]], message: Any
) -> None:
    database = _database()
    documents: dict[str, Any] = {}
    _apply(database, documents, before)
    query = queries.parse(message, parent="", root=database.root)

    async def read() -> list[str]:
        found: list[str] = []
        with Execution(database, query, database.read_time(), Usage()) as execution:
            async for result in execution.results():
                if not found:
                    _apply(database, dict(documents), after)
                found.append(result.version.path)
        return found

    assert asyncio.run(read()) == _expected(message, documents)


@given(_edits, strategies.queries(collection="c", ids=_IDS))
@settings(max_examples=120, deadline=None)
def test_a_count_from_indexes_is_the_number_of_results(
    edits: list[tuple[str, dict[str, Any] | None]], message: Any
) -> None:
    database = _database()
    documents: dict[str, Any] = {}
    _apply(database, documents, edits)
    query = queries.parse(message, parent="", root=database.root)
    with Execution(database, query, database.read_time(), Usage()) as execution:
        counted = execution.count_by_index()
    assert counted is None or counted == len(_expected(message, documents))


@given(_edits, _edits)
@settings(max_examples=100, deadline=None)
def test_indexes_keep_up_with_changes(
    before: list[tuple[str, dict[str, Any] | None]], after: list[tuple[str, dict[str, Any] | None]]
) -> None:
    database = _database()
    _apply(database, {}, before + after)
    collection = database.collection("c")
    if collection is None or collection.indexes is None:
        return
    group = database.groups["c"]
    assert len(group.documents) == sum(len(each.documents) for each in database.collections("", "c", descendants=True))
    for source, rebuilt in (
        (collection, CollectionIndexes(_COMPOSITES, exempt=_DECLARED.exempt)),
        (group, CollectionIndexes(_COMPOSITES, only=_DECLARED.group_kept_fields)),
    ):
        assert source.indexes is not None
        rebuilt.build((key, version.document().fields) for key, version in source.documents.items())
        assert _keys(source.indexes) == _keys(rebuilt)


def _keys(indexes: CollectionIndexes) -> list[list[bytes]]:
    fields: list[tuple[str, ...]] = [("x",), ("y",), ("m",), ("m", "z")]
    listed = [indexes.by_name, *map(indexes.ordered, fields), *map(indexes.containing, fields)]
    listed += map(indexes.composite, _COMPOSITES)
    return [list(index.keys) for index in listed]


@given(_edits, _edits, st.lists(st.sampled_from(_IDS), unique=True))
@settings(max_examples=120, deadline=None)
def test_a_composite_index_made_amid_changes_is_like_one_that_was_always_there(
    before: list[tuple[str, dict[str, Any] | None]],
    after: list[tuple[str, dict[str, Any] | None]],
    filled_first: list[str],
) -> None:
    fields = (("x",), ("m", "z"))
    database = _database()
    _apply(database, {}, [("c/always", {"x": Value(integer_value=1)}), *before])
    collection = database.collection("c")
    assert collection is not None
    indexes = collection.indexes
    assert indexes is not None
    versions = dict(collection.documents)
    indexes.begin_composite(fields)
    first = {key for key in versions if values.decode_segment(key) in filled_first}
    for key in first:
        indexes.fill_composite(fields, key, versions[key].document().fields)
    _apply(database, {}, after)
    for key in versions.keys() - first:
        if collection.documents.get(key) is versions[key]:
            indexes.fill_composite(fields, key, versions[key].document().fields)
    indexes.finish_composite(fields)
    rebuilt = CollectionIndexes([*_COMPOSITES, fields])
    rebuilt.build((key, version.document().fields) for key, version in collection.documents.items())
    assert list(indexes.composite(fields).keys) == list(rebuilt.composite(fields).keys)


@given(_edits, _edits, strategies.queries(collection="c", ids=_IDS))
@settings(max_examples=150, deadline=None)
def test_a_transaction_notices_every_change_of_what_a_query_found(
    before: list[tuple[str, dict[str, Any] | None]], after: list[tuple[str, dict[str, Any] | None]], message: Any
) -> None:
    async def test() -> None:
        database = _database()
        _apply(database, {}, before)
        query = queries.parse(message, parent="", root=database.root)
        transaction = await Transactions(lambda: 0).begin(database)
        first = await _versions(database, query, transaction.read_time)
        last = None
        if query.limit is not None and first and len(first) == query.limit:
            last = query.sort_key(first[-1].document().fields, first[-1].path_key)
        transaction.queries.append(QueryRead(query, last))
        _apply(database, {}, after)
        changed = first != await _versions(database, query, database.read_time())
        assert transaction.conflict() is not None or not changed
        if query.limit is None and not query.offset and transaction.conflict() is not None:
            # A document may have changed twice and be as before in all but its version.
            assert changed or any(version.previous is not None for version in database.changes_since(0))

    asyncio.run(test())


async def _versions(database: Database, query: queries.Query, time: int) -> list[Version]:
    with Execution(database, query, time, Usage()) as execution:
        return [result.version async for result in execution.results()]


def test_many_alternatives_are_found_by_a_walk_over_all_documents() -> None:
    """Together they have more index entries than there are documents."""
    database = _database()
    documents: dict[str, Any] = {}
    number = [Value(integer_value=n) for n in range(3)]
    _apply(database, documents, [(path, {"x": number[n % 3], "y": number[n % 3]}) for n, path in enumerate(_PATHS[:8])])
    message = StructuredQuery()
    message.from_.add(collection_id="c")
    message.where.composite_filter.op = StructuredQuery.CompositeFilter.OR
    for path in ("x", "y"):
        either = message.where.composite_filter.filters.add().field_filter
        either.field.field_path = path
        either.op = StructuredQuery.FieldFilter.LESS_THAN
        either.value.integer_value = 2
    query = queries.parse(message, parent="", root=database.root)
    found = asyncio.run(_paths(database, query, database.read_time()))
    assert found == _expected(message, documents)
    assert len(found) == 6
