"""Scenarios in which the pipeline's own parts misbehave: its queue, its scheduler, its processes."""

import pytest

from tests.faults.conftest import KeepsPromise
from tests.faults.scenario_run import Scenario
from tests.faults.scenarios import everything, queue, scheduler, worker_processes

SCENARIOS = [*queue.SCENARIOS, *worker_processes.SCENARIOS, *scheduler.SCENARIOS, *everything.SCENARIOS]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_promise_is_kept(scenario: Scenario, keeps_promise: KeepsPromise) -> None:
    keeps_promise(scenario)
