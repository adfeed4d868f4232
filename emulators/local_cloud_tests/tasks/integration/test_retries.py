"""What happens to a task that a worker did not answer with 2xx."""

import asyncio
import socket
from datetime import timedelta

import pytest
from aiohttp import web
from google.api_core import exceptions
from google.rpc.code_pb2 import Code

from local_cloud_tests.tasks.integration.worker import QUEUE, Received, Tasks, until


def wait_out_retries(tasks: Tasks, count: int) -> None:
    """Let the worker get so many attempts, an hour apart."""
    for attempts in range(1, count + 1):
        tasks.wait_for(attempts)
        tasks.idle(due_only=True)
        if attempts < count:
            tasks.advance(hours=1)


def test_the_waits_are_the_documented_ones(tasks: Tasks) -> None:
    tasks.worker.answer_always(500)
    tasks.create("t")
    waits = []
    for attempt in range(1, 8):
        tasks.wait_for(attempt)
        tasks.idle(due_only=True)
        task = tasks.get("t")
        wait = task.schedule_time - task.last_attempt.response_time
        waits.append(wait.total_seconds())
        tasks.advance(seconds=wait.total_seconds())

    assert waits == [10, 20, 40, 80, 160, 240, 300]


def test_a_task_is_given_up_after_its_last_attempt(tasks: Tasks) -> None:
    tasks.worker.answer_always(404)
    tasks.create("t")
    wait_out_retries(tasks, 8)

    with pytest.raises(exceptions.NotFound):
        tasks.get("t")
    (dropped,) = tasks.call(lambda: tasks.emulator.dropped(QUEUE))
    assert (dropped.name, dropped.attempts) == (f"{QUEUE}/tasks/t", 8)
    assert dropped.message == "NOT_FOUND(5): HTTP status code 404"
    with pytest.raises(exceptions.AlreadyExists):
        tasks.create("t")


def test_the_headers_of_each_attempt(tasks: Tasks) -> None:
    tasks.worker.answer_in_turn(503, 404, 429, 500, 302)
    tasks.create("t")
    wait_out_retries(tasks, 6)

    def header(name: str) -> list[str | None]:
        return [received.headers.get(f"x-cloudtasks-{name}") for received in tasks.worker.received]

    # As the service was recorded to send them.
    assert header("taskretrycount") == ["0", "1", "2", "3", "4", "5"]
    assert header("taskexecutioncount") == ["0", "0", "1", "2", "2", "3"]
    assert header("taskpreviousresponse") == [None, "503", "404", "429", "500", "302"]
    assert header("taskretryreason") == [None, "", "", "", "", ""]
    assert len(set(header("tasketa"))) == 6


def test_what_became_of_an_attempt_is_shown(tasks: Tasks) -> None:
    tasks.worker.answer_in_turn(404, 500)
    tasks.create("t")
    wait_out_retries(tasks, 2)
    task = tasks.get("t")

    assert (task.dispatch_count, task.response_count) == (2, 2)
    assert task.first_attempt.dispatch_time < task.last_attempt.dispatch_time
    assert task.first_attempt.response_status.code == Code.OK
    assert task.last_attempt.response_status.code == Code.INTERNAL
    assert task.last_attempt.response_status.message == "INTERNAL(13): HTTP status code 500"
    assert task.last_attempt.schedule_time < task.schedule_time


def test_a_worker_that_never_answers_is_cut_off_at_the_deadline(tasks: Tasks) -> None:
    tasks.call(tasks.worker.hold)
    tasks.create("t", dispatch_deadline=timedelta(seconds=15))
    tasks.wait_for(1)
    tasks.advance(seconds=14)
    assert not tasks.get("t").last_attempt.response_time
    tasks.advance(seconds=2)
    until(lambda: bool(tasks.get("t").last_attempt.response_time))
    task = tasks.get("t")

    assert (task.dispatch_count, task.response_count) == (1, 0)
    assert task.last_attempt.response_status.code == Code.DEADLINE_EXCEEDED
    tasks.advance(seconds=10)
    retried = tasks.wait_for(2)[1]
    assert retried.headers["x-cloudtasks-taskpreviousresponse"] == "504"
    assert retried.headers["x-cloudtasks-taskexecutioncount"] == "0"


def test_the_default_deadline_is_ten_minutes(tasks: Tasks) -> None:
    tasks.call(tasks.worker.hold)
    tasks.create("t")
    tasks.wait_for(1)
    tasks.advance(minutes=9, seconds=50)
    assert not tasks.get("t").last_attempt.response_time
    tasks.advance(seconds=11)

    until(lambda: tasks.get("t").last_attempt.response_status.code == Code.DEADLINE_EXCEEDED)


