"""Carrying a query out: from the chosen indexes to results in order, as of one moment.

A query is answered piece by piece, and other calls are served in between. Its results are still those of one snapshot:
before a write, the walks store the versions that they have not read yet in a list. For documents that changed after the
snapshot's time, they use the old versions.
"""

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from local_cloud.firestore.declared_indexes import CompositeFields
from local_cloud.firestore.indexes import document_key
from local_cloud.firestore.messages import Message
from local_cloud.firestore.nearest import nearest
from local_cloud.firestore.plan import Walk, ideal_composite, plan, properties
from local_cloud.firestore.query import Query
from local_cloud.firestore.store import Collection, CollectionGroup, Database, Version
from local_cloud.firestore.usage import Usage

_BREATH = 256
"""Documents after which other calls are served."""

_Source = Collection | CollectionGroup

_WASTEFUL = 1000
"""A query that looks into fewer documents than this is not worth another index."""


@dataclass(slots=True)
class Result:
    """A document that a query found.

    Attributes:
        version: the document.
        document: its message if it was decoded on the way, with what the query added to it.
        sort_key: its place in the order if that was computed.
    """

    version: Version
    document: Message | None = None
    sort_key: bytes | None = None


class Execution:
    """One run of a query on a snapshot. Planned when it is made; use it as a context manager around reading it.

    Args:
        database: where.
        query: what.
        time: the snapshot's time.
        usage: where examined entries and documents are counted.

    Attributes:
        index_entries_examined: index entries walked over so far.
        documents_examined: documents looked into so far.
        skipped: results left out by the offset so far.
        indexes_used: each index's fields, as Firestore's query explanation writes them.
    """

    def __init__(self, database: Database, query: Query, time: int, usage: Usage) -> None:
        self._database = database
        self._query = query
        self._time = time
        self._usage = usage
        self.index_entries_examined = 0
        self.documents_examined = 0
        self.skipped = 0
        self.indexes_used: list[str] = []
        self._plans: list[tuple[_Source, list[Walk]]] = []
        # If a document changed after the snapshot's time, the indexes do not show its old state.
        self._changed: dict[_Source, dict[bytes, Version | None]] = {}
        group = database.groups.get(query.collection_id) if query.descendants and not query.parent else None
        for version in database.changes_since(time):
            if query.covers(version.collection.path):
                changed = self._changed.setdefault(group or version.collection, {})
                key = group.key_of(version.path_key) if group else version.key
                if key not in changed:
                    changed[key] = version.collection.at(version.key, time)
        for source in (
            [group]
            if group is not None
            else database.collections(query.parent, query.collection_id, descendants=query.descendants)
        ):
            walks: list[Walk] = []
            if source.indexes is not None:
                walks = plan(query, source.indexes, source)
            self._plans.append((source, walks))
            self.indexes_used = list(dict.fromkeys((*self.indexes_used, *(walk.properties for walk in walks))))
        if not self.indexes_used:
            self.indexes_used = _usual_index(query)
        self._candidates: Iterator[tuple[Version, Walk | None]] = self._walk_all()
        self._sorted = (
            len(self._plans) == 1 and _are_sorted(self._plans[0][1]) and not self._changed and query.nearest is None
        )

    def __enter__(self) -> Self:
        self._database.readers.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.readers.discard(self)
        self._usage.index_entries_examined += self.index_entries_examined
        self._usage.documents_examined += self.documents_examined

    def freeze(self) -> None:
        """The database is about to change: take what is left to read now."""
        self._database.readers.discard(self)
        self._candidates = iter(list(self._candidates))

    def wished_composite(self, returned: int) -> tuple[_Source, CompositeFields] | None:
        """The composite index that would have saved this run, which has ended, much work.

        Args:
            returned: the number of its results.
        """
        if self.documents_examined < _WASTEFUL or self.documents_examined < 4 * (returned + self.skipped):
            return None
        if len(self._plans) != 1 or self._changed or self._query.nearest is not None:
            return None
        fields = ideal_composite(self._query)
        return None if fields is None else (self._plans[0][0], fields)

    def count_by_index(self) -> int | None:
        """The number of results if indexes alone know it, without walking over them."""
        query = self._query
        if self._changed or query.nearest is not None:
            return None
        total = 0
        for _, walks in self._plans:
            # Several walks of one disjunct share no document.
            if not walks or (len(walks) > 1 and len(query.disjuncts) > 1):
                return None
            if not all(walk.exact and walk.complete and walk.bounded for walk in walks):
                return None
            total += sum(walk.entries for walk in walks)
        total = max(total - query.offset, 0)
        return total if query.limit is None else min(total, query.limit)

    def results(self) -> AsyncIterator[Result]:
        """The results in order, without those that offset and limit leave out."""
        results = self._matching() if self._sorted else self._in_order()
        return results if self._query.limit is None and not self._query.offset else self._cut(results)

    async def _cut(self, results: AsyncIterator[Result]) -> AsyncIterator[Result]:
        remaining = self._query.limit
        if remaining == 0:
            return
        async for result in results:
            if self.skipped < self._query.offset:
                self.skipped += 1
                continue
            yield result
            if remaining is not None:
                remaining -= 1
                if remaining == 0:
                    return

    async def _in_order(self) -> AsyncIterator[Result]:
        query = self._query
        most = None if query.limit is None or query.nearest is not None else query.limit + query.offset
        found: list[Result] = []
        async for result in self._matching(sort_keys=True):
            found.append(result)
            if most is not None and len(found) >= 2 * most + _BREATH:
                found = heapq.nsmallest(most, found, key=_sort_key)
        found.sort(key=_sort_key)
        if query.nearest is not None:
            candidates = ((result.version.document(), result) for result in found)
            for document, result in nearest(query.nearest, candidates):
                result.document = document
                yield result
            return
        for position, result in enumerate(found):
            yield result
            if position % _BREATH == _BREATH - 1:
                await asyncio.sleep(0)

    async def _matching(self, *, sort_keys: bool = False) -> AsyncIterator[Result]:
        query = self._query
        seen = 0
        while (candidate := next(self._candidates, None)) is not None:
            version, walk = candidate
            seen += 1
            if seen % _BREATH == 0:
                await asyncio.sleep(0)
            if walk is not None and walk.exact and walk.bounded and walk.complete and not sort_keys:
                yield Result(version)
                continue
            document = version.document()
            self.documents_examined += 1
            fields, path_key = document.fields, version.path_key
            if (walk is None or not walk.exact) and not query.matches(fields, path_key):
                continue
            sort_key = query.position(fields, path_key)
            if sort_key is not None:
                # Only what streams on at once keeps its message: a sort may hold very many.
                yield Result(version, None if sort_keys else document, sort_key)

    def _walk_all(self) -> Iterator[tuple[Version, Walk | None]]:
        for source, walks in self._plans:
            changed = self._changed.get(source, {})
            if source.indexes is None or not walks:
                for key, version in source.documents.items():
                    if key not in changed:
                        yield version, None
            else:
                yield from self._walk(source, walks, changed)
        for changed in self._changed.values():
            for old in changed.values():
                if old is not None:
                    yield old, None

    def _walk(
        self, source: _Source, walks: list[Walk], changed: dict[bytes, Version | None]
    ) -> Iterator[tuple[Version, Walk | None]]:
        documents = source.documents
        several = len(walks) > 1 or not walks[0].complete
        seen: set[bytes] = set()
        for entry, walk in _entries(walks):
            self.index_entries_examined += 1
            key = entry if walk.by_name else document_key(entry)
            if key in changed:
                continue
            if several:
                if key in seen:
                    continue
                seen.add(key)
            yield documents[key], walk


