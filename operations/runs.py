"""Reads the runs of the dispatcher, for the operator.

A run that was called again has the figures of its last attempt. `show` has those of the attempts before, too.
"""

from collections.abc import Mapping
from typing import Any

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from functions.shared.delivery import DeliveryState
from functions.shared.run import RUN_COUNTERS
from operations import document_fields
from operations.deliveries import of_run
from operations.errors import NotFound


class Runs:
    """Reads `runs`, and counts the deliveries of each.

    Args:
        client: the Firestore client.
    """

    def __init__(self, client: firestore.Client) -> None:
        self._client = client

    def latest(self, limit: int) -> list[dict[str, Any]]:
        """The latest runs, the newest first."""
        query = (
            self._client.collection("runs").order_by("scheduled_for", direction=firestore.Query.DESCENDING).limit(limit)
        )
        return [_to_row(snapshot.id, document_fields.fields_of(snapshot)) for snapshot in query.stream()]

    def show(self, run_id: str) -> dict[str, Any]:
        """A run, with its deliveries counted by state, and its attempts before the last.

        A report belongs to the run that last made a task for it.

        Raises:
            NotFound: there is no such run.
        """
        snapshot = self._client.collection("runs").document(run_id).get()
        if not snapshot.exists:
            raise NotFound(f"There is no run {run_id}: reports runs shows the latest.")
        deliveries_of_run = of_run(self._client, run_id)
        deliveries = {
            state.value: document_fields.count(deliveries_of_run.where(filter=FieldFilter("state", "==", state.value)))
            for state in DeliveryState
        }
        fields = document_fields.fields_of(snapshot)
        earlier = document_fields.maps(fields, "earlier_attempts")
        return {
            **_to_row(snapshot.id, fields),
            **({"queues": document_fields.text(fields, "queues")} if "queues" in fields else {}),
            "deliveries": deliveries,
            "earlier_attempts": [_to_attempt(attempt) for attempt in earlier],
        }


def _to_row(run_id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "scheduled_for": document_fields.moment(fields, "scheduled_for"),
        "attempts": document_fields.number(fields, "attempts") or 1,
        **_to_attempt(fields),
    }


def _to_attempt(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "state": document_fields.text(fields, "state"),
        "started_at": document_fields.moment(fields, "started_at"),
        "finished_at": document_fields.moment(fields, "finished_at"),
        **{name: document_fields.number(fields, name) for name in RUN_COUNTERS},
    }
