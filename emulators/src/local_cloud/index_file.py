"""Reads an index file of Firestore, so that the local Firestore keeps the indexes that are deployed.

https://firebase.google.com/docs/reference/firestore/indexes
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from local_cloud.errors import LocalCloudError
from local_cloud.firestore.declared_indexes import CompositeIndex, DeclaredIndexes, IndexField, Mode
from local_cloud.firestore.paths import NAME, FieldPath, parse_field_path
from local_cloud.rpc import RpcError

_COLLECTION = "COLLECTION"
_GROUP = "COLLECTION_GROUP"


def read_index_file(*paths: Path) -> dict[str, DeclaredIndexes]:
    """The indexes of one or more files by collection id.

    Args:
        paths: the files. Of two that override the same field, the later one counts.

    Raises:
        LocalCloudError: a file cannot be read, or is not an index file. The text names the files.
    """
    path = ", ".join(map(str, paths))
    indexes: list[dict[str, Any]] = []
    overrides: list[dict[str, Any]] = []
    try:
        for each in paths:
            document = json.loads(each.read_text(encoding="utf-8"))
            indexes += document["indexes"]
            overrides += document.get("fieldOverrides", [])
        return {
            name: DeclaredIndexes(
                composites=tuple(_composites(indexes, name, _COLLECTION)),
                fields=dict(_overrides(overrides, name, _COLLECTION)),
                group_composites=tuple(_composites(indexes, name, _GROUP)),
                group_fields={field: modes for field, modes in _overrides(overrides, name, _GROUP) if modes},
            )
            for name in dict.fromkeys(each["collectionGroup"] for each in (*indexes, *overrides))
        }
    except OSError as error:
        raise LocalCloudError(f"{path} cannot be read: {error}.") from error
    except (ValueError, KeyError, TypeError, AttributeError, RpcError) as error:
        raise LocalCloudError(f"{path} is not a Firestore index file: {type(error).__name__}: {error}.") from error


def _composites(indexes: list[dict[str, Any]], name: str, scope: str) -> Iterator[CompositeIndex]:
    for index in indexes:
        fields = tuple(_index_field(field) for field in index["fields"])
        if (index["collectionGroup"], index.get("queryScope", _COLLECTION)) == (name, scope):
            yield _with_name(fields)


def _index_field(field: dict[str, Any]) -> IndexField:
    vector = field.get("vectorConfig")
    dimension = 0 if vector is None else int(vector["dimension"])
    return IndexField(parse_field_path(field["fieldPath"]), _mode(field), dimension)


def _with_name(fields: CompositeIndex) -> CompositeIndex:
    """The index with the document's name at its end, where Firestore adds it in the direction of the field before."""
    others = tuple(each for each in fields if each.path != NAME)
    if others and others[-1].mode is Mode.VECTOR:
        return others
    named = next((each for each in fields if each.path == NAME), None)
    is_descending = bool(others) and others[-1].mode is Mode.DESCENDING
    return (*others, named or IndexField(NAME, Mode.DESCENDING if is_descending else Mode.ASCENDING))


def _overrides(overrides: list[dict[str, Any]], name: str, scope: str) -> Iterator[tuple[FieldPath, frozenset[Mode]]]:
    """The fields whose indexes an override lists, and which of them have this scope."""
    for override in overrides:
        if override["collectionGroup"] == name and "indexes" in override:
            path = override["fieldPath"]
            listed = (each for each in override["indexes"] if each.get("queryScope", _COLLECTION) == scope)
            yield () if path == "*" else parse_field_path(path), frozenset(map(_mode, listed))


def _mode(index: dict[str, Any]) -> Mode:
    if index.get("vectorConfig") is not None:
        return Mode.VECTOR
    if index.get("arrayConfig") is not None:
        return Mode[index["arrayConfig"]]
    return Mode[index.get("order", "ASCENDING")]
