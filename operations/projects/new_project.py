"""Makes a project beside a clone: a repository with a first commit, in which every command works at once."""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from functions.shared.project_files import DEPLOYED
from operations.errors import OperatorError
from operations.git import ask_git, git
from operations.kinds.catalogs import update_catalogs
from operations.kinds.kind_source import Source
from operations.kinds.new_kind import write_kind
from operations.projects.kinds_lock import update_kinds_lock
from operations.projects.pipeline_lock import PIPELINE_LOCK, Pin, without_password
from operations.releases.running_versions import project_version

FILES = Path(__file__).parent / "files"

_COPIED = {
    "reports": "reports",
    ".gitignore": "gitignore",
    "README.md": "README.md",
    "deploy.env.example": "deploy.env.example",
    "tests/README.md": "tests.md",
}
"""The project's files, and which of FILES each is made from."""

_WORKFLOW = Path("examples", "github-actions", "project.yaml")
_KINDS = '"""The kinds of report of this project, one a folder, named as subscriptions name it in `kind`."""\n'
_INDEXES = "firestore.indexes.json"
_BUILDS = re.compile(r"\bdef build\(|^build\b|\bimport\b.*\bbuild\b", re.MULTILINE)
"""What the package of a kind has: a function of this name."""


class Beginning(StrEnum):
    """What a project begins with."""

    PYTHON = "python"
    """A kind in Python, to be looked at and replaced."""
    SQL = "sql"
    """Likewise, a kind from SQL."""
    EXAMPLE = "example"
    """The first kind that comes with the pipeline, to be changed."""


@dataclass(frozen=True, kw_only=True)
class NewProject:
    """A project that was made.

    Attributes:
        files: all of them, from its folder.
        notes: what its makers should know, a sentence each.
    """

    files: list[str]
    pin: Pin
    notes: list[str]


