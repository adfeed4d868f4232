"""Scenarios of users and subscriptions whose documents are new, change meanwhile, or cannot be used, of queries that
name recipients, and of recipients who unsubscribe."""

import pytest

from proof.faults.scenario_run import Scenario
from proof.faults.scenarios import audiences, subscriptions, unsubscribes, users
from proof.tests.faults.conftest import KeepsPromise

SCENARIOS = [*subscriptions.SCENARIOS, *users.SCENARIOS, *audiences.SCENARIOS, *unsubscribes.SCENARIOS]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_promise_is_kept(scenario: Scenario, keeps_promise: KeepsPromise) -> None:
    keeps_promise(scenario)
