"""Makes composite indexes that are not declared, after a query that would have needed one.

Firestore refuses such a query and gives a link to create the index. Here the query is answered by the best index that
there is, and the composite one is filled while other calls are served, for the next query of its kind.
"""

import asyncio

from local_cloud.firestore.declared_indexes import CompositeFields
from local_cloud.firestore.execution import Execution
from local_cloud.firestore.store import Collection, CollectionGroup

_SLICE = 256
"""Documents after which other calls are served."""

_MOST = 16
"""Composite indexes of a collection beyond which no more are made: each makes every write a little slower."""


class IndexBuilder:
    """Makes composite indexes in the background."""

    def __init__(self) -> None:
        self._building: set[asyncio.Task[None]] = set()

    def consider(self, execution: Execution, returned: int) -> None:
        """Make the index that a query wanted, if it looked into many more documents than it returned.

        Args:
            execution: the query's run, which has ended.
            returned: the number of its results.
        """
        wished = execution.wished_composite(returned)
        if wished is None:
            return
        source, fields = wished
        indexes = source.indexes
        if indexes is None or indexes.has_composite(fields) or len(indexes.composites) >= _MOST:
            return
        indexes.begin_composite(fields)
        task = asyncio.create_task(_fill(source, fields))
        self._building.add(task)
        task.add_done_callback(self._building.discard)

    async def wait(self) -> None:
        """Return when all indexes that are being made are whole."""
        await asyncio.gather(*self._building)

    def stop(self) -> None:
        """Leave the indexes that are being made unfinished, and so unused."""
        for task in self._building:
            task.cancel()


async def _fill(source: Collection | CollectionGroup, fields: CompositeFields) -> None:
    indexes = source.indexes
    if indexes is None:
        return
    for position, (key, version) in enumerate(list(source.documents.items())):
        if position % _SLICE == _SLICE - 1:
            await asyncio.sleep(0)
        # Documents that changed in the meantime are already in the index.
        if source.documents.get(key) is version:
            indexes.fill_composite(fields, key, version.document().fields)
    indexes.finish_composite(fields)
