"""A user whose report is due, read from a document that may hold anything. Pure."""

import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

from functions.shared.models import KIND_PATTERN

FIELDS = ("next_report_at", "report.kind")
"""What is read of a user: as much as a task needs."""

_KIND = re.compile(KIND_PATTERN)
_DEFAULT_KIND = "activity"
_EPOCH = datetime.fromtimestamp(0, UTC)


class DueUser(NamedTuple):
    """A user whose report is due.

    Attributes:
        user_id: the document's id.
        due_at: when it fell due, in UTC.
        kind: which report.
        malformed: the name of the field that keeps the report from being made; empty where there is none.
        updated_at: when the document was last written, by whomever, in the server's time: it has had this due time at
            least since then.
    """

    user_id: str
    due_at: datetime
    kind: str = _DEFAULT_KIND
    malformed: str = ""
    updated_at: datetime = _EPOCH


def read_due_user(document: Any, due_at: datetime | None = None) -> DueUser:
    """Read a user from a document of the projection.

    Args:
        document: a google.firestore.v1.Document, the protobuf class.
        due_at: when the report is due, where that is not the timestamp in the document's `next_report_at`.
    """
    fields = document.fields
    kind = _DEFAULT_KIND
    malformed = ""
    if "report" in fields:
        value = fields["report"].map_value.fields.get("kind")
        if value is not None and not value.HasField("null_value"):
            if _KIND.fullmatch(value.string_value):
                kind = value.string_value
            else:
                malformed = "report.kind"
    due_at = due_at or _moment(fields["next_report_at"].timestamp_value)
    return DueUser(user_id_of(document), due_at, kind, malformed, _moment(document.update_time))


def has_no_due_time(document: Any) -> bool:
    """Whether `next_report_at` is missing or null."""
    fields = document.fields
    return "next_report_at" not in fields or fields["next_report_at"].HasField("null_value")


def user_id_of(document: Any) -> str:
    """The id in a document's name."""
    user_id: str = document.name.rpartition("/")[2]
    return user_id


def _moment(timestamp: Any) -> datetime:
    moment = datetime.fromtimestamp(timestamp.seconds, UTC)
    return moment.replace(microsecond=timestamp.nanos // 1000) if timestamp.nanos else moment
