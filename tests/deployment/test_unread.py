"""Whatever deploy.sh cannot read ends it: with nothing changed after it, and with status 1."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deployment.conftest import Deployment, FirstDeployment, is_read
from tests.deployment.stand_in.permissions import permissions_of
from tests.deployment.stand_in.project import command_in
from tests.deployment.test_cloud_run import of_cloud_functions
from tests.deployment.test_deploy import PLACE

Read = dict[str, Any]
READS: list[Read] = yaml.safe_load(Path(__file__).with_name("reads.yaml").read_text(encoding="utf-8"))
STOPPING = [read for read in READS if "unread" not in read]
DENIED = "PERMISSION_DENIED: Permission denied (or the resource may not exist)."
MODES = {"deploy": (), "check": ("--check",), "dry-run": ("--dry-run",)}


@pytest.fixture(scope="module")
def complete(
    tmp_path_factory: pytest.TempPathFactory, repository: Path, first_deployment: FirstDeployment
) -> dict[str, Any]:
    """A project that has everything that a deployment can read of one."""
    deployment = Deployment(tmp_path_factory.mktemp("complete"), repository=repository, state=first_deployment.state)
    _ask_for_all(deployment)
    outcome = deployment.deploy("--console")
    assert outcome.status == 0, outcome.text
    return deployment.state


def _ask_for_all(deployment: Deployment) -> None:
    deployment.settings |= {"ALERT_EMAIL": "ops@example.com", "BUDGET": "100", "CONSOLE_OPERATORS": "ada@example.com"}
    del deployment.settings["MAIL_WITHOUT_UNSUBSCRIBE"]


@pytest.fixture
def deployment(tmp_path: Path, repository: Path, complete: dict[str, Any]) -> Deployment:
    """That project, with settings that each function and each step has to take over."""
    deployment = Deployment(tmp_path, repository=repository, state=complete)
    _ask_for_all(deployment)
    return deployment


def change_all(deployment: Deployment) -> None:
    """Have something to change in each step."""
    deployment.settings |= {"LOG_LEVEL": "DEBUG", "RUNBOOK_URL": "https://example.com/runbooks"}
    deployment.settings |= {"SLO_PERCENT": "98", "BUDGET": "200"}
    deployment.secrets["SLACK_WEBHOOK_URL"] += "-new"
    deployment.edit(_drift)


def _drift(state: dict[str, Any]) -> None:
    state["policies"]["project"].clear()
    state["resources"][f"{PLACE}/queues/reports"]["rateLimits"]["maxConcurrentDispatches"] = 3


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("read", STOPPING, ids=[read["command"] for read in STOPPING])
def test_what_cannot_be_read_ends_the_run(deployment: Deployment, read: Read, mode: str) -> None:
    if read.get("of") == "old":
        deployment.edit(of_cloud_functions)
    change_all(deployment)
    deployment.fail(read["command"], DENIED, times=1000)
    before = deployment.state

    outcome = deployment.deploy(*([f"--only={read['step']}"] if "step" in read else []), *MODES[mode])

    assert outcome.status == 1, outcome.text
    commands = [command_in(call) for call in deployment.calls]
    failed = commands.index(read["command"])
    assert [command for command in commands[failed:] if not is_read(command.split())] == []
    assert mode == "deploy" or deployment.state["resources"] == before["resources"]
    assert "Done." not in outcome.output
    assert "Check: nothing was changed." not in outcome.output
    assert "Dry run: nothing was changed." not in outcome.output


@pytest.mark.parametrize(("mode", "status"), [("deploy", 1), ("check", 0)])
def test_only_who_looks_does_without_the_mail_providers_key(deployment: Deployment, mode: str, status: int) -> None:
    deployment.secrets.clear()
    deployment.fail("secrets versions access", DENIED, times=1000)
    outcome = deployment.deploy("--only=functions", *MODES[mode])
    assert (outcome.status, deployment.changes) == (status, []), outcome.text


@pytest.mark.parametrize("read", [read for read in READS if "unread" in read], ids=lambda read: read["command"])
def test_what_nothing_rests_on_may_stay_unread(deployment: Deployment, read: Read) -> None:
    deployment.fail(read["command"], DENIED, times=1000)
    outcome = deployment.deploy(f"--only={read['step']}", "--check")
    assert (outcome.status, deployment.changes) == (0, []), outcome.text


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("age", ["new", "old"])
def test_the_list_has_whatever_a_run_reads(deployment: Deployment, mode: str, age: str) -> None:
    if age == "old":
        deployment.edit(of_cloud_functions)
    outcome = deployment.deploy("--console", *MODES[mode])
    assert outcome.status in {0, 3}, outcome.text
    read = {command_in(call) for call in deployment.calls if is_read(call)}
    # gcloud itself, not the project.
    read.discard("version")
    assert read <= {read["command"] for read in READS}
    assert age == "old" or read == {read["command"] for read in READS if "of" not in read}


@pytest.mark.parametrize("read", READS, ids=[read["command"] for read in READS])
def test_a_read_asks_for_its_permission(read: Read) -> None:
    assert permissions_of(read["command"]) == tuple(read.get("permission", "").split())
