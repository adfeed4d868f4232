"""How many entries in indexes a document has.

https://firebase.google.com/docs/firestore/query-data/index-overview#automatic_indexing
"""

from math import prod

from local_cloud.firestore import fields as document_fields
from local_cloud.firestore import values
from local_cloud.firestore.declared_indexes import (
    AUTOMATIC,
    NO_MODES,
    CompositeIndex,
    DeclaredIndexes,
    FieldModes,
    Mode,
    modes_of,
)
from local_cloud.firestore.messages import Message
from local_cloud.firestore.paths import NAME, FieldPath

MAX_INDEX_ENTRIES = 40_000
"""https://firebase.google.com/docs/firestore/quotas#indexes"""


def count(fields: Message, declared: DeclaredIndexes) -> int:
    """The entries of a document in the single-field and composite indexes of its collection and its collection group.

    Args:
        fields: the document's.
        declared: what an index file says of its collection.
    """
    single = _of_fields(fields, (), ((declared.fields, AUTOMATIC), (declared.group_fields, NO_MODES)))
    return single + sum(_of_composite(fields, each) for each in (*declared.composites, *declared.group_composites))


def _of_fields(fields: Message, parent: FieldPath, scopes: tuple[tuple[FieldModes, frozenset[Mode]], ...]) -> int:
    entries = 0
    for name in fields:
        path = (*parent, name)
        value = fields[name]
        for overridden, default in scopes:
            entries += _of_value(value, modes_of(path, overridden, default))
        if value.WhichOneof("value_type") == "map_value" and not values.is_vector(value):
            entries += _of_fields(value.map_value.fields, path, scopes)
    return entries


def _of_value(value: Message, modes: frozenset[Mode]) -> int:
    ordered = len(modes & {Mode.ASCENDING, Mode.DESCENDING})
    return ordered + (_elements(value) if Mode.CONTAINS in modes else 0)


def _elements(value: Message) -> int:
    return len(set(map(values.encode, value.array_value.values)))


def _of_composite(fields: Message, index: CompositeIndex) -> int:
    """One entry, and with an array one for each of its elements; none if a field is missing."""
    indexed = [(each, document_fields.get(fields, each.path)) for each in index if each.path != NAME]
    return prod(
        0 if value is None else _elements(value) if each.mode is Mode.CONTAINS else 1 for each, value in indexed
    )
