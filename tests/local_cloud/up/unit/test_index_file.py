"""The index file that is deployed is the one that the local Firestore keeps."""

from pathlib import Path

import pytest

from local_cloud.errors import LocalCloudError
from local_cloud.index_file import read_index_file
from tests.support import REPOSITORY


def test_the_deployed_file() -> None:
    indexes = read_index_file(REPOSITORY / "deployment" / "firestore.indexes.json")
    assert (("shard",), ("next_report_at",)) in indexes["report_subscriptions"]
    assert set(indexes) == {"report_subscriptions", "users", "deliveries", "dead_letters"}


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"indexes": [{"collectionGroup": "users"}]}', '{"indexes": 3}'])
def test_another_file_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "indexes.json"
    file.write_text(content)
    with pytest.raises(LocalCloudError, match=r"indexes.json is not a Firestore index file"):
        read_index_file(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalCloudError, match=r"nowhere.json cannot be read"):
        read_index_file(tmp_path / "nowhere.json")
