"""The example of a pipeline of GitHub Actions holds to deploy.sh, to what a check reads, and to docs/guides/ci.md."""

import re
from typing import Any

import pytest
import yaml

from deployment.options import USAGE
from tests.deployment.conftest import PROJECT, REPOSITORY, Deployment
from tests.deployment.stand_in.permissions import permissions_of, place_of
from tests.deployment.stand_in.the_project import BILLING_ACCOUNT
from tests.deployment.test_encryption import with_key

EXAMPLE = REPOSITORY / "examples" / "github-actions"
WORKFLOW: dict[Any, Any] = yaml.safe_load((EXAMPLE / "deploy.yaml").read_text(encoding="utf-8"))
JOBS: dict[str, Any] = WORKFLOW["jobs"]
STEPS: list[dict[str, Any]] = [step for job in JOBS.values() for step in job["steps"]]
SIGNING_IN = [name for name, job in JOBS.items() if "id-token" in job.get("permissions", {})]
CHECKER = f"serviceAccount:report-checker@{PROJECT}.iam.gserviceaccount.com"
OWN_ROLE = f"projects/{PROJECT}/roles/reportChecker"


def options_of_deploy() -> set[str]:
    """The options in the usage of deploy.sh."""
    return set(re.findall(r"^  (--[a-z-]+)", USAGE, flags=re.MULTILINE))


def test_each_option_is_one_of_deploy_sh() -> None:
    used = {f"--{choice}" for choice in WORKFLOW[True]["workflow_dispatch"]["inputs"]["release"]["options"]}
    for step in STEPS:
        if step.get("run", "").startswith("./deploy.sh"):
            used |= {word.partition("=")[0] for word in step["run"].split() if re.match(r"--[a-z]", word)}
    assert {"--env-file", "--dry-run", "--check", "--smoke", "--canary", "--promote", "--rollback"} == used
    assert used <= options_of_deploy()


@pytest.mark.parametrize("name", ["deploy.yaml", "project.yaml"])
def test_actions_are_pinned_by_commit(name: str) -> None:
    jobs = yaml.safe_load((EXAMPLE / name).read_text(encoding="utf-8"))["jobs"].values()
    actions = [step["uses"] for job in jobs for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action) for action in actions)


def test_a_rollback_by_hand_does_not_wait_for_a_canary() -> None:
    groups = {name: job["concurrency"]["group"] for name, job in JOBS.items() if "concurrency" in job}
    assert groups["canary"] == groups["promote"]
    assert groups["release"] not in {group for name, group in groups.items() if name != "release"}


@pytest.mark.parametrize("name", SIGNING_IN)
def test_a_job_that_signs_in_has_an_environment_and_no_key(name: str) -> None:
    job = JOBS[name]
    (signing_in,) = (
        step["with"] for step in job["steps"] if step.get("uses", "").startswith("google-github-actions/auth@")
    )
    assert set(signing_in) == {"workload_identity_provider", "service_account"}
    assert job["permissions"] == {"contents": "read", "id-token": "write"}
    # docs/guides/ci.md binds an account to each.
    assert f"| `{job['environment']}` |" in (REPOSITORY / "docs/guides/ci.md").read_text(encoding="utf-8")
    assert any(step.get("run", "").startswith("./deploy.sh") for step in job["steps"])


def test_only_the_jobs_that_call_deploy_sh_sign_in() -> None:
    assert SIGNING_IN == ["plan", "drift", "staging", "canary", "promote", "release"]
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert "secrets." not in (EXAMPLE / "deploy.yaml").read_text(encoding="utf-8")


def test_the_checkers_roles_are_what_each_call_of_a_check_needs_and_no_more(bare: Deployment) -> None:
    deployed = with_key(bare)
    deployed.settings |= {"CONSOLE_OPERATORS": "ada@example.com", "ALERT_EMAIL": "ops@example.com", "BUDGET": "100"}
    assert deployed.deploy("--console").status == 0
    deployed.secrets.clear()
    permissions = yaml.safe_load((EXAMPLE / "checker.yaml").read_text(encoding="utf-8"))["includedPermissions"]

    def act_as_the_checker(state: dict[str, Any]) -> None:
        state |= {"caller": CHECKER, "own_roles": {OWN_ROLE: " ".join(permissions)}}
        state["policies"]["project"].append([OWN_ROLE, CHECKER, "", ""])
        (role,) = re.findall(
            r"--role=(roles/billing\.\w+)", (REPOSITORY / "docs/guides/ci.md").read_text(encoding="utf-8")
        )
        state["policies"][BILLING_ACCOUNT] = [[role, CHECKER, "", ""]]

    deployed.edit(act_as_the_checker)
    deployed.settings["EXTRA_MEMBERS"] = CHECKER
    for option in ("--dry-run", "--check"):
        outcome = deployed.deploy(option, "--console")
        assert outcome.status == 0, outcome.text
    needed = {permission for call in deployed.calls for permission in permissions_of(call[0])}
    # The email provider's key, for what is checked at the provider: a check does without.
    needed.discard("secretmanager.versions.access")
    assert permissions == sorted(permission for permission in needed if place_of(permission) == "project")
