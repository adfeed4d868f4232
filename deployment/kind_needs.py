"""The packages that the kinds of report need, from the files needs.yaml in their folders."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from functions.shared.needs import Needs


def unlocked(found: Mapping[str, Needs], *locks: Path) -> Iterator[tuple[str, str]]:
    """Each package that a kind needs and that is not among locked requirements, after the kind."""
    lines = (line for lock in locks if lock.is_file() for line in lock.read_text(encoding="utf-8").splitlines())
    locked = [_distribution(line) for line in lines if "==" in line]
    for kind, needs in found.items():
        for package in needs.packages:
            name, version = _distribution(package)
            if not any(name == one and version in {"", pinned} for one, pinned in locked):
                yield kind, package


def _distribution(requirement: str) -> tuple[str, str]:
    """The name of a package, as an index writes it, and its version if one is given."""
    name, _, version = requirement.partition("==")
    return re.sub(r"[-_.]+", "-", name.partition("[")[0]).lower(), version.partition(" ")[0]
