"""A subscription whose report is due, read from a document that may hold anything. Pure."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from functions.shared.ids import KIND_PATTERN, delivery_id
from functions.shared.subscription import SUBSCRIPTION_MUST_BE

DUE_FIELDS = ("next_report_at", "kind")
"""The fields that a run reads of a subscription: as many as a task needs."""

_KIND = re.compile(KIND_PATTERN)
_EPOCH = datetime.fromtimestamp(0, UTC)


class DueSubscription(NamedTuple):
    """A subscription whose report is due.

    Attributes:
        user_id: whose it is.
        subscription_id: the document's id.
        due_at: when the report fell due, in UTC.
        kind: which report.
        problem: why no report can be made: the name of a field and what it must be; empty where nothing is wrong.
        updated_at: when the document was last written, by any writer, in the server's time: it has had this due time at
            least since then.
        is_users: whether the problem is in the user's document, and not in the subscription's.
    """

    user_id: str
    subscription_id: str
    due_at: datetime
    kind: str
    problem: str = ""
    updated_at: datetime = _EPOCH
    is_users: bool = False

    @property
    def delivery_id(self) -> str:
        """The id of the report's delivery."""
        return delivery_id(self.user_id, self.subscription_id, self.due_at)


def read_due_subscription(document: Any, default_kind: str) -> DueSubscription:
    """Read a subscription from a document of the projection, whose `next_report_at` is a plausible timestamp
    (functions.shared.plausible_time).

    Args:
        document: a google.firestore.v1.Document, the protobuf class.
        default_kind: the kind of subscriptions whose document names none.
    """
    fields = document.fields
    user_id, subscription_id = ids_of(document)
    kind, problem = default_kind, ""
    value = fields.get("kind")
    if value is not None and not value.HasField("null_value"):
        if _KIND.fullmatch(value.string_value):
            kind = value.string_value
        else:
            problem = f"kind: must be {SUBSCRIPTION_MUST_BE['kind']}"
    due_at = to_datetime(fields["next_report_at"].timestamp_value)
    return DueSubscription(user_id, subscription_id, due_at, kind, problem, to_datetime(document.update_time))


def ids_of(document: Any) -> tuple[str, str]:
    """The ids of user and subscription in a document's name."""
    _, user_id, _, subscription_id = document.name.rsplit("/", 3)
    return user_id, subscription_id


def to_datetime(timestamp: Any) -> datetime:
    """A protobuf timestamp in UTC."""
    return _EPOCH + timedelta(0, timestamp.seconds, timestamp.nanos // 1000)
