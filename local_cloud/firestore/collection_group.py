"""The documents of all collections with one id, for the queries of collection groups.

https://firebase.google.com/docs/firestore/query-data/queries#collection-group-query
"""

from typing import TYPE_CHECKING

from local_cloud.firestore import values
from local_cloud.firestore.declared_indexes import DeclaredIndexes
from local_cloud.firestore.indexes import CollectionIndexes, KeyRange
from local_cloud.firestore.messages import Message

if TYPE_CHECKING:
    from local_cloud.firestore.store import Version

_SEGMENT_END = b"\x00\x02"
"""Ends a segment of a path within a key: what ends a string would end the key of an index entry."""


class CollectionGroup:
    """The live documents of a collection group, and their indexes. Without it a query looks into each collection, and
    there may be as many collections as users.

    Args:
        declared: the group's indexes.

    Attributes:
        documents: the live documents by key.
        indexes: the indexes.
    """

    def __init__(self, declared: DeclaredIndexes) -> None:
        self.documents: dict[bytes, Version] = {}
        self.indexes = CollectionIndexes(declared.group_kept, only=declared.group_kept_fields)

    def put(self, version: "Version", new: Message | None, old: Message | None) -> None:
        """Make a version the newest one.

        Args:
            version: the version.
            new: its document, None if there is none.
            old: the document of the version before, None if there was none.
        """
        key = self.key_of(version.path_key)
        if new is None:
            self.documents.pop(key, None)
        else:
            self.documents[key] = version
        self.indexes.change(key, None if old is None else old.fields, None if new is None else new.fields)

    def key_of(self, path_key: bytes) -> bytes:
        """The key that the document with this path key has here."""
        return path_key.replace(values.SEGMENT_END, _SEGMENT_END)

    def key_range(self, path_range: KeyRange) -> KeyRange:
        """A range of path keys as one of the keys here."""
        low, high = path_range
        return self.key_of(low), self.key_of(high)