def make_project(folder: Path, pipeline: Path, *, beginning: Beginning, moved_from: Path | None = None) -> NewProject:
    """Make a project.

    Args:
        folder: where; there must be nothing in it.
        pipeline: the clone that it is to run on.
        moved_from: a clone whose kinds and settings it takes over in place of that; None for none.

    Raises:
        OperatorError: it cannot be made. Nothing is left behind then.
    """
    folder = folder.resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OperatorError(f"{folder} is not empty: name a new folder, or an empty one.")
    if folder.is_relative_to(pipeline):
        raise OperatorError(f"{folder} is within the clone: name a folder beside it, such as ../{folder.name}.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as made_in:
            made = Path(made_in) / "project"
            pin, notes = pin_of(pipeline, folder)
            _write_files(made, pipeline, pin)
            if moved_from is None:
                default_kind = _begin(made, pipeline, beginning)
            else:
                notes += _move(moved_from.resolve(), made, pipeline)
                default_kind = _kinds_of(made)[0].name
            _fill_in(made, WHERE=pin.source or pin.path, DEFAULT_KIND=default_kind)
            update_catalogs(made, pipeline=pipeline)
            update_kinds_lock(made, pipeline)
            _commit(made, pin)
            files = git(made, "ls-files").splitlines()
            made.replace(folder)
    except OSError as error:
        raise OperatorError(f"The project cannot be made: {error}.") from error
    return NewProject(files=files, pin=pin, notes=notes)


def pin_of(pipeline: Path, project: Path) -> tuple[Pin, list[str]]:
    """What a project pins for a clone: its commit, where somebody else can fetch that; otherwise its path.

    Returns:
        the pin, and why it is a path.
    """
    by_path = Pin(path=os.path.relpath(pipeline, project))
    how = "so pipeline.lock names its path, by which the project does not deploy. ./reports upgrade pins a version."
    commit = ask_git(pipeline, "rev-parse", "HEAD")
    if not commit:
        return by_path, [f"This folder is no clone of git, {how}"]
    if ask_git(pipeline, "status", "--porcelain", "--", *DEPLOYED):
        return by_path, [f"This clone has changes that no commit has, {how}"]
    source = _source_with(pipeline, commit)
    if not source:
        return by_path, [f"No remote of this clone has its commit {commit[:7]}, {how}"]
    return Pin(source=source, version=project_version(pipeline), commit=commit), []


def _source_with(pipeline: Path, commit: str) -> str:
    """The address of a remote that has a commit; empty where none has."""
    seen = ask_git(pipeline, "for-each-ref", "--contains", commit, "--format=%(refname)", "refs/remotes").splitlines()
    remotes = ask_git(pipeline, "remote").splitlines()
    for remote in remotes:
        knows = any(name.startswith(f"refs/remotes/{remote}/") for name in seen)
        if knows or commit in ask_git(pipeline, "ls-remote", remote):
            address = ask_git(pipeline, "remote", "get-url", remote)
            is_folder = "://" not in address and not re.match(r"[^/]+:", address)
            return str((pipeline / address).resolve()) if is_folder else without_password(address)
    return ""


def _write_files(made: Path, pipeline: Path, pin: Pin) -> None:
    for name, source in _COPIED.items():
        file = made / name
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(FILES / source, file)
        file.chmod(0o755 if name == "reports" else 0o644)
    texts = {
        "kinds/__init__.py": _KINDS,
        PIPELINE_LOCK: pin.text,
        ".github/workflows/reports.yaml": (pipeline / _WORKFLOW).read_text(encoding="utf-8"),
    }
    for name, text in texts.items():
        file = made / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def _begin(made: Path, pipeline: Path, beginning: Beginning) -> str:
    """Make the first kind; returns its name."""
    if beginning is Beginning.EXAMPLE:
        example = _kinds_of(pipeline)[0]
        _copy_kind(example, made)
        return example.name
    kind, source = ("orders", Source.POSTGRESQL) if beginning is Beginning.SQL else ("notes", None)
    write_kind(kind, made, pipeline=pipeline, source=source)
    return kind


def _copy_kind(kind: Path, made: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", ".*")
    shutil.copytree(kind, made / "kinds" / kind.name, ignore=ignored, copy_function=shutil.copyfile)


def _move(clone: Path, made: Path, pipeline: Path) -> list[str]:
    """Take over the kinds and settings of a clone; returns what is left to do."""
    own = _kinds_of(clone)
    if not own:
        raise OperatorError(f"{clone} is no clone of Report Pipeline: it has no kinds of report.")
    notes = []
    is_old = own[0].parent != clone / "kinds"
    of_pipeline = [kind for kind in own if is_old and (pipeline / "kinds" / kind.name).is_dir()]
    for kind in own:
        _copy_kind(pipeline / "kinds" / kind.name if kind in of_pipeline else kind, made)
    if of_pipeline:
        names = ", ".join(kind.name for kind in of_pipeline)
        notes.append(f"These kinds are as this version has them: {names}. Bring over what you have changed in them.")
    if is_old and any((kind / "__init__.py").is_file() for kind in own if kind not in of_pipeline):
        notes.append(
            "Kinds of your own import from the functions: docs/guides/upgrading.md says what to write instead."
        )
    for name in ("scheduler.yaml", "queue.yaml", "brands.yaml"):
        if _differs(clone / name, pipeline / name):
            shutil.copyfile(clone / name, made / name)
    known = [pipeline / "deployment" / _INDEXES, *pipeline.glob(f"kinds/*/{_INDEXES}")]
    if indexes := own_indexes(_json(clone / "deployment" / _INDEXES), *map(_json, known)):
        (made / _INDEXES).write_text(json.dumps(indexes, indent=2) + "\n", encoding="utf-8")
    for part in (Path("report_kit"), Path("functions", "preferences")):
        for catalog in sorted((clone / part / "locales").glob("*.po")):
            if not (pipeline / part / "locales" / catalog.name).is_file():
                (made / "locales" / part.name).mkdir(parents=True, exist_ok=True)
                shutil.copyfile(catalog, made / "locales" / part.name / catalog.name)
    for file in sorted(clone.glob("*.env")):
        shutil.copyfile(file, made / file.name)
        file_in_git = ask_git(clone, "ls-files", file.name)
        if not file_in_git and file.name != "deploy.env":
            with (made / ".gitignore").open("a", encoding="utf-8") as ignored:
                ignored.write(f"{file.name}\n")
    return notes


def _kinds_of(clone: Path) -> list[Path]:
    """The folders of a clone's kinds; in version 0.1.0 there were others among them."""
    folder = clone / "kinds"
    if not folder.is_dir():
        folder = clone / "functions" / "worker" / "reports"
    return [
        each
        for each in sorted(folder.glob("*/"))
        if (each / "report.yaml").is_file()
        or ((each / "__init__.py").is_file() and _BUILDS.search((each / "__init__.py").read_text(encoding="utf-8")))
    ]


def own_indexes(clone: Any, *pipeline: Any) -> dict[str, Any]:
    """The indexes of a clone that none of the pipeline's files has; empty where there are none."""
    own = {
        part: [each for each in clone.get(part, []) if not any(each in file.get(part, []) for file in pipeline)]
        for part in ("indexes", "fieldOverrides")
    }
    return own if any(own.values()) else {}


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except ValueError as error:
        raise OperatorError(f"{file} is not JSON: {error}.") from error


def _differs(file: Path, other: Path) -> bool:
    return file.is_file() and (not other.is_file() or file.read_bytes() != other.read_bytes())


def _fill_in(made: Path, **values: str) -> None:
    for name in ("README.md", "deploy.env.example"):
        text = (made / name).read_text(encoding="utf-8")
        for key, value in values.items():
            text = text.replace(f"@{key}@", value)
        (made / name).write_text(text, encoding="utf-8")


def _commit(made: Path, pin: Pin) -> None:
    git(made, "init", "--quiet", "--initial-branch=main")
    git(made, "add", "--all")
    version = f"Report Pipeline {pin.version}" if pin.version else "Report Pipeline"
    git(made, *_identity(made), "commit", "--quiet", "--message", f"Begin with {version}")


def _identity(made: Path) -> Iterator[str]:
    """Who commits, where git does not know it."""
    if not ask_git(made, "config", "user.email"):
        yield from ("-c", "user.name=reports", "-c", "user.email=reports@localhost")
