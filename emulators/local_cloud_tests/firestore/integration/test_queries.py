"""Queries through Google's own client: filters, order, cursors, groups, aggregations, and what they cost."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.api_core.exceptions import InvalidArgument
from google.cloud import firestore
from google.cloud.firestore import And, FieldFilter, Or
from google.cloud.firestore_v1.base_vector_query import DistanceMeasure
from google.cloud.firestore_v1.field_path import FieldPath
from google.cloud.firestore_v1.query_profile import ExplainOptions
from google.cloud.firestore_v1.vector import Vector

from local_cloud.background import Background
from local_cloud.firestore.server import FirestoreEmulator

START = datetime(2026, 11, 24, tzinfo=UTC)


def fill(client: Any, collection: str, documents: dict[str, dict[str, Any]]) -> Any:
    batch = client.batch()
    for document_id, data in documents.items():
        batch.set(client.collection(collection).document(document_id), data)
    batch.commit()
    return client.collection(collection)


def ids(query: Any) -> list[str]:
    return [snapshot.id for snapshot in query.stream()]


@pytest.fixture
def mixed(client: Any) -> Any:
    """One document for each kind of value, their ids in the order of the values."""
    values: list[Any] = [
        None,
        False,
        True,
        math.nan,
        -math.inf,
        -(2**53) - 1,
        -1.5,
        0,
        1,
        1.5,
        2**53,
        2**53 + 1,
        START,
        START + timedelta(microseconds=1),
        "",
        "a",
        "a\x00",
        "ab",
        "é",
        "\U0001f600",
        b"",
        b"\x00",
        client.document("a/b"),
        client.document("a/b/c/d"),
        client.document("a/c"),
        firestore.GeoPoint(-1, 5),
        firestore.GeoPoint(1, -5),
        [],
        [1],
        [1, "a"],
        [2],
        Vector([9.0]),
        Vector([1.0, 2.0]),
        Vector([1.0, 3.0]),
        {},
        {"a": 1},
        {"a": 1, "b": 0},
        {"b": 0},
    ]
    return fill(client, "mixed", {f"d{n:02d}": {"v": value} for n, value in enumerate(values)} | {"none": {"w": 1}})


def test_values_of_all_types_are_in_firestores_order(mixed: Any) -> None:
    ordered = ids(mixed.order_by("v"))
    assert ordered == sorted(ordered)
    assert len(ordered) == 38, "a document without the field is no result"
    assert ids(mixed.order_by("v", direction="DESCENDING")) == ordered[::-1]


@pytest.mark.parametrize(
    ("op", "value", "expected"),
    [
        ("==", 1.0, ["d08"]),
        ("==", None, ["d00"]),
        ("==", math.nan, ["d03"]),
        ("==", [1, "a"], ["d29"]),
        ("==", {"a": 1}, ["d35"]),
        ("<", 1, ["d04", "d05", "d06", "d07"]),
        (">", 1.5, ["d10", "d11"]),
        ("<=", "a", ["d14", "d15"]),
        (">=", "ab", ["d17", "d18", "d19"]),
        (">", START, ["d13"]),
        ("<", True, ["d01"]),
        ("in", [True, 0.0, "é"], ["d02", "d07", "d18"]),
        ("in", [None, math.nan, 0], ["d07"]),
        ("array_contains", 1, ["d28", "d29"]),
        ("array_contains_any", [None], []),
        ("array_contains_any", ["a", 2], ["d29", "d30"]),
    ],
)
def test_filters(mixed: Any, op: str, value: Any, expected: list[str]) -> None:
    assert ids(mixed.where(filter=FieldFilter("v", op, value))) == expected


def test_nothing_is_less_or_greater_than_null_and_nan(mixed: Any) -> None:
    """The service takes such filters from clients that do not refuse them, such as the web SDK."""
    root = mixed._client._database_string + "/documents"
    for value in ({"null_value": 0}, {"double_value": math.nan}):
        for op in ("LESS_THAN", "LESS_THAN_OR_EQUAL", "GREATER_THAN", "GREATER_THAN_OR_EQUAL"):
            where = {"field_filter": {"field": {"field_path": "v"}, "op": op, "value": value}}
            query = {"from_": [{"collection_id": mixed.id}], "where": where}
            [response] = mixed._client._firestore_api.run_query(request={"parent": root, "structured_query": query})
            assert not response.document.name


@pytest.mark.parametrize(
    ("op", "value", "without"),
    [
        ("!=", 1.0, {"d00", "d08"}),
        ("!=", None, {"d00"}),
        ("!=", math.nan, {"d00", "d03"}),
        ("not-in", [1, "a", START], {"d00", "d08", "d12", "d15"}),
    ],
)
def test_negative_filters_leave_out_null_and_what_lacks_the_field(
    mixed: Any, op: str, value: Any, without: set[str]
) -> None:
    found = ids(mixed.where(filter=FieldFilter("v", op, value)))
    assert set(found) == {f"d{n:02d}" for n in range(38)} - without
    assert found == sorted(found), "a negative filter orders by its field"


@pytest.fixture
def grid(client: Any) -> Any:
    return fill(client, "grid", {f"{a}{b}": {"a": a, "b": b, "m": {"sum": a + b}} for a in range(5) for b in range(5)})


def test_filters_combine_by_and_and_or(grid: Any) -> None:
    both = And([FieldFilter("a", ">", 2), FieldFilter("b", "<=", 1)])
    assert ids(grid.where(filter=both)) == ["30", "31", "40", "41"]
    either = Or([FieldFilter("m.sum", "==", 8), And([FieldFilter("a", "==", 0), FieldFilter("b", "in", [1, 2])])])
    assert ids(grid.where(filter=either)) == ["01", "02", "44"]
    assert ids(grid.where(filter=either).order_by("a", direction="DESCENDING").limit(2)) == ["44", "02"]


def test_order_directions_may_differ(grid: Any) -> None:
    ordered = ids(grid.where(filter=FieldFilter("a", "<", 2)).order_by("a").order_by("b", direction="DESCENDING"))
    assert ordered == ["04", "03", "02", "01", "00", "14", "13", "12", "11", "10"]


def test_cursors_limits_and_offsets(grid: Any) -> None:
    query = grid.order_by("a").order_by("b")
    assert ids(query.start_at({"a": 3, "b": 3}).limit(3)) == ["33", "34", "40"]
    assert ids(query.start_after({"a": 3, "b": 3}).end_before({"a": 4, "b": 1})) == ["34", "40"]
    assert ids(query.end_at({"a": 0})) == ["00", "01", "02", "03", "04"]
    assert ids(query.offset(23)) == ["43", "44"]
    assert [snapshot.id for snapshot in query.limit_to_last(2).get()] == ["43", "44"]
    snapshot = grid.document("22").get()
    assert ids(grid.order_by("m.sum").start_after(snapshot).limit(3)) == ["31", "40", "14"]
    assert ids(grid.order_by("m.sum", direction="DESCENDING").start_at(snapshot).limit(2)) == ["22", "13"]


def test_filters_and_order_by_document_id(grid: Any) -> None:
    name = FieldPath.document_id()
    assert ids(grid.where(filter=FieldFilter(name, ">", grid.document("42")))) == ["43", "44"]
    assert ids(grid.where(filter=FieldFilter(name, "in", [grid.document("04"), grid.document("01")]))) == ["01", "04"]
    assert ids(grid.order_by(name, direction="DESCENDING").limit(2)) == ["44", "43"]


def test_projections_return_only_what_is_asked_for(grid: Any) -> None:
    found = list(grid.where(filter=FieldFilter("a", "==", 4)).select(["m.sum", "nothing"]).limit(1).stream())
    assert found[0].to_dict() == {"m": {"sum": 4}}
    assert next(grid.select([]).limit(1).stream()).to_dict() == {}


def test_a_projection_without_fields_returns_whole_documents(grid: Any) -> None:
    """Clients name the document's name if they want nothing else."""
    request = {
        "parent": grid._client._database_string + "/documents",
        "structured_query": {"from_": [{"collection_id": grid.id}], "select": {"fields": []}, "limit": 1},
    }
    [response] = grid._client._firestore_api.run_query(request=request)
    assert sorted(response.document.fields) == ["a", "b", "m"]


