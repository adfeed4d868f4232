"""What a lock of packages says: that of the pipeline, or kinds.lock."""

import re


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
