"""The skeleton of a kind of report."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from operations.catalogs import updated_catalogs
from operations.errors import OperatorError
from operations.new_kind import ROOT, write_kind


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what a kind needs, without any that is called as those that the tests make."""
    for folder in ("functions", "operations"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (
        "pyproject.toml",
        "tests/__init__.py",
        "tests/functions/__init__.py",
        "tests/functions/worker/__init__.py",
        "tests/functions/worker/unit/__init__.py",
    ):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    shutil.rmtree(tmp_path / "functions/worker/reports/team_notes", ignore_errors=True)
    return tmp_path


def run(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=tree, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_new_kind_passes_its_own_test_is_found_and_can_be_looked_at(tree: Path) -> None:
    made = run(tree, "-m", "operations", "new", "team_notes")
    assert (made.returncode, made.stderr) == (0, "")
    assert "functions/worker/reports/team_notes/templates/report.mjml" in made.stdout
    tested = run(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/functions/worker/unit/test_team_notes.py")
    assert tested.returncode == 0, tested.stdout
    assert "3 passed" in tested.stdout
    shown = run(tree, "-m", "operations", "preview", "--sample", "--kind", "team_notes", "--period", "2026-11-24")
    assert "Team notes: Tuesday 24 November" in shown.stdout


@pytest.mark.parametrize("kind", ["x", "team_notes", "k" * 60])
def test_a_new_kind_is_as_clean_as_the_others_however_long_its_name(tree: Path, kind: str) -> None:
    files = [str(file) for file in write_kind(kind, tree) if file.suffix == ".py"]
    for command in (["check"], ["format", "--check"]):
        checked = run(tree, "-m", "ruff", *command, "--no-cache", *files)
        assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("kind", ["", "Team", "9lives", "a-b", "../evil", "a/b", "class", "a" * 64, "é"])
def test_what_no_document_can_name_is_refused(tree: Path, kind: str) -> None:
    with pytest.raises(OperatorError, match="cannot be a kind"):
        write_kind(kind, tree)


@pytest.mark.parametrize("kind", ["activity", "usage", "report", "language", "layout", "locales"])
def test_nothing_is_written_over(tree: Path, kind: str) -> None:
    with pytest.raises(OperatorError, match="exists"):
        write_kind(kind, tree)


def test_a_new_kinds_texts_are_in_the_catalogs(tree: Path) -> None:
    write_kind("menu_of_the_day", tree)
    locales = tree / "functions" / "worker" / "reports" / "locales"
    for file in (locales / "messages.pot", *locales.glob("*.po")):
        assert 'msgid "Menu of the day: {period}"\nmsgstr ""\n' in file.read_text()
    assert updated_catalogs(locales.parent) == {}


def test_a_test_of_that_name_is_not_written_over_either(tree: Path) -> None:
    mine = tree / "tests" / "functions" / "worker" / "unit" / "test_mine.py"
    mine.write_text("mine")
    with pytest.raises(OperatorError, match=r"test_mine\.py exists"):
        write_kind("mine", tree)
    assert mine.read_text() == "mine"
    assert not (tree / "functions" / "worker" / "reports" / "mine").exists()
