"""Scenarios in which Firestore, Pub/Sub, Slack and Cloud Storage misbehave."""

import pytest

from proof.faults.scenario_run import Scenario
from proof.faults.scenarios import archive, dead_letters, firestore, outcomes
from proof.tests.faults.conftest import KeepsPromise

SCENARIOS = [*firestore.SCENARIOS, *dead_letters.SCENARIOS, *outcomes.SCENARIOS, *archive.SCENARIOS]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_promise_is_kept(scenario: Scenario, keeps_promise: KeepsPromise) -> None:
    keeps_promise(scenario)
