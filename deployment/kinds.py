"""What the kinds of report need: the settings, secrets and roles of their files needs.yaml
(docs/guides/python-reports.md)."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from deployment.env_file import RESERVED
from deployment.package_lock import distribution, packages_of
from deployment.settings import Settings
from deployment.stopped import Stopped
from functions.shared.needs import InvalidNeeds, Needs, load


def load_kinds(root: Path, project: Path) -> Mapping[str, Needs]:
    try:
        found = load(project / "kinds", reserved=RESERVED)
    except InvalidNeeds as error:
        raise Stopped(str(error)) from None
    file = project / "kinds.lock"
    of_kinds = file.read_text(encoding="utf-8") if file.is_file() else ""
    for kind, package in unlocked(found, packages_of(root, "functions/worker") + of_kinds):
        raise Stopped(f"the kind {kind} needs {package}, which is not in kinds.lock: ./reports lock")
    return found


def unlocked(found: Mapping[str, Needs], lock: str) -> Iterator[tuple[str, str]]:
    """Each package that a kind needs and that is not in a lock, after the kind."""
    pins = [distribution(line) for line in lock.splitlines() if "==" in line]
    for kind, needs in found.items():
        for package in needs.packages:
            name, version = distribution(package)
            if not any(name == one and version in {"", pinned} for one, pinned in pins):
                yield kind, package


def wrong_needs(settings: Settings) -> Iterator[str]:
    named = set()
    for kind, needs in settings.kinds.items():
        for name, each in needs.settings.items():
            if each.default is None and not settings.value(name) and name not in named:
                named.add(name)
                yield (
                    f"{name} is not set, and the kind {kind} needs it ({each.about.rstrip('.')}): set it in deploy.env."
                )
