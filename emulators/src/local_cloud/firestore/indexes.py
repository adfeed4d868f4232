"""Indexes of a collection: sorted keys, each a field's encoded value followed by the document's encoded id.

As in Firestore every field has an index, and each part of a map has, and each array has one more with an entry for
each element (https://firebase.google.com/docs/firestore/query-data/index-overview#single-field-indexes), unless the
field is exempt. Composite indexes, and those of collection groups, are kept for the fields that they are declared for.
"""

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from sortedcontainers import SortedList

from local_cloud.firestore import fields as document_fields
from local_cloud.firestore import values
from local_cloud.firestore.declared_indexes import CompositeFields
from local_cloud.firestore.messages import Message
from local_cloud.firestore.paths import NAME, FieldPath

KeyRange = tuple[bytes, bytes]
"""From where (inclusive) to where (exclusive) keys lie."""


_Name = tuple[str, Any]
_ORDER = "order"
_CONTAINS = "contains"
_COMPOSITE = "composite"

EVERYTHING: KeyRange = (b"", b"\xff")
"""The range that every key lies in."""


class Index:
    """One sorted list of keys."""

    def __init__(self, keys: Iterable[bytes] = ()) -> None:
        self.keys: SortedList[bytes] = SortedList(keys)

    def count(self, key_range: KeyRange) -> int:
        """How many keys lie in a range, without walking over them."""
        low, high = key_range
        count: int = self.keys.bisect_left(high) - self.keys.bisect_left(low)
        return max(count, 0)

    def walk(self, key_range: KeyRange, *, reverse: bool) -> Iterator[bytes]:
        """The keys in a range in their order or against it."""
        low, high = key_range
        if low >= high:
            return iter(())
        walked: Iterator[bytes] = self.keys.irange(low, high, inclusive=(True, False), reverse=reverse)
        return walked


