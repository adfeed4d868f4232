"""The world that the scenarios of a module share."""

from collections.abc import Callable, Iterator

import pytest

from tests.faults.older_version import OlderVersionMissing
from tests.faults.runner import play
from tests.faults.scenario_run import Scenario
from tests.faults.world import World
from tests.support import PATIENCE_SECONDS, Background

SEED = 1
REPORTS = 16

KeepsPromise = Callable[[Scenario], None]


@pytest.fixture(scope="module")
def world(background: Background, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The local cloud and the functions, started once."""
    world = World(tmp_path_factory.mktemp("logs"))
    background.run(world.start(), timeout=100)
    yield world
    background.run(world.stop(), timeout=60)


@pytest.fixture
def keeps_promise(world: World, background: Background) -> KeepsPromise:
    """Play a scenario with a few reports, and check which rules it broke. `make faults` plays them at any size."""

    def look(scenario: Scenario) -> None:
        try:
            played = background.run(play(world, scenario, seed=SEED, reports=REPORTS), timeout=PATIENCE_SECONDS)
        except OlderVersionMissing as missing:
            pytest.skip(str(missing))
        assert not played.violations, "\n".join(str(violation) for violation in played.violations)
        assert played.tally.reports >= min(REPORTS, scenario.at_most)

    return look
