"""A user's own data, for reports to read."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter


class UserData:
    """Reads what is stored under one user's document.

    Args:
        client: the Firestore client.
        user_id: the user document's id.
    """

    def __init__(self, client: firestore.Client, user_id: str) -> None:
        self._user = client.collection("users").document(user_id)

    def between(
        self, collection: str, *, field: str, start: datetime, end: datetime, select: Sequence[str]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Documents whose time lies in a range, by that time, streamed: there may be more of them than fit in memory.

        A document without that field, or with something else than a timestamp in it, lies in no range of times.
        https://firebase.google.com/docs/firestore/manage-data/data-types#value_type_ordering

        Args:
            collection: the sub-collection's name.
            field: the timestamp to go by.
            start: the first moment that is in.
            end: the first moment that is not.
            select: the fields to read.

        Yields:
            The document's id and its fields.
        """
        query = (
            self._user.collection(collection)
            .where(filter=FieldFilter(field, ">=", start))
            .where(filter=FieldFilter(field, "<", end))
            .order_by(field)
            .select(list(select))
        )
        for snapshot in query.stream():
            yield snapshot.id, snapshot.to_dict()
