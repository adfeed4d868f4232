"""ListDocuments: a collection's documents page by page, also those that only have sub-collections.

https://firebase.google.com/docs/firestore/reference/rpc/google.firestore.v1#listdocumentsrequest
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from local_cloud.firestore import pages, values
from local_cloud.firestore import query as queries
from local_cloud.firestore.errors import invalid_argument
from local_cloud.firestore.execution import Execution
from local_cloud.firestore.messages import Message, StructuredQuery
from local_cloud.firestore.query import Query
from local_cloud.firestore.store import Collection, Database, Version
from local_cloud.firestore.usage import Usage

_DEFAULT_PAGE = 300
_ORDER = re.compile(r"\s*((?:[^\s,`]|`(?:[^`\\]|\\.)*`)+)(?:\s+(asc|desc))?\s*(?:,|\Z)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of documents.

    Attributes:
        documents: (name, version) of each; None for one that does not exist but has sub-collections.
        next_token: how to ask for the next page, empty if this is the last.
        query: what was read, for a transaction.
    """

    documents: list[tuple[str, Version | None]]
    next_token: str
    query: Query


async def list_documents(request: Message, database: Database, parent: str, time: int, usage: Usage) -> Page:
    """A page of documents.

    Args:
        request: the `ListDocumentsRequest`.
        database: where.
        parent: the path of the document that the collection is below, empty for the root.
        time: as of when.
        usage: where what is examined is counted.

    Raises:
        RpcError: INVALID_ARGUMENT, the order or the page token is none, or `show_missing` is asked for with an order.
    """
    query = queries.parse(_structured(request), parent=parent, root=database.root)
    size = pages.page_size(request) or _DEFAULT_PAGE
    if request.order_by or not request.collection_id:
        if request.show_missing and request.order_by:
            raise invalid_argument("show_missing cannot be used with order_by.")
        return await _ordered(request, database, query, size, time, usage)
    after = pages.place(request)
    collection = database.collection(f"{parent}/{request.collection_id}" if parent else request.collection_id)
    if collection is None:
        return Page([], "", query)
    keys = islice(_keys(collection, after, time, missing=request.show_missing), size + 1)
    listed = list(keys)
    documents = [
        (f"{database.root}/{collection.path}/{values.decode_segment(key)}", collection.at(key, time))
        for key in listed[:size]
    ]
    return Page(documents, pages.next_token(request, listed[size - 1]) if len(listed) > size else "", query)


async def _ordered(request: Message, database: Database, query: Query, size: int, time: int, usage: Usage) -> Page:
    offset = int(pages.place(request) or b"0")
    with Execution(database, replace(query, offset=offset, limit=size + 1), time, usage) as execution:
        found = [result.version async for result in execution.results()]
    documents: list[tuple[str, Version | None]] = [
        (f"{database.root}/{version.path}", version) for version in found[:size]
    ]
    token = pages.next_token(request, b"%d" % (offset + size)) if len(found) > size else ""
    return Page(documents, token, query)


def _structured(request: Message) -> Message:
    query = StructuredQuery()
    query.from_.add(collection_id=request.collection_id)
    position = 0
    while position < len(request.order_by):
        part = _ORDER.match(request.order_by, position)
        if part is None:
            raise invalid_argument(f'order_by "{request.order_by}" is not a list of fields, each with asc or desc.')
        path, direction = part.groups(default="asc")
        order = query.order_by.add(
            direction=StructuredQuery.DESCENDING if direction.lower() == "desc" else StructuredQuery.ASCENDING
        )
        order.field.field_path = path
        position = part.end()
    return query


def _keys(collection: Collection, after: bytes, time: int, *, missing: bool) -> Iterator[bytes]:
    """The keys of the documents after one, in order."""
    candidates = collection.missing if missing else ()
    absent = {key for key in candidates if key > after and collection.live_children(key, time)}
    if collection.changed <= time:
        if not absent and collection.indexes is not None:
            return collection.indexes.by_name.walk((after + b"\x00" if after else b"", b"\xff"), reverse=False)
        present = {key for key in collection.documents if key > after}
    else:
        known = {key for key in (*collection.documents, *collection.deleted) if key > after}
        present = {key for key in known if collection.at(key, time) is not None}
        if missing:
            absent.update(key for key in known - present if collection.live_children(key, time))
    return iter(sorted(present | absent))
