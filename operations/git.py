"""The operator's own git."""

import os
import subprocess
from pathlib import Path

from operations.errors import OperatorError

_OURS = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"}
"""A hook of git sets these for the repository that it runs for."""


def git(folder: Path, *arguments: str) -> str:
    """What git prints, without the space at the end.

    Raises:
        OperatorError: git fails, and says why.
    """
    run = _run(folder, arguments)
    if run.returncode:
        raise OperatorError(f"git {arguments[0]} failed: {' '.join(run.stderr.split())}")
    return run.stdout.rstrip()


def ask_git(folder: Path, *arguments: str) -> str:
    """The same; empty where git fails."""
    run = _run(folder, arguments)
    return "" if run.returncode else run.stdout.rstrip()


def _run(folder: Path, arguments: tuple[str, ...]) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if name not in _OURS}
    command = ["git", "-C", str(folder), *arguments]
    try:
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603  see above
    except FileNotFoundError as error:
        raise OperatorError("git is not installed, and a project is a repository of git.") from error
