"""The users whose report is due, in the order in which they fell due."""

from collections.abc import Iterator
from datetime import datetime

from google.cloud.firestore_v1.types import Value
from pydantic import BaseModel, ConfigDict

from functions.dispatcher.due_user import FIELDS, DueUser, read_due_user
from functions.dispatcher.user_stream import Operator, UserStream
from functions.shared.contract import UtcDatetime
from functions.shared.ids import DocumentId
from functions.shared.plausible_time import EARLIEST


class Cursor(BaseModel):
    """A place in the order in which due users are read: by due time, then by id. No user need be there."""

    model_config = ConfigDict(frozen=True)

    next_report_at: UtcDatetime
    user_id: DocumentId

    @property
    def order(self) -> tuple[datetime, str]:
        """The key by which places compare. Ids compare as Firestore's do: by their bytes in UTF-8, which is the order
        of code points.

        https://firebase.google.com/docs/firestore/manage-data/data-types#data_types
        """
        return self.next_report_at, self.user_id

    @classmethod
    def of(cls, user: DueUser) -> "Cursor":
        """The place of a user."""
        return cls(next_report_at=user.due_at, user_id=user.user_id)


def due_users(
    stream: UserStream, run_time: datetime, *, after: Cursor | None = None, until: Cursor | None = None
) -> Iterator[DueUser]:
    """Read the active users whose `next_report_at` is not after the run's time.

    Times before 1970 are malformed, so they are left out here; enrollment finds them.

    A user whom a worker moves on meanwhile may or may not come. The worker only moves users beyond the run's time, so
    no user comes twice.

    Args:
        stream: what reads users.
        run_time: the run's.
        after: the place after which to begin; None for the beginning.
        until: the last place; None for the end.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Firestore cannot be read.
    """

    def values(place: Cursor | None) -> list[Value]:
        return [Value(timestamp_value=place.next_report_at), stream.name_of(place.user_id)] if place else []

    if after and until and after.order >= until.order:
        return iter(())
    documents = stream.read(
        where=[
            ("active", Operator.EQUAL, Value(boolean_value=True)),
            ("next_report_at", Operator.GREATER_THAN_OR_EQUAL, Value(timestamp_value=EARLIEST)),
            ("next_report_at", Operator.LESS_THAN_OR_EQUAL, Value(timestamp_value=run_time)),
        ],
        order_by=["next_report_at"],
        select=FIELDS,
        start_after=values(after),
        end_at=values(until),
    )
    return map(read_due_user, documents)
