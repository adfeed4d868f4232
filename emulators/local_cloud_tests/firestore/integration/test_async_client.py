"""The asynchronous client finds the same Firestore."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from google.api_core.exceptions import NotFound
from google.cloud import firestore
from google.cloud.firestore import FieldFilter


def run(make_client: Callable[..., Any], test: Callable[[Any], Any]) -> None:
    async def with_client() -> None:
        client = make_client(firestore.AsyncClient)
        try:
            await test(client)
        finally:
            await client._firestore_api.transport.close()

    asyncio.run(with_client())


def test_documents(make_client: Callable[..., Any]) -> None:
    async def test(client: Any) -> None:
        reference = client.document("users/u1")
        await reference.set({"n": 1, "at": firestore.SERVER_TIMESTAMP})
        await reference.update({"n": firestore.Increment(1)})
        assert (await reference.get()).get("n") == 2
        with pytest.raises(NotFound):
            await client.document("users/u2").update({"n": 1})
        assert [found.id async for found in client.get_all([reference])] == ["u1"]
        assert [found.id async for found in client.collections()] == ["users"]
        await reference.delete()
        assert not (await reference.get()).exists

    run(make_client, test)


def test_queries(make_client: Callable[..., Any]) -> None:
    async def test(client: Any) -> None:
        users = client.collection("users")
        await asyncio.gather(*(users.document(f"u{n}").set({"n": n}) for n in range(30)))
        query = users.where(filter=FieldFilter("n", ">=", 20)).order_by("n", direction="DESCENDING")
        assert [found.get("n") async for found in query.stream()] == list(range(29, 19, -1))
        assert (await query.count().get())[0][0].value == 10

    run(make_client, test)


def test_transactions(make_client: Callable[..., Any]) -> None:
    async def test(client: Any) -> None:
        reference = client.document("counters/c")
        await reference.set({"n": 0})

        async def add_one() -> None:
            @firestore.async_transactional
            async def add(transaction: Any) -> None:
                n = (await reference.get(transaction=transaction)).get("n")
                transaction.update(reference, {"n": n + 1})

            await add(client.transaction())

        await asyncio.gather(*(add_one() for _ in range(20)))
        assert (await reference.get()).get("n") == 20

    run(make_client, test)


def test_a_long_answer_does_not_keep_others_waiting(make_client: Callable[..., Any]) -> None:
    async def test(client: Any) -> None:
        items = client.collection("items")
        for start in range(0, 4000, 500):
            batch = client.batch()
            for n in range(start, start + 500):
                batch.set(items.document(f"i{n:04d}"), {"n": n})
            await batch.commit()
        seen = 0
        async for found in items.order_by("n").stream():
            if seen == 10:
                # Written while the answer is under way, and answered before it ends.
                await items.document("i3999").delete()
                await items.document("late").set({"n": 5000})
            assert found.get("n") == seen
            seen += 1
        assert seen == 4000

    run(make_client, test)
