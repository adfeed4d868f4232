"""A page of documents, and where the next one begins: at a place in the order, which stays when its document goes."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from functions.shared.firestore.database import Database
from functions.shared.firestore.field_path import NAME
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.firestore.query import Query
from functions.shared.records.ids import is_document_id

T = TypeVar("T")

_TIME = "time"


@dataclass(frozen=True, kw_only=True)
class Page(Generic[T]):
    """A page.

    Attributes:
        following: the cursor behind which the next page begins; None on the last page.
    """

    rows: list[T]
    following: str | None


def read_page(
    database: Database, query: Query, *, after: str | None, limit: int, read: Callable[[FoundDocument], T | None]
) -> Page[T]:
    """Read a page.

    Args:
        query: in the order of the pages.
        after: the cursor behind which the page begins; None for the first page.
        read: makes a row of a document; None where there is nothing to show.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Firestore does not answer or refuses.
    """
    found = list(database.stream(begin_behind(query, after).limit(limit + 1)))
    rows = [row for each in found[:limit] if (row := read(each)) is not None]
    return Page(rows=rows, following=cursor_of(query, found[limit - 1]) if len(found) > limit else None)


def cursor_of(query: Query, found: FoundDocument) -> str:
    """The place of a document in a query's order, as the address of a page has it."""
    text = json.dumps(query.place_of(found), default=_to_json, separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def begin_behind(query: Query, cursor: str | None) -> Query:
    """The query, beginning behind a cursor; from its start if the cursor is not of this query."""
    place, orders = read_cursor(cursor or ""), [field for field, _ in query.whole_order()]
    if place is None or len(place) != len(orders):
        return query
    path = dict(zip(orders, place, strict=True))[NAME]
    collection, _, document_id = path.rpartition("/") if isinstance(path, str) else ("", "", "")
    is_of_it = collection.rpartition("/")[2] == query.collection if query.is_deep else collection == query.path
    return query.behind_place(place) if is_of_it and is_document_id(document_id) else query


def read_cursor(cursor: str) -> tuple[Any, ...] | None:
    """The place that a cursor names; None if the text is not a cursor."""
    try:
        place = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), object_hook=_of_json)
    except (ValueError, RecursionError):
        return None
    return tuple(place) if isinstance(place, list) else None


def _to_json(value: Any) -> Any:
    # Only a malformed document has something else than a text, a number or a time there.
    return {_TIME: value.isoformat()} if isinstance(value, datetime) else str(value)


def _of_json(value: dict[str, Any]) -> Any:
    return datetime.fromisoformat(value[_TIME]) if isinstance(value.get(_TIME), str) else None
