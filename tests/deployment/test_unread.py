"""Whatever the deployment cannot read ends it with nothing changed, and with status 1."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.deployment.conftest import Deployment, FirstDeployment
from tests.deployment.engine.faulty_session import FaultySession
from tests.deployment.test_deploy import PLACE

MODES = {"deploy": (), "check": ("--check",)}
OPTIONS = ("--console", "--firestore-rules")
FAULTS = (403, 404, 409, 429, 500, "cut", "time-out")
UNREAD = {
    "/v1/projects/my-project/locations": "the list in deployment/regions.txt stands in",
    "/v2/projects/my-project/locations": "Cloud Tasks refuses a region that it does not have",
    "/quotaInfos/CpuAllocPerProjectRegion": "Cloud Run refuses what exceeds it",
}
"""The ends of the addresses after whose failure a run goes on, and why: nothing that it changes rests on the answer."""


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory, repository: Path, first_deployment: FirstDeployment) -> Any:
    """A project that has everything that a deployment can read of one, and what a deployment reads of it."""
    deployment = Deployment(tmp_path_factory.mktemp("complete"), repository=repository, state=first_deployment.state)
    ask_for_all(deployment)
    outcome = deployment.deploy(*OPTIONS)
    assert outcome.status == 0, outcome.text
    state, session = deployment.state, FaultySession(deployment.project)
    deployment.session = lambda _: session
    assert deployment.deploy(*OPTIONS).status == 0
    assert deployment.changes == []
    return state, list(dict.fromkeys(session.reads))


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


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_read_ends_the_run_before_it_changes_anything(
    tmp_path: Path, repository: Path, complete: Any, fault: int | str
) -> None:
    """Each read fails in one way, and each way comes to reads of each kind."""
    state, reads = complete
    assert len(reads) > 60
    for number, read in enumerate(reads[FAULTS.index(fault) :: len(FAULTS)]):
        deployment = Deployment(tmp_path, repository=repository, state=state)
        ask_for_all(deployment)
        change_all(deployment)
        # That something is not there is an answer, unless it is the policy of something that is.
        is_answer = fault == 404 and not (read.endswith(":getIamPolicy") and "/iap" not in read)
        deployment.session = partial(FaultySession, at=read, fault=403 if is_answer else fault, times=1000)
        outcome = deployment.deploy(*OPTIONS, *(MODES["deploy" if number % 4 else "check"]))
        if read.endswith(tuple(UNREAD)):
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
    deployed.settings["DNS_SERVER"] = "nowhere"
    deployed.fail("secretmanager.projects.secrets.versions.access", "PERMISSION_DENIED: no", times=1000)
    outcome = deployed.deploy("--only=functions", *MODES[mode])
    assert outcome.status in {status, 3 * status or 3}, outcome.text
    assert deployed.changes == []


@pytest.mark.parametrize(
    ("options", "api"), [(("--only=functions",), "cloudtasks"), ((), "run"), (("--teardown",), "secretmanager")]
)
def test_an_api_that_is_on_and_says_that_it_is_off_has_not_said_that_nothing_is_there(
    deployed: Deployment, options: tuple[str, ...], api: str
) -> None:
    deployed.edit(lambda state: state.update(cpu_quota=100000))
    deployed.settings["QUEUES"] = "3"
    assert deployed.deploy().status == 0
    del deployed.settings["QUEUES"]
    deployed.edit(lambda state: state["warming"].update({f"{api}.googleapis.com": 3}))
    outcome = deployed.deploy(*options, answer="my-project")
    assert outcome.status == 0, outcome.text
    if options == ("--teardown",):
        assert not [name for name in deployed.state["resources"] if "/secrets/" in name]
    else:
        assert deployed.environment_of("dispatcher")["REPORT_QUEUES"] == "reports,reports-2,reports-3"
        assert deployed.changes == []


def test_a_teardown_does_not_take_what_it_cannot_read_for_absent(deployed: Deployment) -> None:
    deployed.edit(lambda state: state["enabled"].remove("cloudtasks.googleapis.com"))
    outcome = deployed.deploy("--teardown", answer="my-project")
    assert (outcome.status, deployed.changes) == (1, [])
    assert "SERVICE_DISABLED" in outcome.errors