def test_groups_reach_into_all_collections_of_an_id(client: Any) -> None:
    for path in ("events/1", "users/u1/events/2", "users/u2/events/1", "users/u2/xevents/1", "users/u1/events/2/x/1"):
        client.document(path).set({"path": path, "n": len(path)})
    group = client.collection_group("events")
    assert [snapshot.get("path") for snapshot in group.stream()] == [
        "events/1",
        "users/u1/events/2",
        "users/u2/events/1",
    ]
    assert ids(group.where(filter=FieldFilter("n", ">", 8))) == ["2", "1"]
    assert group.count().get()[0][0].value == 3
    assert [snapshot.get("path") for snapshot in client.collection("users").recursive().stream()] == [
        "users/u1/events/2",
        "users/u1/events/2/x/1",
        "users/u2/events/1",
        "users/u2/xevents/1",
    ]


def test_partitions_divide_a_group(client: Any) -> None:
    fill(client, "parts", {f"p{n:03d}": {"n": n} for n in range(400)})
    partitions = list(client.collection_group("parts").get_partitions(3))
    assert len(partitions) == 3
    found = [snapshot.id for partition in partitions for snapshot in partition.query().stream()]
    assert found == [f"p{n:03d}" for n in range(400)]


def test_aggregations(grid: Any) -> None:
    query = grid.where(filter=FieldFilter("a", ">=", 3))
    [results] = query.count("n").sum("b", "s").avg("m.sum", "m").get()
    assert {result.alias: result.value for result in results} == {"n": 10, "s": 20, "m": 5.5}
    assert query.limit(4).count().get()[0][0].value == 4
    [[missing_sum, missing_average]] = grid.sum("zz", "s").avg("zz", "a").get()
    assert (missing_sum.value, missing_average.value) == (0, 0)


