"""Lays out what is deployed of the console: its code, the worker's for the previews, and what says how to run it.

    stage_console.py ROOT DIRECTORY RUNTIME

RUNTIME is Cloud Run's name of the Python version, such as python314. Prints a hash of the whole, as
stage_function.py does. https://docs.cloud.google.com/docs/buildpacks/python
"""

import re
import shutil
import sys
from pathlib import Path

from stage_function import REPORTS, copy_tracked, hash_of

PROCFILE = "web: python -m operations.console.deployed\n"


def stage(root: Path, directory: Path, runtime: str) -> None:
    """Lay the console out in the directory, which is made."""
    # The schedule is for the overview, which says when the next run is.
    paths = ("functions/__init__.py", "functions/shared", "functions/worker", *REPORTS, "operations", "scheduler.yaml")
    copy_tracked(root, directory, *paths)
    shutil.copyfile(root / "operations" / "console" / "requirements.lock", directory / "requirements.txt")
    (directory / "Procfile").write_text(PROCFILE, encoding="utf-8")
    version = re.sub(r"python(\d)(\d+)", r"\1.\2", runtime)
    (directory / ".python-version").write_text(f"{version}\n", encoding="utf-8")


if __name__ == "__main__":
    stage(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
    print(hash_of(Path(sys.argv[2])))
