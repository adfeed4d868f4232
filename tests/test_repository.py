"""What strangers look for first says what the project does."""

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent


def read_yaml(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


def test_the_workflow_runs_the_gates_on_the_oldest_python_and_on_the_deployed_one() -> None:
    gates = read_yaml(".github/workflows/ci.yaml")["jobs"]["gates"]
    assert "bash .ci/run" in [step.get("run") for step in gates["steps"]]
    required = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    runtime = re.search(r"^RUNTIME=python(\d)(\d+)$", (ROOT / "deployment/settings.sh").read_text(), re.MULTILINE)
    assert runtime is not None
    # Without the history the test of two versions at once would be skipped every time.
    (checkout,) = (step for step in gates["steps"] if step.get("uses", "").startswith("actions/checkout@"))
    assert checkout["with"]["fetch-depth"] == 0
    assert gates["strategy"]["matrix"]["python"] == [required.removeprefix(">="), f"{runtime[1]}.{runtime[2]}"]


def test_every_commit_can_pass_what_ci_demands_of_it() -> None:
    (local,) = read_yaml(".pre-commit-config.yaml")["repos"]
    assert [hook["entry"] for hook in local["hooks"]] == ["make lint"]
    assert "make lint" in (ROOT / ".ci/run").read_text()


def test_dependabot_looks_at_every_folder_with_requirements() -> None:
    (pip, _actions) = read_yaml(".github/dependabot.yaml")["updates"]
    folders = {
        path.parent for pattern in pip["directories"] for path in ROOT.glob(f"{pattern[1:] or '.'}/requirements*")
    }
    assert folders == {
        path.parent
        for name in ("requirements.txt", "requirements-dev.in")
        for path in ROOT.glob(f"**/{name}")
        if not {".venv", ".local_cloud"} & set(path.parts)
    }


def test_a_bug_report_has_what_is_needed_to_see_the_bug() -> None:
    body = read_yaml(".github/ISSUE_TEMPLATE/bug.yml")["body"]
    required = {item["id"] for item in body if item.get("validations", {}).get("required")}
    assert {"happened", "reproduce", "version"} <= required


def test_the_license_is_the_one_that_the_project_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["license"] == "Apache-2.0"
    assert (ROOT / "LICENSE").read_text().lstrip().startswith("Apache License\n")
