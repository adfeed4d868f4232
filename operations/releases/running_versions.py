"""Which version of the code a checkout has, and which version each deployed function and the console run."""

import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
"""The checkout that this code is in."""

PATHS = ("functions", "report_kit", "kinds", "operations", "deployment", "deploy.sh", "queue.yaml", "scheduler.yaml")
"""What a deployment is made of: changes elsewhere do not make the checkout dirty, as in deployment/checkout.py."""


@dataclass(frozen=True, kw_only=True)
class RunningVersion:
    """The version of one thing.

    Attributes:
        what: "this checkout", or the name of a function or the console.
        version: as in `pyproject.toml`; None where it is not known.
        commit: as git names it, with `-dirty` if changes came with it; None where it is not known.
    """

    what: str
    version: str | None
    commit: str | None


def project_version(root: Path) -> str:
    """The version that a checkout's `pyproject.toml` has."""
    version: str = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return version


def checkout_version(root: Path = CHECKOUT) -> RunningVersion:
    """The version of a checkout; without a commit outside of git."""
    version = project_version(root)
    commit = _git(root, "rev-parse", "HEAD")
    if commit and _git(root, "status", "--porcelain", "--untracked-files=all", "--", *PATHS):
        commit += "-dirty"
    return RunningVersion(what="this checkout", version=version, commit=commit or None)


def deployed_version(name: str, labels: Mapping[str, str]) -> RunningVersion:
    """The version that the labels of a function or service tell. A label has hyphens where a version has dots."""
    version = labels.get("version")
    return RunningVersion(what=name, version=version and version.replace("-", "."), commit=labels.get("commit"))


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  the operator's own git
    except (OSError, subprocess.CalledProcessError):
        return ""
    return run.stdout.strip()
