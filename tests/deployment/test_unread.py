"""Whatever the deployment cannot read ends it with nothing changed, and with status 1."""

from pathlib import Path
from typing import Any

import pytest

from tests.deployment.conftest import Deployment, FirstDeployment, is_read
from tests.deployment.test_deploy import PLACE

MODES = {"deploy": (), "check": ("--check",)}
UNREAD = {
    "run.projects.locations.list": "the list in deployment/regions.txt stands in",
    "cloudquotas.projects.locations.services.quotaInfos.get": "Cloud Run refuses what exceeds it",
}
"""The reads after whose failure a run goes on, and why: nothing that it changes rests on the answer."""


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory, repository: Path, first_deployment: FirstDeployment) -> Any:
    """A project that has everything that a deployment can read of one, and what a deployment reads of it."""
    deployment = Deployment(tmp_path_factory.mktemp("complete"), repository=repository, state=first_deployment.state)
    ask_for_all(deployment)
    outcome = deployment.deploy("--console", "--firestore-rules")
    assert outcome.status == 0, outcome.text
    state = deployment.state
    assert deployment.deploy("--console", "--firestore-rules").status == 0
    assert deployment.changes == []
    return state, list(dict.fromkeys(method for method, _ in deployment.calls if is_read(method)))


def ask_for_all(deployment: Deployment) -> None:
    deployment.settings |= {"ALERT_EMAIL": "ops@example.com", "BUDGET": "100", "CONSOLE_OPERATORS": "ada@example.com"}
    del deployment.settings["MAIL_WITHOUT_UNSUBSCRIBE"]


def change_all(deployment: Deployment) -> None:
    """Have something to change in each step."""
    deployment.settings |= {"LOG_LEVEL": "DEBUG", "RUNBOOK_URL": "https://example.com/runbooks"}
    deployment.settings |= {"SLO_PERCENT": "98", "BUDGET": "200"}
    deployment.secrets["SLACK_WEBHOOK_URL"] += "-new"

    def drift(state: dict[str, Any]) -> None:
        state["policies"]["project"].clear()
        state["resources"][f"{PLACE}/queues/reports"]["rateLimits"]["maxConcurrentDispatches"] = 3

    deployment.edit(drift)


@pytest.mark.parametrize("mode", MODES)
def test_what_cannot_be_read_ends_the_run(tmp_path: Path, repository: Path, complete: Any, mode: str) -> None:
    state, reads = complete
    assert len(reads) > 30
    for read in reads:
        deployment = Deployment(tmp_path, repository=repository, state=state)
        ask_for_all(deployment)
        change_all(deployment)
        deployment.fail(read, "PERMISSION_DENIED: Permission denied (or the resource may not exist).", times=1000)
        outcome = deployment.deploy("--console", "--firestore-rules", *MODES[mode])
        if read in UNREAD:
            assert outcome.status in {0, 3}, outcome.text
            continue
        assert outcome.status == 1, f"{read}: {outcome.text}"
        assert deployment.changes == [], read
        for end in ("Done.", "Check: nothing was changed."):
            assert end not in outcome.output


@pytest.mark.parametrize(("mode", "status"), [("deploy", 1), ("check", 0)])
def test_only_who_looks_does_without_the_mail_providers_key(deployed: Deployment, mode: str, status: int) -> None:
    deployed.secrets.clear()
    deployed.settings["MAIL_FROM"] = "reports@corp.dev"
    deployed.settings["DNS_OVER_HTTPS_URL"] = "http://127.0.0.1:1/"
    deployed.fail("secretmanager.projects.secrets.versions.access", "PERMISSION_DENIED: no", times=1000)
    outcome = deployed.deploy("--only=functions", *MODES[mode])
    assert outcome.status in {status, 3 * status or 3}, outcome.text
    assert deployed.changes == []
