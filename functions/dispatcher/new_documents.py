"""Finds the documents of a collection that the dispatcher has not dealt with yet.

Firestore has no query for documents that lack a field. So an application marks a new document by a null in the field:
the next run finds it by an index, and pays only for what is new. A sweep finds documents without the field. First,
counts say whether there are any, at one document read per thousand documents. Only then does the sweep read the
collection, until it has found the missing number. All counts use one read time: a document that is deleted between two
counts would look like a new one that no sweep ever finds.

A small collection is swept with every run, a large one once a day (functions.shared.records.run.Sweep): a product with
sign-ups every hour must not read all its users every hour.
https://firebase.google.com/docs/firestore/query-data/aggregation-queries#pricing
https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#runaggregationqueryrequest
"""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from functions.shared.firestore.database import Database
from functions.shared.firestore.document_stream import DocumentStream, path_of
from functions.shared.firestore.field_path import NAME
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.firestore.query import Query
from functions.shared.records.contract import Contract
from functions.shared.records.run import Sweep
from functions.shared.records.subscription import is_of_a_user

PAGE_SIZE = 200
"""How many new documents are dealt with at once: a commit writes two documents for each, and takes a second."""

_SCANNED_A_PAGE = 10_000
"""After how many documents a sweep lets the run look at its time."""


class NewCursor(Contract):
    """A place in the order in which new documents are found.

    Attributes:
        path: the last document's, below the root.
        by_sweep: whether the sweep has begun.
    """

    path: str
    by_sweep: bool = False


class NewPage(NamedTuple):
    """Some new documents.

    Attributes:
        found: the fields that are needed of each, perhaps of none.
        place: how far the run has looked.
    """

    found: Sequence[FoundDocument]
    place: NewCursor


class Mark(NamedTuple):
    """The field that marks new documents.

    Attributes:
        field: its name.
        everything: the query of all documents that are to have it.
        known: the query of those whose field has a value that the dispatcher writes.
        new: the query of those with a null.
        is_missing: whether a document's fields have neither a null nor a value that the dispatcher writes, as JSON
            (functions.shared.firestore.document_stream).
        aside: the query of those with another value of the dispatcher's, which are there for a while at most; None
            where there is no such value.
        select: the fields that are needed to deal with a document; None for all. Applications may keep much in one.
        is_swept: whether documents without the field are looked for, too.
        at_once: how many new documents a run deals with at most. If there are more, it leaves all of them; None: there
            is no such limit.
    """

    field: str
    everything: Query
    known: Query
    new: Query
    is_missing: Callable[[Mapping[str, Any]], bool]
    aside: Query | None = None
    select: Sequence[str] | None = None
    is_swept: bool = True
    at_once: int | None = None


