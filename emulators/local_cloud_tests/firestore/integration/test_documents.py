"""Documents: written, read, changed and removed through Google's own client."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.api_core.exceptions import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
)
from google.cloud import firestore
from google.cloud.firestore_v1 import types
from google.cloud.firestore_v1.vector import Vector

from local_cloud.background import Background
from local_cloud.clock import Clock
from local_cloud.firestore.server import FirestoreEmulator

EVERYTHING: dict[str, Any] = {
    "null": None,
    "flag": True,
    "whole": -(2**63),
    "fraction": 0.1,
    "infinite": math.inf,
    "when": datetime(1969, 7, 20, 20, 17, 40, 123456, tzinfo=UTC),
    "text": "naïve \U0001f600 \x00 end",
    "data": b"\x00\xff",
    "place": firestore.GeoPoint(35.6, 139.7),
    "list": [1, "two", {"three": [3]}],
    "map": {"a b": {"c.d": 1}},
    "vector": Vector([1.0, 2.5]),
}


def test_every_type_of_value_comes_back_as_it_went(client: Any) -> None:
    reference = client.document("things/all")
    data = EVERYTHING | {"link": client.document("things/other")}
    reference.set(data)
    assert reference.get().to_dict() == data


def test_create_refuses_a_document_that_exists(client: Any) -> None:
    reference = client.document("users/u1")
    reference.create({"a": 1})
    with pytest.raises(AlreadyExists, match=r"Document already exists: projects/.*/documents/users/u1"):
        reference.create({"a": 2})
    assert reference.get().to_dict() == {"a": 1}


def test_update_refuses_a_document_that_does_not_exist(client: Any) -> None:
    with pytest.raises(NotFound, match=r"No document to update: projects/.*/documents/users/nobody"):
        client.document("users/nobody").update({"a": 1})


def test_update_changes_and_removes_single_fields(client: Any) -> None:
    reference = client.document("users/u1")
    reference.set({"name": {"first": "Ada", "last": "Byron"}, "age": 36, "city": "London"})
    reference.update({"name.last": "Lovelace", "age": firestore.DELETE_FIELD, "born.year": 1815, "city": {"is": "map"}})
    assert reference.get().to_dict() == {
        "name": {"first": "Ada", "last": "Lovelace"},
        "born": {"year": 1815},
        "city": {"is": "map"},
    }


def test_set_replaces_and_merge_keeps(client: Any) -> None:
    reference = client.document("users/u1")
    reference.set({"a": 1, "m": {"x": 1, "y": 2}})
    reference.set({"m": {"x": 5}, "`odd` key.": 1}, merge=True)
    assert reference.get().to_dict() == {"a": 1, "m": {"x": 5, "y": 2}, "`odd` key.": 1}
    reference.set({"m": {"z": 1}}, merge=["m"])
    assert reference.get().to_dict() == {"a": 1, "m": {"z": 1}, "`odd` key.": 1}
    reference.set({"b": 2})
    assert reference.get().to_dict() == {"b": 2}


def test_times_tell_of_creation_and_change(client: Any) -> None:
    reference = client.document("users/u1")
    created = reference.create({"a": 1}).update_time
    assert reference.set({"a": 1}).update_time == created, "a write that changes nothing leaves the update time"
    updated = reference.update({"a": 2}).update_time
    snapshot = reference.get()
    assert (snapshot.create_time, snapshot.update_time) == (created, updated)
    assert created < updated <= snapshot.read_time


def test_a_precondition_on_the_update_time_guards_a_write(client: Any) -> None:
    reference = client.document("users/u1")
    first = reference.set({"a": 1}).update_time
    second = reference.set({"a": 2}).update_time
    with pytest.raises(FailedPrecondition, match="does not match the required base version"):
        reference.update({"a": 3}, option=client.write_option(last_update_time=first))
    with pytest.raises(InvalidArgument):
        reference.delete(option=client.write_option(last_update_time=second + timedelta(hours=1)))
    reference.delete(option=client.write_option(last_update_time=second))
    with pytest.raises(NotFound, match="No document to update"):
        reference.delete(option=client.write_option(exists=True))
    assert not reference.get().exists


def test_deleting_what_is_not_there_is_no_error(client: Any) -> None:
    client.document("users/nobody").delete()


def test_numbers_grow_and_meet_bounds_on_the_server(client: Any) -> None:
    reference = client.document("counters/c")
    reference.set({"whole": 1, "text": "x", "huge": 2**63 - 5, "top": 3, "low": 3.0})
    reference.update(
        {
            "whole": firestore.Increment(2),
            "text": firestore.Increment(1.5),
            "new": firestore.Increment(7),
            "huge": firestore.Increment(10),
            "top": firestore.Maximum(10),
            "low": firestore.Minimum(3),
        }
    )
    stored = reference.get().to_dict()
    assert stored == {"whole": 3, "text": 1.5, "new": 7, "huge": 2**63 - 1, "top": 10, "low": 3.0}
    assert isinstance(stored["low"], float), "equal numbers leave the stored one"
    reference.update({"whole": firestore.Increment(0.5)})
    assert reference.get().get("whole") == 3.5


def test_arrays_gain_and_lose_elements_on_the_server(client: Any) -> None:
    reference = client.document("lists/l")
    reference.set({"a": [1, 2, 2, math.nan], "b": "no array"})
    reference.update({"a": firestore.ArrayUnion([2.0, 3, 3, math.nan]), "b": firestore.ArrayUnion([1])})
    stored = reference.get().to_dict()
    assert len(stored["a"]) == 5
    assert stored["a"][-1] == 3
    assert stored["b"] == [1]
    reference.update({"a": firestore.ArrayRemove([2, math.nan]), "c": firestore.ArrayRemove([1])})
    assert reference.get().to_dict() == {"a": [1, 3], "b": [1], "c": []}


def test_the_server_time_is_the_write_time(client: Any) -> None:
    reference = client.document("users/u1")
    result = reference.set({"at": firestore.SERVER_TIMESTAMP, "m": {"at": firestore.SERVER_TIMESTAMP}})
    stored = reference.get().to_dict()
    assert stored["at"] == stored["m"]["at"] == result.update_time


def test_transforms_tell_their_results(client: Any) -> None:
    reference = client.document("counters/c")
    reference.set({"n": 1})
    results = reference.update({"n": firestore.Increment(4), "t": firestore.ArrayUnion([1])}).transform_results
    assert [types.Value.pb(result).WhichOneof("value_type") for result in results] == ["integer_value", "null_value"]
    assert results[0].integer_value == 5


def test_a_batch_is_written_whole_or_not_at_all(client: Any) -> None:
    batch = client.batch()
    batch.create(client.document("users/a"), {"n": 1})
    batch.update(client.document("users/missing"), {"n": 1})
    with pytest.raises(NotFound):
        batch.commit()
    assert not client.document("users/a").get().exists
    batch = client.batch()
    batch.create(client.document("users/a"), {"n": 1})
    batch.update(client.document("users/a"), {"m": 2})
    batch.delete(client.document("users/gone"))
    results = batch.commit()
    assert len(results) == 3
    assert client.document("users/a").get().to_dict() == {"n": 1, "m": 2}


def test_a_document_that_is_deleted_and_made_again_in_one_batch_is_a_new_one(client: Any) -> None:
    reference = client.document("users/a")
    first = reference.set({"old": 1}).update_time
    batch = client.batch()
    batch.delete(reference)
    batch.create(reference, {"new": 1})
    batch.commit()
    snapshot = reference.get()
    assert snapshot.to_dict() == {"new": 1}
    assert snapshot.create_time > first


def test_get_all_reads_one_snapshot_and_only_the_fields_asked_for(client: Any) -> None:
    client.document("users/a").set({"x": {"y": 1, "z": 2}, "w": 3})
    snapshots = {
        snapshot.id: snapshot
        for snapshot in client.get_all([client.document("users/a"), client.document("users/b")], ["x.y", "nothing"])
    }
    assert snapshots["a"].to_dict() == {"x": {"y": 1}}
    assert not snapshots["b"].exists
    assert snapshots["a"].read_time == snapshots["b"].read_time


def test_named_databases_are_apart(make_client: Callable[..., Any]) -> None:
    default, other = make_client(), make_client(database="other")
    default.document("users/u1").set({"in": "default"})
    assert not other.document("users/u1").get().exists
    other.document("users/u1").set({"in": "other"})
    assert default.document("users/u1").get().to_dict() == {"in": "default"}


def test_what_is_cleared_is_gone_from_all_databases(
    make_client: Callable[..., Any], emulator: FirestoreEmulator, background: Background
) -> None:
    clients = [make_client(), make_client(database="other")]
    for client in clients:
        client.document("c/d/below/e").set({})

    background.run(emulator.clear())

    for client in clients:
        assert list(client.collections()) == []
        assert not list(client.collection_group("below").stream())
        client.document("c/d").create({})


def test_reads_go_back_in_time_for_an_hour(client: Any, clock: Clock, background: Background) -> None:
    async def wait(by: timedelta) -> None:
        clock.advance(by)

    reference = client.document("users/u1")
    first = reference.set({"n": 1}).update_time
    second = reference.set({"n": 2}).update_time
    third = reference.delete()
    reference.create({"n": 4})

    def at(moment: Any) -> Any:
        return reference.get(read_time=moment).to_dict()

    assert [at(first), at(second), at(third)] == [{"n": 1}, {"n": 2}, None]
    assert at(first - timedelta(microseconds=1)) is None
    with pytest.raises(InvalidArgument, match="in the future"):
        at(third + timedelta(minutes=1))
    background.run(wait(timedelta(minutes=59)))
    client.document("users/other").set({})
    assert at(first) == {"n": 1}
    background.run(wait(timedelta(minutes=2)))
    client.document("users/other").set({"again": True})
    with pytest.raises(FailedPrecondition, match="too old"):
        at(first)
    assert reference.get().to_dict() == {"n": 4}


def test_list_documents_shows_pages_and_documents_that_only_have_children(client: Any) -> None:
    users = client.collection("users")
    for n in range(25):
        users.document(f"u{n:02d}").set({"n": n, "m": 1})
    client.document("users/ghost/events/e1").set({})
    listed = list(users.list_documents(page_size=7))
    assert [reference.id for reference in listed] == ["ghost", *(f"u{n:02d}" for n in range(25))]
    client.document("users/ghost/events/e1").delete()
    assert len(list(users.list_documents(page_size=7))) == 25
    request = {
        "parent": client._database_string + "/documents",
        "collection_id": "users",
        "order_by": "n desc",
        "page_size": 10,
        "mask": {"field_paths": ["n"]},
    }
    documents = list(client._firestore_api.list_documents(request=request))
    assert [document.fields["n"].integer_value for document in documents] == list(range(24, -1, -1))
    assert all("m" not in document.fields for document in documents)
    users.document("quoted").set({"a, b": 2, "n": 0})
    users.document("other").set({"a, b": 1, "n": 0})
    documents = list(client._firestore_api.list_documents(request={**request, "order_by": "`a, b` DESC , n"}))
    assert [document.name.rpartition("/")[2] for document in documents] == ["quoted", "other"]


def test_collections_are_listed_below_a_document_and_at_the_root(client: Any) -> None:
    client.document("a/1").set({})
    client.document("b/1/c/1/d/1").set({})
    client.document("b/1/e/1").set({})
    assert [collection.id for collection in client.collections()] == ["a", "b"]
    assert [collection.id for collection in client.document("b/1").collections()] == ["c", "e"]
    assert list(client.document("a/1").collections()) == []
    client.document("b/1/e/1").delete()
    assert [collection.id for collection in client.document("b/1").collections()] == ["c"]


def test_the_methods_that_the_client_does_not_use_work_too(client: Any) -> None:
    api, root = client._firestore_api, client._database_string + "/documents"
    created = api.create_document(
        request={"parent": root, "collection_id": "users", "document": {"fields": {"n": {"integer_value": 1}}}}
    )
    assert len(created.name.rpartition("/")[2]) == 20
    with pytest.raises(AlreadyExists):
        api.create_document(
            request={"parent": root, "collection_id": "users", "document_id": created.name.rpartition("/")[2]}
        )
    updated = api.update_document(
        request={
            "document": {"name": created.name, "fields": {"m": {"integer_value": 2}}},
            "update_mask": {"field_paths": ["m"]},
        }
    )
    assert sorted(updated.fields) == ["m", "n"]
    assert updated.create_time == created.create_time
    assert sorted(api.get_document(request={"name": created.name, "mask": {"field_paths": ["m"]}}).fields) == ["m"]
    api.delete_document(request={"name": created.name})
    with pytest.raises(NotFound, match=r'Document ".*" not found'):
        api.get_document(request={"name": created.name})


def test_a_batch_write_writes_what_it_can(client: Any) -> None:
    root = client._database_string + "/documents"
    response = client._firestore_api.batch_write(
        request={
            "database": client._database_string,
            "writes": [
                {"update": {"name": f"{root}/users/a"}},
                {"update": {"name": f"{root}/users/b"}, "current_document": {"exists": True}},
                {"delete": f"{root}/users/c"},
            ],
        }
    )
    assert [status.code for status in response.status] == [0, 5, 0]
    assert client.document("users/a").get().exists


def test_the_bulk_writer_writes_thousands(client: Any, emulator: FirestoreEmulator) -> None:
    emulator.usage.reset()
    writer = client.bulk_writer()
    for n in range(1200):
        writer.create(client.document(f"items/i{n}"), {"n": n})
    writer.close()
    assert client.collection("items").count().get()[0][0].value == 1200
    assert emulator.usage.writes == 1200


def test_recursive_delete_removes_a_tree(client: Any) -> None:
    for path in ("users/u1", "users/u1/events/e1", "users/u1/events/e1/notes/n1", "users/u2", "others/o1"):
        client.document(path).set({})
    assert client.recursive_delete(client.collection("users")) == 4
    assert [collection.id for collection in client.collections()] == ["others"]


@pytest.mark.parametrize(
    ("path", "data", "problem"),
    [
        ("users/__reserved__", {}, "reserved"),
        ("users/..", {}, "invalid"),
        ("users/" + "x" * 1501, {}, "longer than 1500 bytes"),
        ("users/u1", {"__reserved__": 1}, "reserved"),
        ("users/u1", {"a": [1, [2]]}, "Property a contains an invalid nested entity"),
        ("users/u1", {"a": "x" * 600_000, "b": "x" * 600_000}, "size .* exceeds the maximum"),
        ("users/u1", {"m": {"text": "x" * 1_048_488}}, 'value of property "text" is longer than 1048487 bytes'),
        ("users/u1", {"data": [b"x" * 1_048_488]}, 'value of property "data" is longer than 1048487 bytes'),
        ("users/u1", {"list": list(range(39_999))}, "40,001 entries in indexes"),
        ("/".join(["c", "d"] * 101), {}, "deeper than 100"),
        ("users/u1", {"a": {"b": firestore.GeoPoint(91, 0)}}, "Property a.b holds a point whose latitude"),
        ("users/u1", {"v": Vector([0.0] * 2049)}, "Property v holds a vector of more than 2048 dimensions"),
    ],
)
def test_what_firestore_does_not_store_is_refused(client: Any, path: str, data: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidArgument, match=problem):
        client.document(path).set(data)


def test_maps_and_arrays_nest_twenty_levels_deep_and_no_deeper(client: Any) -> None:
    def nested(levels: int, inner: Any) -> dict[str, Any]:
        return {"m": nested(levels - 1, inner) if levels else inner}

    document = client.document("users/u1")
    innermost: list[Any] = [1, {}, []]
    for deepest in innermost:
        document.set(nested(20, deepest))
    document.set(nested(19, [1]))
    for too_deep in ({"m": 1}, [1]):
        with pytest.raises(InvalidArgument, match="Property m is nested deeper than 20 levels"):
            document.set(nested(20, too_deep))


def test_a_time_is_in_the_years_1_to_9999(client: Any) -> None:
    last = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    client.document("users/u1").set({"first": datetime.min.replace(tzinfo=UTC), "last": last})
    stored = client.document("users/u1").get().to_dict()
    assert stored["last"] == last
    # Python's client rounds what it has read up to the year 10000.
    with pytest.raises(InvalidArgument, match="Property last holds a timestamp beyond the years 1 to 9999"):
        client.document("users/u1").set(stored)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({}, "without a type"),
        ({"timestamp_value": {"seconds": 1, "nanos": 1_000_000_000}}, "nanos"),
        ({"reference_value": "projects/p/databases/d/documents/users"}, "is the name of a collection|documents"),
        ({"reference_value": "u1"}, "is not of the form"),
    ],
)
def test_a_value_that_the_client_cannot_make_is_refused(client: Any, value: dict[str, Any], problem: str) -> None:
    name = client.document("users/u1")._document_path
    for data in ({"a": value}, {"a": {"array_value": {"values": [value]}}}):
        with pytest.raises(InvalidArgument, match=problem):
            client._firestore_api.update_document(request={"document": {"name": name, "fields": data}})


def test_an_update_mask_names_no_field_twice(client: Any) -> None:
    request = {
        "document": {"name": client.document("users/u1")._document_path},
        "update_mask": {"field_paths": ["a", "b", "a"]},
    }
    with pytest.raises(InvalidArgument, match="names a twice"):
        client._firestore_api.update_document(request=request)


def test_an_update_mask_names_a_field_and_a_part_of_it(client: Any) -> None:
    document = client.document("users/u1")
    document.set({"a": {"b": 1, "c": 2}, "d": 3})
    fields = {"a": {"map_value": {"fields": {"b": {"integer_value": 4}}}}}
    request = {
        "document": {"name": document._document_path, "fields": fields},
        "update_mask": {"field_paths": ["a.b", "a"]},
    }
    client._firestore_api.update_document(request=request)
    assert document.get().to_dict() == {"a": {"b": 4}, "d": 3}


def test_an_update_inside_of_a_vector_makes_a_map_of_it(client: Any) -> None:
    document = client.document("users/u1")
    document.set({"v": Vector([1.0, 2.0])})
    document.update({"v.n": 1})
    assert document.get().to_dict() == {"v": {"n": 1}}


def test_a_batch_that_updates_what_it_deletes_is_refused(client: Any) -> None:
    client.document("users/u1").set({})
    batch = client.batch()
    batch.delete(client.document("users/u1"))
    batch.update(client.document("users/u1"), {"a": 1})
    with pytest.raises(InvalidArgument, match="deletes the document to update"):
        batch.commit()
    assert client.document("users/u1").get().exists
    client.document("users/u1").delete()
    with pytest.raises(InvalidArgument, match="deletes the document to update"):
        batch.commit()


def test_a_web_client_verifies_what_its_transaction_read(client: Any) -> None:
    """It names the documents in a field of the protocol that the published definition lacks."""
    reference = client.document("users/u1")
    read = reference.set({}).update_time
    name = reference._document_path.encode()
    verify = types.Write.pb().FromString(b"\x2a" + bytes([len(name)]) + name)
    verify.current_document.update_time.FromDatetime(read)
    request = types.CommitRequest.pb()(database=client._database_string, writes=[verify])
    request.writes.add().update.name = client.document("users/u2")._document_path

    def commit() -> Any:
        return client._firestore_api.commit(types.CommitRequest.deserialize(request.SerializeToString()))

    assert len(commit().write_results) == 2
    reference.set({"changed": True})
    client.document("users/u2").delete()
    with pytest.raises(FailedPrecondition, match="required base version"):
        commit()
    assert not client.document("users/u2").get().exists


def test_a_document_just_below_the_limit_is_stored(client: Any) -> None:
    client.document("users/u1").set({"big": "x" * 1_048_000})
    assert len(client.document("users/u1").get().get("big")) == 1_048_000


def test_a_request_has_ten_mebibytes_at_most(client: Any) -> None:
    def write(count: int) -> None:
        batch = client.batch()
        for n in range(count):
            batch.set(client.document(f"users/u{n}"), {"big": b"x" * 1_040_000})
        batch.commit()

    with pytest.raises(InvalidArgument, match="Request payload size exceeds the limit: 10485760 bytes"):
        write(11)
    assert not client.document("users/u0").get().exists
    write(10)


def test_a_malformed_field_path_is_refused(client: Any) -> None:
    client.document("a/b").set({})
    request = {"name": client._database_string + "/documents/a/b", "mask": {"field_paths": ["a..b"]}}
    with pytest.raises(InvalidArgument, match=r'Invalid property path "a\.\.b"'):
        client._firestore_api.get_document(request=request)


def test_billed_operations_are_counted(client: Any, emulator: FirestoreEmulator) -> None:
    emulator.usage.reset()
    client.document("users/a").set({"n": 1})
    client.document("users/b").set({"n": 2})
    client.document("users/a").get()
    client.document("users/missing").get()
    assert len(list(client.collection("users").where(filter=firestore.FieldFilter("n", ">", 5)).stream())) == 0
    assert len(list(client.collection("users").stream())) == 2
    client.collection("users").count().get()
    client.document("users/a").delete()
    usage = emulator.usage
    assert (usage.reads, usage.writes, usage.deletes) == (1 + 1 + 1 + 2 + 1, 2, 1)


def test_a_write_stream_answers_each_request(client: Any) -> None:
    root = client._database_string + "/documents"
    requests = [
        types.WriteRequest(database=client._database_string),
        types.WriteRequest(writes=[{"update": {"name": f"{root}/users/a", "fields": {"n": {"integer_value": 1}}}}]),
        types.WriteRequest(writes=[{"delete": f"{root}/users/a"}, {"update": {"name": f"{root}/users/b"}}]),
    ]
    responses = list(
        client._firestore_api.write(
            requests=iter(requests), metadata=[("google-cloud-resource-prefix", client._database_string)]
        )
    )
    assert [len(response.write_results) for response in responses] == [0, 1, 2]
    assert len({response.stream_id for response in responses}) == 1
    assert [reference.id for reference in client.collection("users").list_documents()] == ["b"]
