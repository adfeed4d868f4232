"""Which of the indexes in firestore.indexes.json are there, and which are not.

    gcloud firestore indexes composite list --format=json | firestore_indexes.py missing-composite FILE

The file is of the form that the Firebase CLI reads, too: https://firebase.google.com/docs/reference/firestore/indexes
Prints a line for each: the flags of `gcloud firestore indexes composite create` for a composite index that is missing,
the name of one that is there, the collection and the field for the others; separated by tabs.
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
    """What makes an index the one that is wanted. Firestore adds __name__ at the end by itself."""
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
    there = {signature(collection_of(index["name"]), index) for index in existing}
    for index in wanted["indexes"]:
        if signature(index["collectionGroup"], index) not in there:
            yield list(flags(index))


def _wanted_places(wanted: Document, key: str, value: object) -> list[Place]:
    return [
        (override["collectionGroup"], override["fieldPath"])
        for override in wanted["fieldOverrides"]
        if override.get(key) == value
    ]


def _places(fields: list[Document], condition: Callable[[Document], bool]) -> set[Place]:
    return {(collection_of(field["name"]), field["name"].rpartition("/")[2]) for field in fields if condition(field)}


def _is_exempt(field: Document) -> bool:
    config = field.get("indexConfig", {})
    return not config.get("indexes") and not config.get("usesAncestorConfig")


def _expires(field: Document) -> bool:
    return field.get("ttlConfig", {}).get("state") in {"CREATING", "ACTIVE"}


def missing_exemptions(wanted: Document, existing: list[Document]) -> Iterator[Place]:
    there = _places(existing, _is_exempt)
    return (place for place in _wanted_places(wanted, "indexes", []) if place not in there)


def existing_exemptions(wanted: Document, existing: list[Document]) -> Iterator[Place]:
    there = _places(existing, _is_exempt)
    return (place for place in _wanted_places(wanted, "indexes", []) if place in there)


def missing_ttl(wanted: Document, existing: list[Document]) -> Iterator[Place]:
    there = _places(existing, _expires)
    return (place for place in _wanted_places(wanted, "ttl", True) if place not in there)


def existing_ttl(wanted: Document, existing: list[Document]) -> Iterator[Place]:
    there = _places(existing, _expires)
    return (place for place in _wanted_places(wanted, "ttl", True) if place in there)


def composite_names(wanted: Document, existing: list[Document]) -> Iterator[list[str]]:
    """The names of the existing indexes that are in the file."""
    ours = {signature(index["collectionGroup"], index) for index in wanted["indexes"]}
    for index in existing:
        if signature(collection_of(index["name"]), index) in ours:
            yield [index["name"]]


COMMANDS: dict[str, Callable[[Document, list[Document]], Iterator[Any]]] = {
    "missing-composite": missing_composite,
    "missing-exemptions": missing_exemptions,
    "existing-exemptions": existing_exemptions,
    "missing-ttl": missing_ttl,
    "existing-ttl": existing_ttl,
    "composite-names": composite_names,
}

if __name__ == "__main__":
    in_file = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    for line in COMMANDS[sys.argv[1]](in_file, json.load(sys.stdin)):
        print("\t".join(line))
