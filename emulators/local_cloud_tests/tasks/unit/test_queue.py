"""A queue's decisions: what goes out when, and what becomes of it."""

from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.rpc.code_pb2 import Code
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from local_cloud.rpc import RpcError
from local_cloud.tasks.messages import PAUSED, RUNNING, Task
from local_cloud.tasks.moments import SECOND
from local_cloud.tasks.queue import RETENTION, Attempt, Outcome, Queue
from local_cloud.tasks.settings import queue_from_flags
from local_cloud.tasks.task_view import render

NOW = 1_800_000_000 * SECOND
NAME = "projects/p/locations/l/queues/q"


def a_queue(**flags: Any) -> Queue:
    message = queue_from_flags(
        {
            "--max-dispatches-per-second": 10,
            "--max-concurrent-dispatches": 100,
            "--max-attempts": 8,
            "--min-backoff": "10s",
            "--max-backoff": "300s",
            "--max-doublings": 3,
            **{f"--{flag.replace('_', '-')}": value for flag, value in flags.items()},
        }
    )
    message.name = NAME
    message.state = RUNNING
    return Queue(message, now=NOW, tombstone=timedelta(hours=24))


def add(queue: Queue, task_id: str, *, due: int = NOW, now: int = NOW, **fields: Any) -> None:
    task = Task(name=f"{NAME}/tasks/{task_id}", http_request={"url": "https://w.example/", "body": b"body"}, **fields)
    task.schedule_time.seconds, micros = divmod(due, SECOND)
    task.schedule_time.nanos = micros * 1000
    queue.add(task, now)


def take_all(queue: Queue, now: int = NOW) -> list[str]:
    ids = []
    while (attempt := queue.take(now)) is not None:
        ids.append(attempt.task.task_id)
    return ids


def taken(queue: Queue, now: int = NOW) -> Attempt:
    attempt = queue.take(now)
    assert attempt is not None
    return attempt


def answered(status: int, at: int = NOW, held_until: int | None = None) -> Outcome:
    code = Code.OK if status < 300 else Code.UNKNOWN
    return Outcome(at=at, answered=True, http_status=status, code=int(code), message="", held_until=held_until)


def test_tasks_go_out_in_the_order_of_their_time_and_not_before_it() -> None:
    queue = a_queue()
    add(queue, "later", due=NOW + 2 * SECOND)
    add(queue, "soon", due=NOW + SECOND)
    add(queue, "now")

    assert take_all(queue) == ["now"]
    assert queue.next_moment(NOW) == NOW + SECOND
    assert take_all(queue, NOW + 2 * SECOND) == ["soon", "later"]


def test_no_more_go_out_than_the_burst_and_then_the_rate_allows() -> None:
    queue = a_queue(max_dispatches_per_second=2)
    for number in range(20):
        add(queue, f"t{number}")

    assert len(take_all(queue)) == 10
    assert queue.next_moment(NOW) == NOW + SECOND // 2
    assert len(take_all(queue, NOW + SECOND)) == 2


def test_no_more_are_under_way_than_the_cap_allows() -> None:
    queue = a_queue(max_concurrent_dispatches=2)
    for number in range(3):
        add(queue, f"t{number}")
    first = taken(queue)
    taken(queue)

    assert queue.take(NOW) is None
    assert queue.next_moment(NOW) is None
    queue.finish(first, answered(200))
    assert take_all(queue) == ["t2"]


def test_a_paused_queue_gives_out_nothing() -> None:
    queue = a_queue()
    add(queue, "t")
    queue.message.state = PAUSED

    assert queue.take(NOW) is None
    assert queue.next_moment(NOW) is None


def test_run_ignores_pause_schedule_cap_and_rate() -> None:
    queue = a_queue(max_concurrent_dispatches=1)
    add(queue, "other")
    taken(queue)
    add(queue, "t", due=NOW + 3600 * SECOND)
    queue.message.state = PAUSED

    assert queue.run("t", NOW).retry == 0
    assert queue.counts().running == 2


