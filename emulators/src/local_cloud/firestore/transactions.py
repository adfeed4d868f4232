"""Keeps what each transaction reads, and checks at its commit that nothing of this has changed.

A transaction reads one snapshot, that of its begin. It commits only if nothing that it read has changed since: no
document it looked up, whether it was there or not, and nothing that its queries would now find or no longer find.
Otherwise it fails with ABORTED, and the client library runs it again. This is the optimistic concurrency control that
Firestore offers beside locks (https://firebase.google.com/docs/firestore/transaction-data-contention); of two
transactions that contend, the first to commit goes through, and the other one has the next turn (see turns.py).
"""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from local_cloud.firestore.errors import aborted, invalid_argument
from local_cloud.firestore.query import Query
from local_cloud.firestore.store import Database, Version
from local_cloud.firestore.turns import Turn, Turns

IDLE = 60_000_000
"""Microseconds after its last call at which a transaction expires
(https://firebase.google.com/docs/firestore/quotas#writes_and_transactions)."""

LONGEST = 270_000_000
"""Microseconds after its begin at which a transaction expires."""


_SWEEP_EVERY = 5_000_000


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
        turn: the turn for the document that its first attempt was aborted for.
        aborted_for: the name of the document that it, or the last attempt after it, was aborted for.
        first: the first attempt at this transaction, None if this is the first. Client libraries name that one, not the
            last.
    """

    id: bytes
    database: Database
    read_time: int
    read_only: bool
    begun: int
    used: int
    documents: set[str] = field(default_factory=set)
    queries: list[QueryRead] = field(default_factory=list)
    turn: Turn | None = None
    aborted_for: str | None = None
    first: "Transaction | None" = None

    def conflict(self) -> str | None:
        """The path of a document that changed since the snapshot in a way that changes what was read."""
        if self.read_only or not (self.documents or self.queries):
            return None
        for version in self.database.changes_since(self.read_time):
            collection = version.collection
            if self.documents and version.path in self.documents:
                return version.path
            for read in self.queries:
                if read.query.covers(collection.path) and _touches(read, version):
                    return version.path
        return None


class Transactions:
    """The transactions under way.

    Args:
        now: the present in microseconds.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._open: dict[bytes, Transaction] = {}
        self._turns = Turns()
        self._swept = 0

    async def begin(
        self, database: Database, *, read_only: bool = False, read_time: int | None = None, retries: bytes = b""
    ) -> Transaction:
        """Begin a transaction.

        Args:
            database: where.
            read_only: whether it will not write.
            read_time: a time to read at, checked; None: the present.
            retries: the transaction that it is another attempt of. If that one was aborted, this one may have to wait
                for its turn.
        """
        self._expire()
        turn = None
        first = self._open.get(retries)
        if first is not None and first.aborted_for is not None:
            turn = await self._turns.take(first.aborted_for)
        now = self._now()
        transaction = Transaction(
            id=secrets.token_bytes(16),
            database=database,
            read_time=database.read_time() if read_time is None else read_time,
            read_only=read_only,
            begun=now,
            used=now,
            turn=turn,
            first=first,
        )
        self._open[transaction.id] = transaction
        return transaction

    def get(self, transaction_id: bytes, database: Database) -> Transaction:
        """An open transaction.

        Raises:
            RpcError: INVALID_ARGUMENT, it is not open.
        """
        transaction = self._open.get(transaction_id)
        if transaction is not None and self._is_expired(transaction):
            self.close(transaction)
            transaction = None
        if transaction is None or transaction.database is not database:
            raise invalid_argument("The referenced transaction has expired or is no longer valid.")
        transaction.used = self._now()
        return transaction

    def close(self, transaction: Transaction) -> None:
        """Forget a transaction that was committed or rolled back."""
        self._open.pop(transaction.id, None)
        if transaction.first is not None:
            self._open.pop(transaction.first.id, None)
        self._end_turn(transaction)

    def check(self, transaction: Transaction, writes: Iterable[str]) -> None:
        """Refuse to commit a transaction that conflicts with what was committed since, or with another's turn.

        An aborted transaction stays known, so that it can be rolled back or named by its next attempt.

        Args:
            transaction: the transaction.
            writes: the names of the documents that it would write.

        Raises:
            RpcError: ABORTED.
        """
        contended = transaction.aborted_for
        if contended is None:
            path = transaction.conflict()
            contended = None if path is None else f"{transaction.database.root}/{path}"
        if contended is None:
            contended = next((name for name in writes if self._turns.is_anothers(name, transaction.turn)), None)
        if contended is not None:
            self._end_turn(transaction)
            transaction.aborted_for = contended
            if transaction.first is not None:
                transaction.first.aborted_for = contended
                transaction.first.used = self._now()
            raise aborted(
                "Aborted due to cross-transaction contention. This occurs when multiple transactions attempt to access "
                "the same data, requiring Firestore to abort at least one in order to enforce serializability."
            )

    def clear(self) -> None:
        """Forget all transactions."""
        for transaction in list(self._open.values()):
            self.close(transaction)

    def _end_turn(self, transaction: Transaction) -> None:
        if transaction.turn is not None:
            self._turns.give(transaction.turn)
            transaction.turn = None

    def _is_expired(self, transaction: Transaction) -> bool:
        now = self._now()
        return now - transaction.used > IDLE or now - transaction.begun > LONGEST

    def _expire(self) -> None:
        """Drop expired transactions from time to time. `get` checks whether one may still be used."""
        now = self._now()
        if now - self._swept < _SWEEP_EVERY:
            return
        self._swept = now
        for transaction in [each for each in self._open.values() if self._is_expired(each)]:
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
