"""Which subscriptions get the next version of a kind."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.needs import NextVersion
from functions.worker.kind_settings import load_needs, next_versions
from report_kit.kinds import find, kinds
from report_kit.next_version import Variant, variant_of
from report_kit.report import PermanentError
from tests.kinds_elsewhere import kinds_in

CHOSEN = [13, 36, 49, 73]
percents = st.integers(1, 100)
ids = st.text(st.characters(exclude_characters="/"), min_size=1)


@given(kind=st.sampled_from(["sales", "activity"]), user=ids, subscription=ids, first=percents, second=percents)
def test_raising_the_percentage_only_adds_subscriptions(
    kind: str, user: str, subscription: str, first: int, second: int
) -> None:
    fewer, more = sorted((first, second))
    if variant_of(kind, user, subscription, {kind: NextVersion(percent=fewer)}) is Variant.NEXT:
        assert variant_of(kind, user, subscription, {kind: NextVersion(percent=more)}) is Variant.NEXT
    assert variant_of(kind, user, subscription, {kind: NextVersion(percent=100)}) is Variant.NEXT
    assert variant_of(kind, user, subscription, {"other": NextVersion(percent=100)}) is None


def test_which_ones_they_are_stays_the_same_from_release_to_release() -> None:
    """Another hash would give other subscriptions the next version, and take it from those that have it."""
    fifth = {"sales": NextVersion(percent=5)}
    assert [number for number in range(100) if variant_of("sales", f"u{number}", "s", fifth) == "next"] == CHOSEN


@pytest.mark.parametrize("percent", [1, 5, 20, 50])
def test_about_so_many_get_it_and_others_of_another_kind(percent: int) -> None:
    declared = {kind: NextVersion(percent=percent) for kind in ("sales", "activity")}
    chosen = {
        kind: {number for number in range(10_000) if variant_of(kind, f"u{number}", "s", declared) is Variant.NEXT}
        for kind in declared
    }
    for numbers in chosen.values():
        assert abs(len(numbers) / 100 - percent) < 1.5
    assert len(chosen["sales"] & chosen["activity"]) < 0.7 * len(chosen["sales"])


CHOSEN_BY_NAME = {"sales": NextVersion(chosen=frozenset({"u42", "u17/weekly", "Jane@example.com"}))}


@pytest.mark.parametrize(
    ("path", "addresses", "gets_it"),
    [
        (("u42", "daily"), [], True),
        (("u17", "weekly"), [], True),
        (("u17", "daily"), [], False),
        (("u18", "daily"), ["bob@example.com", "jane@EXAMPLE.com"], True),
        (("u18", "daily"), ["bob@example.com"], False),
    ],
)
def test_those_who_are_named_get_it_whatever_the_percentage(
    path: tuple[str, str], addresses: list[str], gets_it: bool
) -> None:
    variant = variant_of("sales", *path, CHOSEN_BY_NAME, addresses=addresses)
    assert variant is (Variant.NEXT if gets_it else Variant.CURRENT)


def test_an_operator_has_it_make_one_report_unless_there_is_none() -> None:
    assert variant_of("sales", "u18", "daily", CHOSEN_BY_NAME, by_next=True) is Variant.NEXT
    assert variant_of("activity", "u18", "daily", CHOSEN_BY_NAME, by_next=True) is None


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A kind beside those that ship."""
    kind = tmp_path / "kinds" / "rolled_out"
    (kind / "next").mkdir(parents=True)
    (kind / "__init__.py").write_text("def build(_request):\n    return 'old'\n")
    (kind / "next" / "__init__.py").write_text("def build(_request):\n    return 'new'\n")
    with kinds_in(kind.parent):
        yield kind


def test_the_next_version_is_a_folder_within_the_kind(folder: Path) -> None:
    request: Any = None
    assert folder.name in kinds()
    built: list[Any] = [find("rolled_out", variant)(request) for variant in (None, Variant.CURRENT, Variant.NEXT)]
    assert built == ["old", "old", "new"]
    with pytest.raises(PermanentError, match="activity has no next version"):
        find("activity", Variant.NEXT)


def test_a_next_version_is_declared_beside_it(folder: Path) -> None:
    assert next_versions(load_needs(kinds=folder.parent)) == {}
    (folder / "needs.yaml").write_text("next: 5\n")
    assert next_versions(load_needs(kinds=folder.parent)) == {"rolled_out": NextVersion(percent=5)}
    (folder / "next" / "__init__.py").unlink()
    (folder / "next").rmdir()
    with pytest.raises(SystemExit, match=r"Cannot start: .*rolled_out/needs\.yaml, line 1: next: there is no next"):
        load_needs(kinds=folder.parent)
