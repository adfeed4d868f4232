"""Transactions through Google's own client: what conflicts, what does not, and who gets through."""

import concurrent.futures
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from google.api_core.exceptions import Aborted, AlreadyExists, InvalidArgument
from google.cloud import firestore
from google.cloud.firestore import FieldFilter

from local_cloud.background import Background
from local_cloud.clock import Clock


@contextmanager
def begun(client: Any, **options: Any) -> Iterator[Any]:
    """A transaction that is under way, without the library's retries."""
    transaction = client.transaction(**options)
    transaction._begin()
    yield transaction
    if transaction.in_progress:
        transaction._rollback()


def read(transaction: Any, reference: Any) -> Any:
    return reference.get(transaction=transaction).to_dict()


def test_a_write_to_what_a_transaction_read_aborts_it(client: Any) -> None:
    reference = client.document("a/1")
    reference.set({"n": 1})
    with begun(client) as transaction:
        read(transaction, reference)
        reference.set({"n": 2})
        transaction.set(client.document("a/2"), {"n": 1})
        with pytest.raises(Aborted, match="contention"):
            transaction._commit()
    assert not client.document("a/2").get().exists


def test_a_document_that_comes_to_be_aborts_who_found_it_missing(client: Any) -> None:
    reference = client.document("a/1")
    with begun(client) as transaction:
        assert read(transaction, reference) is None
        reference.create({"n": 1})
        transaction.set(reference, {"n": 2})
        with pytest.raises(Aborted):
            transaction._commit()
    assert reference.get().to_dict() == {"n": 1}


def test_of_two_transactions_on_one_document_one_commits(client: Any) -> None:
    reference = client.document("a/1")
    reference.set({"n": 1})
    with begun(client) as first, begun(client) as second:
        read(first, reference)
        read(second, reference)
        first.update(reference, {"first": True})
        second.update(reference, {"second": True})
        first._commit()
        with pytest.raises(Aborted):
            second._commit()
    assert reference.get().to_dict() == {"n": 1, "first": True}


def test_transactions_on_different_documents_both_commit(client: Any) -> None:
    one, other = client.document("a/1"), client.document("a/2")
    with begun(client) as first, begun(client) as second:
        read(first, one)
        read(second, other)
        first.set(one, {"n": 1})
        second.set(other, {"n": 2})
        first._commit()
        second._commit()
    assert (one.get().get("n"), other.get().get("n")) == (1, 2)


def test_a_transaction_reads_one_snapshot(client: Any) -> None:
    reference = client.document("a/1")
    reference.set({"n": 1})
    with begun(client) as transaction:
        reference.set({"n": 2})
        client.document("a/2").set({"n": 2})
        assert read(transaction, reference) == {"n": 1}
        assert [found.id for found in client.collection("a").get(transaction=transaction)] == ["1"]


@pytest.mark.parametrize(
    ("change", "conflicts"),
    [
        (lambda a: a.document("new").set({"n": 7}), True),
        (lambda a: a.document("new").set({"n": 1}), False),
        (lambda a: a.document("6").delete(), True),
        (lambda a: a.document("6").update({"n": 0}), True),
        (lambda a: a.document("6").update({"other": 1}), True),
        (lambda a: a.document("2").update({"n": 9}), True),
        (lambda a: a.document("2").update({"n": 3}), False),
        (lambda a: a.document("2").delete(), False),
    ],
)
def test_a_change_of_what_a_query_finds_aborts_it(client: Any, change: Callable[[Any], Any], conflicts: bool) -> None:
    collection = client.collection("a")
    for n in range(8):
        collection.document(str(n)).set({"n": n})
    with begun(client) as transaction:
        found = collection.where(filter=FieldFilter("n", ">=", 5)).get(transaction=transaction)
        assert len(found) == 3
        change(collection)
        transaction.set(client.document("b/1"), {"found": len(found)})
        if conflicts:
            with pytest.raises(Aborted):
                transaction._commit()
        else:
            transaction._commit()


def test_a_limited_query_has_read_up_to_its_last_result_only(client: Any) -> None:
    collection = client.collection("a")
    for n in range(8):
        collection.document(str(n)).set({"n": n})
    query = collection.order_by("n").limit(3)
    with begun(client) as transaction:
        assert [found.id for found in query.get(transaction=transaction)] == ["0", "1", "2"]
        collection.document("7").delete()
        transaction.set(client.document("b/1"), {})
        transaction._commit()
    with begun(client) as transaction:
        query.get(transaction=transaction)
        collection.document("new").set({"n": 1.5})
        transaction.set(client.document("b/1"), {"x": 1})
        with pytest.raises(Aborted):
            transaction._commit()


