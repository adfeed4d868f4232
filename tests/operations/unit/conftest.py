"""A repository to make kinds of report in."""

import shutil
from pathlib import Path

import pytest

from functions.shared.project_files import PIPELINE as ROOT


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what a kind needs, without any that is called as those that the tests make."""
    for folder in ("functions", "report_kit", "kinds", "operations", "deployment"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "tests/__init__.py", "tests/selection.py"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    for kind in ("sales", "team_notes", "tea_sales"):
        shutil.rmtree(tmp_path / "kinds" / kind, ignore_errors=True)
    return tmp_path
