"""A page of documents, and where the next one begins."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from functions.shared.firestore.database import Database
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.firestore.query import Query
from functions.shared.records.ids import is_document_id

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Page(Generic[T]):
    """A page.

    Attributes:
        following: the id of the document after which the next page begins; None where there is none.
    """

    rows: list[T]
    following: str | None


def read_page(
    database: Database, query: Query, *, after: str | None, limit: int, read: Callable[[FoundDocument], T | None]
) -> Page[T]:
    """Read a page. One that is to begin after a document that is gone is the first one.

    Args:
        query: in the order of the pages.
        after: the id of the document after which the page begins; None for the first page.
        read: makes a row of a document; None where there is nothing to show.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Firestore does not answer or refuses.
    """
    if after and is_document_id(after) and (last := database.get(f"{query.path}/{after}")).exists:
        query = query.behind(last)
    found = list(database.stream(query.limit(limit + 1)))
    rows = [row for each in found[:limit] if (row := read(each)) is not None]
    return Page(rows=rows, following=found[limit - 1].id if len(found) > limit else None)
