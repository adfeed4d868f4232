"""Documents in their collections, with the versions that read times and transactions look back on.

A database is a tree: collections hold documents, documents hold collections. Every write makes a new `Version` of a
document; older ones stay linked behind it for `RETENTION`, which is how far back Firestore reads
(https://firebase.google.com/docs/firestore/pitr). Versions never change, so a reader that holds some has a consistent
snapshot even after later writes.
"""

import secrets
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

from local_cloud.firestore import timestamps, values
from local_cloud.firestore.declared_indexes import NOTHING_DECLARED, DeclaredIndexes
from local_cloud.firestore.errors import failed_precondition, invalid_argument
from local_cloud.firestore.indexes import CollectionIndexes, KeyRange
from local_cloud.firestore.messages import Document, Message
from local_cloud.firestore.paths import check_id, check_path

RETENTION = 3_600_000_000
"""Microseconds for which an old version can be read."""

_PRUNE_EVERY = 60_000_000

_GROUP_SEGMENT_END = b"\x00\x02"
"""Ends a segment of a path within a group's key: what ends a string would end the key of an index entry."""


class Version:
    """A document as one commit left it.

    Attributes:
        collection: where it is.
        key: its encoded id, by which its collection and indexes know it.
        committed: when it was written, in microseconds.
        data: the serialized `Document`; None: this version is the document's absence.
        previous: the version before, as far as it is kept.
    """

    __slots__ = ("collection", "committed", "data", "key", "previous")

    def __init__(
        self,
        collection: "Collection",
        key: bytes,
        *,
        committed: int,
        data: bytes | None,
        previous: "Version | None",
    ) -> None:
        self.collection = collection
        self.key = key
        self.committed = committed
        self.data = data
        self.previous = previous

    def document(self) -> Message:
        """The `Document` message, a copy that the caller may change."""
        return Document.FromString(self.data)

    @property
    def path(self) -> str:
        """Its path below the database."""
        return f"{self.collection.path}/{values.decode_segment(self.key)}"

    @property
    def path_key(self) -> bytes:
        """The encoded path, by which documents of several collections are ordered."""
        return self.collection.path_prefix + self.key


class Reader(Protocol):
    """A reader that walks over indexes and waits in between."""

    def freeze(self) -> None:
        """The database is about to change: take what is left to read now."""


