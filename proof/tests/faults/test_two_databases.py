"""The promise with users and the pipeline's own collections in a database each."""

from collections.abc import Iterator

import pytest

from proof.faults.scenario_run import Scenario
from proof.faults.scenarios import two_databases, worker_processes
from proof.faults.world import World
from proof.tests.faults.conftest import KeepsPromise
from tests.support import Background

SCENARIOS = [
    *two_databases.SCENARIOS,
    *(each for each in worker_processes.SCENARIOS if each.name.endswith(("record is written", "record was written"))),
]
"""Those of the second commit, and two of the first. `make faults ARGS=--two-databases` plays all."""


@pytest.fixture(scope="module")
def world(background: Background, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The local cloud and the functions, with two databases."""
    world = World(tmp_path_factory.mktemp("logs"), in_two_databases=True)
    background.run(world.start(), timeout=100)
    yield world
    background.run(world.stop(), timeout=60)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_promise_is_kept(scenario: Scenario, keeps_promise: KeepsPromise) -> None:
    keeps_promise(scenario)
