"""What a lock of packages says: that of the pipeline, or kinds.lock."""

import re
import sys
from pathlib import Path

_NEEDING = re.compile(r"^    # +(?:via +)?([a-z0-9-]+)$", re.MULTILINE)
_NEEDING_LINE = re.compile(r"^    #.*\n", re.MULTILINE)


def locked(text: str) -> dict[str, str]:
    """The lines of each package in a lock, by its name: what pins it, and its hashes."""
    found: dict[str, str] = {}
    for block in re.findall(r"^[A-Za-z0-9].*\n(?:[ ].*\n)*", text, flags=re.MULTILINE):
        # One package has several where its version depends on the Python.
        name, _ = distribution(block.splitlines()[0])
        found[name] = found.get(name, "") + block
    return found


def distribution(requirement: str) -> tuple[str, str]:
    """Its name, as package indexes compare names, and its version, or nothing. https://peps.python.org/pep-0503/#normalized-names"""
    name, _, version = requirement.partition("==")
    return re.sub(r"[-_.]+", "-", name.partition("[")[0]).strip().lower(), version.partition(" ")[0]


def part_of(lock: str, *requirements: str) -> str:
    """The part of a lock that some requirements need, with their dependencies. uv says below each package what needs
    it."""
    blocks = locked(lock)
    needing = {name: set(_NEEDING.findall(block)) for name, block in blocks.items()}
    wanted = {distribution(line)[0] for text in requirements for line in text.splitlines() if line[:1].isalnum()}
    found = set[str]()
    while new := wanted - found:
        found |= new
        wanted |= {name for name, by in needing.items() if by & new}
    return "".join(_NEEDING_LINE.sub("", block) for name, block in blocks.items() if name in found)


def packages_of(root: Path, *folders: str) -> str:
    """The lock of the packages that the functions in these folders need."""
    texts = [(root / folder / "requirements.txt").read_text(encoding="utf-8") for folder in folders]
    return part_of((root / "requirements.lock").read_text(encoding="utf-8"), *texts)


if __name__ == "__main__":
    # For `make sbom`.
    sys.stdout.write(packages_of(Path(), *sys.argv[1:]))
