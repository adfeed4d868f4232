"""Scenarios in which what the pipeline talks to misbehaves: SendGrid, its webhook, Firestore, Pub/Sub and Slack."""

import pytest

from tests.faults.conftest import KeepsPromise
from tests.faults.scenario_run import Scenario
from tests.faults.scenarios import dead_letters, firestore, mail_events, sendgrid, unknown_outcomes

SCENARIOS = [
    *sendgrid.SCENARIOS,
    *firestore.SCENARIOS,
    *dead_letters.SCENARIOS,
    *mail_events.SCENARIOS,
    *unknown_outcomes.SCENARIOS,
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_promise_is_kept(scenario: Scenario, keeps_promise: KeepsPromise) -> None:
    keeps_promise(scenario)
