"""What the store keeps, for how long, and what it lets go."""

import pytest

from local_cloud.firestore import writes
from local_cloud.firestore.indexes import CollectionIndexes
from local_cloud.firestore.messages import Document, Value, Write
from local_cloud.firestore.store import RETENTION, Database
from local_cloud.firestore.usage import Usage
from local_cloud.rpc import RpcError


class Time:
    def __init__(self) -> None:
        self.now = 10**15

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def database(time: Time) -> Database:
    return Database("projects/p/databases/d", time, {})


def put(database: Database, path: str, number: int) -> int:
    document = Document(name=f"{database.root}/{path}")
    document.fields["n"].CopyFrom(Value(integer_value=number))
    return writes.commit(database, [Write(update=document)], Usage()).time


def delete(database: Database, path: str) -> int:
    return writes.commit(database, [Write(delete=f"{database.root}/{path}")], Usage()).time


def number(database: Database, path: str, time: int) -> int | None:
    version = database.at(path, time)
    return None if version is None else version.document().fields["n"].integer_value


def test_commits_have_times_of_their_own_even_when_the_clock_stands(database: Database) -> None:
    times = [put(database, "a/1", n) for n in range(3)]
    assert len(set(times)) == 3
    assert times == sorted(times)


def test_no_commit_has_the_time_of_a_snapshot(database: Database) -> None:
    snapshot = database.read_time()
    assert put(database, "a/1", 1) > snapshot
    assert number(database, "a/1", snapshot) is None


def test_old_versions_are_kept_as_long_as_they_can_be_read(database: Database, time: Time) -> None:
    first = put(database, "a/1", 1)
    second = put(database, "a/1", 2)
    gone = delete(database, "a/1")
    time.now += RETENTION - 10
    put(database, "b/1", 0)
    assert [number(database, "a/1", database.past(at)) for at in (first, second, gone)] == [1, 2, None]
    time.now += RETENTION
    put(database, "b/1", 1)
    with pytest.raises(RpcError, match="too old"):
        database.past(first)
    assert number(database, "a/1", database.read_time()) is None


def test_collections_in_which_nothing_is_left_are_forgotten(database: Database, time: Time) -> None:
    put(database, "a/1/b/1/c/1", 1)
    put(database, "a/2", 1)
    delete(database, "a/1/b/1/c/1")
    time.now += 2 * RETENTION
    put(database, "x/1", 1)
    assert database.collection("a/1/b/1/c") is None
    assert database.collection("a/1/b") is None
    found = database.collection("a")
    assert found is not None
    assert not found.children
    assert not found.missing
    assert database.collection_ids("", database.read_time()) == ["a", "x"]


def test_a_forgotten_collection_can_come_back(database: Database, time: Time) -> None:
    put(database, "a/1", 1)
    delete(database, "a/1")
    time.now += 2 * RETENTION
    put(database, "x/1", 1)
    put(database, "a/1", 2)
    assert number(database, "a/1", database.read_time()) == 2
    assert database.collection_ids("", database.read_time()) == ["a", "x"]


def test_a_collection_gets_indexes_when_it_grows(database: Database) -> None:
    for n in range(CollectionIndexes.WORTHWHILE):
        put(database, f"a/{n}", n)
    found = database.collection("a")
    assert found is not None
    assert found.indexes is None
    put(database, "a/one-more", 0)
    assert found.indexes is not None
    assert len(found.indexes.ordered(("n",)).keys) == CollectionIndexes.WORTHWHILE + 1


def test_what_is_filled_in_is_indexed_at_the_end_and_can_be_changed(database: Database) -> None:
    documents = [Document(name=f"{database.root}/a/{n}") for n in range(CollectionIndexes.WORTHWHILE + 1)]
    for document in documents:
        document.fields["n"].CopyFrom(Value(integer_value=1))
    database.fill(documents)
    found = database.collection("a")
    assert found is not None
    assert found.indexes is not None
    assert len(found.indexes.ordered(("n",)).keys) == CollectionIndexes.WORTHWHILE + 1
    assert all(version.document().HasField("create_time") for version in found.documents.values())
    put(database, "a/0", 2)
    assert number(database, "a/0", database.read_time()) == 2


def test_a_commit_that_is_refused_leaves_nothing(database: Database) -> None:
    put(database, "a/1", 1)
    changed = Document(name=f"{database.root}/a/1")
    refused = Write(update=Document(name=f"{database.root}/a/missing"))
    refused.current_document.exists = True
    with pytest.raises(RpcError, match="No document to update"):
        writes.commit(database, [Write(update=changed), refused], Usage())
    assert number(database, "a/1", database.read_time()) == 1
