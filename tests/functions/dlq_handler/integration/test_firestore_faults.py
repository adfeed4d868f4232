"""Firestore that fails: nothing lost, nothing doubled, and no answer that says more than it should."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest

from local_cloud.rpc import RpcError
from tests.functions.dlq_handler.integration.conftest import Cloud, letter

Call = Callable[[], Awaitable[Any]]


def failing(nth: int, code: grpc.StatusCode, *, applied: bool = False) -> Callable[[str, Call], Awaitable[Any]]:
    """Let the nth call of those that a message makes fail, before or after it was carried out."""
    count = 0

    async def middleware(_method: str, carry_out: Call) -> Any:
        nonlocal count
        count += 1
        if count != nth:
            return await carry_out()
        if applied:
            await carry_out()
        raise RpcError(code, "secret of the backend")

    return middleware


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("nth", range(1, 14))
def test_whichever_call_fails_the_message_comes_again_and_is_kept_once(around: Cloud, nth: int, applied: bool) -> None:
    handler = around.handler()
    dead = letter("u1")
    around.firestore_faults.middleware = failing(nth, grpc.StatusCode.PERMISSION_DENIED, applied=applied)
    answer = handler.receives(dead, message_id="1")
    around.firestore_faults.middleware = None

    assert answer.status_code in {200, 409, 500, 503}
    assert "secret" not in answer.text
    # The claim of an alert that was broken off ends by itself after a minute.
    for found in around.database.collection("alerts").stream():
        found.reference.update({"claimed_until": None})
    around.let_a_minute_pass()
    assert handler.receives(dead, message_id="1").status_code == 200

    stored = around.record("u1:default:20261124T1300Z")
    assert list(around.records()) == ["u1:default:20261124T1300Z"]
    assert stored["alerted_at"] is not None
    assert 1 <= len(around.slack) <= 2, "told again only if Firestore could not store that Slack was told"


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED])
@pytest.mark.parametrize("nth", [1, 3, 5])
def test_a_passing_fault_is_not_even_noticed(around: Cloud, nth: int, code: grpc.StatusCode) -> None:
    handler = around.handler()
    around.firestore_faults.middleware = failing(nth, code)

    answers = [handler.receives(letter("u1", error="e")).status_code for _ in range(2)]

    assert answers[-1] == 200 or handler.receives(letter("u1", error="e")).status_code == 200
    assert len(around.slack) == 1


@pytest.mark.parametrize("method", ["Commit", "BatchGetDocuments"])
def test_a_firestore_that_does_not_answer_holds_nothing_up(around: Cloud, method: str) -> None:
    handler = around.handler()
    dead = letter("u1")
    released = asyncio.Event()

    calls = []

    async def hang(name: str, carry_out: Call) -> Any:
        if name.endswith(f"/{method}"):
            calls.append(name)
            await released.wait()
        return await carry_out()

    around.firestore_faults.middleware = hang
    try:
        assert handler.receives(dead).status_code == 503
        # Both within the time of `QUICK`, far less than the minute that Pub/Sub waits for an answer.
        assert 1 <= len(calls) <= 2
    finally:
        around.firestore_faults.middleware = None
        around.background.loop.call_soon_threadsafe(released.set)

    around.let_a_minute_pass()
    assert handler.receives(dead).status_code == 200
    assert len(around.records()) == len(around.slack) == 1


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED])
def test_a_firestore_that_is_away_holds_nothing_up(around: Cloud, code: grpc.StatusCode) -> None:
    handler = around.handler()

    async def refuse(_method: str, _carry_out: Call) -> Any:
        raise RpcError(code, "secret of the backend")

    around.firestore_faults.middleware = refuse
    answer = handler.receives(letter("u1"))
    around.firestore_faults.middleware = None

    assert answer.status_code == 503
    assert "secret" not in answer.text
