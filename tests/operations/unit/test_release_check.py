"""What has to be right before a version is tagged."""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from operations.releases.release_check import (
    ROOT,
    UPGRADE_NOTES,
    ReleaseFacts,
    read_release_facts,
    release_notes,
    release_problems,
)
from operations.releases.running_versions import project_version
from tests.git import commit_all, git

_LOG = """\
# Changelog

## [Unreleased]

## [1.2.0] - 2026-11-26

### Reports

- A report in Latin.

## [1.1.0] - 2026-10-01

- The first.
"""

READY = ReleaseFacts(
    version="1.2.0",
    changelog=_LOG,
    upgrade_notes="# Upgrading\n\n## From 1.1.0 to 1.2.0\n",
    branch="main",
    commit="c" * 40,
    changes=(),
    tags={"v1.1.0": "b" * 40},
    today=dt.date(2026, 11, 26),
)


def test_a_checkout_with_everything_is_ready() -> None:
    assert release_problems(READY) == []


def test_the_commit_of_the_tag_is_ready_as_well() -> None:
    assert release_problems(replace(READY, branch="", tags={"v1.2.0": READY.commit})) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"version": "1.2"}, "pyproject.toml: the version '1.2' is not of the form 1.2.3."),
        ({"changes": ("M README.md",)}, "The checkout has changes: commit or remove them (M README.md)."),
        ({"branch": "topic"}, "The branch is topic: release from main."),
        (
            {"tags": {"v1.2.0": "b" * 40}},
            "v1.2.0 is the tag of commit bbbbbbb: raise the version in pyproject.toml.",
        ),
        (
            {"changelog": _LOG.replace("[Unreleased]\n", "[Unreleased]\n\n- Not in a version.\n")},
            "CHANGELOG.md: move what stands under [Unreleased] to [1.2.0].",
        ),
        (
            {"changelog": _LOG.replace("[1.2.0]", "[1.2.1]")},
            "CHANGELOG.md: its newest version is 1.2.1, and pyproject.toml says 1.2.0.",
        ),
        ({"changelog": ""}, "CHANGELOG.md: its newest version is missing, and pyproject.toml says 1.2.0."),
        (
            {"changelog": _LOG.replace("11-26", "11-27")},
            "CHANGELOG.md: [1.2.0] has the date 2026-11-27, and today is 2026-11-26.",
        ),
        (
            {"changelog": _LOG.replace(" - 2026-11-26", "")},
            "CHANGELOG.md: give [1.2.0] its date: ## [1.2.0] - 2026-11-26",
        ),
        (
            {"changelog": _LOG.replace("### Reports\n\n- A report in Latin.\n", "")},
            "CHANGELOG.md: [1.2.0] says nothing.",
        ),
        (
            {"upgrade_notes": "# Upgrading\n\n## To 1.2.0.1\n"},
            "docs/guides/upgrading.md: say what an upgrade to 1.2.0 needs, in a section with that heading.",
        ),
    ],
)
def test_what_is_missing_is_said(change: dict[str, Any], problem: str) -> None:
    assert problem in release_problems(replace(READY, **change))


def test_all_problems_are_said_at_once() -> None:
    assert len(release_problems(replace(READY, branch="topic", changes=("?? x",), changelog=""))) == 3


def test_the_notes_are_the_section_of_the_version() -> None:
    assert release_notes(_LOG, "1.2.0") == "### Reports\n\n- A report in Latin."


def test_this_version_is_in_the_change_log_and_in_the_upgrade_notes() -> None:
    version = project_version(ROOT)
    assert release_notes((ROOT / "CHANGELOG.md").read_text(), version)
    assert (
        release_problems(
            replace(
                READY,
                version=version,
                changelog=f"## [{version}] - 2026-11-26\n\n- .\n",
                upgrade_notes=(ROOT / UPGRADE_NOTES).read_text(),
            )
        )
        == []
    )


@pytest.mark.starts_process
def test_a_checkout_is_read_with_its_tags_and_changes(tmp_path: Path) -> None:
    (tmp_path / UPGRADE_NOTES).parent.mkdir(parents=True)
    (tmp_path / UPGRADE_NOTES).write_text(READY.upgrade_notes)
    (tmp_path / "CHANGELOG.md").write_text(_LOG)
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.0"\n')
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    commit_all(tmp_path)
    git(tmp_path, "tag", "v1.0.0")
    git(tmp_path, "tag", "--annotate", "--message=Second", "v1.1.0")
    commit = git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "new").touch()

    facts = read_release_facts(tmp_path, today=READY.today)
    assert facts == replace(READY, commit=commit, changes=("?? new",), tags={"v1.0.0": commit, "v1.1.0": commit})
