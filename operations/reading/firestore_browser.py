"""Reads any document or collection, for the browser of the local data."""

from dataclasses import dataclass

from functions.shared.firestore.database import Database
from functions.shared.firestore.field_path import NAME
from functions.shared.firestore.query import Query
from operations.errors import NotFound
from operations.output import to_json


@dataclass(frozen=True, kw_only=True)
class BrowsedDocument:
    """A document as it is shown.

    Attributes:
        fields: as JSON; empty where the document does not exist and only has collections below it.
    """

    path: str
    fields: str
    collections: tuple[str, ...]


class FirestoreBrowser:
    """Reads what is in Firestore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collections(self) -> list[str]:
        """The names of the collections at the top."""
        return self._database.collections()

    def page(self, path: str, *, after: str | None, limit: int) -> list[str]:
        """The ids of a collection's documents, in their order; those that only have collections below them, too."""
        query = Query.of(path).order_by(NAME).select([]).limit(limit)
        if after is not None:
            query = query.start_after(f"{path}/{after}")
        return [found.id for found in self._database.stream(query)]

    def document(self, path: str) -> BrowsedDocument:
        """One document.

        Raises:
            NotFound: there is none, and nothing below it.
        """
        fields = self._database.get(path).fields
        below = tuple(f"{path}/{each}" for each in self._database.collections(path))
        if fields is None and not below:
            raise NotFound(f"There is no document {path}.")
        return BrowsedDocument(path=path, fields=to_json(fields) if fields is not None else "", collections=below)
