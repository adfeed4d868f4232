"""Prints what the kinds of report need, from the files needs.yaml in their folders.

    kind_needs.py packages                the Python packages, a line each, as pip takes them
    kind_needs.py variables RESERVED...   for deploy.sh, a line each, with tabs in between:
                                          setting NAME KIND required|optional ABOUT
                                          secret NAME KIND ABOUT
                                          role ROLE ON NAME
                                          owner "KIND":"OWNER" ADDRESS|SECRET

RESERVED are the names that no kind may declare. A mistake is a line on standard error, and status 1. So is a package
that is not among the worker's locked requirements.
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from functions.worker.reports import needs as kind_needs  # noqa: E402

REPORTS = ROOT / "functions" / "worker" / "reports"
LOCK = ROOT / "functions" / "worker" / "requirements.lock"


class NotLocked(Exception):
    """The worker would be deployed without a package that a kind needs."""


def packages(found: dict[str, kind_needs.Needs]) -> list[str]:
    """The packages of all kinds, each once."""
    return sorted({package for needs in found.values() for package in needs.packages})


def variables(found: dict[str, kind_needs.Needs]) -> list[str]:
    """The variables, roles and owners of all kinds, each once.

    Raises:
        NotLocked: see there.
    """
    lines: dict[object, str] = {}
    for kind, needs in found.items():
        for package in needs.packages:
            if _distribution(package) not in map(_distribution, LOCK.read_text(encoding="utf-8").splitlines()):
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


def _distribution(requirement: str) -> tuple[str, str]:
    """Its name, as package indexes compare names, and its version. https://peps.python.org/pep-0503/#normalized-names"""
    name, _, version = requirement.partition("==")
    return re.sub(r"[-_.]+", "-", name.partition("[")[0]).lower(), version.partition(" ")[0]


def main(arguments: list[str]) -> int:
    """Print what was asked for; returns the exit status."""
    what, *reserved = arguments
    try:
        found = kind_needs.load(REPORTS, reserved=reserved)
        for line in {"packages": packages, "variables": variables}[what](found):
            print(line)
    except (kind_needs.InvalidNeeds, NotLocked) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
