"""Runs the command of a project with the version of the pipeline that this file belongs to: the project's script
`reports` calls it, as every version of that script does.

    python -B -P -m operations.projects.launch PROJECT [ARGUMENT…]

Only the standard library is there when this runs.
"""

import contextlib
import fcntl
import hashlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from functions.shared.project_files import PIPELINE, PROJECT_VARIABLE
from virtual_environment import SetUpError, set_up

KINDS_LOCK = "kinds.lock"

VENV_VARIABLE = "REPORTS_VENV"
"""Names a virtual environment that has all packages already, as an image may; nothing is installed into it."""

_STAMP = ".made-of"


class NotAProject(Exception):
    """The folder cannot be run. The text is one line that says what to do."""


def locks_of(project: Path, pipeline: Path) -> list[Path]:
    """What the virtual environment is made of: the pipeline's lock, and that of the project's kinds if there is one."""
    own = project / KINDS_LOCK
    return [pipeline / "requirements-run.lock", *([own] if own.is_file() else [])]


def fingerprint(locks: list[Path]) -> str:
    """What stays the same as long as the locks do, and the Python that installs them."""
    digest = hashlib.sha256(sys.version.encode())
    for lock in locks:
        digest.update(lock.read_bytes())
    return digest.hexdigest()


def environment_of(given: Mapping[str, str], *, project: Path, pipeline: Path) -> dict[str, str]:
    """The environment of the command: the project's kinds are found before the pipeline's, and the pipeline's folder
    stays as it is."""
    return {
        **given,
        PROJECT_VARIABLE: str(project),
        "PYTHONPATH": os.pathsep.join([str(project), str(pipeline), str(pipeline / "emulators" / "src")]),
        # Neither the folder that somebody is in, nor that of a script, has modules of the pipeline.
        "PYTHONSAFEPATH": "1",
        "PYTHONPYCACHEPREFIX": str(project / ".venv" / "pycache"),
    }


def ready_python(project: Path, pipeline: Path, given: Mapping[str, str]) -> Path:
    """The Python of the project's virtual environment, which is made, or made again after a lock has changed.

    Raises:
        NotAProject: the project is not whole.
        SetUpError: the environment cannot be made.
    """
    if not (project / "kinds" / "__init__.py").is_file():
        raise NotAProject(
            f"{project}/kinds/__init__.py is missing, by which kinds are found: make an empty file there."
        )
    if venv := given.get(VENV_VARIABLE):
        return Path(venv) / "bin" / "python"
    directory = project / ".venv"
    stamp, locks = directory / _STAMP, locks_of(project, pipeline)
    wanted = fingerprint(locks)
    if _read(stamp) != wanted:
        # Another terminal may be at it. The folder, since a file in .venv goes with it.
        folder = os.open(project, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            if _read(stamp) != wanted:
                with contextlib.redirect_stdout(sys.stderr):  # standard output is the command's
                    set_up(directory, locks, ["--exact"])
                stamp.write_text(wanted, encoding="utf-8")
        finally:
            os.close(folder)
    return directory / "bin" / "python"


def _read(stamp: Path) -> str:
    return stamp.read_text(encoding="utf-8") if stamp.is_file() else ""


def main(project: Path, arguments: list[str]) -> None:
    """Run the command. Does not return."""
    python = ready_python(project, PIPELINE, os.environ)
    environment = environment_of(os.environ, project=project, pipeline=PIPELINE)
    os.execve(python, [str(python), "-m", "operations", *arguments], environment)  # noqa: S606  the project's own Python


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]).resolve(), sys.argv[2:])
    except (NotAProject, SetUpError) as error:
        sys.exit(f"reports: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
