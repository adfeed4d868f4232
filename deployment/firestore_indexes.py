"""Finds which of the indexes in firestore.indexes.json exist, and which are missing.

    gcloud firestore indexes composite list --format=json | firestore_indexes.py COMMAND FILE

The file is of the form that the Firebase CLI reads, too: https://firebase.google.com/docs/reference/firestore/indexes
Prints a line for each: the flags of `gcloud firestore indexes composite create` for a composite index that is missing,
the name of one that is there; the collection, the field and, as JSON, the wanted indexes of a field whose own indexes
are not yet those of the file; the collection and the field for the others. Separated by tabs.
"""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Document = dict[str, Any]
Place = tuple[str, str]
"""A collection and a field."""


def collection_of(name: str) -> str:
    """The collection group in a name such as projects/p/databases/(default)/collectionGroups/users/fields/active."""
    return name.split("/collectionGroups/")[1].split("/")[0]


def signature(collection: str, index: Document) -> tuple[Any, ...]:
    """The properties that identify an index. Firestore adds __name__ at the end by itself."""
    fields = [(field["fieldPath"], field.get("order") or field.get("arrayConfig")) for field in index["fields"]]
    return collection, index.get("queryScope", "COLLECTION"), tuple(field for field in fields if field[0] != "__name__")


def flags(index: Document) -> Iterator[str]:
    """The flags of gcloud that make an index."""
    yield f"--collection-group={index['collectionGroup']}"
    yield f"--query-scope={index['queryScope'].lower().replace('_', '-')}"
    for field in index["fields"]:
        kind = f"order={field['order'].lower()}" if "order" in field else f"array-config={field['arrayConfig'].lower()}"
        yield f"--field-config=field-path={field['fieldPath']},{kind}"


def missing_composite(wanted: Document, existing: list[Document]) -> Iterator[list[str]]:
    """The flags of each composite index of the file that is not there."""
    there = {signature(collection_of(index["name"]), index) for index in existing}
    for index in wanted["indexes"]:
        if signature(index["collectionGroup"], index) not in there:
            yield list(flags(index))


def _field_signature(index: Document) -> tuple[str, str]:
    """The properties that identify a field's own index: its scope, and the order or `CONTAINS`."""
    (field,) = index.get("fields") or [index]
    return index.get("queryScope", "COLLECTION"), field.get("order") or field["arrayConfig"]


def _place_of(field: Document) -> Place:
    return collection_of(field["name"]), field["name"].rpartition("/")[2]


def _overrides(wanted: Document) -> Iterator[tuple[Place, list[Document]]]:
    """The fields whose own indexes are not the usual ones, and these indexes."""
    for override in wanted["fieldOverrides"]:
        if "indexes" in override:
            yield (override["collectionGroup"], override["fieldPath"]), override["indexes"]


def _is_as_wanted(wanted: list[Document], field: Document | None) -> bool:
    config = {} if field is None else field.get("indexConfig", {})
    if field is None or config.get("usesAncestorConfig"):
        return False
    return set(map(_field_signature, wanted)) == set(map(_field_signature, config.get("indexes", [])))


def missing_fields(wanted: Document, existing: list[Document]) -> Iterator[list[str]]:
    """Collection, field and wanted indexes, as JSON, of each field whose own indexes are others than in the file."""
    there = {_place_of(field): field for field in existing}
    for (collection, field), indexes in _overrides(wanted):
        if not _is_as_wanted(indexes, there.get((collection, field))):
            yield [collection, field, json.dumps(indexes)]


def existing_fields(wanted: Document, existing: list[Document]) -> Iterator[Place]:
    """The fields whose own indexes are those of the file."""
    there = {_place_of(field): field for field in existing}
    return (place for place, indexes in _overrides(wanted) if _is_as_wanted(indexes, there.get(place)))


def _expiring(wanted: Document, existing: list[Document], *, there: bool) -> Iterator[Place]:
    expires = {
        _place_of(field) for field in existing if field.get("ttlConfig", {}).get("state") in {"CREATING", "ACTIVE"}
    }
    places = ((each["collectionGroup"], each["fieldPath"]) for each in wanted["fieldOverrides"] if each.get("ttl"))
    return (place for place in places if (place in expires) is there)


def missing_ttl(wanted: Document, existing: list[Document]) -> Iterator[Place]:
    """The fields that lack the TTL policy of the file."""
    return _expiring(wanted, existing, there=False)


def existing_ttl(wanted: Document, existing: list[Document]) -> Iterator[Place]:
    """The fields that have the TTL policy of the file."""
    return _expiring(wanted, existing, there=True)


def composite_names(wanted: Document, existing: list[Document]) -> Iterator[list[str]]:
    """The names of the existing indexes that are in the file."""
    ours = {signature(index["collectionGroup"], index) for index in wanted["indexes"]}
    for index in existing:
        if signature(collection_of(index["name"]), index) in ours:
            yield [index["name"]]


COMMANDS: dict[str, Callable[[Document, list[Document]], Iterator[Any]]] = {
    "missing-composite": missing_composite,
    "missing-fields": missing_fields,
    "existing-fields": existing_fields,
    "missing-ttl": missing_ttl,
    "existing-ttl": existing_ttl,
    "composite-names": composite_names,
}

if __name__ == "__main__":
    in_file = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    for line in COMMANDS[sys.argv[1]](in_file, json.load(sys.stdin)):
        print("\t".join(line))
