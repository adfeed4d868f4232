"""What deploy.sh makes of the ramp of a new domain."""

import pytest

from tests.deployment.conftest import Deployment
from tests.deployment.test_deploy import PLACE, bindings

QUEUE = f"{PLACE}/queues/reports"
SETTER = ("roles/cloudtasks.queueAdmin", "report-dispatcher")

AHEAD = "2126-12-01"
"""Before a ramp starts, its first day holds."""
OVER = "2020-01-01"


def rate(deployment: Deployment, queue: str = "/queues/reports") -> float:
    limit: float = deployment.resource(queue)["rateLimits"]["maxDispatchesPerSecond"]
    return limit


def test_a_ramp_begins_runs_and_is_taken_out(deployed: Deployment) -> None:
    before = deployed.resource("/queues/reports")
    deployed.settings |= {"RAMP_START": AHEAD, "RAMP_FIRST_DAY": "864"}

    for step in ("messaging", "dispatcher"):
        assert deployed.deploy(f"--only={step}").status == 0
    assert rate(deployed) == pytest.approx(0.01)
    assert deployed.resource("/queues/reports")["retryConfig"] == before["retryConfig"]
    assert SETTER in bindings(deployed.state, QUEUE)
    assert SETTER not in bindings(deployed.state, f"{PLACE}/queues/report-continuations")
    assert rate(deployed, "/queues/report-continuations") == 50
    variables = deployed.environment_of("dispatcher")
    assert (variables["RAMP_START"], variables["RAMP_FIRST_DAY"], variables["QUEUE_RATE"]) == (AHEAD, "864", "10")
    assert "RAMP_GROWTH" not in variables

    # Again, while it runs: the queue keeps its rate.
    assert deployed.deploy("--only=messaging").status == 0
    assert deployed.changes == []

    deployed.settings |= {"RAMP_START": "", "RAMP_FIRST_DAY": ""}
    for step in ("messaging", "dispatcher"):
        assert deployed.deploy(f"--only={step}").status == 0
    assert deployed.resource("/queues/reports") == before
    assert SETTER not in bindings(deployed.state, QUEUE)
    variables = deployed.environment_of("dispatcher")
    assert not {"RAMP_START", "QUEUE_RATE"} & variables.keys()


def test_a_ramp_that_is_over_leaves_the_full_rate_and_no_role(deployed: Deployment) -> None:
    deployed.settings["RAMP_START"] = AHEAD
    deployed.deploy("--only=messaging")
    deployed.settings["RAMP_START"] = OVER

    assert deployed.deploy("--only=messaging").status == 0

    assert rate(deployed) == 10
    assert SETTER not in bindings(deployed.state, QUEUE)


def test_all_queues_share_the_days_allowance(deployed: Deployment) -> None:
    deployed.settings |= {"RAMP_START": AHEAD, "RAMP_FIRST_DAY": "864", "QUEUES": "2"}
    assert deployed.deploy("--only=messaging").status == 0
    assert rate(deployed) == rate(deployed, "/queues/reports-2") == pytest.approx(0.005)


def test_wrong_settings_are_named_at_once(deployed: Deployment) -> None:
    deployed.settings |= {"RAMP_START": "soon", "RAMP_FIRST_DAY": "few", "RAMP_GROWTH": "1"}
    outcome = deployed.deploy()
    assert outcome.status == 1
    for name in ("RAMP_START", "RAMP_FIRST_DAY", "RAMP_GROWTH"):
        assert f"- {name}: " in outcome.errors
    assert deployed.changes == []
