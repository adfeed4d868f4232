"""A user's own data, as reports read it. What is stored is other applications' to write: any field may be anything."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


class NoIndex(LookupError):
    """Firestore has no index for a query, or is still building it.

    >>> start, end = request.period
    >>> try:
    ...     tea = request.data.total("orders", field="at", start=start, end=end, equal=("product", "Tea"))
    ... except NoIndex:
    ...     tea = Total(0)
    >>> tea.count
    1
    """


@dataclass(frozen=True)
class Total:
    """How many documents there are, and what a number in them adds up to.

    >>> start, end = request.period
    >>> request.data.total("orders", field="at", start=start, end=end, amount=("total", LARGEST_AMOUNT))
    Total(count=2, sum=16.5)
    """

    count: int
    sum: float = 0.0


class UserData(Protocol):
    """Reads what is stored under one user's document: in Firestore, or in memory where a sample is shown.

    >>> [fields["product"] for _id, fields in request.data.documents("orders", limit=100)]
    ['Tea', 'Cocoa']
    """

    def between(
        self, collection: str, *, field: str, start: datetime, end: datetime, select: Sequence[str], limit: int
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Documents whose time lies in a range, from the earliest on, streamed: they need not fit in memory.

            >>> start, end = request.period
            >>> found = request.data.between("orders", field="at", start=start, end=end, select=("total",), limit=100)
            >>> [fields["total"] for _id, fields in found]
            [12.5, 4.0]

        A document without that field, or with something else than a timestamp in it, lies in no range of times.
        https://firebase.google.com/docs/firestore/manage-data/data-types#value_type_ordering

        Args:
            collection: the sub-collection's name.
            field: the timestamp to go by.
            start: the first moment that is in.
            end: the first moment that is not.
            select: the fields to read.
            limit: how many are read at most. Each is paid for, with every attempt, and takes time of the report's
                (docs/guides/python-reports.md). Ask for one more than you use to learn whether something is left out,
                and say so.

        Yields:
            The document's id and its fields.
        """

    def documents(self, collection: str, *, limit: int) -> Iterator[tuple[str, dict[str, Any]]]:
        """The first documents of a sub-collection, by their ids, whole.

        Args:
            collection: its name.
            limit: how many are read at most.

        Yields:
            The document's id and its fields.
        """

    def parts(
        self, collection: str, *, first: str, last: str, field: str, keys: Sequence[str] = ()
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """What a map holds in each document whose id lies in a range, in the order of the ids.

        A document is one read, however much of it is read; one that is not there is none.

        Args:
            collection: the sub-collection's name.
            first: the first id that is in.
            last: the last one.
            field: the map's name.
            keys: which of its entries to read; empty: all.

        Yields:
            The document's id and the entries. None where the field is no map.
        """

    def total(
        self,
        collection: str,
        *,
        field: str,
        start: datetime,
        end: datetime,
        equal: tuple[str, str] | None = None,
        amount: tuple[str, float] | None = None,
    ) -> Total:
        """Count documents whose time lies in a range, and add up a number in them: a read for each 1,000 documents.

        https://firebase.google.com/docs/firestore/query-data/aggregation-queries

        Args:
            collection: the sub-collection's name.
            field: the timestamp to go by.
            start: the first moment that is in.
            end: the first moment that is not.
            equal: a field and the text that it must have.
            amount: the number to add up, and how large it may be in either direction. Documents without such a number
                do not count.

        Raises:
            NoIndex: `equal` or `amount` need a composite index, and there is none.
        """
