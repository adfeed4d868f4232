"""Keeps each system alert in `system_alerts/{kind}-{run_id}`: one for each kind and run. One that is about a report is
kept in `system_alerts/{kind}-{hash}`: one for each kind and delivery; one about a kind of report, in
`system_alerts/{kind}-{run_id}-{about}`."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta

from functions.dlq_handler.store.alertable_records import AlertableRecords, DocumentFields, new_alert_fields
from functions.shared.records.system_alert import SYSTEM_ALERTS, StoredSystemAlert, SystemAlert
from functions.shared.times.plausible_time import plausible

_RETENTION = timedelta(days=90)
"""After this Firestore deletes a system alert, by the TTL policy on `expire_at`."""

_MAX_DETAIL_CHARACTERS = 10_000
_MAX_FIGURES = 100
_MAX_FIGURE_NAME_CHARACTERS = 100
_LARGEST_INTEGER = 2**63 - 1
"""https://firebase.google.com/docs/firestore/manage-data/data-types"""


class SystemAlertStore(AlertableRecords[StoredSystemAlert]):
    """The collection of system alerts."""

    collection = SYSTEM_ALERTS
    record = StoredSystemAlert
    shown_fields = (
        *("alert", "run_id", "detail", "figures", "report", "about", "at"),
        *("cause", "received_at", "alerted_at", "alerts"),
    )

    def store(self, alert: SystemAlert, *, now: datetime) -> StoredSystemAlert:
        """Store a system alert, unless one of its kind and run, or of its kind and delivery, is stored.

        If another program has changed the document so that no alert would find it, this writes it again.

        Returns:
            The system alert as Firestore then has it.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore refused it or could not be reached.
        """
        fields = {
            "alert": alert.alert.value,
            "run_id": alert.run_id,
            "detail": alert.detail[:_MAX_DETAIL_CHARACTERS],
            "figures": _storable_figures(alert.figures),
            "report": alert.report.model_dump(mode="json") if alert.report else None,
            "about": alert.about,
            "at": alert.at,
            "cause": f"system-{alert.alert.value}",
            "expire_at": now + _RETENTION,
            **new_alert_fields(now=now),
        }
        document_id = f"{alert.alert.value}-{_name_of_subject(alert)}"
        return self.put(document_id, lambda existing: {} if existing and _is_sound(existing, fields) else fields)


def _name_of_subject(alert: SystemAlert) -> str:
    if alert.report:
        # The id of a delivery begins with its user's, which may be an address.
        return hashlib.sha256(alert.report.delivery_id.encode()).hexdigest()[:32]
    return "-".join(filter(None, (alert.run_id, alert.about))).replace("/", "_")


def _is_sound(existing: DocumentFields, fields: DocumentFields) -> bool:
    """Whether a document has the fields that alerts depend on."""
    alerted_at = existing.get("alerted_at", "")
    return (
        all(existing.get(name) == fields[name] for name in ("alert", "cause", "state"))
        and plausible(existing.get("received_at")) is not None
        and (alerted_at is None or plausible(alerted_at) is not None)
        and isinstance(existing.get("alerts"), dict)
    )


def _storable_figures(figures: Mapping[str, int]) -> dict[str, int]:
    """The figures that Firestore takes: it allows neither some names nor integers beyond 64 bits."""
    return {
        _field_name(name): max(-_LARGEST_INTEGER, min(number, _LARGEST_INTEGER))
        for name, number in list(figures.items())[:_MAX_FIGURES]
    }


def _field_name(name: str) -> str:
    name = name[:_MAX_FIGURE_NAME_CHARACTERS]
    if name.startswith("__") and name.endswith("__"):
        name = name.strip("_")
    return name or "unnamed"
