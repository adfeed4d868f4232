"""What is deployed is a commit: what is built has only files that git tracks, and its labels name the commit, so that
./reports version can say what runs."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from deployment.run import Run

DEPLOYED_FROM = (
    *("functions", "report_kit", "kinds", "kinds.lock", "operations", "deployment"),
    *("deploy.sh", "queue.yaml", "scheduler.yaml"),
)
"""What a deployment is made of."""

OF_PROJECT = (
    *("kinds", "kinds.lock", "pipeline.lock", "queue.yaml", "scheduler.yaml", "firestore.indexes.json", "locales"),
)
"""Likewise, in a project."""


def wrong_checkout(run: Run) -> Iterator[str]:
    """A line if the checkout is no clean commit. Sets the run's commit and version."""
    if not run.options.stages:
        return
    root = run.settings.root
    head = _git(root, "rev-parse", "HEAD")
    if head.returncode != 0:
        said = " ".join(head.stderr.split())
        yield (
            "What is deployed is what git tracks, and here is no commit: clone the repository with git. "
            f"Git says: {said}"
        )
        return
    run.commit = head.stdout.strip()
    found = re.search(r'^version = "(.*)"', (root / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    run.version = found[1] if found else ""
    status = _git(root, "status", "--porcelain", "--untracked-files=all", "--", *DEPLOYED_FROM)
    changes = [line[3:] for line in status.stdout.splitlines()]
    if not changes:
        return
    run.commit += "-dirty"
    if not run.options.dirty:
        yield (
            f"The checkout is no clean commit: {' '.join(changes[:5])}. Commit the changes, or deploy them with "
            "--dirty, which leaves out what git does not track (git add FILE has it tracked)."
        )


def _git(root: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  the operator's own git
