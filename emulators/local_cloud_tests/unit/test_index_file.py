"""An index file: what is read, and what is refused with words that help."""

from pathlib import Path

import pytest

from local_cloud.errors import LocalCloudError
from local_cloud.firestore.declared_indexes import DeclaredIndexes, IndexField, Mode
from local_cloud.index_file import read_index_file


def test_an_override_with_a_time_to_live_alone_leaves_the_indexes_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "indexes.json"
    file.write_text(
        '{"indexes": [], "fieldOverrides": [{"collectionGroup": "c", "fieldPath": "at", "ttl": true},'
        ' {"collectionGroup": "c", "fieldPath": "a.b",'
        ' "indexes": [{"order": "ASCENDING", "queryScope": "COLLECTION"}]}]}'
    )
    assert read_index_file(file) == {"c": DeclaredIndexes(fields={("a", "b"): frozenset({Mode.ASCENDING})})}


def test_every_kind_of_index(tmp_path: Path) -> None:
    file = tmp_path / "indexes.json"
    file.write_text(
        """{"indexes": [
            {"collectionGroup": "c", "queryScope": "COLLECTION", "fields": [
                {"fieldPath": "tags", "arrayConfig": "CONTAINS"}, {"fieldPath": "at", "order": "DESCENDING"}]},
            {"collectionGroup": "c", "queryScope": "COLLECTION_GROUP", "fields": [
                {"fieldPath": "__name__", "order": "ASCENDING"},
                {"fieldPath": "v", "vectorConfig": {"dimension": 768, "flat": {}}}]}],
        "fieldOverrides": [{"collectionGroup": "c", "fieldPath": "*", "indexes": []}]}"""
    )
    name = IndexField(("__name__",), Mode.DESCENDING)
    assert read_index_file(file) == {
        "c": DeclaredIndexes(
            composites=((IndexField(("tags",), Mode.CONTAINS), IndexField(("at",), Mode.DESCENDING), name),),
            fields={(): frozenset()},
            group_composites=((IndexField(("v",), Mode.VECTOR, 768),),),
        )
    }


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"indexes": [{"collectionGroup": "users"}]}', '{"indexes": 3}'])
def test_another_file_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "indexes.json"
    file.write_text(content)
    with pytest.raises(LocalCloudError, match=r"indexes.json is not a Firestore index file"):
        read_index_file(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalCloudError, match=r"nowhere.json cannot be read"):
        read_index_file(tmp_path / "nowhere.json")
