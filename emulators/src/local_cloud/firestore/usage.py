"""Counts what Firestore would bill."""

from dataclasses import dataclass


@dataclass(slots=True)
class Usage:
    """Counts of billed operations since the start or the last `reset`.

    They follow https://firebase.google.com/docs/firestore/pricing: a query costs one read for each document that it
    returns or skips by an offset, and one if it returns none; an aggregation one for each thousand index entries; a
    write is one write whatever it changes; a listener one read for each document that is sent to it.

    Attributes:
        reads: document reads.
        writes: document creates, updates and sets.
        deletes: document deletes, also of documents that were not there.
        index_entries_examined: entries of indexes that queries walked over (not billed; says what a query costs here).
        documents_examined: documents that queries looked into (likewise).
    """

    reads: int = 0
    writes: int = 0
    deletes: int = 0
    index_entries_examined: int = 0
    documents_examined: int = 0

    def reset(self) -> None:
        """Set the counts to zero."""
        self.reads = self.writes = self.deletes = self.index_entries_examined = self.documents_examined = 0