def test_sums_leave_integers_where_they_must(client: Any) -> None:
    numbers = fill(client, "numbers", {"a": {"n": 2**62}, "b": {"n": 2**62}, "c": {"n": "text"}})
    total = numbers.sum("n").get()[0][0].value
    assert total == float(2**63)
    assert isinstance(total, float)
    numbers.document("d").set({"n": math.nan})
    assert math.isnan(numbers.avg("n").get()[0][0].value)


def test_nearest_vectors(client: Any) -> None:
    points = fill(
        client,
        "points",
        {
            "a": {"at": Vector([1.0, 0.0]), "kind": "x"},
            "b": {"at": Vector([0.0, 2.0]), "kind": "x"},
            "c": {"at": Vector([3.0, 0.5]), "kind": "y"},
            "other": {"at": Vector([1.0]), "kind": "x"},
            "none": {"kind": "x"},
        },
    )

    def nearest(query: Any, measure: Any, **options: Any) -> list[Any]:
        found = query.find_nearest(
            vector_field="at", query_vector=Vector([1.0, 0.0]), distance_measure=measure, limit=10, **options
        )
        return list(found.get())

    assert [found.id for found in nearest(points, DistanceMeasure.EUCLIDEAN)] == ["a", "c", "b"]
    assert [found.id for found in nearest(points, DistanceMeasure.DOT_PRODUCT)] == ["c", "a", "b"]
    filtered = points.where(filter=FieldFilter("kind", "==", "x"))
    found = nearest(filtered, DistanceMeasure.COSINE, distance_result_field="far", distance_threshold=1.5)
    assert [(each.id, each.get("far")) for each in found] == [("a", 0.0), ("b", 1.0)]


