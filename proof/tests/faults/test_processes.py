"""Scenarios in which workers end or stand still, and in which everything fails at once."""

import pytest

from proof.faults.scenario_run import Scenario
from proof.faults.scenarios import everything, worker_processes
from proof.tests.faults.conftest import KeepsPromise

SCENARIOS = [*worker_processes.SCENARIOS, *everything.SCENARIOS]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_promise_is_kept(scenario: Scenario, keeps_promise: KeepsPromise) -> None:
    keeps_promise(scenario)
