"""Which version of the code a project or a clone has, and which version each deployed function and the console run."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from functions.shared.project_files import DEPLOYED, DEPLOYED_OF_PROJECT, PIPELINE
from operations.git import ask_git

if TYPE_CHECKING:
    from operations.session import Session


@dataclass(frozen=True, kw_only=True)
class RunningVersion:
    """The version of one thing.

    Attributes:
        what: "this checkout", "this project", or the name of a function or the console.
        version: as in `pyproject.toml`; None where it is not known.
        commit: as git names it, with `-dirty` if changes came with it; None where it is not known.
        project: likewise, the project's own commit; None in a clone, which is its own project.
    """

    what: str
    version: str | None
    commit: str | None
    project: str | None = None


def project_version(root: Path) -> str:
    """The version that a checkout's `pyproject.toml` has."""
    version: str = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return version


def checkout_version(project: Path | None) -> RunningVersion:
    """The version of a checkout; without a commit outside of git.

    Args:
        project: the project that runs it; None where that is the checkout itself.
    """
    return RunningVersion(
        what="this project" if project else "this checkout",
        version=project_version(PIPELINE),
        commit=_commit(PIPELINE, DEPLOYED),
        project=_commit(project, DEPLOYED_OF_PROJECT) if project else None,
    )


def deployed_version(name: str, labels: Mapping[str, str]) -> RunningVersion:
    """The version that the labels of a function or service tell. A label has hyphens where a version has dots."""
    version = labels.get("version")
    return RunningVersion(
        what=name,
        version=version and version.replace("-", "."),
        commit=labels.get("commit"),
        project=labels.get("project"),
    )


def deployed_versions(session: "Session") -> list[RunningVersion]:
    """What runs of the functions and the console.

    Raises:
        NotConfigured: there is nothing to ask, or Google Cloud does not answer.
    """
    return [deployed_version(name, labels) for name, labels in session.deployed_labels().items()]


def _commit(root: Path, paths: tuple[str, ...]) -> str | None:
    commit = ask_git(root, "rev-parse", "HEAD")
    if commit and ask_git(root, "status", "--porcelain", "--untracked-files=all", "--", *paths):
        commit += "-dirty"
    return commit or None