def test_a_counted_result_conflicts_too(client: Any) -> None:
    collection = client.collection("a")
    collection.document("1").set({})
    with begun(client) as transaction:
        assert collection.count().get(transaction=transaction)[0][0].value == 1
        collection.document("2").set({})
        transaction.set(client.document("b/1"), {})
        with pytest.raises(Aborted):
            transaction._commit()


def test_the_librarys_retry_gets_through(client: Any) -> None:
    reference = client.document("a/1")
    reference.set({"n": 1})
    attempts: list[int] = []

    @firestore.transactional
    def add_one(transaction: Any) -> None:
        n = read(transaction, reference)["n"]
        attempts.append(n)
        if len(attempts) == 1:
            reference.set({"n": 10})
        transaction.set(reference, {"n": n + 1})

    add_one(client.transaction())
    assert attempts == [1, 10]
    assert reference.get().to_dict() == {"n": 11}


def test_many_that_contend_all_get_through(client: Any) -> None:
    reference = client.document("a/1")
    reference.set({"n": 0})

    def add(times: int) -> None:
        @firestore.transactional
        def add_one(transaction: Any) -> None:
            transaction.update(reference, {"n": read(transaction, reference)["n"] + 1})

        for _ in range(times):
            add_one(client.transaction())

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(add, 10) for _ in range(8)]:
            done.result()
    assert reference.get().get("n") == 80


def test_a_refused_write_keeps_its_own_error(client: Any) -> None:
    client.document("a/1").set({})

    @firestore.transactional
    def create(transaction: Any) -> None:
        transaction.create(client.document("a/1"), {})

    with pytest.raises(AlreadyExists, match="Document already exists"):
        create(client.transaction())


def test_a_transaction_ends_once(client: Any) -> None:
    api, database = client._firestore_api, client._database_string
    transaction = api.begin_transaction(request={"database": database}).transaction
    api.commit(request={"database": database, "transaction": transaction})
    for end in (api.commit, api.rollback):
        with pytest.raises(InvalidArgument, match="expired or is no longer valid"):
            end(request={"database": database, "transaction": transaction})


def test_an_idle_transaction_expires(client: Any, clock: Clock, background: Background) -> None:
    async def wait(seconds: int) -> None:
        clock.advance(timedelta(seconds=seconds))

    reference = client.document("a/1")
    with begun(client) as transaction:
        for _ in range(5):
            background.run(wait(50))
            read(transaction, reference)
        background.run(wait(30))
        with pytest.raises(InvalidArgument, match="expired"):
            read(transaction, reference)
        transaction._id = None


def test_a_read_only_transaction_writes_nothing_and_conflicts_with_nothing(client: Any) -> None:
    reference = client.document("a/1")
    reference.set({"n": 1})
    with begun(client, read_only=True) as transaction:
        assert read(transaction, reference) == {"n": 1}
        reference.set({"n": 2})
        assert read(transaction, reference) == {"n": 1}
        transaction._commit()
    database = client._database_string
    transaction_id = client._firestore_api.begin_transaction(
        request={"database": database, "options": {"read_only": {}}}
    ).transaction
    with pytest.raises(InvalidArgument, match="read-only"):
        client._firestore_api.commit(
            request={
                "database": database,
                "transaction": transaction_id,
                "writes": [{"delete": f"{database}/documents/a/1"}],
            }
        )


def test_a_read_only_transaction_reads_the_past(client: Any) -> None:
    reference = client.document("a/1")
    first = reference.set({"n": 1}).update_time
    reference.set({"n": 2})
    api, database = client._firestore_api, client._database_string
    options = {"read_only": {"read_time": first}}
    transaction = api.begin_transaction(request={"database": database, "options": options}).transaction
    found = api.get_document(request={"name": f"{database}/documents/a/1", "transaction": transaction})
    assert found.fields["n"].integer_value == 1


def test_a_query_can_begin_the_transaction_itself(client: Any) -> None:
    client.document("a/1").set({"n": 1})
    api, database = client._firestore_api, client._database_string
    responses = list(
        api.run_query(
            request={
                "parent": f"{database}/documents",
                "structured_query": {"from_": [{"collection_id": "a"}]},
                "new_transaction": {"read_write": {}},
            }
        )
    )
    transaction = responses[0].transaction
    assert transaction
    client.document("a/2").set({})
    with pytest.raises(Aborted):
        api.commit(request={"database": database, "transaction": transaction})
