"""Which version is next, what it brings, and whom it serves."""

import pytest

from operations.projects.upgrade_decision import Kit, imports_of, kit_of, newest, tags_of, unserved, what_is_new
from tests.support import REPOSITORY

CHANGELOG = """# Changelog

## [Unreleased]

### Added

- Not yet.

## [0.10.0] - 2027-01-01

- Ten.

## [0.2.0] - 2026-12-01

- Two.

## [0.1.0] - 2026-11-01

- One.
"""
PAGE = """# Upgrading

### What each version needs

#### Unreleased

- Wait.

#### 0.2.0

- Do two.

#### 0.1.0

Nothing.

## Rotating a secret

Another matter.
"""


def test_releases_are_by_their_commits_and_the_newest_is_so_by_number() -> None:
    listed = "\n".join(
        f"{commit}\t{name}"
        for commit, name in (
            ("a" * 40, "HEAD"),
            ("a" * 40, "refs/heads/v9.9.9"),
            ("b" * 40, "refs/tags/v0.10.0"),
            ("c" * 40, "refs/tags/v0.10.0^{}"),
            ("d" * 40, "refs/tags/v0.9.0"),
            ("e" * 40, "refs/tags/v1.0.0-rc1"),
        )
    )
    tags = tags_of(listed)
    assert tags == {"0.10.0": "c" * 40, "0.9.0": "d" * 40}
    assert newest(tags) == "0.10.0"
    assert newest([]) is None


@pytest.mark.parametrize(
    ("old", "new", "told", "untold"),
    [
        ("0.1.0", "0.2.0", ["- Two.", "- Do two."], ["Ten", "One", "Not yet", "Nothing", "Another matter"]),
        ("0.1.0", "0.10.0", ["- Ten.", "- Two."], ["One", "Not yet"]),
        ("0.1.0", "0.1.0", ["- Not yet.", "- Wait."], ["Two", "One"]),
        ("0.2.0", "0.1.0", [], ["Two", "One", "Not yet"]),
    ],
)
def test_what_is_told_is_of_the_versions_between(old: str, new: str, told: list[str], untold: list[str]) -> None:
    text = "\n\n".join(what_is_new(each, old=old, new=new) for each in (CHANGELOG, PAGE))
    assert all(each in text for each in told)
    assert not any(each in text for each in untold)


def test_what_this_version_lets_kinds_import_is_found() -> None:
    kit = kit_of((REPOSITORY / "report_kit" / "__init__.py").read_text(encoding="utf-8"))
    assert kit.api == 1
    assert {"Report", "ReportRequest", "Skip"} <= set(kit.names)


def test_a_kind_is_served_where_all_that_it_imports_means_the_same() -> None:
    old, new = Kit(api=1, names={"Report", "Skip"}), Kit(api=1, names={"Report"})
    imports = {
        "team_notes": imports_of("from report_kit import Report, Skip as S\n"),
        "orders": imports_of("import json\nfrom pathlib import Path\n"),
        "sales": imports_of("def build(_):\n    from report_kit import Report\n"),
    }
    assert unserved(imports, old, old) == {}
    assert unserved(imports, old, new) == {"team_notes": "report_kit has no Skip any more"}
    changed = Kit(api=2, names={"Report", "Skip"})
    assert set(unserved(imports, old, changed)) == {"team_notes", "sales"}
