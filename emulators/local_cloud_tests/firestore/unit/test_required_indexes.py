"""Which queries Firestore would refuse.

https://firebase.google.com/docs/firestore/query-data/index-overview
"""

from base64 import urlsafe_b64decode
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from google.cloud import firestore
from google.cloud.firestore_admin_v1.types import Index
from google.cloud.firestore_v1._helpers import encode_value
from google.cloud.firestore_v1.base_query import FieldFilter, Or
from google.cloud.firestore_v1.vector import Vector

from local_cloud.firestore import query as queries
from local_cloud.firestore.declared_indexes import DeclaredIndexes, IndexField, Mode
from local_cloud.firestore.required_indexes import missing_index

_CLIENT: Any = firestore.Client.__new__(firestore.Client)
_DATABASE = "projects/p/databases/(default)"
_ROOT = f"{_DATABASE}/documents"
_ASC, _DESC = Mode.ASCENDING, Mode.DESCENDING
_NAME = ("__name__",)


def index(*fields: str) -> tuple[IndexField, ...]:
    """A composite index: `a`, `-a` to descend, `[a]` for what an array contains."""
    parts = [
        IndexField((each.strip("-[]"),), Mode.CONTAINS if "[" in each else _DESC if "-" in each else _ASC)
        for each in fields
    ]
    return (*parts, IndexField(_NAME, parts[-1].mode if parts[-1].mode is _DESC else _ASC))


DECLARED = {
    "things": DeclaredIndexes(
        composites=(
            *(index("a", "t"), index("b", "t"), index("c", "d", "t"), index("e", "-t"), index("[tags]", "a")),
            (IndexField(("a",), _ASC), IndexField(("v",), Mode.VECTOR, 3)),
        ),
        fields={("t",): frozenset(), ("d",): frozenset(), ("up",): frozenset({_ASC})},
        group_composites=(index("a", "t"),),
        group_fields={("a",): frozenset({_ASC})},
    )
}


def equal(*names: str) -> list[Any]:
    return [FieldFilter(name, "==", 1) for name in names]


def missing(filters: list[Any], *order: str, group: bool = False, database: str = _DATABASE) -> str | None:
    return missing_index(queries.parse(_query(filters, order, group), parent="", root=_ROOT), DECLARED, database)


def _query(filters: list[Any], order: Sequence[str], group: bool) -> Any:
    query: Any = firestore.CollectionReference("things", client=_CLIENT)._query()
    query._all_descendants = group
    for each in filters:
        query = query.where(filter=each)
    for name in order:
        query = query.order_by(name.strip("-"), direction="DESCENDING" if "-" in name else "ASCENDING")
    return query._to_protobuf()._pb


def fields_of(refusal: str | None) -> str:
    """The fields of the index that a refusal's link makes."""
    assert refusal is not None
    encoded = parse_qsl(urlsplit(refusal.rpartition(" ")[2]).query)[0][1]
    made = Index.deserialize(urlsafe_b64decode(encoded + "=="))
    return ", ".join(
        f"{'-' if each.order == Index.IndexField.Order.DESCENDING else ''}"
        f"{f'[{each.field_path}]' if each.array_config else each.field_path}"
        for each in made.fields
    )


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
        (equal("e"), ["-t"]),
        ([], ["-a"]),
        ([], ["up"]),
        ([FieldFilter("tags", "array_contains", 1)], ["a"]),
        (equal("a"), ["-__name__"]),
    ],
)
def test_queries_that_are_answered(filters: list[Any], order: list[str]) -> None:
    assert missing(filters, *order) is None


def test_names_descend_with_an_index_of_their_own() -> None:
    declared = {"things": DeclaredIndexes(composites=((IndexField(_NAME, _DESC),),))}
    query = queries.parse(_query([], ["-__name__"], group=False), parent="", root=_ROOT)
    assert missing_index(query, declared, _DATABASE) is None
    assert declared["things"].kept == ()


