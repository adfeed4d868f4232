"""What is deployed of a function and of the console: files that git tracks, and few that are made here. The kinds of
report and what they need are the project's, all else is the pipeline's; of a clone, both are the same.

What somebody has left in a folder, such as a key, is not deployed.
"""

import gzip
import hashlib
import io
import os
import re
import subprocess
import tarfile
from pathlib import Path

from deployment.package_lock import locked, packages_of
from deployment.stopped import Stopped

Files = dict[str, bytes]
"""By their names, with slashes between the parts."""

IMAGE_TIME = 315532801
"""The time that buildpacks give to every file of an image, in Unix seconds.
https://github.com/buildpacks/lifecycle/issues/1358"""

MAIN = """\
import gc
import os

# Pydantic would look for plugins in the metadata of every package: https://github.com/pydantic/pydantic/pull/8767
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

# What is imported stays. To look for garbage in it takes a fifth of the start, and copies the pages that the server's
# processes share: https://docs.python.org/3/library/gc.html#gc.freeze
gc.disable()
from {module} import {function}  # the entry point

gc.freeze()
gc.enable()
"""
_LEFT_OUT = re.compile(r"(.*/)?(\.[^/]*|requirements\.txt|test_[^/]*\.py)(/.*)?")
_SHARED = ("functions/__init__.py", "functions/shared")
_OF_API = (
    *(f"operations/{name}.py" for name in ("__init__", "errors", "failures", "operator_actions", "private_file")),
    *(f"operations/{name}" for name in ("deliveries", "reading", "subscriptions")),
)
"""What commands and the console do, too."""
_KNOWN_KINDS = ("kinds/__init__.py", "kinds/kinds.json")
_KINDS_LOCK = "kinds.lock"
_LOCALES = "locales"
"""The catalogs of the languages that only the project has."""


def function_source(root: Path, function: str, project: Path | None = None) -> Files:
    """A function, by its folder in functions/ of a checkout: its own code, the shared code and its locked requirements,
    nothing else."""
    project = project or root
    files = _tracked(root, *_SHARED, f"functions/{function}")
    lock = packages_of(root, f"functions/{function}")
    if function == "worker":
        files |= _tracked(root, "report_kit") | _tracked(project, "kinds", _LOCALES)
        lock = _with_kinds(lock, project)
    elif function == "api":
        files |= _tracked(root, *_OF_API, "report_kit/locales") | _tracked(project, *_KNOWN_KINDS, _LOCALES)
    elif function == "preferences":
        files |= _tracked(project, *_KNOWN_KINDS, _LOCALES)
    return {
        **files,
        "requirements.txt": lock.encode(),
        "main.py": MAIN.format(module=f"functions.{function}.main", function=function).encode(),
    }


def console_source(root: Path, runtime: str, project: Path | None = None) -> Files:
    """The console: its code, the worker's for the previews, and what says how to run it on a runtime such as python314.
    https://docs.cloud.google.com/docs/buildpacks/python"""
    project = project or root
    lock = packages_of(root, "operations/console", "functions/worker")
    # The schedule is for the overview, which says when the next run is.
    schedule = "scheduler.yaml"
    return {
        **_tracked(root, *_SHARED, "functions/worker", "report_kit", "operations", schedule),
        **_tracked(project, "kinds", _LOCALES, schedule),
        "requirements.txt": _with_kinds(lock, project).encode(),
        "Procfile": b"web: python -m operations.console.deployed\n",
        ".python-version": re.sub(r"python(\d)(\d+)", r"\1.\2", runtime).encode() + b"\n",
    }


def hash_of(files: Files) -> str:
    """A hash of the names and contents, the same for the same content wherever and whenever it is made."""
    digest = hashlib.sha256()
    for name in _in_order(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode())
        digest.update(files[name])
    return digest.hexdigest()


def packed(files: Files) -> bytes:
    """The files as a gzipped tar archive, the same for the same files."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name in _in_order(files):
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(files[name]), IMAGE_TIME
            tar.addfile(member, io.BytesIO(files[name]))
    return gzip.compress(archive.getvalue(), compresslevel=6, mtime=0)


def _in_order(files: Files) -> list[str]:
    return sorted(files, key=lambda name: name.split("/"))


def _with_kinds(lock: str, project: Path) -> str:
    """A lock with what the kinds of report need beside it, each package once: pip refuses a second pin."""
    file = project / _KINDS_LOCK
    if not file.is_file():
        return lock
    known = locked(lock)
    of_kinds = locked(file.read_text(encoding="utf-8"))
    return lock + "".join(pins for name, pins in of_kinds.items() if name not in known)


def _tracked(root: Path, *paths: str) -> Files:
    everything = frozenset(_listed(root))
    files: Files = {}
    for line in _listed(root, "--eol", "--", *paths):
        ends, _, name = line.partition("\t")
        if not _LEFT_OUT.fullmatch(name) and (content := _content(root, name, everything)) is not None:
            # A checkout with core.autocrlf has other ends of lines than the commit, and would never have its hash.
            files[name] = content.replace(b"\r\n", b"\n") if ends.startswith("i/lf ") else content
    return files


def _listed(root: Path, *options: str) -> list[str]:
    command = ["git", "-C", str(root), "ls-files", "-z", *options]
    listed = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout  # noqa: S603  the operator's own git
    return listed.decode().split("\0")[:-1]


def _content(root: Path, name: str, tracked: frozenset[str]) -> bytes | None:
    """The content of a file that git tracks; None if it was deleted since the last commit."""
    if (root / name).is_dir():
        raise Stopped(f"{name} is a link to a folder, or a repository of its own: put its files in its place.")
    target = name
    while target in tracked and (root / target).is_symlink():
        # Once each: links may lead in a circle.
        tracked -= {target}
        target = os.path.normpath(Path(target).parent / (root / target).readlink())
    file = root / target
    if target not in tracked or file.resolve() != root.resolve() / target:
        raise Stopped(f"{name} leads to what git does not track: put a file in its place, or add that to git.")
    return file.read_bytes() if file.is_file() else None