@pytest.mark.parametrize("url", ["http://127.0.0.1:{taken}/", "http://nowhere.invalid/"])
def test_a_worker_that_cannot_be_reached_is_tried_again(tasks: Tasks, url: str) -> None:
    with socket.socket() as does_not_listen:
        does_not_listen.bind(("127.0.0.1", 0))
        tasks.create("t", http_request={"url": url.format(taken=does_not_listen.getsockname()[1])})
        until(lambda: bool(tasks.get("t").last_attempt.response_time))
    task = tasks.get("t")

    assert task.last_attempt.response_status.code == Code.UNAVAILABLE
    assert (task.dispatch_count, task.response_count) == (1, 0)
    assert task.schedule_time - task.last_attempt.response_time == timedelta(seconds=10)


def test_a_worker_that_hangs_up_is_tried_again(tasks: Tasks) -> None:
    answers = iter([True])

    async def hang_up_once(_request: Received) -> web.Response:
        if next(answers, False):
            raise ConnectionResetError
        return web.Response()

    tasks.worker.answer = hang_up_once
    tasks.create("t")
    wait_out_retries(tasks, 2)

    assert tasks.counts().done == 1


def test_a_redirect_is_a_failure(tasks: Tasks) -> None:
    tasks.worker.answer_in_turn(307, Location=f"{tasks.worker.url}/else")
    tasks.create("t")
    wait_out_retries(tasks, 2)

    assert [received.path for received in tasks.worker.received] == ["/tasks/send", "/tasks/send"]


def test_retry_goes_on_until_both_limits_are_reached(tasks: Tasks) -> None:
    tasks.make_queue(max_attempts=2, min_backoff="10s", max_backoff="10s", max_retry_duration="25s")
    tasks.worker.answer_always(500)
    tasks.create("t")
    for attempts in (1, 2, 3):
        tasks.wait_for(attempts)
        tasks.idle(due_only=True)
        assert tasks.counts().dropped == 0
        tasks.advance(seconds=10)
    tasks.idle()

    assert len(tasks.worker.received) == 4


def test_unlimited_attempts(tasks: Tasks) -> None:
    tasks.make_queue(max_attempts="unlimited", min_backoff="1s", max_backoff="1s")
    tasks.worker.answer_in_turn(*[500] * 120)
    tasks.create("t")
    for attempts in range(1, 121):
        tasks.wait_for(attempts)
        tasks.idle(due_only=True)
        tasks.advance(seconds=1)
    tasks.idle()

    assert len(tasks.worker.received) == 121
    assert tasks.counts().done == 1


def test_a_task_is_given_up_when_it_is_31_days_old(tasks: Tasks) -> None:
    tasks.make_queue(max_attempts="unlimited")
    tasks.worker.answer_always(500)
    tasks.create("t")
    tasks.wait_for(1)
    tasks.idle(due_only=True)
    idle = asyncio.run_coroutine_threadsafe(tasks.emulator.idle(), tasks.loop)
    tasks.advance(days=32)
    idle.result(100)

    assert (tasks.counts().dropped, len(tasks.worker.received)) == (1, 1)


def test_a_tasks_own_retry_policy(tasks: Tasks) -> None:
    tasks.worker.answer_always(500)
    tasks.create("t", retry_config={"max_attempts": 1})
    tasks.idle()

    assert tasks.counts().dropped == 1


def test_retry_after_holds_the_whole_queue(tasks: Tasks) -> None:
    tasks.worker.answer_in_turn(503, **{"Retry-After": "60"})
    tasks.create("t")
    tasks.wait_for(1)
    until(lambda: tasks.counts().running == 0)
    tasks.create("other")
    tasks.advance(seconds=55)
    assert (tasks.counts().waiting, len(tasks.worker.received)) == (2, 1)

    tasks.advance(seconds=6)
    tasks.idle()
    assert {received.task for received in tasks.worker.received[1:]} == {"t", "other"}


def test_429_slows_the_whole_queue_down(tasks: Tasks) -> None:
    tasks.make_queue(max_dispatches_per_second=0.01)
    tasks.worker.answer_in_turn(429)
    tasks.create("t")
    tasks.wait_for(1)
    until(lambda: tasks.counts().running == 0)
    for _ in range(9):
        tasks.create()

    # The burst is 10, and half of it now.
    until(lambda: tasks.counts().done == 5)
    assert tasks.counts().running == 0
    assert tasks.counts().waiting == 5
