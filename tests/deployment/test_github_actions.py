"""The example of a pipeline of GitHub Actions holds to deploy.sh, to what a check reads, and to docs/guides/ci.md."""

import re
from typing import Any

import pytest
import yaml

from tests.deployment.conftest import REPOSITORY, Deployment
from tests.deployment.stand_in.arguments import command_of
from tests.deployment.stand_in.permissions import permissions_of

EXAMPLE = REPOSITORY / "examples" / "github-actions"
WORKFLOW: dict[Any, Any] = yaml.safe_load((EXAMPLE / "deploy.yaml").read_text(encoding="utf-8"))
JOBS: dict[str, Any] = WORKFLOW["jobs"]
STEPS: list[dict[str, Any]] = [step for job in JOBS.values() for step in job["steps"]]
SIGNING_IN = [name for name, job in JOBS.items() if "id-token" in job.get("permissions", {})]
OVER_REST = {"monitoring.services.get", "monitoring.slos.get"}
"""What a check reads over REST, for which gcloud has no commands."""


def options_of_deploy() -> set[str]:
    """The options in the usage of deploy.sh."""
    usage = (REPOSITORY / "deploy.sh").read_text(encoding="utf-8").partition("<<'TEXT'\n")[2].partition("\nTEXT\n")[0]
    return set(re.findall(r"^  (--[a-z-]+)", usage, flags=re.MULTILINE))


def test_each_option_is_one_of_deploy_sh() -> None:
    used = {f"--{choice}" for choice in WORKFLOW[True]["workflow_dispatch"]["inputs"]["release"]["options"]}
    for step in STEPS:
        if step.get("run", "").startswith("./deploy.sh"):
            used |= {word.partition("=")[0] for word in step["run"].split() if re.match(r"--[a-z]", word)}
    assert {"--env-file", "--dry-run", "--check", "--smoke", "--canary", "--promote", "--rollback"} == used
    assert used <= options_of_deploy()


def test_actions_are_pinned_by_commit_and_packages_to_the_locked_version() -> None:
    actions = [step["uses"] for step in STEPS if "uses" in step]
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action) for action in actions)
    (package,) = {word for step in STEPS for word in step.get("run", "").split() if "==" in word}
    assert re.search(rf"^{re.escape(package)} ", (REPOSITORY / "requirements.lock").read_text(), flags=re.MULTILINE)


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


def test_the_checkers_role_has_what_a_check_reads(deployed: Deployment) -> None:
    deployed.settings["CONSOLE_OPERATORS"] = "ada@example.com"
    assert deployed.deploy("--console").status == 0
    deployed.secrets.clear()
    outcome = deployed.deploy("--check", "--console")
    assert outcome.status == 0, outcome.text
    commands = {command_of(call) for call in deployed.calls if "REST" not in call}
    needed = {permission for command in commands for permission in permissions_of(command)} | OVER_REST
    # The mail provider's key, for what is checked at the provider: a check does without.
    needed.remove("secretmanager.versions.access")
    role = yaml.safe_load((EXAMPLE / "checker.yaml").read_text(encoding="utf-8"))
    assert role["includedPermissions"] == sorted(needed)
