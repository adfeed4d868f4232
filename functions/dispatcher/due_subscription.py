"""A subscription whose report is due, read from a document that may hold anything. Pure."""

import functools
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from functions.shared.records.ids import KIND_PATTERN, delivery_id
from functions.shared.records.report_task import ReportTask
from functions.shared.records.subscription import SUBSCRIPTION_MUST_BE

DUE_FIELDS = ("next_report_at", "kind")
"""The fields that a run reads of a subscription: as many as a task needs."""

_KIND = re.compile(KIND_PATTERN)
_EPOCH = datetime.fromtimestamp(0, UTC)

# Kept, since most reports of a run fell due at the same few moments, whose hash Python then computes only once, too.
_due_at = functools.lru_cache(maxsize=1024)(datetime.fromisoformat)


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

    def task(self, run: str) -> ReportTask:
        """The report's task.

        Args:
            run: the id of the run that makes it.
        """
        return ReportTask.of(self.user_id, self.subscription_id, self.due_at, run_id=run, kind=self.kind)


def read_due_subscription(document: Mapping[str, Any], default_kind: str) -> DueSubscription:
    """Read a subscription from a document of the projection, whose `next_report_at` is a plausible timestamp
    (functions.shared.times.plausible_time).

    Args:
        document: the Document as JSON (document_stream.py).
        default_kind: the kind of subscriptions whose document names none.
    """
    fields = document["fields"]
    _, user_id, _, subscription_id = document["name"].rsplit("/", 3)
    kind, problem = default_kind, ""
    value = fields.get("kind")
    if value is not None and "nullValue" not in value:
        text = value.get("stringValue", "")
        if _KIND.fullmatch(text):
            kind = text
        else:
            problem = f"kind: must be {SUBSCRIPTION_MUST_BE['kind']}"
    due_at = _due_at(fields["next_report_at"]["timestampValue"])
    updated_at = datetime.fromisoformat(document["updateTime"])
    return DueSubscription(user_id, subscription_id, due_at, kind, problem, updated_at)