def _are_sorted(walks: list[Walk]) -> bool:
    """Whether the walks' entries, taken together, can be read in the query's order."""
    return bool(walks) and all(walk.sorted for walk in walks)


def _entries(walks: list[Walk]) -> Iterable[tuple[bytes, Walk]]:
    """The entries of all walks, in the query's order where every walk is in it."""
    each = list(map(_entries_of, walks))
    if len(walks) > 1 and _are_sorted(walks):
        return heapq.merge(*each, key=lambda found: found[1].rank(found[0]), reverse=walks[0].reverse)
    return itertools.chain.from_iterable(each)


def _entries_of(walk: Walk) -> Iterator[tuple[bytes, Walk]]:
    for key_range in reversed(walk.ranges) if walk.reverse else walk.ranges:
        for entry in walk.index.walk(key_range, reverse=walk.reverse):
            yield entry, walk


def _sort_key(result: Result) -> bytes:
    return result.sort_key or b""


def _usual_index(query: Query) -> list[str]:
    """The index that Firestore would use, where a collection is too small to have one here."""
    descending = query.orders[-1].descending
    used: list[str] = []
    for conjunction in query.disjuncts:
        paths = dict.fromkeys([condition.path for condition in conjunction] + [order.path for order in query.orders])
        listed = properties(tuple(paths), descending=descending)
        if listed not in used:
            used.append(listed)
    return used
