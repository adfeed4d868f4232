"""The service level objective and what else `./deploy.sh` has Cloud Monitoring watch."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.deployment.conftest import PROJECT, Deployment, FirstDeployment
from tests.deployment.test_deploy import planned

SERVICE = f"projects/{PROJECT}/services/report-reports"
OBJECTIVE = f"{SERVICE}/serviceLevelObjectives/on-time"


def alerts(state: dict[str, Any]) -> dict[str, Any]:
    """The alert policies by their names."""
    resources = state["resources"].items()
    return {value["userLabels"]["alert"]: value for name, value in resources if "/alertPolicies/" in name}


def test_the_objective_is_made_after_its_metric_and_before_what_shows_it(first_deployment: FirstDeployment) -> None:
    objective = first_deployment.state["resources"][OBJECTIVE]
    assert (objective["goal"], objective["rollingPeriod"]) == (0.99, "2592000s")
    assert first_deployment.state["resources"][SERVICE]["userLabels"] == {"pipeline": "report"}
    calls = [" ".join(call) for call in first_deployment.calls]
    made = next(
        index
        for index, call in enumerate(calls)
        if call.startswith("monitoring.services.serviceLevelObjectives.create")
    )
    assert made > max(index for index, call in enumerate(calls) if call.startswith("logging.projects.metrics.create"))
    assert made < calls.index(f"monitoring.projects.alertPolicies.create {PROJECT}")


def test_every_burn_rate_is_one_of_the_sre_workbook(first_deployment: FirstDeployment) -> None:
    """https://sre.google/workbook/alerting-on-slos/"""
    watched = {
        name: [
            (each["conditionThreshold"]["filter"].rpartition(", ")[2], each["conditionThreshold"]["thresholdValue"])
            for each in policy["conditions"]
        ]
        for name, policy in alerts(first_deployment.state).items()
        if "error-budget" in name
    }
    assert watched == {
        "error-budget-fast": [('"3600s")', 14.4)],
        "error-budget-slow": [('"21600s")', 6), ('"3600s")', 6)],
    }


def test_another_objective_and_the_address_of_the_runbooks(deployed: Deployment) -> None:
    deployed.settings |= {"SLO_PERCENT": "99.9", "RUNBOOK_URL": "https://wiki.example/runbooks"}
    before = deployed.state
    dry = deployed.deploy("--only=monitoring", "--dry-run")
    assert deployed.state == before
    outcome = deployed.deploy("--only=monitoring")
    assert outcome.status == 0, outcome.text
    count = len(alerts(before))
    assert f"Created: 0, changed: {count + 2}, removed: 0" in outcome.output
    assert f"To be created: 0, to be changed: {count + 2}, to be removed: 0" in dry.output
    assert deployed.state["resources"][OBJECTIVE]["goal"] == 0.999
    documentation = alerts(deployed.state)["error-budget-fast"]["documentation"]
    assert "99.9 %" in documentation["content"]
    assert documentation["links"] == [
        {"displayName": "Runbook", "url": "https://wiki.example/runbooks#error-budget-fast"}
    ]


@pytest.mark.parametrize("percent", ["94", "99.999"])
def test_an_objective_that_no_burn_rate_can_watch_is_refused(bare: Deployment, percent: str) -> None:
    bare.settings |= {"SLO_PERCENT": percent, "RUNBOOK_URL": "https://wiki.example/#runbooks"}
    outcome = bare.deploy("--dry-run")
    assert outcome.status == 1
    assert "SLO_PERCENT: percent, from 95 to 99.99." in outcome.errors
    assert "RUNBOOK_URL: " in outcome.errors


def test_a_misspelt_widget_stops_the_deployment(deployed: Deployment, tmp_path: Path) -> None:
    deployed.repository = Path(shutil.copytree(deployed.repository, tmp_path / "changed"))
    dashboard = deployed.repository / "deployment" / "dashboard.json"
    dashboard.write_text(dashboard.read_text(encoding="utf-8").replace('"xyChart"', '"xyGraph"', 1), encoding="utf-8")
    outcome = deployed.deploy("--only=monitoring", "--dirty")
    assert outcome.status == 1
    assert "mosaicLayout.tiles[0].widget: Additional properties are not allowed ('xyGraph'" in outcome.errors
    assert deployed.changes == []


def test_an_interrupted_run_says_so_and_is_taken_up_again(deployed: Deployment) -> None:
    deployed.settings["SLO_PERCENT"] = "98"
    outcome = deployed.interrupt("monitoring.services.serviceLevelObjectives.patch", "--only=monitoring")
    assert outcome.status == 130, outcome.text
    assert 'Interrupted in step "monitoring"' in outcome.errors
    assert "Traceback" not in outcome.errors
    assert deployed.deploy("--only=monitoring").status == 0
    assert deployed.state["resources"][OBJECTIVE]["goal"] == 0.98


def test_a_plan_for_machines_has_each_request(deployed: Deployment, tmp_path: Path) -> None:
    deployed.settings |= {"SLO_PERCENT": "98", "ALERT_EMAIL": "ops@example.com"}
    dry = deployed.deploy("--only=monitoring", "--dry-run", f"--plan-json={tmp_path / 'plan'}")
    assert dry.status == 0, dry.text
    plan = json.loads((tmp_path / "plan").read_text(encoding="utf-8"))
    assert [f"{each['method']} {each['target']}" for each in plan] == [
        " ".join(line.split()[:2]) for line in planned(dry)
    ]
    (goal,) = [each for each in plan if each["method"].endswith("serviceLevelObjectives.patch")]
    assert (goal["body"], goal["query"]) == ({"goal": 0.98}, {"updateMask": "goal"})
    assert {tuple(each["body"]["notificationChannels"]) for each in plan if "alertPolicies" in each["method"]} == {
        ("<name of notification channel for ops@example.com>",)
    }