class Collection:
    """The documents directly in one collection.

    Attributes:
        database: whose it is.
        path: its path below the database, such as `users/u1/events`.
        id: the last part of it.
        path_prefix: what comes before a document's key in its path key.
        documents: the live documents by key.
        deleted: the last version, which is an absence, of documents that were deleted recently.
        changed: when it was last written to.
        indexes: its indexes, which exist only above a size where walking is no longer as quick.
        children: sub-collections by the key of the document that they are below, which need not exist.
        missing: the keys of documents that do not exist but have had sub-collections.
    """

    def __init__(self, database: "Database", path: str) -> None:
        self.database = database
        self.path = path
        self.id = path.rpartition("/")[2]
        self.path_prefix = values.encode_path(path.split("/")) + values.SEGMENT_END
        self.documents: dict[bytes, Version] = {}
        self.deleted: dict[bytes, Version] = {}
        self.changed = 0
        self.indexes: CollectionIndexes | None = None
        self.children: dict[bytes, dict[str, Collection]] = {}
        self.missing: set[bytes] = set()

    def key_of(self, path_key: bytes) -> bytes | None:
        """The key that the document with this path key has here; None if it is in another collection."""
        if not path_key.startswith(self.path_prefix):
            return None
        key = path_key[len(self.path_prefix) :]
        return None if values.SEGMENT_END in key else key

    def key_range(self, path_range: KeyRange) -> KeyRange:
        """A range of path keys as one of the keys here. It may be empty: its end is not after its beginning then."""
        prefix = self.path_prefix
        low, high = max(path_range[0], prefix), min(path_range[1], prefix + b"\xff")
        return (low[len(prefix) :], high[len(prefix) :]) if low < high else (b"", b"")

    def latest(self, key: bytes) -> Version | None:
        """The newest version of a document, which may be its absence; None if there never was any."""
        return self.documents.get(key) or self.deleted.get(key)

    def at(self, key: bytes, time: int) -> Version | None:
        """The document as it was at a time, None if it was not there."""
        version = self.latest(key)
        while version is not None and version.committed > time:
            version = version.previous
        return version if version is not None and version.data is not None else None

    def put(self, version: Version, new: Message | None, old: Message | None) -> None:
        """Make a version the newest one.

        Args:
            version: the version.
            new: its document, None if there is none.
            old: the document of the version before, None if there was none.
        """
        self.changed = version.committed
        if version.data is None:
            self.documents.pop(version.key, None)
            self.deleted[version.key] = version
            if version.key in self.children:
                self.missing.add(version.key)
        else:
            self.documents[version.key] = version
            self.deleted.pop(version.key, None)
            self.missing.discard(version.key)
        group = self.database.groups.get(self.id)
        if group is not None:
            group.put(version, new, old)
        if self.indexes is not None:
            self.indexes.change(version.key, None if old is None else old.fields, None if new is None else new.fields)
        elif not self.database.is_filling:
            self.build_indexes()

    def build_indexes(self) -> None:
        """Make the indexes, if it has none and is large enough for them."""
        if self.indexes is None and len(self.documents) > CollectionIndexes.WORTHWHILE:
            declared = self.database.declared_indexes.get(self.id, NOTHING_DECLARED)
            self.indexes = CollectionIndexes(declared.kept, exempt=declared.exempt)
            self.indexes.build((key, current.document().fields) for key, current in self.documents.items())

    def is_live(self, time: int) -> bool:
        """Whether it held a document at a time, or a collection further down did."""
        if self.changed <= time:
            if self.documents:
                return True
        elif any(self.at(key, time) for key in (*self.documents, *self.deleted)):
            return True
        return any(child.is_live(time) for children in self.children.values() for child in children.values())

    def live_children(self, key: bytes, time: int) -> list[str]:
        """The ids of the collections that a document had at a time, in order."""
        children = self.children.get(key, {})
        return sorted(child.id for child in children.values() if child.is_live(time))


class CollectionGroup:
    """The live documents of a collection group, and their indexes. Without it a query looks into each collection, and
    there may be as many collections as users
    (https://firebase.google.com/docs/firestore/query-data/queries#collection-group-query).

    Args:
        declared: the group's indexes.

    Attributes:
        documents: the live documents by key.
        indexes: the indexes.
    """

    def __init__(self, declared: DeclaredIndexes) -> None:
        self.documents: dict[bytes, Version] = {}
        self.indexes = CollectionIndexes(declared.group_kept, only=declared.group_kept_fields)

    def put(self, version: Version, new: Message | None, old: Message | None) -> None:
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
        return path_key.replace(values.SEGMENT_END, _GROUP_SEGMENT_END)

    def key_range(self, path_range: KeyRange) -> KeyRange:
        """A range of path keys as one of the keys here."""
        low, high = path_range
        return self.key_of(low), self.key_of(high)


