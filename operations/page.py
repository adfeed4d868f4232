"""A page of documents, and where the next one begins."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from functions.shared.ids import is_document_id

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Page(Generic[T]):
    """A page.

    Attributes:
        rows: what is on it.
        following: the id of the document after which the next page begins; None where there is none.
    """

    rows: list[T]
    following: str | None


def read_page(
    query: Any, collection: Any, *, after: str | None, limit: int, read: Callable[[Any], T | None]
) -> Page[T]:
    """Read a page. One that is to begin after a document that is gone is the first one.

    Args:
        query: in the order of the pages.
        collection: the documents'.
        after: the id of the document after which the page begins; None for the first page.
        limit: how many documents are on it at most.
        read: makes a row of a snapshot; None where there is nothing to show.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Firestore does not answer or refuses.
    """
    if after and is_document_id(after) and (last := collection.document(after).get()).exists:
        query = query.start_after(last)
    snapshots = list(query.limit(limit + 1).stream())
    rows = [row for snapshot in snapshots[:limit] if (row := read(snapshot)) is not None]
    return Page(rows=rows, following=snapshots[limit - 1].id if len(snapshots) > limit else None)
