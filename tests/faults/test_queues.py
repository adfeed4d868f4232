"""Scenarios in which the queue and the scheduler misbehave."""

import pytest

from tests.faults.conftest import KeepsPromise
from tests.faults.scenario_run import Scenario
from tests.faults.scenarios import queue, scheduler

SCENARIOS = [*queue.SCENARIOS, *scheduler.SCENARIOS]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_promise_is_kept(scenario: Scenario, keeps_promise: KeepsPromise) -> None:
    keeps_promise(scenario)
