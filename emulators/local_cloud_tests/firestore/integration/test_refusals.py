"""Requests that Google's clients do not make, and that Firestore refuses all the same."""

from collections.abc import Callable
from typing import Any

import pytest
from google.api_core.exceptions import InvalidArgument, MethodNotImplemented
from google.cloud.firestore_v1 import types

Call = Callable[[Any, str], Any]
"""Takes the generated client, and the name below which documents are."""


def create(collection_id: str, document_id: str = "d", **document: Any) -> Call:
    return lambda api, root: api.create_document(
        request={"parent": root, "collection_id": collection_id, "document_id": document_id, "document": document}
    )


def listed(collection_id: str = "c", **options: Any) -> Call:
    return lambda api, root: api.list_documents(request={"parent": root, "collection_id": collection_id, **options})


def found(collection_id: str = "c", **query: Any) -> Call:
    query = {"from_": [{"collection_id": collection_id}], **query}
    return lambda api, root: list(api.run_query(request={"parent": root, "structured_query": query}))


def partitions(below: str = "", page_size: int = 0, begin: str = "", **query: Any) -> Call:
    def call(api: Any, root: str) -> Any:
        whole: dict[str, Any] = {
            "from_": [{"collection_id": "c", "all_descendants": True}],
            "order_by": [{"field": {"field_path": "__name__"}}],
        }
        cursor = {"start_at": {"values": [{"reference_value": root + begin}]}} if begin else {}
        request = {"parent": root + below, "structured_query": whole | cursor | query, "partition_count": 2}
        return api.partition_query(request={**request, "page_size": page_size})

    return call


def collections(**options: Any) -> Call:
    return lambda api, root: api.list_collection_ids(request={"parent": root, **options})


def equal(path: str) -> dict[str, Any]:
    return {"field_filter": {"field": {"field_path": path}, "op": "EQUAL", "value": {"integer_value": 1}}}


def aggregated(alias: str) -> Call:
    query = {
        "structured_query": {"from_": [{"collection_id": "c"}]},
        "aggregations": [{"alias": alias, "count": {}}],
    }
    return lambda api, root: list(
        api.run_aggregation_query(request={"parent": root, "structured_aggregation_query": query})
    )


def written(operation: str, **write: Any) -> Call:
    def commit(api: Any, root: str) -> Any:
        name = f"{root}/c/d"
        operations: dict[str, Any] = {
            "update": {"name": name, "fields": write.pop("fields", {})},
            "delete": name,
            "transform": {"document": name, "field_transforms": write.pop("field_transforms", [])},
        }
        database = root.removesuffix("/documents")
        return api.commit(request={"database": database, "writes": [{operation: operations[operation], **write}]})

    return commit


def vector(**fields: Any) -> dict[str, Any]:
    return {"map_value": {"fields": {"__type__": {"string_value": "__vector__"}, **fields}}}


ARRAY = {"array_value": {"values": [{"string_value": "x"}]}}
INCREMENT = {"field_path": "n", "increment": {"integer_value": 1}}


@pytest.fixture
def refusal(client: Any) -> Callable[[Call], str]:
    def refused(call: Call) -> str:
        with pytest.raises(InvalidArgument) as refusal:
            call(client._firestore_api, client._database_string + "/documents")
        return str(refusal.value.message)

    return refused


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (create("a/b/c"), 'contains a "/"'),
        (create("c", "d/e/f"), 'contains a "/"'),
        (create("__c__"), "reserved"),
        (create(""), "empty id"),
        (create("c", name="c/e"), "document.name is set"),
        (listed("a/b/c"), 'contains a "/"'),
        (found("a/b"), 'contains a "/"'),
        (found("__c__"), "reserved"),
        (found("x" * 1501), "longer than 1500"),
    ],
)
def test_an_id_that_no_collection_or_document_can_have(
    refusal: Callable[[Call], str], call: Call, problem: str
) -> None:
    assert problem in refusal(call)


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (found(where=equal("__secret__")), "reserved name"),
        (found(where=equal("a.__name__")), "reserved name"),
        (found(order_by=[{"field": {"field_path": "__secret__"}}]), "reserved name"),
        (found(select={"fields": [{"field_path": "a.__b__"}]}), "reserved name"),
        (found(where=equal("x" * 1501)), "longer than 1500"),
        (listed(mask={"field_paths": ["a..b"]}), "Invalid property path"),
        (listed(order_by="a upwards"), "is not a list of fields"),
        (aggregated("__sum__"), "reserved"),
        (aggregated("a" * 1501), "longer than 1500"),
    ],
)
def test_a_field_path_that_no_field_can_have(refusal: Callable[[Call], str], call: Call, problem: str) -> None:
    assert problem in refusal(call)


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (listed(page_size=-1), "negative"),
        (listed(page_token="abcd"), "page_token"),
        (listed(page_token="é"), "page_token"),
        (listed(page_token="abcd", order_by="a"), "page_token"),
        (collections(page_size=-1), "negative"),
        (collections(page_token="abcd"), "page_token"),
        (partitions(page_size=-1), "negative"),
    ],
)
def test_a_page_that_is_none(refusal: Callable[[Call], str], call: Call, problem: str) -> None:
    assert problem in refusal(call)


