"""The users whose report is due, in the order in which they fell due."""

from collections.abc import Iterator
from datetime import datetime

from google.cloud.firestore_v1.types import Value

from functions.dispatcher.cursor import Cursor
from functions.dispatcher.due_user import FIELDS, DueUser, read_due_user
from functions.dispatcher.user_stream import Operator, UserStream
from functions.shared.plausible_time import EARLIEST


def due_users(
    stream: UserStream, run_time: datetime, *, after: Cursor | None = None, until: Cursor | None = None
) -> Iterator[DueUser]:
    """Read the active users whose `next_report_at` is not after the run's time.

    Times before 1970 are left out: they are malformed, and found where newcomers are looked for.

    A user whom a worker moves on meanwhile may come or not; it only ever moves beyond the run's time, so nobody
    comes twice.

    Args:
        stream: what reads users.
        run_time: the run's.
        after: the place behind which to begin; None for the beginning.
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
