"""Scenarios in which the queue and the scheduler misbehave."""

import pytest

from proof.faults.scenario_run import Scenario
from proof.faults.scenarios import queue, scheduler
from proof.tests.faults.conftest import KeepsPromise

SCENARIOS = [*queue.SCENARIOS, *scheduler.SCENARIOS]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_promise_is_kept(scenario: Scenario, keeps_promise: KeepsPromise) -> None:
    keeps_promise(scenario)
