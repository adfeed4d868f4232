"""The packages that the kinds of report need, from the files needs.yaml in their folders.

    kind_needs.py     the Python packages, a line each, as pip takes them

A package without a version gets the one that the pipeline pins. A mistake is a line on standard error, and status 1.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from functions.shared import needs as kind_needs  # noqa: E402

REPORTS = ROOT / "kinds"
REQUIREMENTS = (
    "functions/*/requirements.txt",
    "operations/console/requirements.txt",
    "requirements-run.in",
    "requirements-dev.in",
)
"""The pipeline's own pins, which `make lock` resolves together with the packages of kinds."""


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


def unlocked(found: Mapping[str, kind_needs.Needs], lock: Path) -> Iterator[tuple[str, str]]:
    """Each package that a kind needs and that is not among locked requirements, after the kind."""
    locked = [_distribution(line) for line in lock.read_text(encoding="utf-8").splitlines() if "==" in line]
    for kind, needs in found.items():
        for package in needs.packages:
            name, version = _distribution(package)
            if not any(name == one and version in {"", pinned} for one, pinned in locked):
                yield kind, package


def _distribution(requirement: str) -> tuple[str, str]:
    """Its name, as package indexes compare names, and its version, or nothing. https://peps.python.org/pep-0503/#normalized-names"""
    name, _, version = requirement.partition("==")
    return re.sub(r"[-_.]+", "-", name.partition("[")[0]).lower(), version.partition(" ")[0]


def main() -> int:
    """Print the packages; returns the exit status."""
    try:
        print("\n".join(packages(kind_needs.load(REPORTS))))
    except (kind_needs.InvalidNeeds, Unresolvable) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
