"""More sequences than `make test` has time for."""

import random

import pytest

from tests.moments.sequences import OPERATIONS, STARTS, play

pytestmark = pytest.mark.thorough

NAMES = tuple(OPERATIONS)


@pytest.mark.parametrize("first", NAMES)
@pytest.mark.parametrize("start", [start for start in STARTS if start != "hourly"])
def test_no_two_operations_report_a_moment_twice_or_never(start: str, first: str) -> None:
    """Each pair from three starts; `python -m tests.moments --every 2` plays it from all."""
    seconds = NAMES[(NAMES.index(first) + [*STARTS].index(start)) % 3 :: 3]
    wrong = {second: found for second in seconds if (found := play(STARTS[start], [first, second]))}
    assert wrong == {}


@pytest.mark.parametrize("seed", range(100, 120))
def test_no_random_sequence_does(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  no secret
    sequences = [(chance.choice(list(STARTS)), *chance.choices(NAMES, k=chance.randint(3, 6))) for _ in range(100)]
    wrong = {sequence: found for sequence in sequences if (found := play(STARTS[sequence[0]], sequence[1:]))}
    assert wrong == {}