def test_a_failed_run_waits_from_the_time_it_was_called() -> None:
    queue = a_queue()
    add(queue, "t", due=NOW + 3600 * SECOND)
    attempt = queue.run("t", NOW)
    queue.finish(attempt, answered(500, NOW + 7 * SECOND))

    assert queue.find("t", NOW).due == NOW + 10 * SECOND


def test_a_task_that_runs_twice_is_done_at_the_first_success() -> None:
    queue = a_queue()
    add(queue, "t")
    first, second = taken(queue), queue.run("t", NOW)

    queue.finish(first, answered(500))
    assert queue.counts().waiting == 0
    queue.finish(second, answered(200))
    assert (queue.counts().depth, queue.counts().done) == (0, 1)


def test_a_failure_after_the_success_changes_nothing() -> None:
    queue = a_queue()
    add(queue, "t")
    first, second = taken(queue), queue.run("t", NOW)
    queue.finish(second, answered(200))
    queue.finish(first, answered(500))

    assert (queue.counts().depth, queue.counts().done, queue.counts().dropped) == (0, 1, 0)


def test_retries_wait_as_documented_and_end_with_the_last_attempt() -> None:
    queue = a_queue()
    add(queue, "t")
    now, waits = NOW, []
    for _ in range(7):
        queue.finish(taken(queue, now), answered(500, now + SECOND))
        due = queue.find("t", now).due
        waits.append((due - now) // SECOND - 1)
        now = due
    assert waits == [10, 20, 40, 80, 160, 240, 300]

    queue.finish(taken(queue, now), answered(500, now))
    assert queue.counts().dropped == 1
    assert [(task.name, task.attempts) for task in queue.dropped] == [(f"{NAME}/tasks/t", 8)]
    with pytest.raises(RpcError, match="no longer exists"):
        queue.find("t", now)


def test_a_tasks_own_retry_policy_goes_before_its_queues() -> None:
    queue = a_queue()
    add(queue, "t", retry_config={"max_attempts": 1})
    queue.finish(taken(queue), answered(500))

    assert queue.counts().dropped == 1


def test_only_answers_below_500_count_as_executions() -> None:
    queue = a_queue()
    add(queue, "t")
    now, seen = NOW, []
    for status in (503, 404, 429, 500, 302, 200):
        attempt = taken(queue, now)
        seen.append((attempt.retry, attempt.executions, attempt.previous_status))
        queue.finish(attempt, answered(status, now))
        now += 3600 * SECOND

    # As it was recorded from the service.
    assert seen == [(0, 0, None), (1, 0, 503), (2, 1, 404), (3, 2, 429), (4, 2, 500), (5, 3, 302)]


def test_an_attempt_without_an_answer_counts_neither_as_response_nor_as_execution() -> None:
    queue = a_queue()
    add(queue, "t")
    queue.finish(
        taken(queue),
        Outcome(at=NOW, answered=False, http_status=504, code=int(Code.DEADLINE_EXCEEDED), message="late"),
    )
    task = queue.find("t", NOW)

    assert (task.attempts, task.responses, task.executions) == (1, 0, 0)
    assert taken(queue, task.due).previous_status == 504


def test_a_name_is_refused_while_the_task_lives_and_a_day_longer() -> None:
    queue = a_queue()
    add(queue, "t")
    with pytest.raises(RpcError, match=r"^Requested entity already exists$"):
        add(queue, "t")

    queue.finish(taken(queue), answered(200))
    with pytest.raises(RpcError, match="existed too recently") as refused:
        add(queue, "t", now=NOW + 86_399 * SECOND)
    assert refused.value.code == grpc.StatusCode.ALREADY_EXISTS
    add(queue, "t", now=NOW + 86_400 * SECOND)


def test_a_deleted_task_goes_out_no_more_and_its_name_stays_taken() -> None:
    queue = a_queue()
    add(queue, "t")
    queue.delete("t", NOW)

    assert take_all(queue) == []
    assert queue.counts().deleted == 1
    with pytest.raises(RpcError, match="existed too recently"):
        add(queue, "t")
    with pytest.raises(RpcError, match="no longer exists"):
        queue.delete("t", NOW)
    with pytest.raises(RpcError, match="was not found"):
        queue.delete("never", NOW)


def test_a_task_deleted_while_it_runs_is_not_tried_again() -> None:
    queue = a_queue()
    add(queue, "t")
    attempt = taken(queue)
    queue.delete("t", NOW)
    queue.finish(attempt, answered(500))

    assert queue.counts().depth == 0
    assert take_all(queue, NOW + 3600 * SECOND) == []


def test_purge_empties_the_queue_and_leaves_it_usable() -> None:
    queue = a_queue()
    for number in range(10):
        add(queue, f"t{number}", due=NOW + SECOND)
    queue.purge(NOW)
    add(queue, "after")

    assert queue.message.purge_time.seconds == NOW // SECOND
    assert take_all(queue, NOW + SECOND) == ["after"]
    assert queue.counts().deleted == 10


def test_a_task_older_than_31_days_is_given_up() -> None:
    queue = a_queue(max_attempts="unlimited")
    add(queue, "t")
    queue.finish(taken(queue), answered(500))

    assert queue.take(NOW + RETENTION + 1) is None
    assert queue.counts().dropped == 1


def test_429_slows_the_queue_down_and_success_brings_it_back() -> None:
    queue = a_queue(max_dispatches_per_second=100, max_concurrent_dispatches=1000)
    for number in range(400):
        add(queue, f"t{number}")
    queue.finish(taken(queue), answered(429))
    last = [taken(queue) for _ in range(50)][-1]  # half of the burst
    assert queue.take(NOW) is None
    assert len(take_all(queue, NOW + SECOND // 2)) == 25  # half of the rate

    queue.finish(last, answered(200, NOW + SECOND))
    take_all(queue, NOW + SECOND)
    assert len(take_all(queue, NOW + SECOND + SECOND // 10)) == 10


def test_500_does_not_slow_the_queue_down() -> None:
    queue = a_queue(max_dispatches_per_second=100)
    for number in range(200):
        add(queue, f"t{number}")
    queue.finish(taken(queue), answered(500))

    assert len(take_all(queue)) == 99


def test_retry_after_holds_the_whole_queue_but_not_longer_than_its_longest_backoff() -> None:
    queue = a_queue()
    add(queue, "t")
    add(queue, "other")
    queue.finish(taken(queue), answered(503, held_until=NOW + 60 * SECOND))
    assert queue.take(NOW + 59 * SECOND) is None
    assert queue.next_moment(NOW) == NOW + 60 * SECOND

    queue.finish(taken(queue, NOW + 60 * SECOND), answered(500, NOW + 60 * SECOND, held_until=NOW + 86_400 * SECOND))
    assert queue.next_moment(NOW + 60 * SECOND) == NOW + 360 * SECOND


def test_other_settings_hold_at_once() -> None:
    queue = a_queue(max_concurrent_dispatches=1)
    for number in range(5):
        add(queue, f"t{number}")
    taken(queue)
    message = a_queue(max_concurrent_dispatches=3, max_attempts=1).message
    queue.configure(message, NOW)

    attempts = [taken(queue), taken(queue)]
    assert queue.take(NOW) is None
    queue.finish(attempts[0], answered(500))
    assert queue.counts().dropped == 1


def test_a_duplicate_repeats_the_latest_dispatch_and_counts_nowhere() -> None:
    queue = a_queue()
    add(queue, "t")
    queue.finish(taken(queue), answered(404))
    attempt = taken(queue, NOW + 10 * SECOND)
    duplicate = queue.duplicate("t", NOW + 11 * SECOND)
    assert (duplicate.retry, duplicate.executions, duplicate.previous_status) == (1, 1, 404)
    assert queue.counts().running == 1

    queue.finish(attempt, answered(200, NOW + 12 * SECOND))
    assert queue.duplicate("t", NOW + 13 * SECOND).retry == 1
    with pytest.raises(RpcError):
        queue.duplicate("never", NOW)


def test_pages_go_through_all_tasks_once_whatever_ends_meanwhile() -> None:
    queue = a_queue()
    for number in range(5000):
        add(queue, f"t{number}", due=NOW + SECOND)
    seen: list[str] = []
    after = 0
    while page := queue.page(after=after, size=500):
        seen += [task.task_id for task in page]
        after = page[-1].number
        for task in page[:400]:
            queue.delete(task.task_id, NOW)

    assert seen == [f"t{number}" for number in range(5000)]
    assert len(queue.page(after=0, size=5000)) == 1000


def test_the_views_of_a_task() -> None:
    queue = a_queue()
    add(queue, "t")
    basic, full = render(queue.find("t", NOW), 0), render(queue.find("t", NOW), 2)
    assert (basic.view, basic.http_request.body) == (1, b"")
    assert (full.view, full.http_request.body) == (2, b"body")
    assert not full.HasField("first_attempt")

    attempt = taken(queue, NOW + SECOND)
    running = render(queue.find("t", NOW), 1)
    assert running.first_attempt.dispatch_time.seconds == NOW // SECOND + 1
    assert not running.last_attempt.HasField("response_time")

    queue.finish(attempt, answered(404, NOW + 2 * SECOND))
    failed = render(queue.find("t", NOW), 1)
    assert (failed.dispatch_count, failed.response_count) == (1, 1)
    assert failed.schedule_time.seconds == NOW // SECOND + 12
    assert failed.last_attempt.schedule_time.seconds == NOW // SECOND
    assert failed.last_attempt.response_time.seconds == NOW // SECOND + 2


class AnyHistory(RuleBasedStateMachine):
    """Whatever happens in whatever order, no task is lost and the figures add up."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = a_queue(max_concurrent_dispatches=5, max_attempts=3)
        self.now = NOW
        self.created = 0
        self.under_way: list[Attempt] = []

    @rule(delay=st.integers(0, 60))
    def create(self, delay: int) -> None:
        add(self.queue, f"t{self.created}", due=self.now + delay * SECOND, now=self.now)
        self.created += 1

    @rule(seconds=st.integers(0, 400))
    def wait(self, seconds: int) -> None:
        self.now += seconds * SECOND

    @rule()
    def dispatch(self) -> None:
        while (attempt := self.queue.take(self.now)) is not None:
            assert attempt.due <= self.now
            self.under_way.append(attempt)
        moment = self.queue.next_moment(self.now)
        assert moment is None or moment > self.now

    @rule(data=st.data(), status=st.sampled_from([200, 204, 302, 404, 429, 500, 503]))
    def answer(self, data: st.DataObject, status: int) -> None:
        if self.under_way:
            index = data.draw(st.integers(0, len(self.under_way) - 1))
            self.queue.finish(self.under_way.pop(index), answered(status, self.now))

    @rule(data=st.data())
    def run_or_delete(self, data: st.DataObject) -> None:
        if tasks := self.queue.page(after=0, size=100):
            task = data.draw(st.sampled_from(tasks))
            if data.draw(st.booleans()):
                self.under_way.append(self.queue.run(task.task_id, self.now))
            else:
                self.queue.delete(task.task_id, self.now)

    @invariant()
    def every_task_is_somewhere(self) -> None:
        counts = self.queue.counts()
        alive = self.queue.page(after=0, size=10_000)
        assert counts.running == len(self.under_way)
        assert counts.waiting == sum(task.running == 0 for task in alive)
        assert counts.done + counts.dropped + counts.deleted + len(alive) == self.created

    def teardown(self) -> None:
        """Left alone, everything comes to an end."""
        for _ in range(10_000):
            self.dispatch()
            while self.under_way:
                self.queue.finish(self.under_way.pop(), answered(500, self.now))
            moment = self.queue.next_moment(self.now)
            if moment is None:
                break
            self.now = max(moment, self.now)
        assert self.queue.counts().depth == 0


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = hypothesis_settings(max_examples=40, stateful_step_count=30, deadline=None)
