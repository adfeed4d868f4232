"""Scenarios of users whose documents are new, change meanwhile, or cannot be used."""

import pytest

from tests.faults.conftest import KeepsPromise
from tests.faults.scenario_run import Scenario
from tests.faults.scenarios import users


@pytest.mark.parametrize("scenario", users.SCENARIOS, ids=str)
def test_promise_is_kept(scenario: Scenario, keeps_promise: KeepsPromise) -> None:
    keeps_promise(scenario)
