"""Whether the checkout is ready for the tag of its version: `make release` runs this file.

python -m operations.releases.release_check                the problems, each in a line; status 1 if there are any
python -m operations.releases.release_check notes          what the change log says about the version
python -m operations.releases.release_check how-to-tag     the commands that tag it
"""

import datetime as dt
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from operations.git import git
from operations.releases.running_versions import project_version

ROOT = Path(__file__).resolve().parents[2]

UPGRADE_NOTES = Path("docs/guides/upgrading.md")

_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
"""Of https://semver.org/spec/v2.0.0.html, without versions before a release and builds."""

_SECTION = re.compile(
    r"^## \[(?P<name>[^\]]+)\](?: - (?P<date>\S+))?[ \t]*\n(?P<text>.*?)(?=^## \[|\Z)", re.MULTILINE | re.DOTALL
)
"""Of https://keepachangelog.com/en/1.1.0/."""


@dataclass(frozen=True, kw_only=True)
class ReleaseFacts:
    """What a checkout says about the release that is to be made of it.

    Attributes:
        version: as in `pyproject.toml`.
        branch: the name of the branch; empty at a tag's commit.
        changes: what git calls changed or unknown, a line each.
    """

    version: str
    changelog: str
    upgrade_notes: str
    branch: str
    commit: str
    changes: tuple[str, ...]
    tags: Mapping[str, str]
    today: dt.date


def release_problems(facts: ReleaseFacts) -> list[str]:
    """What has to be done before the version can be tagged, each in a sentence. Empty: nothing."""
    found = []
    version, tag = facts.version, f"v{facts.version}"
    if not _VERSION.fullmatch(version):
        found.append(f"pyproject.toml: the version {version!r} is not of the form 1.2.3.")
    if facts.changes:
        found.append(f"The checkout has changes: commit or remove them ({', '.join(facts.changes)}).")
    if facts.branch not in ("main", ""):
        found.append(f"The branch is {facts.branch}: release from main.")
    if facts.tags.get(tag, facts.commit) != facts.commit:
        found.append(f"{tag} is the tag of commit {facts.tags[tag][:7]}: raise the version in pyproject.toml.")
    sections = {match["name"]: match for match in _SECTION.finditer(facts.changelog)}
    if sections.get("Unreleased") and sections["Unreleased"]["text"].strip():
        found.append(f"CHANGELOG.md: move what stands under [Unreleased] to [{version}].")
    newest = next((name for name in sections if name != "Unreleased"), None)
    if newest != version:
        found.append(f"CHANGELOG.md: its newest version is {newest or 'missing'}, and pyproject.toml says {version}.")
    else:
        found += _section_problems(version, sections[version]["date"], sections[version]["text"], facts.today)
    if not re.search(rf"^#+ .*\b{re.escape(version)}(?![\d.])", facts.upgrade_notes, re.MULTILINE):
        found.append(f"{UPGRADE_NOTES}: say what an upgrade to {version} needs, in a section with that heading.")
    return found


def _section_problems(version: str, date: str | None, text: str, today: dt.date) -> list[str]:
    found = []
    try:
        if dt.date.fromisoformat(date or "") > today:
            found.append(f"CHANGELOG.md: [{version}] has the date {date}, and today is {today}.")
    except ValueError:
        found.append(f"CHANGELOG.md: give [{version}] its date: ## [{version}] - {today}")
    if not text.strip():
        found.append(f"CHANGELOG.md: [{version}] says nothing.")
    return found


def release_notes(changelog: str, version: str) -> str:
    """What a change log says about a version, without the heading.

    Raises:
        KeyError: it has no such version.
    """
    return {match["name"]: match["text"].strip() for match in _SECTION.finditer(changelog)}[version]


def read_release_facts(root: Path, *, today: dt.date) -> ReleaseFacts:
    """Read a checkout.

    Raises:
        OSError: a file is missing.
        OperatorError: it is not a repository of git.
    """
    return ReleaseFacts(
        version=project_version(root),
        changelog=(root / "CHANGELOG.md").read_text(encoding="utf-8"),
        upgrade_notes=(root / UPGRADE_NOTES).read_text(encoding="utf-8"),
        branch=git(root, "branch", "--show-current"),
        commit=git(root, "rev-parse", "HEAD"),
        changes=tuple(line.strip() for line in git(root, "status", "--porcelain").splitlines()),
        # ^{} is the commit that an annotated tag leads to.
        tags=dict(
            line.split(" ", 1)
            for line in git(
                root,
                "for-each-ref",
                "refs/tags",
                "--format=%(refname:short) %(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end)",
            ).splitlines()
        ),
        today=today,
    )


def main() -> None:
    facts = read_release_facts(ROOT, today=dt.datetime.now(dt.UTC).date())
    tag = f"v{facts.version}"
    match sys.argv[1:]:
        case ["notes"]:
            print(release_notes(facts.changelog, facts.version))
        case ["how-to-tag"]:
            print(
                f"Ready: git tag --annotate {tag} --message='Report Pipeline {facts.version}' && git push origin {tag}"
            )
        case _ if problems := release_problems(facts):
            sys.exit("\n".join(problems))


if __name__ == "__main__":
    main()
