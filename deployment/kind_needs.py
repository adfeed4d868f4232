"""Prints what the kinds of report need, from the files needs.yaml in their folders.

    kind_needs.py packages                the Python packages, a line each, as pip takes them
    kind_needs.py variables RESERVED...   for deploy.sh, a line each, with tabs in between:
                                          setting NAME KIND required|optional ABOUT
                                          secret NAME KIND ABOUT
                                          role ROLE ON NAME
                                          owner "KIND":"OWNER" ADDRESS|SECRET

RESERVED are the names that no kind may declare. A package without a version gets the one that the pipeline pins. A
mistake is a line on standard error, and status 1. So is a package that is not among the worker's locked requirements.
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from functions.shared import needs as kind_needs  # noqa: E402

REPORTS = ROOT / "kinds"
LOCK = ROOT / "functions" / "worker" / "requirements.lock"
REQUIREMENTS = (
    "functions/*/requirements.txt",
    "operations/console/requirements.txt",
    "requirements-run.in",
    "requirements-dev.in",
)
"""The pipeline's own pins, which `make lock` resolves together with the packages of kinds."""


class NotLocked(Exception):
    """The worker would be deployed without a package that a kind needs."""


class Unresolvable(Exception):
    """A package has no version that all who need it agree on. The text is one line that names the file."""


def packages(found: dict[str, kind_needs.Needs]) -> list[str]:
    """The packages of all kinds, each with a version.

    Raises:
        Unresolvable: a version differs from the pipeline's or from another kind's, or there is none.
    """
    pins = _pins()
    wanted: set[str] = set()
    for kind, needs in found.items():
        file = (REPORTS / kind / kind_needs.NEEDS_FILE).relative_to(ROOT)
        for package in needs.packages:
            name, version = _distribution(package)
            pinned, where = pins.setdefault(name, (version, f"{file} has"))
            if not pinned:
                raise Unresolvable(f"{file}: {package} must name its version, since the pipeline itself has no {name}")
            if version not in {"", pinned}:
                raise Unresolvable(
                    f"{file}: {package}, and {where} version {pinned}. "
                    "Without a version, a package of the pipeline's has the pipeline's version."
                )
            wanted.add(f"{package.partition('==')[0]}=={pinned}")
    return sorted(wanted)


def _pins() -> dict[str, tuple[str, str]]:
    """The version of each package that the pipeline pins, by name, and words about where."""
    return {
        name: (version, "the pipeline has")
        for pattern in REQUIREMENTS
        for file in ROOT.glob(pattern)
        for name, version in map(_distribution, file.read_text(encoding="utf-8").splitlines())
        if version
    }


def variables(found: dict[str, kind_needs.Needs]) -> list[str]:
    """The variables, roles and owners of all kinds, each once.

    Raises:
        NotLocked: see there.
    """
    lines: dict[object, str] = {}
    for kind, needs in found.items():
        for package in needs.packages:
            if not _is_locked(package):
                raise NotLocked(f"the kind {kind} needs {package}, which is not in {LOCK.relative_to(ROOT)}: make lock")
        for name, setting in needs.settings.items():
            required = "required" if setting.default is None else "optional"
            lines.setdefault(name, f"setting\t{name}\t{kind}\t{required}\t{setting.about.rstrip('.')}")
        for name, secret in needs.secrets.items():
            lines.setdefault(name, f"secret\t{name}\t{kind}\t{secret.about.rstrip('.')}")
        for role in needs.roles:
            lines[role] = f"role\t{role.role}\t{role.on}\t{role.name}"
        if needs.owner:
            lines[f"owner {kind}"] = f"owner\t{json.dumps(kind)}: {json.dumps(needs.owner)}\t{needs.owner}"
    return list(lines.values())


def _is_locked(package: str) -> bool:
    name, version = _distribution(package)
    locked = map(_distribution, LOCK.read_text(encoding="utf-8").splitlines())
    return any(name == one and version in {"", pinned} for one, pinned in locked)


def _distribution(requirement: str) -> tuple[str, str]:
    """Its name, as package indexes compare names, and its version, or nothing. https://peps.python.org/pep-0503/#normalized-names"""
    name, _, version = requirement.partition("==")
    return re.sub(r"[-_.]+", "-", name.partition("[")[0]).lower(), version.partition(" ")[0]


def main(arguments: list[str]) -> int:
    """Print what was asked for; returns the exit status."""
    what, *reserved = arguments
    try:
        found = kind_needs.load(REPORTS, reserved=reserved)
        for line in {"packages": packages, "variables": variables}[what](found):
            print(line)
    except (kind_needs.InvalidNeeds, NotLocked, Unresolvable) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
