"""Lays out what is deployed of one function: its own code, the shared code and its locked requirements, nothing else.

    stage_function.py ROOT FUNCTION DIRECTORY

FUNCTION is the folder in functions/. Only files that git tracks are laid out: what somebody has left in a folder, such
as a key, is not deployed. Prints a hash of the whole, the same for the same content wherever and whenever it is laid
out.
"""

import hashlib
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

MAIN = """\
import gc
import os

# Pydantic would look for plugins in the metadata of every package: https://github.com/pydantic/pydantic/pull/8767
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

# What is imported stays. To look for garbage in it takes a fifth of the start, and copies the pages that the server's
# processes share: https://docs.python.org/3/library/gc.html#gc.freeze
gc.disable()
from functions.{function}.main import {function}  # the entry point

gc.freeze()
gc.enable()
"""
LEFT_OUT = (".*", "requirements.txt", "requirements.lock", "test_*.py")
REPORTS = ("report_kit", "kinds")
"""What reports are made of: for the worker and the console."""


def copy_tracked(root: Path, directory: Path, *paths: str) -> None:
    """Copy the files that git tracks at some paths of a checkout, as they are in its folders."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--", *paths]
    listed = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout  # noqa: S603  the operator's own git
    for name in listed.decode().split("\0"):
        is_left_out = any(fnmatch(part, pattern) for part in PurePosixPath(name).parts for pattern in LEFT_OUT)
        # One that was deleted is tracked until the next commit.
        if name and not is_left_out and (root / name).is_file():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, directory / name)


def stage(root: Path, function: str, directory: Path) -> None:
    """Lay the function out in the directory, which is made."""
    reports = REPORTS if function == "worker" else ()
    copy_tracked(root, directory, "functions/__init__.py", "functions/shared", f"functions/{function}", *reports)
    shutil.copyfile(root / "functions" / function / "requirements.lock", directory / "requirements.txt")
    (directory / "main.py").write_text(MAIN.format(function=function), encoding="utf-8")


def hash_of(directory: Path) -> str:
    """A hash of the names and contents of all files."""
    digest = hashlib.sha256()
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(directory).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


if __name__ == "__main__":
    stage(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
    print(hash_of(Path(sys.argv[3])))
