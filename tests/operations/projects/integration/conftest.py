"""A repository that projects are made of, and the projects."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.git import git
from tests.support import REPOSITORY

_PARTS = (
    *("deployment", "emulators/src", "functions", "kinds", "local_pipeline", "operations", "report_kit"),
    "examples/github-actions",
    *(
        ".gitignore",
        "CHANGELOG.md",
        "docs/guides/upgrading.md",
        "deploy.sh",
        "pyproject.toml",
        "reports",
        "virtual_environment.py",
    ),
    *("queue.yaml", "scheduler.yaml", "requirements.lock", "requirements-run.lock", "requirements-run.in"),
)


@dataclass
class Origin:
    """The repository that a team's server has, and a clone in which the next version is made.

    Attributes:
        server: a bare repository.
        clone: a clone of it.
        compiled: what the commands of projects have compiled, libraries above all: it is the same for each test.
    """

    server: Path
    clone: Path
    compiled: Path

    def release(self, version: str) -> str:
        """Commit what the clone has as a version, and push it with its tag; returns the commit."""
        text = (self.clone / "pyproject.toml").read_text()
        before = next(line for line in text.splitlines() if line.startswith("version = "))
        (self.clone / "pyproject.toml").write_text(text.replace(before, f'version = "{version}"'))
        git(self.clone, "add", "--all")
        git(self.clone, "commit", "--quiet", "--message", f"Version {version}")
        git(self.clone, "tag", "--annotate", f"v{version}", "--message", version)
        git(self.clone, "push", "--quiet", "origin", "HEAD:main", f"v{version}")
        return git(self.clone, "rev-parse", "HEAD")

    def edit(self, name: str, old: str, new: str) -> None:
        """Change a text of the next version."""
        file = self.clone / name
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")


@dataclass
class Project:
    """A team's project.

    Attributes:
        folder: where it is.
        home: its cache is below it.
        variables: of its commands' environment.
    """

    folder: Path
    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "REPORTS_"))}
        return {
            **inherited,
            "XDG_CACHE_HOME": str(self.home),
            # The environment of these tests has all packages.
            "REPORTS_VENV": str(Path(sys.executable).parents[1]),
            "PYTHON": sys.executable,
            **self.variables,
        }

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        command = [str(self.folder / "reports"), *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, cwd=self.folder, env=self.environment, text=True, **pipes)  # type: ignore[call-overload,no-any-return]  # of two of them

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        running = self.start(*arguments)
        output, errors = running.communicate()
        return subprocess.CompletedProcess(arguments, running.returncode, output, errors)

    @property
    def cache(self) -> Path:
        return self.home / "report-pipeline"

    @property
    def changes(self) -> list[str]:
        """What git calls changed or new."""
        return [line.strip() for line in git(self.folder, "status", "--porcelain").splitlines()]


@pytest.fixture(scope="session")
def first_version(tmp_path_factory: pytest.TempPathFactory) -> Origin:
    folder = tmp_path_factory.mktemp("first_version")
    origin = Origin(
        server=folder / "server.git", clone=folder / "report-pipeline", compiled=tmp_path_factory.mktemp("compiled")
    )
    listed = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *_PARTS)
    for name in git(REPOSITORY, *listed).split("\0"):
        if name and (REPOSITORY / name).is_file():
            (origin.clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, origin.clone / name)
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main", "server.git")
    git(origin.clone, "init", "--quiet", "--initial-branch=main")
    git(origin.clone, "remote", "add", "origin", str(origin.server))
    origin.release("0.1.0")
    return origin


@pytest.fixture
def origin(first_version: Origin, tmp_path: Path) -> Origin:
    """One of this test's own, to release versions in."""
    server, clone = tmp_path / "server.git", tmp_path / "report-pipeline"
    git(tmp_path, "clone", "--quiet", "--bare", str(first_version.server), str(server))
    git(tmp_path, "clone", "--quiet", str(server), str(clone))
    return Origin(server=server, clone=clone, compiled=first_version.compiled)


def make_project(origin: Origin, folder: Path, *options: str) -> Project:
    """Have a clone make a project."""
    variables = {**os.environ, "PYTHONPATH": str(origin.clone)}
    command = [sys.executable, "-m", "operations", "init", str(folder), *options]
    made = subprocess.run(command, cwd=origin.clone, env=variables, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    (folder / ".venv").mkdir()
    (folder / ".venv" / "pycache").symlink_to(origin.compiled)
    return Project(folder=folder, home=folder.parent / "cache")


@pytest.fixture
def project(origin: Origin, tmp_path: Path) -> Project:
    return make_project(origin, tmp_path / "acme")
