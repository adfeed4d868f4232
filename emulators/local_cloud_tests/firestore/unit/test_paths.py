"""Names of documents and paths of fields."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_cloud.firestore import paths
from local_cloud.rpc import RpcError

ROOT = "projects/p/databases/d"


NAMES = st.text(min_size=1, max_size=40).filter(lambda name: not paths.is_reserved(name))


@given(st.lists(NAMES, min_size=1, max_size=4).map(tuple))
def test_field_paths_survive_formatting(path: tuple[str, ...]) -> None:
    assert paths.parse_field_path(paths.format_field_path(path)) == path


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "1a", "a b", "`a", "a`b`", "``", "a.`b`c"])
def test_malformed_field_paths_are_refused(path: str) -> None:
    with pytest.raises(RpcError, match="Invalid property path"):
        paths.parse_field_path(path)


def test_names_are_taken_apart() -> None:
    assert paths.split_parent(f"{ROOT}/documents") == (ROOT, "")
    assert paths.split_parent(f"{ROOT}/documents/a/b") == (ROOT, "a/b")
    assert paths.split_document(f"{ROOT}/documents/a/b/c/__id7__") == (ROOT, "a/b/c/__id7__")
    assert paths.split_database(ROOT) == (ROOT, "")


@pytest.mark.parametrize(
    ("split", "name"),
    [
        (paths.split_database, "projects/p"),
        (paths.split_database, "projects//databases/d"),
        (paths.split_database, "project/p/databases/d"),
        (paths.split_parent, f"{ROOT}/other"),
        (paths.split_parent, f"{ROOT}/documents/a"),
        (paths.split_parent, f"{ROOT}/documents/"),
        (paths.split_document, f"{ROOT}/documents"),
        (paths.split_document, f"{ROOT}/documents/a//b/c"),
        (paths.split_document, f"{ROOT}/documents/a/."),
        (paths.split_document, f"{ROOT}/documents/a/__x__"),
        (paths.split_document, f"{ROOT}/documents/a/__id07__"),
        (paths.split_document, f"{ROOT}/documents/a/__id-0__"),
        (paths.split_document, f"{ROOT}/documents/a/__id{2**63}__"),
    ],
)
def test_names_that_are_none_are_refused(split: Callable[[str], Any], name: str) -> None:
    with pytest.raises(RpcError):
        split(name)
