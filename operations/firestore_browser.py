"""Reads any document or collection, for the browser of the local data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.cloud import firestore
from google.cloud.firestore_v1.field_path import FieldPath

from operations.errors import NotFound
from operations.output import to_json


@dataclass(frozen=True, kw_only=True)
class BrowsedDocument:
    """A document as it is shown.

    Attributes:
        path: where it is.
        fields: as JSON; empty where the document does not exist and only has collections below it.
        collections: the paths of the collections below it.
    """

    path: str
    fields: str
    collections: tuple[str, ...]


class FirestoreBrowser:
    """Reads what is in Firestore.

    Args:
        client: the Firestore client.
    """

    def __init__(self, client: firestore.Client) -> None:
        self._client = client

    def collections(self) -> list[str]:
        """The names of the collections at the top."""
        return sorted(collection.id for collection in self._client.collections())

    def page(self, path: str, *, after: str | None, limit: int) -> list[str]:
        """The ids of a collection's documents, in their order; those that only have collections below them, too.

        Args:
            path: the collection's.
            after: the id after which they begin.
            limit: how many at most.
        """
        collection: Any = self._client.collection(path)
        query = collection.order_by(FieldPath.document_id())
        if after is not None:
            query = query.start_after({FieldPath.document_id(): collection.document(after)})
        return [snapshot.id for snapshot in query.select([]).limit(limit).stream()]

    def document(self, path: str) -> BrowsedDocument:
        """One document.

        Raises:
            NotFound: there is none, and nothing below it.
        """
        reference = self._client.document(path)
        snapshot: Any = reference.get()
        below = tuple(sorted(f"{path}/{collection.id}" for collection in reference.collections()))
        fields: Mapping[str, Any] | None = snapshot.to_dict()
        if fields is None and not below:
            raise NotFound(f"There is no document {path}.")
        return BrowsedDocument(path=path, fields=to_json(fields) if fields is not None else "", collections=below)
