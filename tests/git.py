"""git, for the tests that need a checkout of their own."""

import os
import subprocess
from pathlib import Path

_COMMITTED = "2026-11-24T12:00:00Z"


def git(checkout: Path, *arguments: str) -> str:
    """What a command of git says in a checkout."""
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    command = ["git", "-C", str(checkout), *identity, *arguments]
    # The same files are the same commit, whichever process of the tests commits them.
    environment = {**os.environ, "GIT_AUTHOR_DATE": _COMMITTED, "GIT_COMMITTER_DATE": _COMMITTED}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def commit_all(checkout: Path) -> None:
    """Commit what the folders of a checkout have."""
    git(checkout, "add", "--all")
    git(checkout, "commit", "--quiet", "--allow-empty", "--message=All")