class CollectionIndexes:
    """The indexes of one collection, or of all collections of a group together.

    Args:
        composites: the composite indexes to keep. All their fields ascend: the index is walked backwards for descending
            results.
        exempt: the fields that have no index of their own.
        only: the fields that have one, where the others have none.
    """

    WORTHWHILE: ClassVar[int] = 64
    """The number of documents above which a collection has indexes. Most collections of a tree are small, and walking
    over so few documents is quicker than keeping a dozen sorted lists for each collection."""

    def __init__(
        self,
        composites: Iterable[CompositeFields] = (),
        *,
        exempt: frozenset[FieldPath] = frozenset(),
        only: frozenset[FieldPath] | None = None,
    ) -> None:
        self.composites: list[CompositeFields] = list(composites)
        self._exempt = exempt
        self._only = only
        self._unfinished: set[CompositeFields] = set()
        self._indexes: dict[_Name, Index] = {}
        self.by_name = Index()

    def has_field(self, path: FieldPath) -> bool:
        """Whether a field has an index of its own: what is said of a map holds for its parts."""
        whole = {path[:length] for length in range(1, len(path) + 1)}
        return whole.isdisjoint(self._exempt) and (self._only is None or not whole.isdisjoint(self._only))

    def ordered(self, path: FieldPath) -> Index:
        """The index of a field's values; of the documents' ids for the name."""
        return self.by_name if path == NAME else self._indexes.get((_ORDER, path)) or Index()

    def containing(self, path: FieldPath) -> Index:
        """The index of the elements of arrays at a field."""
        return self._indexes.get((_CONTAINS, path)) or Index()

    def composite(self, fields: CompositeFields) -> Index:
        """The composite index of some fields, one of `composites`."""
        return self._indexes.get((_COMPOSITE, fields)) or Index()

    def build(self, documents: Iterable[tuple[bytes, Message]]) -> None:
        """Fill the indexes, which are empty, from (key, fields) of all documents."""
        keys: list[bytes] = []
        entries: dict[_Name, list[bytes]] = {}
        for key, fields in documents:
            keys.append(key)
            for name, entry in self._entries(key, fields):
                entries.setdefault(name, []).append(entry)
        self.by_name = Index(keys)
        self._indexes = {name: Index(listed) for name, listed in entries.items()}

    def change(self, key: bytes, old: Message | None, new: Message | None) -> None:
        """Bring the indexes up to date with one document.

        Args:
            key: its key.
            old: its fields as the indexes have them, None if it is not in them.
            new: its fields, None if it is gone.
        """
        before = set() if old is None else set(self._entries(key, old))
        after = set() if new is None else set(self._entries(key, new))
        if old is None:
            self.by_name.keys.add(key)
        elif new is None:
            self.by_name.keys.remove(key)
        for name, entry in before - after:
            index = self._index(name)
            # An unfinished index may not have it yet.
            index.keys.discard(entry)
            if not index.keys:
                del self._indexes[name]
        for name, entry in after - before:
            self._index(name).keys.add(entry)
        if self._unfinished and old is not None:
            self._complete(after & before)

    def _complete(self, unchanged: Iterable[tuple[_Name, bytes]]) -> None:
        """Bring a changed document's unchanged entries into unfinished indexes, which are filled from others."""
        for name, entry in unchanged:
            if name[0] == _COMPOSITE and name[1] in self._unfinished and entry not in self._index(name).keys:
                self._index(name).keys.add(entry)

    def begin_composite(self, fields: CompositeFields) -> None:
        """Begin to keep one more composite index: changes reach it at once, but it is not used until it is whole."""
        self._unfinished.add(fields)
        self._indexes[_COMPOSITE, fields] = Index()

    def fill_composite(self, fields: CompositeFields, key: bytes, document: Message) -> None:
        """Bring a document that has not changed since `begin_composite` into an unfinished composite index."""
        entry = _composite_entry(fields, key, document)
        if entry is not None:
            self._index((_COMPOSITE, fields)).keys.add(entry)

    def finish_composite(self, fields: CompositeFields) -> None:
        """An unfinished composite index is whole."""
        self._unfinished.discard(fields)
        self.composites.append(fields)

    def has_composite(self, fields: CompositeFields) -> bool:
        """Whether a composite index is kept or being filled."""
        return fields in self._unfinished or fields in self.composites

    def _index(self, name: _Name) -> Index:
        found = self._indexes.get(name)
        if found is None:
            found = self._indexes[name] = Index()
        return found

    def _entries(self, key: bytes, fields: Message) -> Iterator[tuple[_Name, bytes]]:
        suffix = values.SEGMENT_END + key
        if self._only is None:
            yield from _field_entries(fields, (), suffix, self._exempt)
        else:
            for path in self._only:
                value = document_fields.get(fields, path)
                if value is not None:
                    yield from _value_entries(value, path, suffix, self._exempt)
        for composite in (*self.composites, *self._unfinished):
            entry = _composite_entry(composite, key, fields)
            if entry is not None:
                yield (_COMPOSITE, composite), entry


def document_key(entry: bytes) -> bytes:
    """The key of the document that an index entry is of."""
    return entry[entry.rfind(values.SEGMENT_END) + 2 :]


def _field_entries(
    fields: Message, parent: FieldPath, suffix: bytes, exempt: frozenset[FieldPath]
) -> Iterator[tuple[_Name, bytes]]:
    for name in fields:
        path = (*parent, name)
        if path not in exempt:
            yield from _value_entries(fields[name], path, suffix, exempt)


def _value_entries(
    value: Message, path: FieldPath, suffix: bytes, exempt: frozenset[FieldPath]
) -> Iterator[tuple[_Name, bytes]]:
    yield (_ORDER, path), values.encode(value) + suffix
    kind = value.WhichOneof("value_type")
    if kind == "array_value":
        for encoded in {values.encode(element) for element in value.array_value.values}:
            yield (_CONTAINS, path), encoded + suffix
    elif kind == "map_value" and not values.is_vector(value):
        yield from _field_entries(value.map_value.fields, path, suffix, exempt)


def _composite_entry(composite: CompositeFields, key: bytes, fields: Message) -> bytes | None:
    parts: list[bytes] = []
    for path in composite:
        value = document_fields.get(fields, path)
        if value is None:
            return None
        parts.append(values.encode(value))
    parts += (values.SEGMENT_END, key)
    return b"".join(parts)
