"""First deployments in weather that never clears: they end, say what they waited for, and go on the next time."""

from pathlib import Path

import pytest

from tests.deployment.weather.judge import NEVER, Course, judge

pytestmark = pytest.mark.everyday


@pytest.mark.parametrize("number", range(len(NEVER)), ids=list(NEVER))
def test_it_ends_and_the_next_run_goes_on(repository: Path, number: int) -> None:
    seed = 10 * len(NEVER) + number
    verdict = judge(seed, repository, Course.NEVER, everything=number % 2 == 0)
    assert not verdict.wrong, f"seed {seed}: {verdict.wrong}"
