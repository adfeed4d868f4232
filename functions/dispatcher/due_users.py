"""The users whose report is due, in the order in which they fell due."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from google.cloud.firestore_v1.types import Value

from functions.dispatcher.user_stream import Operator, UserStream, user_id_of
from functions.shared.models import KIND_PATTERN

FIELDS = ("next_report_at", "report.kind")
"""What a task needs of a user."""

_KIND = re.compile(KIND_PATTERN)
_DEFAULT_KIND = "activity"


class DueUser(NamedTuple):
    """A user whose report is due.

    Attributes:
        user_id: the document's id.
        due_at: when it fell due, in UTC.
        kind: which report.
        malformed: the name of the field that keeps the report from being made; empty where there is none.
    """

    user_id: str
    due_at: datetime
    kind: str = _DEFAULT_KIND
    malformed: str = ""


def due_users(stream: UserStream, run_time: datetime, *, after: DueUser | None = None) -> Iterator[DueUser]:
    """Read the active users whose `next_report_at` is not after the run's time.

    A user whom a worker moves on meanwhile may come or not; it only ever moves beyond the run's time, so nobody
    comes twice.

    Args:
        stream: what reads users.
        run_time: the run's.
        after: the last user that was read before; None for the beginning.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Firestore cannot be read.
    """
    documents = stream.read(
        where=[
            ("active", Operator.EQUAL, Value(boolean_value=True)),
            ("next_report_at", Operator.LESS_THAN_OR_EQUAL, Value(timestamp_value=run_time)),
        ],
        order_by=["next_report_at"],
        select=FIELDS,
        start_after=[Value(timestamp_value=after.due_at), stream.name_of(after.user_id)] if after else [],
    )
    return map(read_due_user, documents)


def read_due_user(document: Any) -> DueUser:
    """Read what a task needs from a document with a timestamp in `next_report_at`."""
    fields = document.fields
    timestamp = fields["next_report_at"].timestamp_value
    due_at = datetime.fromtimestamp(timestamp.seconds, UTC)
    if timestamp.nanos:
        due_at = due_at.replace(microsecond=timestamp.nanos // 1000)
    kind, malformed = read_kind(fields)
    return DueUser(user_id_of(document), due_at, kind, malformed)


def read_kind(fields: Any) -> tuple[str, str]:
    """The kind of a user's report, the default where none is named, and the name of the field if it is malformed."""
    if "report" not in fields:
        return _DEFAULT_KIND, ""
    kind = fields["report"].map_value.fields.get("kind")
    if kind is None or kind.HasField("null_value"):
        return _DEFAULT_KIND, ""
    if _KIND.match(kind.string_value):
        return kind.string_value, ""
    return _DEFAULT_KIND, "report.kind"
