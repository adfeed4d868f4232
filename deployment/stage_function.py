"""Lays out what is deployed of one function: its own code, the shared code and its locked requirements, nothing else.

    stage_function.py ROOT FUNCTION DIRECTORY

FUNCTION is the folder in functions/. Prints a hash of the whole, the same for the same content wherever and whenever it
is laid out.
"""

import hashlib
import shutil
import sys
from pathlib import Path

MAIN = "from functions.{function}.main import {function}  # the entry point\n"
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".*", "*~", "requirements.txt", "requirements.lock")


def stage(root: Path, function: str, directory: Path) -> None:
    """Lay the function out in the directory, which is made."""
    source = root / "functions"
    target = directory / "functions"
    target.mkdir(parents=True)
    shutil.copyfile(source / "__init__.py", target / "__init__.py")
    for package in ("shared", function):
        shutil.copytree(source / package, target / package, ignore=LEFT_OUT)
    shutil.copyfile(source / function / "requirements.lock", directory / "requirements.txt")
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
