"""What fault tests and the summary of a run use: idle, figures, duplicates, delivery middleware."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from google.api_core import exceptions

from local_cloud.rpc import RpcError
from local_cloud.tasks.dispatch import Answer, AnswerLost, Delivery
from local_cloud_tests.tasks.integration.worker import QUEUE, Tasks, until

Send = Callable[[], Awaitable[Answer]]


def test_a_task_that_is_done_is_delivered_again(tasks: Tasks) -> None:
    tasks.create("t", http_request={"body": b"x"})
    tasks.idle()
    outcome = tasks.run(tasks.emulator.redeliver(f"{QUEUE}/tasks/t"))
    first, second = tasks.worker.received

    assert outcome.http_status == 200
    assert second == first
    assert tasks.counts().done == 1


def test_a_task_that_is_running_is_delivered_again_beside_itself(tasks: Tasks) -> None:
    released = tasks.call(tasks.worker.hold)
    tasks.create("t")
    tasks.wait_for(1)
    duplicate = asyncio.run_coroutine_threadsafe(tasks.emulator.redeliver(f"{QUEUE}/tasks/t"), tasks.loop)
    first, second = tasks.wait_for(2)
    tasks.call(released.set)

    assert second == first
    assert duplicate.result(100).succeeded
    tasks.idle()
    assert tasks.counts().done == 1


def test_the_answer_to_a_duplicate_does_not_end_a_task(tasks: Tasks) -> None:
    tasks.worker.answer_in_turn(500)
    tasks.create("t")
    tasks.wait_for(1)
    tasks.idle(due_only=True)
    assert tasks.run(tasks.emulator.redeliver(f"{QUEUE}/tasks/t")).succeeded

    assert tasks.get("t").dispatch_count == 1
    tasks.advance(seconds=10)
    tasks.idle()
    assert [received.headers["x-cloudtasks-taskretrycount"] for received in tasks.worker.received] == ["0", "0", "1"]


def test_a_task_that_never_was_cannot_be_delivered_again(tasks: Tasks) -> None:
    with pytest.raises(RpcError, match="not found"):
        tasks.run(tasks.emulator.redeliver(f"{QUEUE}/tasks/never"))


def test_middleware_sees_the_request_and_can_answer_itself(tasks: Tasks) -> None:
    seen: list[Delivery] = []

    async def refuse(delivery: Delivery, _send: Send) -> Answer:
        seen.append(delivery)
        return Answer(status=418)

    tasks.emulator.delivery_middleware.append(refuse)
    tasks.create("t", http_request={"body": b"x"})
    until(lambda: bool(seen))
    tasks.idle(due_only=True)

    assert tasks.worker.received == []
    assert (seen[0].task_name, seen[0].retry_count, seen[0].body) == (f"{QUEUE}/tasks/t", 0, b"x")
    assert tasks.get("t").last_attempt.response_status.message == "FAILED_PRECONDITION(9): HTTP status code 418"


def test_middleware_can_lose_the_answer(tasks: Tasks) -> None:
    async def lose_first(delivery: Delivery, send: Send) -> Answer:
        answer = await send()
        if delivery.retry_count == 0:
            raise AnswerLost("lost on the way back")
        return answer

    tasks.emulator.delivery_middleware.append(lose_first)
    tasks.create("t")
    tasks.wait_for(1)
    tasks.idle(due_only=True)
    assert tasks.get("t").last_attempt.response_status.message == "UNAVAILABLE(14): lost on the way back"

    tasks.advance(seconds=10)
    tasks.idle()
    assert [received.task for received in tasks.worker.received] == ["t", "t"]


def test_middleware_can_send_twice(tasks: Tasks) -> None:
    async def twice(_delivery: Delivery, send: Send) -> Answer:
        await send()
        return await send()

    tasks.emulator.delivery_middleware.append(twice)
    tasks.create("t")
    tasks.idle()

    assert [received.task for received in tasks.worker.received] == ["t", "t"]
    assert tasks.counts().done == 1


def test_middleware_that_waits_too_long_is_cut_off_at_the_deadline(tasks: Tasks) -> None:
    async def never(_delivery: Delivery, _send: Send) -> Answer:
        await asyncio.Event().wait()
        return Answer(status=200)

    tasks.emulator.delivery_middleware.append(never)
    tasks.create("t")
    until(lambda: tasks.counts().running == 1)
    tasks.advance(minutes=11)

    until(lambda: tasks.get("t").last_attempt.response_status.message.startswith("DEADLINE_EXCEEDED"))


def test_middleware_that_breaks_loses_no_task(tasks: Tasks) -> None:
    async def broken(_delivery: Delivery, _send: Send) -> Answer:
        raise KeyError("a mistake")

    tasks.emulator.delivery_middleware.append(broken)
    tasks.create("t")
    until(lambda: "a mistake" in tasks.get("t").last_attempt.response_status.message)
    tasks.call(tasks.emulator.delivery_middleware.clear)
    tasks.advance(seconds=10)
    tasks.idle()

    assert tasks.counts().done == 1


def test_the_first_middleware_is_the_outermost(tasks: Tasks) -> None:
    order: list[str] = []

    def named(name: str) -> Callable[[Delivery, Send], Awaitable[Answer]]:
        async def middleware(_delivery: Delivery, send: Send) -> Answer:
            order.append(name)
            return await send()

        return middleware

    tasks.emulator.delivery_middleware.extend([named("outer"), named("inner")])
    tasks.create("t")
    tasks.idle()

    assert order == ["outer", "inner"]


def test_figures(tasks: Tasks) -> None:
    tasks.worker.answer_in_turn(200, 500)
    tasks.create("done")
    tasks.idle()
    tasks.create("dropped", retry_config={"max_attempts": 1})
    tasks.idle()
    tasks.client.pause_queue(name=QUEUE)
    tasks.create("deleted")
    tasks.client.delete_task(name=f"{QUEUE}/tasks/deleted")
    tasks.create("waiting")
    counts = tasks.counts()

    assert (counts.waiting, counts.running, counts.done, counts.dropped, counts.deleted) == (1, 0, 1, 1, 1)
    assert counts.depth == 1
    with pytest.raises(RpcError):
        tasks.call(lambda: tasks.emulator.counts(f"{QUEUE}-b"))


def test_idle_waits_for_retries_unless_only_what_is_due_counts(tasks: Tasks) -> None:
    tasks.worker.answer_in_turn(500)
    tasks.create("t")
    tasks.wait_for(1)
    tasks.idle(due_only=True)
    idle = asyncio.run_coroutine_threadsafe(tasks.emulator.idle(), tasks.loop)
    assert tasks.counts().waiting == 1
    assert not idle.done()

    tasks.advance(seconds=10)
    idle.result(100)
    assert tasks.counts().done == 1


def test_a_deleted_queue_holds_nobody_up(tasks: Tasks) -> None:
    tasks.client.pause_queue(name=QUEUE)
    tasks.create("t")
    idle = asyncio.run_coroutine_threadsafe(tasks.emulator.idle(), tasks.loop)
    tasks.client.delete_queue(name=QUEUE)

    idle.result(100)
    with pytest.raises(exceptions.NotFound):
        tasks.get("t")
