"""Turns go around in order, and lapse."""

import asyncio

import pytest

from local_cloud.firestore import turns
from local_cloud.firestore.turns import Turns


def test_turns_are_taken_in_order() -> None:
    async def test() -> list[int]:
        shared, order = Turns(), list[int]()

        async def use(number: int) -> None:
            turn = await shared.take("d")
            order.append(number)
            await asyncio.sleep(0)
            assert not shared.is_anothers("d", turn)
            assert shared.is_anothers("d", None)
            shared.give(turn)

        await asyncio.gather(*(use(number) for number in range(10)))
        assert not shared.is_anothers("d", None)
        return order

    assert asyncio.run(test()) == list(range(10))


def test_different_documents_do_not_wait_for_each_other() -> None:
    async def test() -> None:
        shared = Turns()
        await shared.take("a")
        await asyncio.wait_for(shared.take("b"), 1)

    asyncio.run(test())


def test_a_turn_that_is_not_given_back_lapses(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        shared = Turns()
        lost = await shared.take("d")
        monkeypatch.setattr(turns, "LONGEST", 0.0)
        turn = await shared.take("d")
        monkeypatch.setattr(turns, "LONGEST", 1000.0)
        assert shared.is_anothers("d", lost)
        shared.give(lost)
        assert shared.is_anothers("d", None), "a lapsed turn gives nothing back"
        shared.give(turn)
        assert not shared.is_anothers("d", None)

    asyncio.run(test())


def test_who_stops_waiting_is_passed_over() -> None:
    async def test() -> None:
        shared = Turns()
        first = await shared.take("d")
        leaving = asyncio.create_task(shared.take("d"))
        staying = asyncio.create_task(shared.take("d"))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.sleep(0)
        shared.give(first)
        await asyncio.wait_for(staying, 1)

    asyncio.run(test())
