"""Prints what the kinds of report need, from the files needs.yaml in their folders.

    kind_needs.py packages                the Python packages, a line each, as pip takes them
    kind_needs.py variables RESERVED...   for deploy.sh: a line each of `setting NAME KIND DEFAULT ABOUT`,
                                          `secret NAME KIND ABOUT` and `role ROLE ON NAME`, with tabs in between

RESERVED are names that deploy.sh has for settings of its own. A mistake is one line on standard error, and status 1.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from functions.worker.reports import needs as kind_needs  # noqa: E402


def packages(found: dict[str, kind_needs.Needs]) -> list[str]:
    """The packages of all kinds, each once."""
    return sorted({package for needs in found.values() for package in needs.packages})


def variables(found: dict[str, kind_needs.Needs]) -> list[str]:
    """The variables and roles of all kinds, each once."""
    lines: dict[str, str] = {}
    for kind, needs in found.items():
        for name, setting in needs.settings.items():
            lines.setdefault(name, f"setting\t{name}\t{kind}\t{setting.default or '-'}\t{setting.about}")
        for name, secret in needs.secrets.items():
            lines.setdefault(name, f"secret\t{name}\t{kind}\t{secret.about}")
        for role in needs.roles:
            lines[f"{role}"] = f"role\t{role.role}\t{role.on}\t{role.name or '-'}"
    return list(lines.values())


def main(arguments: list[str]) -> int:
    """Print what was asked for; returns the exit status."""
    what, *reserved = arguments
    try:
        found = kind_needs.load(ROOT / "functions" / "worker" / "reports", reserved=reserved)
    except kind_needs.InvalidNeeds as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for line in {"packages": packages, "variables": variables}[what](found):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
