"""What was changed last in a collection, by the indexes that Firestore has of each field: one read for each field."""

from collections.abc import Sequence

from functions.shared.firestore.database import Database
from functions.shared.firestore.query import Query
from operations.reading.threads import in_threads


def newest_change(database: Database, collection: str, fields: Sequence[str]) -> str:
    """A text that differs after each change that sets one of the fields to a time later than all others.

    Args:
        fields: the times that changes write; each has an index of its own.
    """

    def newest(field: str) -> str:
        query = Query.of(collection).order_by(field, descending=True).select([]).limit(1)
        return next((f"{found.id} {found.update_time}" for found in database.stream(query)), "")

    return "\n".join(in_threads(newest, fields))