@pytest.mark.parametrize(
    ("filters", "order", "fields"),
    [
        (equal("x"), ["t"], "x, t, __name__"),
        (equal("a", "x"), ["t"], "a, x, t, __name__"),
        (equal("a"), ["b"], "a, b, __name__"),
        # What an index has behind its order would leave out what lacks it.
        (equal("c"), ["d"], "c, d, __name__"),
        (equal("c"), ["t"], "c, t, __name__"),
        ([FieldFilter("a", ">", 1)], ["a", "b"], "a, b, __name__"),
        # Firestore walks no index backwards.
        (equal("a"), ["-t"], "a, -t, -__name__"),
        (equal("e"), ["t"], "e, t, __name__"),
        ([], ["a", "-__name__"], "a, -__name__"),
        ([], ["-__name__"], "-__name__"),
        ([FieldFilter("a", "array_contains", 1)], ["b"], "[a], b, __name__"),
        ([FieldFilter("tags", "array_contains", 1)], ["-a"], "[tags], -a, -__name__"),
    ],
)
def test_queries_that_need_a_composite_index_are_refused(filters: list[Any], order: list[str], fields: str) -> None:
    refusal = missing(filters, *order)
    assert refusal is not None
    assert refusal.startswith(
        "The query requires an index. You can create it here: "
        "https://console.firebase.google.com/v1/r/project/p/firestore/indexes?create_composite="
    )
    assert fields_of(refusal) == fields


@pytest.mark.parametrize(
    ("filters", "order", "kind", "field"),
    [
        ([], ["t"], "ASC", "t"),
        ([], ["-t"], "DESC", "t"),
        ([], ["-up"], "DESC", "up"),
        (equal("t"), [], "ASC", "t"),
        ([FieldFilter("t", ">", 1)], [], "ASC", "t"),
        ([Or(equal("a", "t"))], [], "ASC", "t"),
        ([FieldFilter("up", "array_contains", 1)], [], "CONTAINS", "up"),
    ],
)
def test_queries_that_need_an_index_of_one_field_are_refused(
    filters: list[Any], order: list[str], kind: str, field: str
) -> None:
    refusal = missing(filters, *order)
    assert refusal is not None
    assert refusal.startswith(
        f"The query requires a COLLECTION_{kind} index for collection things and field {field}. You can create it "
        "here: https://console.firebase.google.com/v1/r/project/p/firestore/indexes?create_exemption="
    )


def test_a_collection_group_has_only_what_is_declared_for_it() -> None:
    assert missing([], group=True) is None
    assert missing(equal("a"), group=True) is None
    assert missing([FieldFilter("a", "in", [1, 2])], "t", group=True) is None
    for refusal in (missing(equal("b"), group=True), missing([], "-a", group=True)):
        assert refusal is not None
        assert refusal.startswith("The query requires a COLLECTION_GROUP_")


def test_the_link_is_that_of_the_service() -> None:
    """Recorded from the service, but for the names: https://github.com/RivaanRanawat/flutter-reddit-clone/issues/10."""
    assert missing(equal("uid"), "-createdAt", database="projects/matrix-idea-notes/databases/(default)") == (
        "The query requires an index. You can create it here: https://console.firebase.google.com/v1/r/project/"
        "matrix-idea-notes/firestore/indexes?create_composite=ClBwcm9qZWN0cy9tYXRyaXgtaWRlYS1ub3Rlcy9kYXRhYmFzZXMv"
        "KGRlZmF1bHQpL2NvbGxlY3Rpb25Hcm91cHMvdGhpbmdzL2luZGV4ZXMvXxABGgcKA3VpZBABGg0KCWNyZWF0ZWRBdBACGgwKCF9fbmFtZV9f"
        "EAI"
    )
    assert "/project/p/firestore/databases/other/indexes?" in str(
        missing([], "t", database="projects/p/databases/other")
    )


def test_near_vectors_need_an_index_of_their_length() -> None:
    def refusal(dimensions: int, *names: str) -> str | None:
        query = _query(equal(*names), (), group=False)
        nearest = query.find_nearest
        nearest.vector_field.field_path = "v"
        nearest.query_vector.CopyFrom(encode_value(Vector([1.0] * dimensions))._pb)
        nearest.distance_measure, nearest.limit.value = 1, 1
        return missing_index(queries.parse(query, parent="", root=_ROOT), DECLARED, _DATABASE)

    assert refusal(3, "a") is None
    assert refusal(2, "a") == (
        "Missing vector index configuration. Please create the required index with the following gcloud command: "
        "gcloud firestore indexes composite create --project=p --database=(default) --collection-group=things "
        "--query-scope=COLLECTION --field-config=order=ASCENDING,field-path=a "
        """--field-config=field-path=v,vector-config='{"dimension":"2","flat": "{}"}'"""
    )
    assert refusal(3) is not None
