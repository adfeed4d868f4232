"""How many entries in indexes a document has."""

from pathlib import Path
from typing import Any

import pytest
from google.cloud.firestore_v1 import _helpers
from google.cloud.firestore_v1.vector import Vector

from local_cloud.firestore import index_entries
from local_cloud.firestore.declared_indexes import NOTHING_DECLARED, DeclaredIndexes
from local_cloud.firestore.messages import Document
from local_cloud.index_file import read_index_file

INDEXES = """{
  "indexes": [
    {"collectionGroup": "users", "fields": [{"fieldPath": "n", "order": "ASCENDING"},
                                            {"fieldPath": "tags", "arrayConfig": "CONTAINS"}]},
    {"collectionGroup": "users", "queryScope": "COLLECTION_GROUP",
     "fields": [{"fieldPath": "n", "order": "ASCENDING"}, {"fieldPath": "missing", "order": "DESCENDING"}]}
  ],
  "fieldOverrides": [
    {"collectionGroup": "users", "fieldPath": "log", "indexes": []},
    {"collectionGroup": "users", "fieldPath": "email",
     "indexes": [{"order": "ASCENDING"}, {"order": "ASCENDING", "queryScope": "COLLECTION_GROUP"}]}
  ]
}"""


def entries(data: dict[str, Any], declared: DeclaredIndexes = NOTHING_DECLARED) -> int:
    document = Document(fields={key: value._pb for key, value in _helpers.encode_dict(data).items()})
    return index_entries.count(document.fields, declared)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, 0),
        ({"n": 1, "text": "x"}, 4),
        ({"tags": ["a", "b", "b"]}, 4),
        ({"map": {"n": 1, "tags": ["a"]}}, 2 + 2 + 3),
        ({"vector": Vector([1.0, 2.0])}, 2),
    ],
)
def test_the_indexes_that_every_field_has(data: dict[str, Any], expected: int) -> None:
    assert entries(data) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"log": {"lines": ["a", "b"]}}, 0),
        ({"email": "a@example.com"}, 2),
        ({"tags": ["a", "b"], "n": 1}, 4 + 2 + 2),
    ],
)
def test_the_indexes_that_a_file_declares(tmp_path: Path, data: dict[str, Any], expected: int) -> None:
    file = tmp_path / "indexes.json"
    file.write_text(INDEXES, encoding="utf-8")
    assert entries(data, read_index_file(file)["users"]) == expected