def test_a_query_explains_its_plan_and_its_cost(client: Any) -> None:
    users = fill(client, "users", {f"u{n:03d}": {"n": n} for n in range(100)})
    query = users.where(filter=FieldFilter("n", ">=", 90)).limit(5)
    planned = query.get(explain_options=ExplainOptions(analyze=False))
    assert list(planned) == []
    metrics = planned.get_explain_metrics()
    assert metrics.plan_summary.indexes_used == [{"properties": "(n ASC, __name__ ASC)", "query_scope": "Collection"}]
    analyzed = query.get(explain_options=ExplainOptions(analyze=True))
    assert len(list(analyzed)) == 5
    stats = analyzed.get_explain_metrics().execution_stats
    assert (stats.results_returned, stats.read_operations) == (5, 5)
    assert stats.debug_stats["index_entries_scanned"] == "5"
    nothing = users.where(filter=FieldFilter("n", ">=", 100)).get(explain_options=ExplainOptions(analyze=True))
    assert list(nothing) == []
    assert nothing.get_explain_metrics().execution_stats.read_operations == 1


def test_the_metrics_of_an_explained_query_come_with_its_last_result(client: Any) -> None:
    fill(client, "users", {"a": {}, "b": {}})
    request = {
        "parent": client._database_string + "/documents",
        "structured_query": {"from_": [{"collection_id": "users"}]},
        "explain_options": {"analyze": True},
    }
    responses = [response._pb for response in client._firestore_api.run_query(request=request)]
    assert [(each.HasField("document"), each.HasField("explain_metrics")) for each in responses] == [
        (True, False),
        (True, True),
    ]


@pytest.mark.parametrize(
    ("build", "problem"),
    [
        (lambda c: c.where(filter=FieldFilter("a", "in", list(range(31)))), "30 comparison values"),
        (lambda c: c.where(filter=FieldFilter("a", "not-in", list(range(11)))), "10 comparison values"),
        (
            lambda c: c.where(filter=FieldFilter("a", "in", list(range(6)))).where(
                filter=FieldFilter("b", "in", list(range(6)))
            ),
            "36 disjunctions which is more than the maximum of 30",
        ),
        (
            lambda c: c.where(filter=FieldFilter("a", "array_contains", 1)).where(
                filter=FieldFilter("b", "array_contains", 1)
            ),
            "maximum of 1 'ARRAY_CONTAINS'",
        ),
        (
            lambda c: c.where(filter=FieldFilter("a", "not-in", [1])).where(filter=FieldFilter("a", "!=", 2)),
            "Only a single 'NOT_EQUAL', 'NOT_IN', 'IS_NOT_NAN', or 'IS_NOT_NULL'",
        ),
        (
            lambda c: c.where(filter=FieldFilter("a", "not-in", [1])).where(filter=FieldFilter("b", "in", [2])),
            "'NOT_IN' cannot be used in the same query with 'IN'",
        ),
        (lambda c: c.order_by("__name__").order_by("a"), "cannot contain more fields after the key"),
        (
            lambda c: c.where(filter=FieldFilter("a", ">", 1)).order_by("__name__"),
            "cannot contain more fields after the key",
        ),
        (lambda c: c.order_by("a").order_by("b").order_by("a"), "cannot contain duplicate fields a"),
        (
            lambda c: c.where(filter=FieldFilter("a", ">", 1)).where(
                filter=FieldFilter("__name__", "==", c.document("x"))
            ),
            "Equality on key is not allowed",
        ),
        (
            lambda c: c.where(filter=And([FieldFilter(f"f{n:02d}", ">", 1) for n in range(11)])),
            "11 distinct inequality fields: .f00, f01",
        ),
        (
            lambda c: c.where(filter=And([FieldFilter(f"f{n}", "==", 1) for n in range(100)])).order_by("g"),
            "100 filters, 1 sort orders, and no ancestor filter",
        ),
        (
            lambda c: c.where(filter=FieldFilter("a", ">", firestore.GeoPoint(0, 181))),
            "The filter on a holds a point",
        ),
        (lambda c: c.where(filter=FieldFilter("__name__", "==", "text")), "reference_value|Key"),
    ],
)
def test_what_firestore_does_not_answer_is_refused(client: Any, build: Any, problem: str) -> None:
    with pytest.raises((InvalidArgument, ValueError), match=problem):
        ids(build(client.collection("c")))


