"""What strangers look for first says what the project does."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployment.settings import RUNTIME

ROOT = Path(__file__).parent.parent


def read_yaml(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


def test_the_workflow_runs_the_gates_on_the_oldest_python_and_on_the_deployed_one() -> None:
    gates = read_yaml(".github/workflows/ci.yaml")["jobs"]["gates"]
    assert "bash .ci/run" in [step.get("run") for step in gates["steps"]]
    required = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    runtime = re.fullmatch(r"python(\d)(\d+)", RUNTIME)
    assert runtime is not None
    # Without the history the test of two versions at once would be skipped every time.
    (checkout,) = (step for step in gates["steps"] if step.get("uses", "").startswith("actions/checkout@"))
    assert checkout["with"]["fetch-depth"] == 0
    assert gates["strategy"]["matrix"]["python"] == [required.removeprefix(">="), f"{runtime[1]}.{runtime[2]}"]


def test_a_tag_is_checked_as_a_release_is_and_published_with_its_files() -> None:
    workflow = read_yaml(".github/workflows/release.yaml")
    jobs = workflow["jobs"]
    assert "make release" in [step.get("run") for step in jobs["release"]["steps"]]
    assert jobs["publish"]["needs"] == "release"
    # What may write to the repository runs nothing of the repository, and of no package.
    assert workflow["permissions"] == {"contents": "read"}
    assert [name for name, job in jobs.items() if "permissions" in job] == ["publish"]
    (command,) = (step["run"] for step in jobs["publish"]["steps"] if "run" in step)
    assert command.startswith("gh release create ")
    recipe = re.search(r"^release:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe is not None
    for part in ("release_check\n", " lock\n", " audit\n", ".ci/run\n", " sbom\n", "notes >dist/notes.md\n"):
        assert part in recipe[1]


def test_every_action_is_pinned_by_commit() -> None:
    files = sorted((ROOT / ".github/workflows").glob("*.yaml"))
    used = [
        step["uses"]
        for file in files
        for job in read_yaml(f".github/workflows/{file.name}")["jobs"].values()
        for step in job["steps"]
        if "uses" in step
    ]
    assert used
    assert [action for action in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action)] == []


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
        for name in ("requirements.txt", "requirements-run.in", "requirements-dev.in")
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


def pins(lock: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9.-]+==[^ ;]+)", (ROOT / lock).read_text(), re.MULTILINE))


@pytest.mark.parametrize("lock", ["requirements-deployment.lock", "requirements-run.lock"])
def test_what_runs_is_what_is_tested(lock: str) -> None:
    assert pins(lock) < pins("requirements.lock")


@pytest.mark.parametrize(
    ("lock", "folders"),
    [
        ("requirements-deployment.lock", ("deployment",)),
        (
            "requirements-run.lock",
            ("functions", "report_kit", "kinds", "emulators/src", "local_pipeline", "operations"),
        ),
    ],
)
def test_running_needs_no_package_of_the_tests(lock: str, folders: tuple[str, ...]) -> None:
    distributions = packages_distributions()
    installed = {pin.partition("==")[0] for pin in pins(lock)}
    missing = {
        f"{path.relative_to(ROOT)}: {module}"
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        for module in imported(path)
        if module in distributions
        and not path.name.startswith("test_")
        and not installed & {re.sub("[-_.]+", "-", name).lower() for name in distributions[module]}
    }
    assert missing == set()


def imported(path: Path) -> set[str]:
    """The first parts of the names of the modules that a file imports, but for Python's own."""
    names = set[str]()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names