def test_a_page_token_belongs_to_its_list(client: Any, refusal: Callable[[Call], str]) -> None:
    for name in "abc":
        client.document(f"c/{name}").set({"a": 1})
    root = client._database_string + "/documents"
    request = {"parent": root, "collection_id": "c", "page_size": 1}
    first = next(client._firestore_api.list_documents(request=request).pages)
    token = first.next_page_token
    assert "page_token" in refusal(listed("c", page_token=token, order_by="a"))
    rest = client._firestore_api.list_documents(request={**request, "page_size": 5, "page_token": token})
    assert [document.name.rpartition("/")[2] for document in rest] == ["b", "c"]


@pytest.mark.parametrize(
    "call",
    [
        partitions(where=equal("a")),
        partitions(order_by=[{"field": {"field_path": "__name__"}, "direction": "DESCENDING"}]),
        partitions(begin="/c/1"),
        partitions(limit=1),
        partitions(from_=[{"all_descendants": True}]),
        partitions(below="/c/1"),
    ],
)
def test_partitions_of_anything_but_a_whole_group(refusal: Callable[[Call], str], call: Call) -> None:
    assert refusal(call).startswith("A partition query is of a collection group")


def test_a_write_whose_answer_cannot_be_masked_writes_nothing(client: Any, refusal: Callable[[Call], str]) -> None:
    refusal(
        lambda api, root: api.update_document(
            request={"document": {"name": f"{root}/c/d"}, "mask": {"field_paths": ["a..b"]}}
        )
    )
    assert not client.document("c/d").get().exists


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (written("update", update_mask={"field_paths": ["__name__"]}), "__name__"),
        (written("update", update_mask={"field_paths": ["a.__b__"]}), "reserved name"),
        (written("delete", update_mask={"field_paths": ["a"]}), "belong to an update"),
        (written("delete", update_transforms=[INCREMENT]), "belong to an update"),
        (written("transform", field_transforms=[INCREMENT], update_transforms=[INCREMENT]), "belong to an update"),
        (written("transform"), "no field_transforms"),
        (
            written("transform", field_transforms=[{"field_path": "a", "remove_all_from_array": {"values": [{}]}}]),
            "without a type",
        ),
        (
            written("transform", field_transforms=[{"field_path": "a", "remove_all_from_array": {"values": [ARRAY]}}]),
            "an array in its array",
        ),
        (written("update", current_document={"update_time": {"seconds": 1, "nanos": 1}}), "not aligned"),
    ],
)
def test_a_write_that_is_none(refusal: Callable[[Call], str], call: Call, problem: str) -> None:
    assert problem in refusal(call)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (vector(), "no array"),
        (vector(value={"integer_value": 1}), "no array"),
        (vector(value=ARRAY, more=ARRAY), "no array"),
        (vector(value=ARRAY), "no numbers"),
    ],
)
def test_a_vector_that_is_none(refusal: Callable[[Call], str], value: Any, problem: str) -> None:
    assert problem in refusal(written("update", fields={"v": value}))
    nearest = {"vector_field": {"field_path": "v"}, "query_vector": value, "limit": 1, "distance_measure": "EUCLIDEAN"}
    assert problem in refusal(found(find_nearest=nearest))


def test_a_read_time_between_two_microseconds(refusal: Callable[[Call], str]) -> None:
    read_time = {"seconds": 1_700_000_000, "nanos": 1}
    assert "not aligned" in refusal(listed(read_time=read_time))
    assert "not aligned" in refusal(
        lambda api, root: api.begin_transaction(
            request={
                "database": root.removesuffix("/documents"),
                "options": {"read_only": {"read_time": read_time}},
            }
        )
    )


def test_writes_in_the_first_request_of_a_stream(refusal: Callable[[Call], str]) -> None:
    def write(api: Any, root: str) -> Any:
        database = root.removesuffix("/documents")
        first = types.WriteRequest(database=database, writes=[{"delete": f"{root}/c/d"}])
        return list(api.write(requests=iter([first]), metadata=[("google-cloud-resource-prefix", database)]))

    assert "first request" in refusal(write)


def test_pipelines_belong_to_another_edition(client: Any) -> None:
    request = {"database": client._database_string, "structured_pipeline": {"pipeline": {}}}
    with pytest.raises(MethodNotImplemented, match="Enterprise edition"):
        list(client._firestore_api.execute_pipeline(request=request))
