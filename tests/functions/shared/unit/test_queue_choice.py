"""Users spread over queues."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from functions.shared.queues.queue_choice import choose_queue

USERS = [f"user-{number}" for number in range(4_000)]
QUEUES = [f"reports-{number}" for number in range(5)]


def chosen(user: str, queues: list[str]) -> str:
    return queues[choose_queue(user, queues)]


def test_shares_are_even() -> None:
    counts = Counter(chosen(user, QUEUES) for user in USERS)
    assert len(counts) == 5
    assert all(abs(count - 800) < 120 for count in counts.values())


def test_a_queue_more_takes_its_share_and_nobody_else_moves() -> None:
    moved = [(chosen(user, QUEUES[:4]), chosen(user, QUEUES)) for user in USERS]
    movers = [after for before, after in moved if before != after]
    assert set(movers) == {"reports-4"}
    assert abs(len(movers) - 800) < 120


@given(user=st.text(min_size=1), queues=st.permutations(QUEUES))
def test_the_order_of_the_queues_does_not_matter(user: str, queues: list[str]) -> None:
    assert chosen(user, queues) == chosen(user, QUEUES)


def test_one_queue_is_everybodys() -> None:
    assert {choose_queue(user, ["reports"]) for user in USERS} == {0}
