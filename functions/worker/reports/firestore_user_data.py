"""A user's own data, in Firestore."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter


class FirestoreUserData:
    """UserData from Firestore: reads what is stored under one user's document.

    Args:
        client: the Firestore client.
        user_id: the user document's id.
    """

    def __init__(self, client: firestore.Client, user_id: str) -> None:
        self._user = client.collection("users").document(user_id)

    def between(
        self, collection: str, *, field: str, start: datetime, end: datetime, select: Sequence[str]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """See UserData."""
        query = (
            self._user.collection(collection)
            .where(filter=FieldFilter(field, ">=", start))
            .where(filter=FieldFilter(field, "<", end))
            .order_by(field)
            .select(list(select))
        )
        for snapshot in query.stream():
            yield snapshot.id, snapshot.to_dict()

    def documents(self, collection: str, *, limit: int) -> Iterator[tuple[str, dict[str, Any]]]:
        """See UserData."""
        for snapshot in self._user.collection(collection).order_by("__name__").limit(limit).stream():
            yield snapshot.id, snapshot.to_dict()
