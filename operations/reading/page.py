"""A page of documents, and where the next one begins: at a place in the order, which stays when its document goes."""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from functions.shared.firestore.database import Database
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.firestore.query import Query
from operations.errors import OperatorError

T = TypeVar("T")

_TIME = "time"
_TAG_BYTES = 8


class NotACursor(OperatorError):
    """A text is not a cursor of the list that it is given to."""

    def __init__(self) -> None:
        super().__init__("after: must be what the page before has for the next one, of the same list.")


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
        NotACursor: `after` is not of this query.
        google.api_core.exceptions.GoogleAPICallError: Firestore does not answer or refuses.
    """
    begun = query if after is None else query.behind_place(read_cursor(query, after))
    found = list(database.stream(begun.limit(limit + 1)))
    rows = [row for each in found[:limit] if (row := read(each)) is not None]
    return Page(rows=rows, following=cursor_of(query, found[limit - 1]) if len(found) > limit else None)


def cursor_of(query: Query, found: FoundDocument) -> str:
    """The place of a document in a query's order, as the address of a page has it."""
    return _cursor(query, json.dumps(query.place_of(found), default=_to_json, separators=(",", ":")).encode())


def read_cursor(query: Query, cursor: str) -> tuple[Any, ...]:
    """The place that a cursor of a query names.

    Raises:
        NotACursor: it is made up, cut, or another query's.
    """
    try:
        place = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))[_TAG_BYTES:]
    except ValueError as error:
        raise NotACursor from error
    if cursor != _cursor(query, place):
        raise NotACursor
    return tuple(json.loads(place, object_hook=_of_json))


def _cursor(query: Query, place: bytes) -> str:
    # The times between which a list is shown do not set its cursors apart: `7d` is another time on each page.
    equal = [each for group in query.filters for each in group if each[1] == "=="]
    tag = hashlib.sha256(repr((query.path, query.whole_order(), equal, place)).encode()).digest()[:_TAG_BYTES]
    return urlsafe_b64encode(tag + place).decode().rstrip("=")


def _to_json(value: Any) -> Any:
    # Only a malformed document has something else than a text, a number or a time there.
    return {_TIME: value.isoformat()} if isinstance(value, datetime) else str(value)


def _of_json(value: dict[str, Any]) -> Any:
    return datetime.fromisoformat(value[_TIME]) if isinstance(value.get(_TIME), str) else None
