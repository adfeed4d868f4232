"""Every scenario at a small size. `make faults` plays them at any size."""

from collections.abc import Iterator

import pytest

from tests.faults import scenarios
from tests.faults.runner import play
from tests.faults.stage import Scenario
from tests.faults.world import World
from tests.support import Background

SEED = 1
USERS = 16


@pytest.fixture(scope="module")
def world(background: Background, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The local cloud and the functions, started once."""
    world = World(tmp_path_factory.mktemp("logs"))
    background.run(world.start(), timeout=100)
    yield world
    background.run(world.stop(), timeout=60)


@pytest.mark.parametrize("scenario", scenarios.ALL, ids=lambda scenario: f"{scenario.group}: {scenario.name}")
def test_promise_is_kept(scenario: Scenario, world: World, background: Background) -> None:
    played = background.run(play(world, scenario, seed=SEED, users=USERS), timeout=110)
    assert not played.violations, "\n".join(str(violation) for violation in played.violations)
    assert played.tally.reports >= USERS
