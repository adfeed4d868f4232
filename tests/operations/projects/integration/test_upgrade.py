"""From one version of the pipeline to another, and back."""

import re

import pytest

from tests.git import git
from tests.operations.projects.integration.conftest import Origin, Project

pytestmark = pytest.mark.thorough


@pytest.fixture(autouse=True)
def tests_of_kinds(origin: Origin, project: Project) -> None:
    """What `reports test` ends with, the new version says here. The project is made before that."""
    (origin.clone / "operations" / "commands" / "test.py").write_text(
        '"""Tests."""\n\n\ndef test() -> None:\n    """Test."""\n    print("tested")\n'
    )
    group = origin.clone / "operations" / "commands" / "reports_group.py"
    if '"test":' not in group.read_text():
        origin.edit(
            "operations/commands/reports_group.py", '    "version": "The', '    "test": "Test.",\n    "version": "The'
        )


def next_version(origin: Origin) -> str:
    """A version with a module of another name, other texts, and other versions of all packages."""
    git(origin.clone, "mv", "report_kit/calendar_days.py", "report_kit/days.py")
    origin.edit("report_kit/__init__.py", "report_kit.calendar_days", "report_kit.days")
    for name in git(origin.clone, "grep", "-l", "report_kit.calendar_days").splitlines():
        origin.edit(name, "report_kit.calendar_days", "report_kit.days")
    lock = origin.clone / "requirements-run.lock"
    moved = re.sub(r"^([\w.-]+==\S+)", r"\1.post1", lock.read_text(), flags=re.MULTILINE)
    assert moved.count(".post1") > 50
    lock.write_text(moved)
    origin.edit("operations/commands/new.py", "Look at it:", "See it:")
    origin.edit("CHANGELOG.md", "## [Unreleased]", "## [Unreleased]\n\n## [0.10.0] - 2026-12-01\n\n- Blue is green.\n")
    needs = "### What each version needs\n"
    origin.edit("docs/guides/upgrading.md", needs, f"{needs}\n#### 0.10.0\n\n- Paint it.\n")
    return origin.release("0.10.0")


@pytest.mark.everyday
def test_an_upgrade_changes_one_file_more_with_packages_and_goes_back_by_git(project: Project, origin: Origin) -> None:
    commit = next_version(origin)
    upgraded = project.run("upgrade")
    assert upgraded.returncode == 0, upgraded.stdout + upgraded.stderr
    assert "- Blue is green." in upgraded.stdout.splitlines()
    assert "- Paint it." in upgraded.stdout.splitlines()
    assert "tested" in upgraded.stdout
    # The kinds need no package, and so there is no kinds.lock.
    assert project.changes == ["M pipeline.lock"]
    assert project.run("--version").stdout.startswith(f"reports 0.10.0 {commit} ")
    assert "See it:" in project.run("new", "other").stdout
    assert "runs 0.10.0" in project.run("upgrade", "v0.10.0").stdout
    git(project.folder, "checkout", "pipeline.lock")
    assert project.run("--version").stdout.startswith("reports 0.1.0 ")


def test_packages_of_kinds_follow_the_pipelines_and_two_files_change(project: Project, origin: Origin) -> None:
    assert project.run("new", "sales", "--sql", "--source", "sqlite").returncode == 0
    git(project.folder, "add", "--all")
    git(project.folder, "commit", "--quiet", "--message", "Sales")
    before = (project.folder / "kinds.lock").read_text()
    pin, moved = "sqlalchemy==2.1.9", "sqlalchemy==2.0.40"
    assert pin in before
    # As if the new version had another one: uv asks the index for it.
    origin.edit("requirements-run.lock", pin, moved)
    origin.release("0.2.0")
    upgraded = project.run("upgrade", "0.2.0")
    assert upgraded.returncode == 0, upgraded.stdout + upgraded.stderr
    assert project.changes == ["M kinds.lock", "M pipeline.lock"]
    assert moved in (project.folder / "kinds.lock").read_text()


@pytest.mark.everyday
def test_a_version_that_serves_the_kinds_no_more_is_refused_with_their_names(project: Project, origin: Origin) -> None:
    origin.edit("report_kit/__init__.py", "API = 1", "API = 2")
    origin.release("1.0.0")
    refused = project.run("upgrade")
    assert refused.returncode == 1
    assert "1.0.0 does not serve these kinds: notes: it is written for report_kit.API 1" in refused.stderr
    assert project.changes == []
    assert project.run("upgrade", "--accept-api").returncode == 0
    assert project.changes == ["M pipeline.lock"]


def test_a_version_that_there_is_none_of(project: Project) -> None:
    refused = project.run("upgrade", "7.0.0")
    assert refused.returncode == 1
    assert "has no version 7.0.0 (its releases: 0.1.0)" in refused.stderr


def test_nothing_goes_back_unasked(project: Project, origin: Origin) -> None:
    origin.edit("pyproject.toml", 'version = "0.1.0"', 'version = "0.2.0"')
    git(origin.clone, "commit", "--quiet", "--all", "--message", "Not released")
    git(origin.clone, "push", "--quiet", "origin", "HEAD:main")
    assert project.run("upgrade", "main").returncode == 0
    refused = project.run("upgrade")
    assert (refused.returncode, "runs 0.2.0; the newest release is 0.1.0" in refused.stderr) == (1, True)


def test_tests_that_fail_end_it_and_it_says_how_to_go_back(project: Project, origin: Origin) -> None:
    origin.edit("operations/commands/test.py", 'print("tested")', "raise SystemExit(1)")
    origin.release("0.2.0")
    failed = project.run("upgrade")
    assert failed.returncode == 1
    assert "Back: git checkout pipeline.lock" in failed.stdout
