"""A fresh clone of the checkout, as it is with the changes that are not committed yet."""

import os
import shutil
import sys
from pathlib import Path

from local_pipeline.forked_server import forking_process
from tests.git import commit_all, git
from tests.support import REPOSITORY

_PYTHON = """\
#!{python} -SE
import json, os, signal, socket, sys
if sys.argv[1:] in ([], ["-"]):
    os.execv({python!r}, sys.argv)
asked_for = {{"arguments": sys.argv[1:], "directory": os.getcwd(), "environment": dict(os.environ)}}
connection = socket.socket(socket.AF_UNIX)
connection.connect({address!r})
socket.send_fds(connection, [json.dumps(asked_for).encode() + b"\\n"], [0, 1, 2])
lines = connection.makefile("rb", buffering=0)
process = int(lines.readline())
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, _: os.kill(process, number))
status = int(lines.readline())
sys.exit(status if status >= 0 else 128 - status)
"""
"""Stands for the .venv's Python: its programs see the arguments, variables, folder and terminal of their caller."""


def fresh_clone(folder: Path) -> Path:
    """Clone the checkout. Returns the folder, which must not be there yet."""
    git(REPOSITORY, "clone", "--quiet", str(REPOSITORY), str(folder))
    for name in filter(None, git(REPOSITORY, "ls-files", "-z", "-mo", "--exclude-standard").split("\0")):
        source, copy = REPOSITORY / name, folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_file():
            shutil.copy(source, copy)
        else:
            copy.unlink(missing_ok=True)
    # What a reader of the tutorial may have made in this checkout.
    shutil.rmtree(folder / "kinds" / "sales", ignore_errors=True)
    commit_all(folder)
    return folder


def set_up(folder: Path) -> None:
    """Make a clone's .venv, of the packages of this one, so that it costs no minutes. What it runs is forked from a
    process that has imported the libraries."""
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    for program in Path(sys.executable).parent.iterdir():
        (programs / program.name).symlink_to(program)
    (programs / "python").unlink()
    address = forking_process("tests.forked_python")
    (programs / "python").write_text(_PYTHON.format(python=sys.executable, address=address), encoding="utf-8")
    (programs / "python").chmod(0o755)
    # make goes by the times: what is newer than the locks need not be installed.
    for lock in folder.glob("*.lock"):
        os.utime(lock, (0, 0))
    for mark in (".run", ".ready"):
        (folder / ".venv" / mark).touch()
