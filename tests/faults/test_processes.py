"""Scenarios in which workers end or stand still, and in which everything fails at once."""

import pytest

from tests.faults.conftest import KeepsPromise
from tests.faults.scenario_run import Scenario
from tests.faults.scenarios import everything, worker_processes

SCENARIOS = [*worker_processes.SCENARIOS, *everything.SCENARIOS]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_promise_is_kept(scenario: Scenario, keeps_promise: KeepsPromise) -> None:
    keeps_promise(scenario)