@pytest.fixture
def users(client: Any) -> Any:
    """3,000 users, of whom 300 are due and 270 of those active."""
    for start in range(0, 3000, 500):
        fill(
            client,
            "users",
            {
                f"u{n:05d}": {
                    "email": f"u{n}@example.com",
                    "active": n % 10 != 3,
                    "next_report_at": START + timedelta(seconds=n * 7919 % 3000),
                    "report": {"hour": n % 24},
                    "tags": ["all", f"t{n % 300}"],
                }
                for n in range(start, start + 500)
            },
        )
    return client.collection("users")


def examined(emulator: FirestoreEmulator, query: Any) -> tuple[int, int]:
    """The number of results of a query, and of the index entries and documents that it was found by."""
    emulator.usage.reset()
    found = len(list(query.stream()))
    return found, max(emulator.usage.index_entries_examined, emulator.usage.documents_examined)


def test_the_first_query_walks_over_its_results_only(users: Any, emulator: FirestoreEmulator) -> None:
    due = FieldFilter("next_report_at", "<", START + timedelta(seconds=300))
    assert examined(emulator, users.where(filter=FieldFilter("email", "==", "u77@example.com"))) == (1, 1)
    assert examined(emulator, users.where(filter=FieldFilter("report.hour", "==", 5))) == (125, 125)
    assert examined(emulator, users.where(filter=FieldFilter("tags", "array_contains", "t7"))) == (10, 10)
    assert examined(emulator, users.where(filter=due).order_by("next_report_at")) == (300, 300)
    assert examined(emulator, users.order_by("next_report_at", direction="DESCENDING").limit(20)) == (20, 20)
    assert examined(emulator, users.order_by("email").start_at({"email": "u5"}).limit(7)) == (7, 7)
    assert examined(emulator, users.limit(9)) == (9, 9)
    active_and_due = users.where(filter=FieldFilter("active", "==", True)).where(filter=due)
    assert examined(emulator, active_and_due.order_by("next_report_at")) == (270, 300)
    either = Or([FieldFilter("email", "==", "u1@example.com"), FieldFilter("report.hour", "==", 1)])
    assert examined(emulator, users.where(filter=either)) == (125, 126)


def test_counts_come_from_the_index_alone(users: Any, emulator: FirestoreEmulator) -> None:
    emulator.usage.reset()
    assert users.where(filter=FieldFilter("active", "==", True)).count().get()[0][0].value == 2700
    assert users.count().get()[0][0].value == 3000
    recent = FieldFilter("next_report_at", ">=", START + timedelta(seconds=2990))
    assert users.where(filter=recent).count().get()[0][0].value == 10
    assert (emulator.usage.index_entries_examined, emulator.usage.documents_examined) == (0, 0)
    assert emulator.usage.reads == 3 + 3 + 1


def test_a_wasteful_query_gets_an_index_of_its_own(
    client: Any, emulator: FirestoreEmulator, background: Background
) -> None:
    """Half are of the kind, half are of the rank, few are both: neither field alone finds them quickly."""
    for start in range(0, 3000, 500):
        fill(client, "many", {f"d{n:04d}": {"kind": n // 1500, "rank": n} for n in range(start, start + 500)})
    many = client.collection("many")
    query = many.where(filter=FieldFilter("kind", "==", 0)).where(filter=FieldFilter("rank", ">", 1490))
    assert examined(emulator, query) == (9, 1509)
    background.run(emulator.indexed())
    assert examined(emulator, query) == (9, 9)
    assert examined(emulator, query.order_by("rank", direction="DESCENDING").limit(3)) == (3, 3)
    many.document("new").set({"kind": 0, "rank": 5000})
    many.document("d1499").delete()
    assert ids(query)[-2:] == ["d1498", "new"]
