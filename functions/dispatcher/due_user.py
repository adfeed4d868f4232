"""A user whose report is due, read from a document that may hold anything. Pure."""

import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

from functions.shared.ids import KIND_PATTERN
from functions.shared.user import MUST_BE

FIELDS = ("next_report_at", "report.kind")
"""The fields that a run reads of a user: as many as a task needs."""

_KIND = re.compile(KIND_PATTERN)
_DEFAULT_KIND = "activity"
_EPOCH = datetime.fromtimestamp(0, UTC)


class DueUser(NamedTuple):
    """A user whose report is due.

    Attributes:
        user_id: the document's id.
        due_at: when it fell due, in UTC.
        kind: which report.
        problem: why no report can be made: the name of a field and what it must be; empty where nothing is wrong.
        updated_at: when the document was last written, by any writer, in the server's time: it has had this due time at
            least since then.
    """

    user_id: str
    due_at: datetime
    kind: str = _DEFAULT_KIND
    problem: str = ""
    updated_at: datetime = _EPOCH


def read_due_user(document: Any, due_at: datetime | None = None) -> DueUser:
    """Read a user from a document of the projection.

    Args:
        document: a google.firestore.v1.Document, the protobuf class.
        due_at: when the report is due, where that is not the timestamp in the document's `next_report_at`. That
            timestamp must be a plausible one (functions.shared.plausible_time).
    """
    fields = document.fields
    kind = _DEFAULT_KIND
    problem = ""
    if "report" in fields:
        value = fields["report"].map_value.fields.get("kind")
        if value is not None and not value.HasField("null_value"):
            if _KIND.fullmatch(value.string_value):
                kind = value.string_value
            else:
                problem = _problem("report.kind")
    due_at = due_at or _moment(fields["next_report_at"].timestamp_value)
    return DueUser(user_id_of(document), due_at, kind, problem, _moment(document.update_time))


def read_stray(document: Any, run_time: datetime) -> DueUser:
    """Read a user whose `next_report_at` is no plausible time.

    Args:
        document: as above.
        run_time: taken for the due time, which the document does not have.
    """
    return DueUser(
        user_id_of(document), run_time, problem=_problem("next_report_at"), updated_at=_moment(document.update_time)
    )


def has_no_due_time(document: Any) -> bool:
    """Whether `next_report_at` is missing or null."""
    fields = document.fields
    return "next_report_at" not in fields or fields["next_report_at"].HasField("null_value")


def user_id_of(document: Any) -> str:
    """The id in a document's name."""
    user_id: str = document.name.rpartition("/")[2]
    return user_id


def _problem(field: str) -> str:
    return f"{field}: must be {MUST_BE[field]}"


def _moment(timestamp: Any) -> datetime:
    moment = datetime.fromtimestamp(timestamp.seconds, UTC)
    return moment.replace(microsecond=timestamp.nanos // 1000) if timestamp.nanos else moment