class Database:
    """All collections of one database, and the time of their changes.

    Args:
        name: `projects/P/databases/D`.
        now: the present in microseconds.
        declared_indexes: for a collection id what an index file says of it.

    Attributes:
        readers: the readers that currently walk over indexes and wait in between.
        groups: the collection groups that have indexes of their own, by collection id.
        incarnation: 8 bytes that differ each time the database begins empty, so that listeners know their tokens again.
        is_filling: whether very many documents are being written: their collections get indexes afterwards.
    """

    def __init__(self, name: str, now: Callable[[], int], declared_indexes: Mapping[str, DeclaredIndexes]) -> None:
        self.name = name
        self.root = f"{name}/documents"
        self.incarnation = secrets.token_bytes(8)
        self.readers: set[Reader] = set()
        self.declared_indexes = declared_indexes
        self.groups = self._empty_groups()
        self.is_filling = False
        self._document_prefix = f"{self.root}/"
        self._now = now
        self._time = 0
        self._collections: dict[str, Collection] = {}
        self._roots: dict[str, Collection] = {}
        self._by_id: dict[str, dict[str, Collection]] = {}
        self._log: list[Version] = []
        self._pruned = 0

    def read_time(self) -> int:
        """The present, as the time of a snapshot: no later commit has this time or an earlier one."""
        self._time = max(self._time, self._now())
        return self._time

    def commit_time(self) -> int:
        """A time for a commit: later than any that was given out before."""
        self._time = max(self._time + 1, self._now())
        return self._time

    def past(self, time: int) -> int:
        """A time that a client asks to read at, checked.

        Raises:
            RpcError: INVALID_ARGUMENT in the future, FAILED_PRECONDITION where versions are no longer kept.
        """
        now = self.read_time()
        if time > now:
            raise invalid_argument("The requested read time is in the future.")
        if time < now - RETENTION:
            raise failed_precondition("The requested snapshot version is too old.")
        return time

    def path_of(self, name: str) -> str:
        """The path of a document below this database.

        Raises:
            RpcError: INVALID_ARGUMENT, it is not a name of a document of this database.
        """
        if not name.startswith(self._document_prefix):
            raise invalid_argument(
                f'Document name "{name}" does not begin with the name of the request\'s database, "{self.root}/".'
            )
        path = name[len(self._document_prefix) :]
        if path.count("/") % 2 == 0:
            raise invalid_argument(f'Document name "{name}" is not of the form {self.root}/COLLECTION/DOCUMENT.')
        parent, _, document_id = path.rpartition("/")
        if parent in self._collections:
            check_id(document_id, name)
        else:
            check_path(path, name)
        return path

    def locate(self, path: str) -> tuple[Collection | None, bytes]:
        """A document's collection, None if nothing was ever written to it, and the document's key."""
        parent, _, document_id = path.rpartition("/")
        return self._collections.get(parent), values.encode_segment(document_id)

    def latest(self, path: str) -> Version | None:
        """The newest version of the document at a path."""
        collection, key = self.locate(path)
        return None if collection is None else collection.latest(key)

    def at(self, path: str, time: int) -> Version | None:
        """The document at a path as it was at a time, None if it was not there."""
        collection, key = self.locate(path)
        return None if collection is None else collection.at(key, time)

    def collection(self, path: str) -> Collection | None:
        """The collection at a path, None if nothing was ever written to it."""
        return self._collections.get(path)

    def collections(self, parent: str, collection_id: str, *, descendants: bool) -> Iterator[Collection]:
        """The collections that a query is about.

        Args:
            parent: the path of the document that they are below, empty for the root.
            collection_id: their id, empty for any.
            descendants: also those further down.
        """
        if not descendants:
            if collection_id:
                found = self._collections.get(f"{parent}/{collection_id}" if parent else collection_id)
                if found is not None:
                    yield found
            else:
                yield from self._children(parent).values()
            return
        below = f"{parent}/" if parent else ""
        candidates = self._by_id.get(collection_id, {}) if collection_id else self._collections
        for candidate in candidates.values():
            if candidate.path.startswith(below):
                yield candidate

    def collection_ids(self, parent: str, time: int) -> list[str]:
        """The ids of the collections that were directly below a document, or the root, at a time, in order."""
        return sorted(child.id for child in self._children(parent).values() if child.is_live(time))

    def write(self, path: str, new: Message | None, old: Message | None, commit_time: int) -> Version:
        """Store a document, or its absence.

        Args:
            path: where.
            new: the document with its times, None to delete it.
            old: the document that is stored now, None if none is.
            commit_time: from `commit_time()`.
        """
        for reader in tuple(self.readers):
            reader.freeze()
        collection, key = self.locate(path)
        if collection is None:
            collection = self._make_collection(path.rpartition("/")[0])
        previous = collection.latest(key)
        version = Version(
            collection,
            key,
            committed=commit_time,
            data=None if new is None else new.SerializeToString(),
            previous=previous,
        )
        collection.put(version, new, old)
        self._log.append(version)
        if commit_time - self._pruned > _PRUNE_EVERY:
            self._prune(commit_time)
        return version

    def fill(self, documents: Iterable[Message]) -> None:
        """Write new documents, and index each collection once, after the last of them: for very many.

        Args:
            documents: with their names, below this database.
        """
        time = self.commit_time()
        stamp = timestamps.to_proto(time)
        self.is_filling = True
        try:
            for document in documents:
                document.create_time.CopyFrom(stamp)
                document.update_time.CopyFrom(stamp)
                self.write(self.path_of(document.name), document, None, time)
        finally:
            self.is_filling = False
        for collection in self._collections.values():
            collection.build_indexes()

    def documents(self) -> Iterator[Version]:
        """All documents that there are."""
        for collection in self._collections.values():
            yield from collection.documents.values()

    def changes_since(self, time: int) -> list[Version]:
        """The versions made after a time, oldest first."""
        if not self._log or self._log[-1].committed <= time:
            return []
        return self._log[bisect_right(self._log, time, key=lambda version: version.committed) :]

    def clear(self) -> None:
        """Forget all documents and all history."""
        self.incarnation = secrets.token_bytes(8)
        self._collections.clear()
        self._roots.clear()
        self._by_id.clear()
        self._log.clear()
        self.groups = self._empty_groups()

    def _empty_groups(self) -> dict[str, CollectionGroup]:
        return {name: CollectionGroup(each) for name, each in self.declared_indexes.items() if each.has_group}

    def _children(self, parent: str) -> dict[str, Collection]:
        if not parent:
            return self._roots
        collection, key = self.locate(parent)
        return {} if collection is None else collection.children.get(key, {})

    def _make_collection(self, path: str) -> Collection:
        collection = Collection(self, path)
        parent = path.rpartition("/")[0]
        if parent:
            above, key = self.locate(parent)
            if above is None:
                above = self._make_collection(parent.rpartition("/")[0])
            above.children.setdefault(key, {})[collection.id] = collection
            if key not in above.documents:
                above.missing.add(key)
        else:
            self._roots[collection.id] = collection
        self._collections[path] = collection
        self._by_id.setdefault(collection.id, {})[path] = collection
        return collection

    def _prune(self, now: int) -> None:
        """Drop the versions that can no longer be read."""
        self._pruned = now
        horizon = now - RETENTION
        kept = bisect_right(self._log, horizon, key=lambda version: version.committed)
        for version in self._log[:kept]:
            # At the horizon a reader sees this version, unless a later one replaced it. No reader sees the version that
            # it replaced.
            version.previous = None
            if version.data is None and version.collection.deleted.get(version.key) is version:
                del version.collection.deleted[version.key]
                self._forget_if_empty(version.collection)
        del self._log[:kept]

    def _forget_if_empty(self, collection: Collection) -> None:
        """Drop a collection that is empty and has been empty since the horizon."""
        if collection.documents or collection.deleted or collection.children:
            return
        del self._collections[collection.path]
        del self._by_id[collection.id][collection.path]
        parent = collection.path.rpartition("/")[0]
        if not parent:
            del self._roots[collection.id]
            return
        above, key = self.locate(parent)
        if above is not None:
            del above.children[key][collection.id]
            if not above.children[key]:
                del above.children[key]
                above.missing.discard(key)
            self._forget_if_empty(above)
