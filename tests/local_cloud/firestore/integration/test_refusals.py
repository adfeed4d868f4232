"""Requests that Google's clients do not make, and that Firestore refuses all the same."""

from collections.abc import Callable
from typing import Any

import pytest
from google.api_core.exceptions import InvalidArgument

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


def partitions(below: str = "", page_size: int = 0, **query: Any) -> Call:
    query = {
        "from_": [{"collection_id": "c", "all_descendants": True}],
        "order_by": [{"field": {"field_path": "__name__"}}],
        **query,
    }
    return lambda api, root: api.partition_query(
        request={"parent": root + below, "structured_query": query, "partition_count": 2, "page_size": page_size}
    )


def collections(**options: Any) -> Call:
    return lambda api, root: api.list_collection_ids(request={"parent": root, **options})


def equal(path: str) -> dict[str, Any]:
    return {"field_filter": {"field": {"field_path": path}, "op": "EQUAL", "value": {"integer_value": 1}}}


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
        partitions(start_at={"values": [{"reference_value": "projects/p/databases/d/documents/c/1"}]}),
        partitions(limit=1),
        partitions(from_=[{"all_descendants": True}]),
        partitions(below="/c/1"),
    ],
)
def test_partitions_of_anything_but_a_whole_group(refusal: Callable[[Call], str], call: Call) -> None:
    refusal(call)


def test_a_write_whose_answer_cannot_be_masked_writes_nothing(client: Any, refusal: Callable[[Call], str]) -> None:
    refusal(
        lambda api, root: api.update_document(
            request={"document": {"name": f"{root}/c/d"}, "mask": {"field_paths": ["a..b"]}}
        )
    )
    assert not client.document("c/d").get().exists
