"""Reads an index file of Firestore, so that the local Firestore keeps the indexes that are deployed.

https://firebase.google.com/docs/reference/firestore/indexes
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from local_cloud.errors import LocalCloudError
from local_cloud.firestore.indexes import CompositeFields, DeclaredIndexes
from local_cloud.firestore.paths import FieldPath, parse_field_path
from local_cloud.rpc import RpcError

_COLLECTION = "COLLECTION"
_GROUP = "COLLECTION_GROUP"


def read_index_file(path: Path) -> dict[str, DeclaredIndexes]:
    """The indexes of a file by collection id.

    Directions are left out: the local Firestore walks an index either way.

    Args:
        path: the file.

    Raises:
        LocalCloudError: the file cannot be read, or is not an index file. The text names the file.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        indexes, overrides = document["indexes"], document.get("fieldOverrides", [])
        return {
            name: DeclaredIndexes(
                composites=tuple(_composites(indexes, name, _COLLECTION)),
                exempt=frozenset(_overrides(overrides, name, _COLLECTION, has_index=False)),
                group_composites=tuple(_composites(indexes, name, _GROUP)),
                group_fields=frozenset(_overrides(overrides, name, _GROUP, has_index=True)),
            )
            for name in dict.fromkeys(each["collectionGroup"] for each in (*indexes, *overrides))
        }
    except OSError as error:
        raise LocalCloudError(f"{path} cannot be read: {error}.") from error
    except (ValueError, KeyError, TypeError, AttributeError, RpcError) as error:
        raise LocalCloudError(f"{path} is not a Firestore index file: {type(error).__name__}: {error}.") from error


def _composites(indexes: list[dict[str, Any]], name: str, scope: str) -> Iterator[CompositeFields]:
    for index in indexes:
        fields = tuple(parse_field_path(field["fieldPath"]) for field in index["fields"])
        if (index["collectionGroup"], index.get("queryScope", _COLLECTION)) == (name, scope):
            yield fields


def _overrides(overrides: list[dict[str, Any]], name: str, scope: str, *, has_index: bool) -> Iterator[FieldPath]:
    """The fields whose override says that they have an index of this scope, or that they have none."""
    for override in overrides:
        if override["collectionGroup"] != name or "indexes" not in override:
            continue
        scopes = {index.get("queryScope", _COLLECTION) for index in override["indexes"]}
        if (scope in scopes) is has_index:
            yield parse_field_path(override["fieldPath"])
