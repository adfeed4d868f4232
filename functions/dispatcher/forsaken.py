"""Replays and reports sent by hand whose task has died without a trace.

Their users have moved on, so that nobody would ever look at them again. Whoever enqueues such a report sets `by_hand`
in its record. They are found by that and not by age: an index on `updated_at` would limit the whole ledger to 500
writes a second. https://firebase.google.com/docs/firestore/best-practices#hotspots
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import structlog
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from functions.dispatcher.due_user import DueUser
from functions.shared.models import DeliveryState, delivery_id

_MOST = 5_000
"""How many a run looks at; the next run finds the others."""

_UNFINISHED = [state.value for state in DeliveryState if not state.is_final]

_log = structlog.get_logger()


class Forsaken(NamedTuple):
    """A report, and what the ledger has of it."""

    user: DueUser
    delivery: dict[str, Any]


class ForsakenReports:
    """Finds them, for a single read where there are none.

    Args:
        client: the Firestore client.
        run_time: the time that the run is for.
    """

    def __init__(self, client: firestore.Client, *, run_time: datetime) -> None:
        self._client = client
        self._run_time = run_time

    def find(self, retry_time: timedelta) -> list[Forsaken]:
        """Unfinished reports with which nothing has happened for longer than a task is tried.

        Args:
            retry_time: how long that is.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore cannot be had.
        """
        query = (
            self._client.collection("deliveries")
            .where(filter=FieldFilter("by_hand", "==", True))
            .where(filter=FieldFilter("state", "in", _UNFINISHED))
            .limit(_MOST)
        )
        unfinished = [
            Forsaken(user, fields)
            for snapshot in query.stream()
            if (fields := snapshot.to_dict())
            and (user := _read(snapshot.id, fields))
            and self._run_time - fields["updated_at"] >= retry_time
        ]
        if not unfinished:
            return []
        users = self._client.collection("users")
        references = [users.document(user_id) for user_id in {report.user.user_id for report in unfinished}]
        documents = {
            snapshot.id: snapshot.to_dict()
            for snapshot in self._client.get_all(references, field_paths=["active", "next_report_at"])
        }
        return [report for report in unfinished if not is_still_due(report.user, documents.get(report.user.user_id))]


def is_still_due(user: DueUser, document: Mapping[str, Any] | None) -> bool:
    """Whether the report is found by its user's due time anyway. Pure.

    Args:
        user: whose report.
        document: the user's document, None where there is none.
    """
    return document is not None and document.get("active") is True and document.get("next_report_at") == user.due_at


def is_lost(delivery: Mapping[str, Any], *, run_time: datetime, lost_after: timedelta) -> bool:
    """Whether a report has been left alone for so long that a person has to look at it. Pure.

    Its due time says nothing here: a replay may be of a report that fell due long ago.
    """
    untouched: timedelta = run_time - delivery["updated_at"]
    return untouched >= lost_after


def _read(name: str, fields: Mapping[str, Any]) -> DueUser | None:
    user_id, due_at, kind = fields.get("user_id"), fields.get("due_at"), fields.get("kind")
    if (
        isinstance(user_id, str)
        and isinstance(kind, str)
        and isinstance(due_at, datetime)
        and isinstance(fields.get("updated_at"), datetime)
    ):
        due_at = due_at.astimezone(UTC)
        if delivery_id(user_id, due_at) == name:
            return DueUser(user_id, due_at, kind)
    _log.warning("A record of the ledger is not of the pipeline's making; it is left alone.", delivery_id=name)
    return None
