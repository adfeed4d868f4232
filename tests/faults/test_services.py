"""Scenarios in which Firestore, Pub/Sub and Slack misbehave."""

import pytest

from tests.faults.conftest import KeepsPromise
from tests.faults.scenario_run import Scenario
from tests.faults.scenarios import dead_letters, firestore

SCENARIOS = [*firestore.SCENARIOS, *dead_letters.SCENARIOS]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_promise_is_kept(scenario: Scenario, keeps_promise: KeepsPromise) -> None:
    keeps_promise(scenario)
