"""The backlog against a model: whatever is taken, acknowledged, refused or let expire, nothing is lost or doubled."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from local_cloud.pubsub.backlog import Backlog, Counts, Delivery, InvalidAckId
from local_cloud.pubsub.backoff import Backoff
from local_cloud.pubsub.flow_control import FlowControl
from local_cloud.pubsub.messages import Message

START = datetime(2026, 11, 24, tzinfo=UTC)
BACKOFF = Backoff(minimum=timedelta(seconds=10), maximum=timedelta(seconds=40))
RETENTION = timedelta(days=7)
ANY_SIZE = 10**9


def message(sequence: int, key: str = "", size: int = 1) -> Message:
    return Message(
        sequence=sequence,
        data=b"",
        attributes={},
        ordering_key=key,
        message_id=str(sequence),
        published_at=START,
        size=size,
    )


def take(backlog: Backlog, limit: int = 100, *, seconds: int = 10, flow: FlowControl | None = None) -> list[Delivery]:
    deadline = START + timedelta(seconds=seconds)
    return backlog.take(limit=limit, deadline=deadline, max_bytes=ANY_SIZE, flow=flow)


def sequences(deliveries: list[Delivery]) -> list[int]:
    return [delivery.message.sequence for delivery in deliveries]


def settle(backlog: Backlog, seconds: float, max_attempts: int = 0) -> bool:
    now = START + timedelta(seconds=seconds)
    return backlog.settle(now=now, backoff=BACKOFF, retention=RETENTION, max_attempts=max_attempts)


def test_a_batch_stops_at_its_size() -> None:
    backlog = Backlog()
    for sequence in range(5):
        backlog.add(message(sequence, size=40))

    assert sequences(backlog.take(limit=100, deadline=START, max_bytes=100)) == [0, 1, 2]


def test_flow_control_counts_what_is_out() -> None:
    backlog = Backlog()
    flow = FlowControl(max_messages=2, max_bytes=100)
    for sequence in range(4):
        backlog.add(message(sequence, size=60))

    first = take(backlog, flow=flow)
    assert sequences(first) == [0, 1]
    assert take(backlog, flow=flow) == []
    backlog.acknowledge(first[0].ack_id)
    assert sequences(take(backlog, flow=flow)) == [2]
    settle(backlog, 10)
    assert (flow.messages, flow.bytes) == (0, 0)


def test_the_next_change_is_the_earliest_of_deadline_backoff_and_retention() -> None:
    backlog = Backlog()
    assert backlog.next_change(RETENTION) is None
    backlog.add(message(1))
    assert backlog.next_change(RETENTION) == START + RETENTION
    (delivery,) = take(backlog)
    assert backlog.next_change(RETENTION) == START + timedelta(seconds=10)
    backlog.extend(delivery.ack_id, START + timedelta(seconds=60))
    assert backlog.next_change(RETENTION) == START + timedelta(seconds=60)
    backlog.refuse([delivery.ack_id], now=START, backoff=BACKOFF)
    assert backlog.next_change(RETENTION) == START + timedelta(seconds=10)


def test_what_fails_too_often_is_dead() -> None:
    backlog = Backlog()
    backlog.add(message(1))
    (first,) = take(backlog)
    backlog.refuse([first.ack_id], now=START, backoff=BACKOFF, max_attempts=2)
    settle(backlog, 10)
    take(backlog, seconds=20)
    settle(backlog, 20, max_attempts=2)

    assert [(dead.sequence, failures) for dead, failures in backlog.take_dead()] == [(1, 2)]
    assert backlog.take_dead() == []
    assert backlog.counts == Counts(waiting=0, outstanding=0)


def of_one_key(count: int) -> Backlog:
    backlog = Backlog(ordered=True)
    for sequence in range(count):
        backlog.add(message(sequence, "k"))
    return backlog


def attempts(deliveries: list[Delivery]) -> list[tuple[int, int]]:
    return [(delivery.message.sequence, delivery.attempt) for delivery in deliveries]


def test_of_a_key_each_message_counts_that_is_refused_with_another() -> None:
    backlog = of_one_key(3)
    first, second, _ = take(backlog)

    assert backlog.refuse([second.ack_id, first.ack_id], now=START, backoff=BACKOFF) == []
    assert take(backlog) == []
    settle(backlog, 10)

    assert attempts(take(backlog)) == [(0, 2), (1, 2), (2, 1)]


def test_of_a_key_each_message_counts_whose_deadline_passes_with_that_of_another() -> None:
    backlog = of_one_key(2)
    first, _ = take(backlog)
    backlog.extend(first.ack_id, START + timedelta(seconds=10))  # where it is already
    settle(backlog, 20)

    assert attempts(take(backlog)) == [(0, 2), (1, 2)]


def test_messages_of_a_key_that_fail_too_often_together_are_dead_in_their_order() -> None:
    backlog = of_one_key(3)
    refused = [delivery.ack_id for delivery in take(backlog, 2)]

    assert backlog.refuse(reversed(refused), now=START, backoff=BACKOFF, max_attempts=1) == []

    assert [dead.sequence for dead, _ in backlog.take_dead()] == [0, 1]
    assert sequences(take(backlog)) == [2]


def test_a_wait_counts_from_the_deadline_though_time_jumps_over_it() -> None:
    backlog = Backlog()
    backlog.add(message(1))
    take(backlog)

    assert settle(backlog, 20)
    assert attempts(take(backlog)) == [(1, 2)]


@pytest.mark.parametrize("ack_id", ["", "-", "1", "1-", "-1", "a-b", "1-1-1", "1.0-1"])
def test_a_malformed_ack_id_is_refused(ack_id: str) -> None:
    with pytest.raises(InvalidAckId):
        Backlog().acknowledge(ack_id)


class BacklogMachine(RuleBasedStateMachine):
    """Every message is waiting, out once, or acknowledged; those of a key come in order."""

    def __init__(self) -> None:
        super().__init__()
        self.backlog = Backlog(ordered=True)
        self.now = START
        self.added = 0
        self.open: set[int] = set()
        self.out: dict[str, Delivery] = {}
        self.deadlines: dict[str, datetime] = {}
        self.failures: Counter[int] = Counter()

    @rule(key=st.sampled_from(["", "k", "l"]))
    def add(self, key: str) -> None:
        self.added += 1
        self.open.add(self.added)
        self.backlog.add(message(self.added, key))

    @rule(limit=st.integers(1, 4), seconds=st.integers(10, 30))
    def take(self, limit: int, seconds: int) -> None:
        self.settle()
        deadline = self.now + timedelta(seconds=seconds)
        busy = {delivery.message.ordering_key for delivery in self.out.values()} - {""}
        taken = self.backlog.take(limit=limit, deadline=deadline, max_bytes=ANY_SIZE)
        held = {delivery.message.sequence for delivery in self.out.values()}
        for delivery in taken:
            sequence, key = delivery.message.sequence, delivery.message.ordering_key
            assert sequence in self.open
            assert sequence not in held
            assert delivery.attempt == 1 + self.failures[sequence]
            assert key not in busy
            held.add(sequence)
            self.out[delivery.ack_id] = delivery
            self.deadlines[delivery.ack_id] = deadline
        for key in ("k", "l"):
            of_key = [delivery.message.sequence for delivery in taken if delivery.message.ordering_key == key]
            assert of_key == sorted(of_key)

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        ack_id = data.draw(st.sampled_from(sorted(self.out)))
        assert self.backlog.acknowledge(ack_id)
        self.open.remove(self.out.pop(ack_id).message.sequence)

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def refuse(self, data: st.DataObject) -> None:
        ack_ids = data.draw(st.lists(st.sampled_from(sorted(self.out)), min_size=1))
        assert self.backlog.refuse(ack_ids, now=self.now, backoff=BACKOFF) == []
        self.give_back(set(ack_ids))

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def extend(self, data: st.DataObject) -> None:
        ack_id = data.draw(st.sampled_from(sorted(self.out)))
        self.deadlines[ack_id] = self.now + timedelta(seconds=45)
        assert self.backlog.extend(ack_id, self.deadlines[ack_id])

    @rule(seconds=st.integers(1, 25))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.settle()

    def settle(self) -> None:
        self.backlog.settle(now=self.now, backoff=BACKOFF, retention=RETENTION)
        while self.out and (moment := min(self.deadlines[ack_id] for ack_id in self.out)) <= self.now:
            self.give_back({ack_id for ack_id in self.out if self.deadlines[ack_id] == moment})

    def give_back(self, ack_ids: set[str]) -> None:
        """The later ones of the same key go back with it."""
        failed = [self.out.pop(ack_id).message for ack_id in ack_ids]
        self.failures.update(each.sequence for each in failed)
        for other, delivery in list(self.out.items()):
            key, sequence = delivery.message.ordering_key, delivery.message.sequence
            if key and any(each.ordering_key == key and each.sequence < sequence for each in failed):
                del self.out[other]

    @invariant()
    def nothing_is_lost(self) -> None:
        assert self.backlog.counts == Counts(waiting=len(self.open) - len(self.out), outstanding=len(self.out))

    def teardown(self) -> None:
        """In the end everything can be taken and acknowledged."""
        for _ in range(200):
            self.now += timedelta(seconds=60)
            self.settle()
            for delivery in self.backlog.take(limit=100, deadline=self.now, max_bytes=ANY_SIZE):
                self.backlog.acknowledge(delivery.ack_id)
                self.open.remove(delivery.message.sequence)
            if not self.open:
                return
        raise AssertionError(f"never delivered: {self.open}")


BacklogMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestBacklog = BacklogMachine.TestCase
