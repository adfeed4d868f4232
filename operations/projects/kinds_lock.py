"""The packages that the kinds of report need beside the pipeline's own: `kinds.lock`, with their hashes.

The pipeline's locks hold none of them, so that a new version of the pipeline never meets one in its own files.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from deployment.package_lock import distribution, locked, packages_of
from functions.shared.needs import NEEDS_FILE, InvalidNeeds, Needs, load
from operations.errors import OperatorError
from virtual_environment import environment_of_uv, options_of_pip

KINDS_LOCK = "kinds.lock"

_HEAD = "# What the kinds need, resolved beside the pipeline's packages; ./reports lock makes this file: "
_WORKER = Path("functions", "worker")


def packages(found: Mapping[str, Needs], pins: Mapping[str, str]) -> list[str]:
    """The packages of all kinds, each with a version, as pip takes them.

    Args:
        pins: the versions of the pipeline's packages, by name.

    Raises:
        OperatorError: a version differs from the pipeline's or from another kind's, or there is none.
    """
    known = {name: (version, "the pipeline has") for name, version in pins.items()}
    wanted: set[str] = set()
    for kind, needs in found.items():
        file = f"kinds/{kind}/{NEEDS_FILE}"
        for package in needs.packages:
            name, version = distribution(package)
            pinned, where = known.setdefault(name, (version, f"{file} has"))
            if not pinned:
                raise OperatorError(f"{file}: {package} must name its version, since the pipeline itself has no {name}")
            if version not in {"", pinned}:
                raise OperatorError(
                    f"{file}: {package}, and {where} version {pinned}. "
                    "Without a version, a package of the pipeline's has the pipeline's version."
                )
            wanted.add(f"{package.partition('==')[0]}=={pinned}")
    return sorted(wanted)


def pins_of(lock: str) -> dict[str, str]:
    """The version of each package in a lock, by its name."""
    return {name: distribution(block.splitlines()[0])[1] for name, block in locked(lock).items()}


def is_current(lock: str, wanted: Iterable[str]) -> bool:
    """Whether a kinds.lock was made for these packages.

    Args:
        lock: its text; empty where there is none.
        wanted: as `packages` has them.
    """
    return _head(wanted) == lock.partition("\n")[0].removeprefix(_HEAD)


def resolve(wanted: list[str], *, pipeline: Path, lock: Path) -> str:
    """The text of kinds.lock: what the packages need that the worker has not got from the pipeline's own lock.

    Args:
        wanted: as `packages` has them.
        lock: that of the pipeline, whose versions hold.

    Returns:
        the text; empty where there is nothing to lock.

    Raises:
        OperatorError: there are no such packages, or they do not go with the pipeline's.
    """
    if not wanted:
        return ""
    command = [
        *(str(Path(sys.executable).with_name("uv")), "pip", "compile", "--quiet", "--universal"),
        *("--python-version", "3.11", "--generate-hashes", "--no-emit-index-url", "--no-header", "--no-annotate"),
        *("--constraints", str(lock), str(_WORKER / "requirements.txt"), "-"),
    ]
    made = subprocess.run(  # noqa: S603  the environment's own uv
        command,
        cwd=pipeline,
        env=environment_of_uv(options_of_pip(Path(sys.executable)), os.environ),
        input="\n".join(wanted),
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise OperatorError(f"The packages of the kinds do not go with the pipeline's. uv says: {made.stderr.strip()}")
    of_worker = locked(packages_of(pipeline, str(_WORKER)))
    blocks = [block for name, block in locked(made.stdout).items() if name not in of_worker]
    return f"{_HEAD}{_head(wanted)}\n{''.join(blocks)}"


def wanted_packages(project: Path, pipeline: Path) -> tuple[list[str], Path]:
    """What the kinds of a project need, as `packages` has it, and the pipeline's lock whose versions hold.

    Raises:
        OperatorError: a needs.yaml is malformed, or names a package that does not go with the others.
    """
    try:
        needs = load(project / "kinds")
    except InvalidNeeds as error:
        raise OperatorError(str(error)) from error
    # A clone's own environment has what tests need, too.
    lock = pipeline / ("requirements.lock" if project == pipeline else "requirements-run.lock")
    return packages(needs, pins_of(lock.read_text(encoding="utf-8"))), lock


def lock_problem(project: Path, pipeline: Path) -> str:
    """What is wrong with a project's kinds.lock; empty where it is as the kinds need it.

    Raises:
        OperatorError: as wanted_packages does.
    """
    file = project / KINDS_LOCK
    wanted, _ = wanted_packages(project, pipeline)
    if is_current(file.read_text(encoding="utf-8") if file.is_file() else "", wanted):
        return ""
    return f"{KINDS_LOCK} is not what the kinds need ({_head(wanted) or 'nothing'}): ./reports lock makes it again."


def kinds_lock_text(project: Path, pipeline: Path) -> str:
    """What a project's kinds.lock should be.

    Args:
        project: the folder that holds `kinds/`.
        pipeline: the folder of the pipeline; in a clone the same.

    Returns:
        its text; empty where the kinds need no package.

    Raises:
        OperatorError: a needs.yaml is malformed, or the packages cannot be resolved.
    """
    wanted, lock = wanted_packages(project, pipeline)
    return resolve(wanted, pipeline=pipeline, lock=lock)


def update_kinds_lock(project: Path, pipeline: Path) -> Path:
    """Make kinds.lock again, and return it; without a package there is no such file. As `kinds_lock_text`."""
    file = project / KINDS_LOCK
    if text := kinds_lock_text(project, pipeline):
        file.write_text(text, encoding="utf-8")
    else:
        file.unlink(missing_ok=True)
    return file


def _head(wanted: Iterable[str]) -> str:
    return ", ".join(sorted(wanted))
