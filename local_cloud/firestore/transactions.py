"""Transactions: what they read, and whether that still holds when they commit.

A transaction reads one snapshot, that of its begin. It commits only if nothing that it read has changed since: no
document it looked up, whether it was there or not, and nothing that its queries would now find or no longer find.
Otherwise it fails with ABORTED, and the client library runs it again. This is the optimistic concurrency control that
Firestore offers beside locks (https://firebase.google.com/docs/firestore/transaction-data-contention); of two
transactions that contend, the first to commit goes through.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from local_cloud.firestore.errors import aborted, invalid_argument
from local_cloud.firestore.query import Query
from local_cloud.firestore.store import Database, Version

IDLE = 60_000_000
"""Microseconds after its last call at which a transaction expires
(https://firebase.google.com/docs/firestore/quotas#writes_and_transactions)."""

LONGEST = 270_000_000
"""Microseconds after its begin at which a transaction expires."""


@dataclass(slots=True, eq=False)
class QueryRead:
    """A query that a transaction ran.

    Attributes:
        query: the query.
        last: the sort key of its last result if its limit was reached: what lies behind it was not read.
    """

    query: Query
    last: bytes | None = None


@dataclass(slots=True, eq=False)
class Transaction:
    """One transaction.

    Attributes:
        id: what clients call it by.
        database: where.
        read_time: the time of its snapshot, in microseconds.
        read_only: it cannot write, and conflicts with nothing.
        documents: the paths of the documents that it looked up.
        queries: the queries that it ran.
    """

    id: bytes
    database: Database
    read_time: int
    read_only: bool
    begun: int
    used: int
    documents: set[str] = field(default_factory=set)
    queries: list[QueryRead] = field(default_factory=list)

    def conflicts(self) -> bool:
        """Whether something it read has changed since its snapshot."""
        if self.read_only:
            return False
        for version in self.database.changes_since(self.read_time):
            collection = version.collection
            if self.documents and version.path in self.documents:
                return True
            for read in self.queries:
                if read.query.covers(collection.path) and _touches(read, version):
                    return True
        return False


class Transactions:
    """The transactions under way.

    Args:
        now: the present in microseconds.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._open: dict[bytes, Transaction] = {}

    def begin(self, database: Database, *, read_only: bool, read_time: int | None = None) -> Transaction:
        """Begin a transaction.

        Args:
            database: where.
            read_only: whether it will not write.
            read_time: a time to read at, checked; None: the present.
        """
        self._expire()
        now = self._now()
        transaction = Transaction(
            id=secrets.token_bytes(16),
            database=database,
            read_time=database.read_time() if read_time is None else read_time,
            read_only=read_only,
            begun=now,
            used=now,
        )
        self._open[transaction.id] = transaction
        return transaction

    def get(self, transaction_id: bytes, database: Database) -> Transaction:
        """An open transaction.

        Raises:
            RpcError: INVALID_ARGUMENT, it is not open.
        """
        self._expire()
        transaction = self._open.get(transaction_id)
        if transaction is None or transaction.database is not database:
            raise invalid_argument("The referenced transaction has expired or is no longer valid.")
        transaction.used = self._now()
        return transaction

    def close(self, transaction: Transaction) -> None:
        """The transaction was committed or rolled back."""
        self._open.pop(transaction.id, None)

    def check(self, transaction: Transaction) -> None:
        """Refuse to commit a transaction that conflicts, which ends it.

        Raises:
            RpcError: ABORTED.
        """
        if transaction.conflicts():
            self.close(transaction)
            raise aborted(
                "Aborted due to cross-transaction contention. This occurs when multiple transactions attempt to access "
                "the same data, requiring Firestore to abort at least one in order to enforce serializability."
            )

    def clear(self) -> None:
        """Forget all transactions."""
        self._open.clear()

    def _expire(self) -> None:
        now = self._now()
        # In the order of their begin, so those that are too old stand first; idle ones may stand anywhere.
        expired = [
            transaction
            for transaction in self._open.values()
            if now - transaction.used > IDLE or now - transaction.begun > LONGEST
        ]
        for transaction in expired:
            self.close(transaction)


def _touches(read: QueryRead, version: Version) -> bool:
    """Whether a document's change brings a result to a query, takes one away, or changes one."""
    for side in (version, version.previous):
        if side is None or side.data is None:
            continue
        sort_key = read.query.accepts(side.document().fields, side.path_key)
        if sort_key is not None and (read.last is None or sort_key <= read.last):
            return True
    return False
