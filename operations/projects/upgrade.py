"""Takes a project to another version of the pipeline: a new pipeline.lock and a new kinds.lock."""

import importlib.machinery
import importlib.util
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from operations.errors import OperatorError
from operations.git import ask_git, git
from operations.projects.kinds_lock import KINDS_LOCK, kinds_lock_text
from operations.projects.pipeline_lock import PIPELINE_LOCK, Pin, read_pin, without_password
from operations.projects.upgrade_decision import (
    imports_of,
    kit_of,
    newest,
    tags_of,
    unserved,
    what_is_new,
)
from operations.releases.running_versions import project_version

_CHANGES = (Path("CHANGELOG.md"), Path("docs/guides/upgrading.md"))
_KIT = Path("report_kit/__init__.py")


@dataclass(frozen=True, kw_only=True)
class Upgrade:
    """What a project goes on with.

    Attributes:
        kinds_lock: the text of its kinds.lock; empty for none.
        changes: what the change log and the page about upgrading say of the versions between, as they are written.
    """

    pin: Pin
    kinds_lock: str
    changes: str


def plan_upgrade(project: Path, pipeline: Path, wanted: str | None, *, accepts_api: bool) -> Upgrade:
    """Find a version, fetch it into the cache, and look whether the project goes with it. Writes nothing else.

    Args:
        pipeline: the version that it runs now.
        wanted: a version, a tag, a branch or a commit; None for the newest release.
        accepts_api: whether the kinds are written for the other version already.

    Raises:
        OperatorError: there is no such version, it does not serve the kinds, or their packages do not go with it.
    """
    now = read_pin(project)
    source = now.source or _source_of(pipeline)
    name, commit = _find(source, wanted, project_version(pipeline))
    fetch = _fetcher(project)
    folder = fetch({"source": source, "version": name, "commit": commit})
    version = project_version(folder)
    if not accepts_api:
        _refuse_unserved(project, pipeline, folder)
    texts = [
        what_is_new((folder / file).read_text(encoding="utf-8"), old=project_version(pipeline), new=version)
        for file in _CHANGES
        if (folder / file).is_file()
    ]
    return Upgrade(
        pin=Pin(source=source, version=version, commit=commit),
        kinds_lock=kinds_lock_text(project, folder),
        changes="\n\n".join(filter(None, texts)),
    )


def write_upgrade(project: Path, upgrade: Upgrade) -> list[str]:
    """Write the two files.

    Returns:
        the names of those that changed.
    """
    texts = {PIPELINE_LOCK: upgrade.pin.text, KINDS_LOCK: upgrade.kinds_lock}
    before = {name: _text(project / name) for name in texts}
    for name, text in texts.items():
        if text:
            (project / name).write_text(text, encoding="utf-8")
        else:
            (project / name).unlink(missing_ok=True)
    return [name for name, text in texts.items() if text != before[name]]


def try_version(project: Path, *arguments: str) -> int:
    """Run the project's command with the version that its pipeline.lock names now.

    Returns:
        its exit status.
    """
    return subprocess.run([project / "reports", *arguments], check=False).returncode  # noqa: S603  the project's own


def _source_of(pipeline: Path) -> str:
    """Where the clone that a path names is from."""
    for remote in ask_git(pipeline, "remote").splitlines():
        return without_password(ask_git(pipeline, "remote", "get-url", remote))
    raise OperatorError(
        f"pipeline.lock names the path {pipeline}, which has no remote to fetch a version from: "
        "write source, version and commit into it."
    )


def _find(source: str, wanted: str | None, current: str) -> tuple[str, str]:
    """The name and the commit of a version."""
    if wanted and re.fullmatch(r"[0-9a-f]{40}", wanted):
        return wanted[:7], wanted
    listed = git(Path.cwd(), "ls-remote", source)
    tags = tags_of(listed)
    version = (wanted or newest(tags) or "").removeprefix("v")
    if version in tags:
        if wanted is None and newest([version, current]) != version:
            raise OperatorError(
                f"This project runs {current}; the newest release is {version}. Name it to go back to it."
            )
        return version, tags[version]
    for line in listed.splitlines():
        commit, _, name = line.partition("\t")
        if wanted and name == f"refs/heads/{wanted}":
            return wanted, commit
    known = ", ".join(sorted(tags)) or "none"
    raise OperatorError(
        f"{source} has no version {wanted} (its releases: {known})."
        if wanted
        else f"{source} has no release; name a branch or a commit, in place of {current}."
    )


def _fetcher(project: Path) -> Callable[[dict[str, str]], Path]:
    """The project's own script is what fetches."""
    loader = importlib.machinery.SourceFileLoader("reports_script", str(project / "reports"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None  # noqa: S101  a loader has one
    script: Any = importlib.util.module_from_spec(spec)
    loader.exec_module(script)
    fetcher: Callable[[dict[str, str]], Path] = script.cached
    return fetcher


def _refuse_unserved(project: Path, pipeline: Path, folder: Path) -> None:
    imports: dict[str, set[str]] = {}
    for kind in sorted(each for each in (project / "kinds").iterdir() if each.is_dir()):
        names = imports.setdefault(kind.name, set())
        for file in kind.rglob("*.py"):
            if not file.name.startswith("test_"):
                try:
                    names |= imports_of(file.read_text(encoding="utf-8"))
                except (SyntaxError, ValueError) as error:
                    raise OperatorError(f"{file.relative_to(project)}: {error}. Nothing was changed.") from error
    old, new = (kit_of(_text(each / _KIT)) for each in (pipeline, folder))
    if refused := unserved(imports, old, new):
        kinds = "; ".join(f"{kind}: {why}" for kind, why in refused.items())
        raise OperatorError(
            f"{project_version(folder)} does not serve these kinds: {kinds}. Nothing was changed. Change them on a "
            "branch, where reports upgrade --accept-api takes the version all the same."
        )


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.is_file() else ""
