"""What is deployed is a commit: what is built has only files that git tracks, and its labels name the commit, so that
./reports version can say what runs."""

import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from deployment.run import Run
from functions.shared.project_files import DEPLOYED, DEPLOYED_OF_PROJECT


def wrong_checkout(run: Run) -> Iterator[str]:
    """A line for each of the pipeline's checkout and the project that is no clean commit. Sets the run's commits and
    version."""
    if not run.options.stages:
        return
    root, project = run.settings.root, run.settings.project
    run.version = _version(root)
    run.commit, wrong = _commit(run, root, DEPLOYED, "The checkout")
    yield from wrong
    if project != root:
        run.project_commit, wrong = _commit(run, project, DEPLOYED_OF_PROJECT, "The project")
        yield from wrong


def pipeline_of(root: Path) -> str:
    return f"version {_version(root)}, commit {_git(root, 'rev-parse', '--short=12', 'HEAD').stdout.strip() or 'none'}"


def _version(root: Path) -> str:
    found = re.search(r'^version = "(.*)"', (root / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else ""


def _commit(run: Run, root: Path, paths: Sequence[str], what: str) -> tuple[str, list[str]]:
    """The commit of a folder, with -dirty behind it where files differ from it, and what is wrong with that."""
    head = _git(root, "rev-parse", "HEAD")
    if head.returncode != 0:
        said = " ".join(head.stderr.split())
        line = f"What is deployed is what git tracks, and {root} has no commit: clone the repository with git."
        return "", [f"{line} Git says: {said}"]
    commit = head.stdout.strip()
    status = _git(root, "status", "--porcelain", "--untracked-files=all", "--", *paths)
    changes = [line[3:] for line in status.stdout.splitlines()]
    if not changes:
        return commit, []
    line = (
        f"{what} is no clean commit: {' '.join(changes[:5])}. Commit the changes, or deploy them with "
        "--dirty, which leaves out what git does not track (git add FILE has it tracked)."
    )
    return f"{commit}-dirty", [] if run.options.dirty else [line]


def _git(root: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  the operator's own git
