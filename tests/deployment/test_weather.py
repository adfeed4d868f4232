"""First deployments in weather: every second one with all that can be asked for.

test_weather_never_clears.py has those in weather that lasts; `python -m tests.deployment.weather` has as many as one
likes.
"""

import functools
from pathlib import Path

import pytest

from tests.deployment.weather.judge import Course, Verdict, judge
from tests.documents.google_beliefs import PLAYED

SEEDS = (*range(1, 36), 58, 20611, 21382, 21758, 22504)
"""The last ones are of 10,000, by which defects were found."""

pytestmark = pytest.mark.everyday


@functools.cache
def verdict(seed: int, repository: Path) -> Verdict:
    """What becomes of a seed. Some runs are killed, and another one goes on a minute later."""
    course = Course.KILLED if seed % 8 in {3, 6} else Course.AT_ONCE
    return judge(seed, repository, course, everything=seed % 2 == 0)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_first_deployment_ends_well(repository: Path, seed: int) -> None:
    assert not verdict(seed, repository).wrong, f"seed {seed}: {verdict(seed, repository).wrong}"


def test_the_weather_plays_each_belief(repository: Path) -> None:
    struck = {belief for seed in SEEDS for belief in verdict(seed, repository).strikes}
    assert struck == PLAYED.keys()