class NewDocuments:
    """Finds new documents.

    Args:
        database: the Firestore database.
        stream: what reads the collection.
        mark: the field that marks new documents.
    """

    def __init__(self, database: Database, stream: DocumentStream, mark: Mark) -> None:
        self._database = database
        self._stream = stream
        self._mark = mark
        self._missing: tuple[int, datetime] | None = None
        self.counted: int | None = None
        """How many documents the collection has; None where they were not counted."""
        self.held_back = 0
        """How many new documents there are, where that is more than a run deals with."""

    def has_any(self, run_time: datetime, last: Sweep | None) -> bool:
        """Whether there are new documents, as far as the run looks.

        Args:
            run_time: the time that the run is for.
            last: the last sweep of the collection; None where there was none.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore cannot be read.
        """
        is_marked = any(self._database.stream(self._mark.new.select([]).limit(1)))
        if is_marked and self._mark.at_once is None:
            return True
        found = self._database.count(self._mark.new) if is_marked else 0
        if self._is_sweep_due(run_time, last):
            found += max(self._count_missing()[0], 0)
        if self._mark.at_once is not None and found > self._mark.at_once:
            self.held_back = found
            # So that the next run sweeps again, however large the collection is.
            self.counted = None
            return False
        return found > 0

    def find(self, run_time: datetime, *, last: Sweep | None, after: NewCursor | None) -> Iterator[NewPage]:
        """Find new documents, page by page. Admit each page before you take the next.

        Args:
            run_time: the time that the run is for.
            last: the last sweep of the collection; None where there was none.
            after: the place after which to begin; None for the beginning.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore cannot be read.
        """
        sweeping = after is not None and after.by_sweep
        if not sweeping:
            yield from self._marked(after.path if after else None)
        if sweeping or self._is_sweep_due(run_time, last):
            yield from self._sweep(after.path if after and sweeping else None)

    def _is_sweep_due(self, run_time: datetime, last: Sweep | None) -> bool:
        return self._mark.is_swept and (last is None or last.is_due_again(run_time))

    def _marked(self, after: str | None) -> Iterator[NewPage]:
        query = self._mark.new
        if self._mark.select is not None:
            query = query.select(self._mark.select)
        at_once = self._mark.at_once
        pages = pages_of(self._database, query, after)
        return itertools.islice(pages, None if at_once is None else math.ceil(at_once / PAGE_SIZE))

    def _count_missing(self) -> tuple[int, datetime]:
        """How many documents have neither a null nor a value of the dispatcher's, and at which read time. Counted
        once."""
        if self._missing is None:
            self.counted, _, read_time = self._database.aggregate(self._mark.everything)
            missing = self.counted
            for each in (self._mark.known, self._mark.new, self._mark.aside):
                # The last one is seldom asked: mostly, nothing is missing.
                if each is not None and missing > 0:
                    missing -= self._database.aggregate(each, read_time=read_time).number
            self._missing = missing, read_time
        return self._missing

    def _sweep(self, after: str | None) -> Iterator[NewPage]:
        missing, read_time = self._count_missing()
        if missing <= 0:
            return
        query = self._mark.everything.select([self._mark.field]).order_by(NAME)
        documents = self._stream.read(query.start_after(after) if after else query, read_time=read_time)
        found: list[str] = []
        path = ""
        for scanned, document in enumerate(documents, start=1):
            path = path_of(document)
            if is_of_a_user(path) and self._mark.is_missing(document.get("fields", {})):
                found.append(path)
                missing -= 1
            if missing == 0:
                break
            if len(found) == PAGE_SIZE or scanned % _SCANNED_A_PAGE == 0:
                yield self._page(found, path)
                found = []
        if found:
            yield self._page(found, path)

    def _page(self, found: Sequence[str], path: str) -> NewPage:
        """Read the documents as they are now: they may have changed since the time of the sweep."""
        read = self._database.get_all(found, fields=self._mark.select).values()
        return NewPage([each for each in read if each.exists], NewCursor(path=path, by_sweep=True))


class NewDocumentFinder(Protocol):
    """Finds one type of documents to admit, as NewDocuments does.

    Attributes:
        counted: how many documents there are; None where they were not counted.
    """

    counted: int | None

    def has_any(self, run_time: datetime, last: Sweep | None) -> bool:
        """Whether there are any, as far as the run looks."""

    def find(self, run_time: datetime, *, last: Sweep | None, after: NewCursor | None) -> Iterator[NewPage]:
        """Find them, page by page. Admit each page before you take the next."""


def pages_of(database: Database, query: Query, after: str | None, *, by_sweep: bool = False) -> Iterator[NewPage]:
    """Read the documents that a query finds, page by page.

    Args:
        database: the Firestore database.
        query: the query.
        after: the path of the document after which to begin; None for the beginning.
        by_sweep: whether this is a sweep.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Firestore cannot be read.
    """
    query = query.order_by(NAME).limit(PAGE_SIZE)
    while True:
        page = list(database.stream(query.start_after(after) if after else query))
        if page:
            after = page[-1].path
            ours = [each for each in page if is_of_a_user(each.path)]
            yield NewPage(ours, NewCursor(path=after, by_sweep=by_sweep))
        if len(page) < PAGE_SIZE:
            return
