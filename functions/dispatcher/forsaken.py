"""Reports whose task has died without a trace, and whose users nobody would look at because of them.

Replays and reports sent by hand are of users who have moved on; the operator's command sets `by_hand` in the record.
Other users have become inactive since their report was begun, or are gone, or their application has set another due
time. All are found by their state and not by age: an index on `updated_at` would limit the whole ledger to 500 writes
a second. https://firebase.google.com/docs/firestore/best-practices#hotspots
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import structlog
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from functions.dispatcher.due_user import DueUser
from functions.dispatcher.ledger import Found
from functions.dispatcher.queue_clock import QueueClock
from functions.shared.delivery import DeliveryState
from functions.shared.ids import delivery_id, is_document_id

_MOST = 5_000
"""How many of each sort a run looks at; the next run finds the others. Under way are seldom more: as many `sending`
as the queues dispatch at once, and as many `pending` as wait for a retry."""

_UNFINISHED = [state.value for state in DeliveryState if not state.is_final]

_log = structlog.get_logger()


class Forsaken(NamedTuple):
    """A report, and what the ledger has of it."""

    user: DueUser
    delivery: Found


class ForsakenReports:
    """Finds them, for a read or two where nothing is under way.

    Args:
        client: the Firestore client.
        run_time: the time that the run is for.
        clock: the queues'.
    """

    def __init__(self, client: firestore.Client, *, run_time: datetime, clock: QueueClock) -> None:
        self._client = client
        self._run_time = run_time
        self._clock = clock

    def find(self, retry_time: timedelta) -> list[Forsaken]:
        """Unfinished reports with which nothing has happened for longer than a task is tried.

        Args:
            retry_time: how long that is.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore cannot be had.
        """
        deliveries = self._client.collection("deliveries")
        queries = [
            deliveries.where(filter=FieldFilter("by_hand", "==", True)).where(
                filter=FieldFilter("state", "in", _UNFINISHED)
            ),
            *(deliveries.where(filter=FieldFilter("state", "==", state)) for state in _UNFINISHED),
        ]
        unfinished: dict[str, Forsaken] = {}
        for query in queries:
            for snapshot in query.limit(_MOST).stream():
                fields = snapshot.to_dict() or {}
                user = _read(snapshot.id, fields)
                if user and self._clock.between(fields["updated_at"], self._run_time) >= retry_time:
                    unfinished[snapshot.id] = Forsaken(user, Found(fields, snapshot.update_time))
        if not unfinished:
            return []
        users = self._client.collection("users")
        references = [users.document(user_id) for user_id in {report.user.user_id for report in unfinished.values()}]
        documents = {
            snapshot.id: snapshot.to_dict()
            for snapshot in self._client.get_all(references, field_paths=["active", "next_report_at"])
        }
        return [
            report
            for report in unfinished.values()
            if not is_still_due(report.user, documents.get(report.user.user_id))
        ]


def is_still_due(user: DueUser, document: Mapping[str, Any] | None) -> bool:
    """Whether the report is found by its user's due time anyway. Pure.

    Args:
        user: whose report.
        document: the user's document, None where there is none.
    """
    return document is not None and document.get("active") is True and document.get("next_report_at") == user.due_at


def is_lost(
    delivery: Mapping[str, Any], *, run_time: datetime, lost_after: timedelta, clock: QueueClock | None = None
) -> bool:
    """Whether a report has been left alone for so long that a person has to look at it. Pure.

    Its due time says nothing here: a replay may be of a report that fell due long ago.
    """
    return (clock or QueueClock()).between(delivery["updated_at"], run_time) >= lost_after


def _read(name: str, fields: Mapping[str, Any]) -> DueUser | None:
    user_id, due_at, kind = fields.get("user_id"), fields.get("due_at"), fields.get("kind")
    if (
        isinstance(user_id, str)
        and is_document_id(user_id)
        and isinstance(kind, str)
        and isinstance(due_at, datetime)
        and isinstance(fields.get("updated_at"), datetime)
    ):
        due_at = due_at.astimezone(UTC)
        if delivery_id(user_id, due_at) == name:
            return DueUser(user_id, due_at, kind)
    _log.warning("A record of the ledger is not of the pipeline's making; it is left alone.", delivery_id=name)
    return None
