"""Which queries Firestore would refuse.

https://firebase.google.com/docs/firestore/query-data/index-overview
"""

from typing import Any

import pytest
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter, Or

from local_cloud.firestore import query as queries
from local_cloud.firestore.indexes import DeclaredIndexes
from local_cloud.firestore.required_indexes import missing_index

_CLIENT: Any = firestore.Client.__new__(firestore.Client)
_ROOT = "projects/p/databases/(default)/documents"
_A, _B, _C, _D, _T = (("a",), ("b",), ("c",), ("d",), ("t",))
DECLARED = {
    "things": DeclaredIndexes(
        composites=((_A, _T), (_B, _T), (_C, _D, _T)),
        exempt=frozenset({_T, _D}),
        group_composites=((_A, _T),),
        group_fields=frozenset({_A}),
    )
}


def equal(*names: str) -> list[Any]:
    return [FieldFilter(name, "==", 1) for name in names]


def missing(filters: list[Any], *order: str, group: bool = False) -> str | None:
    query: Any = firestore.CollectionReference("things", client=_CLIENT)._query()
    query._all_descendants = group
    for each in filters:
        query = query.where(filter=each)
    for name in order:
        query = query.order_by(name)
    message = query._to_protobuf()._pb
    return missing_index(queries.parse(message, parent="", root=_ROOT), DECLARED)


@pytest.mark.parametrize(
    ("filters", "order"),
    [
        ([], []),
        ([], ["a"]),
        ([], ["a", "t"]),
        (equal("a"), []),
        (equal("a", "b", "x"), []),
        (equal("a"), ["t"]),
        ([*equal("a"), FieldFilter("t", ">", 1)], []),
        ([FieldFilter("a", "in", [1, 2]), FieldFilter("t", "<", 1)], ["t"]),
        # Two indexes that end alike are joined.
        (equal("a", "b"), ["t"]),
        (equal("c", "d"), ["t"]),
        # An index of several fields finds what has a value in each of them.
        (equal("c", "d", "t"), []),
        ([FieldFilter("x", "array_contains", 1)], []),
        ([FieldFilter("a", "!=", 1)], []),
        ([Or(equal("a", "b"))], []),
    ],
)
def test_queries_that_are_answered(filters: list[Any], order: list[str]) -> None:
    assert missing(filters, *order) is None


@pytest.mark.parametrize(
    ("filters", "order", "fields"),
    [
        ([], ["t"], "t"),
        (equal("t"), [], "t"),
        ([FieldFilter("t", ">", 1)], [], "t"),
        (equal("x"), ["t"], "x, t"),
        (equal("a", "x"), ["t"], "a, x, t"),
        (equal("a"), ["b"], "a, b"),
        # What an index has behind its order would leave out what lacks it.
        (equal("c"), ["d"], "c, d"),
        (equal("c"), ["t"], "c, t"),
        ([Or(equal("a", "t"))], [], "t"),
        ([FieldFilter("a", ">", 1)], ["a", "b"], "a, b"),
    ],
)
def test_queries_that_are_refused(filters: list[Any], order: list[str], fields: str) -> None:
    assert missing(filters, *order) == f"The query requires an index of the collection things: {fields}."


def test_a_collection_group_has_only_what_is_declared_for_it() -> None:
    assert missing([], group=True) is None
    assert missing(equal("a"), group=True) is None
    assert missing([FieldFilter("a", "in", [1, 2])], "t", group=True) is None
    assert missing(equal("b"), group=True) == "The query requires an index of the collection group things: b."
