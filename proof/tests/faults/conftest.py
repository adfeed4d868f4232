"""The world that the scenarios share."""

from collections.abc import Callable, Iterator

import pytest

from proof.faults.older_version import OlderVersionMissing
from proof.faults.runner import play
from proof.faults.scenario_run import Scenario
from proof.faults.world import World
from tests.support import PATIENCE_SECONDS, Background

KeepsPromise = Callable[[Scenario], None]


@pytest.fixture(scope="session")
def background() -> Iterator[Background]:
    """The event loop of the world."""
    background = Background()
    yield background
    background.close()


@pytest.fixture(scope="session")
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
            played = background.run(play(world, scenario), timeout=PATIENCE_SECONDS)
        except OlderVersionMissing as missing:
            pytest.skip(str(missing))
        assert not played.violations, "\n".join(str(violation) for violation in played.violations)
        assert played.tally.reports >= min(scenario.at_least, scenario.at_most)

    return look
