"""deploy.sh --check: it changes nothing, and names what differs, members too."""

from typing import Any

import pytest

from tests.deployment.conftest import PROJECT, Deployment
from tests.deployment.test_deploy import DOMAIN, PLACE

State = dict[str, Any]
SERVICES = f"{PLACE}/services"
SECRET = f"projects/{PROJECT}/secrets/report-sendgrid-api-key"
WORKER = f"serviceAccount:report-worker@{DOMAIN}"
EVE, PROBE = "user:eve@example.com", f"serviceAccount:probe@{DOMAIN}"


def drift(state: State) -> None:
    """What people have done by hand: some of it a deployment mends, some of it it leaves alone."""
    resources, policies = state["resources"], state["policies"]
    resources[f"{SERVICES}/report-worker"]["metadata"]["annotations"]["run.googleapis.com/invoker-iam-disabled"] = (
        "true"
    )
    dispatcher = resources[f"{SERVICES}/report-dispatcher"]
    revision = dispatcher["status"]["latestReadyRevisionName"]
    dispatcher["spec"]["traffic"] = [{"revisionName": revision, "percent": 100}]
    resources[f"{PLACE}/jobs/report-dispatch"]["state"] = "PAUSED"
    resources[f"projects/{PROJECT}/metrics/report-runs"]["filter"] = "severity>=ERROR"
    resources[f"{PLACE}/queues/reports"]["state"] = "PAUSED"
    resources[f"{PLACE}/queues/reports"]["rateLimits"]["maxConcurrentDispatches"] = 3
    policies[f"{SERVICES}/report-worker"].append(["roles/run.invoker", EVE, "", ""])
    policies[f"{SERVICES}/report-worker"].append(["roles/run.invoker", PROBE, "", ""])
    policies[f"{SERVICES}/report-dlq-handler"].append(["roles/run.invoker", "allUsers", "", ""])
    policies[SECRET].append(["roles/secretmanager.secretAccessor", EVE, "", ""])
    policies["project"].append(["roles/owner", WORKER, "", ""])
    policies["project"].append(["roles/editor", WORKER, "until-friday", "request.time < timestamp('2026-11-27')"])
    policies["project"].append(["roles/owner", EVE, "", ""])
    policies.setdefault(f"projects/{PROJECT}/serviceAccounts/report-worker@{DOMAIN}", []).append(
        ["roles/iam.serviceAccountTokenCreator", EVE, "", ""]
    )


def test_a_project_that_is_as_it_should_be_passes(deployed: Deployment) -> None:
    outcome = deployed.deploy("--check")
    assert outcome.status == 0, outcome.text
    assert "Missing: 0, different: 0, too many: 0, changed by hand: 0" in outcome.output
    assert "The console was left out" in outcome.output
    assert deployed.changes == []


def test_everything_that_differs_is_named_and_nothing_is_changed(deployed: Deployment) -> None:
    deployed.settings["EXTRA_MEMBERS"] = f"group:oncall@example.com, {PROBE}"
    deployed.edit(drift)
    before = deployed.state["resources"], deployed.state["policies"]

    outcome = deployed.deploy("--check")

    assert outcome.status == 3, outcome.text
    assert (deployed.state["resources"], deployed.state["policies"]) == before
    assert deployed.changes == []
    assert "\n    gcloud" not in outcome.output
    for line in (
        "differs in function report-worker: metadata.annotations[run.googleapis.com/invoker-iam-disabled]",
        "to be changed: function report-worker",
        "to be changed: traffic of function report-dispatcher",
        "differs in queue reports: rateLimits.maxConcurrentDispatches",
        "differs in metric report-runs: filter",
        "to be removed: roles/run.invoker on function report-dlq-handler for allUsers",
    ):
        assert line in outcome.output, outcome.text
    for line in (
        "job report-dispatch is paused by hand",
        "queue reports is paused by hand",
        f"{EVE} has roles/run.invoker on run services report-worker",
        f"{EVE} has roles/secretmanager.secretAccessor on secrets report-sendgrid-api-key",
        f"{WORKER} has roles/owner on projects {PROJECT}",
        f"{WORKER} has roles/editor (until-friday) on projects {PROJECT}",
        f"{EVE} has roles/iam.serviceAccountTokenCreator on iam service-accounts report-worker@{DOMAIN}",
    ):
        assert line in outcome.errors, outcome.text
    assert "too many: 1, changed by hand: 7," in outcome.output
    assert PROBE not in outcome.errors
    assert f"{EVE} has roles/owner" not in outcome.errors


def test_a_deployment_names_foreign_members_and_says_how_to_take_their_roles_back(deployed: Deployment) -> None:
    deployed.edit(lambda state: state["policies"][SECRET].append(["roles/secretmanager.secretAccessor", EVE, "", ""]))
    outcome = deployed.deploy()
    assert outcome.status == 0, outcome.text
    assert deployed.changes == []
    (line,) = [line for line in outcome.errors.splitlines() if "To take it back" in line]
    _, _, command = line.partition("gcloud ")
    assert command == (
        "secrets remove-iam-policy-binding report-sendgrid-api-key --member=user:eve@example.com "
        f"--role=roles/secretmanager.secretAccessor --project={PROJECT}"
    )


@pytest.mark.parametrize("option", ["--dry-run", "--smoke", "--teardown"])
def test_it_goes_with_nothing_that_acts(bare: Deployment, option: str) -> None:
    outcome = bare.deploy("--check", option)
    assert outcome.status == 2
    assert "--check does not go with" in outcome.errors
