"""What is wrong with the system itself, as it is kept: `system_alerts/{kind}-{run_id}`, once for each kind and run."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from google.cloud import firestore
from pydantic import ValidationError

from functions.dlq_handler.documents import Fields
from functions.dlq_handler.pubsub_message import PubSubMessage
from functions.dlq_handler.records import Records, told_of, unalerted
from functions.shared.plausible_time import plausible
from functions.shared.system_alert import SystemAlert

COLLECTION = "system_alerts"

ATTRIBUTE = "alert"
"""Which attribute a message has that is not a dead letter but tells this."""

_KEEP = timedelta(days=90)
"""By the TTL policy on `expire_at`."""

_MAX_DETAIL_CHARACTERS = 10_000
_MAX_FIGURES = 100
_MAX_NAME_CHARACTERS = 100
_LARGEST = 2**63 - 1
"""https://firebase.google.com/docs/firestore/manage-data/data-types"""

_SHOWN_FIELDS = ["alert", "run_id", "detail", "figures", "at", "cause", "received_at", "alerted_at", "alerts"]


def read_system_alert(message: PubSubMessage) -> SystemAlert | None:
    """Read a message; None where it is none of these, whatever its attribute says."""
    if ATTRIBUTE not in message.attributes:
        return None
    try:
        return SystemAlert.model_validate_json(message.data)
    except ValidationError:
        return None


@dataclass(frozen=True, kw_only=True)
class SystemRecord:
    """What an alert needs to know of it.

    Attributes:
        kind: what is wrong, as functions.shared.system_alert.AlertKind has it.
        at: when it was noticed.
        alerted_at: when the last of all channels was told; None: not all were.
        version: when the document was last written; None where that is not known.
    """

    id: str
    kind: str
    run_id: str
    detail: str
    figures: Mapping[str, int]
    at: datetime | None
    cause: str
    received_at: datetime | None
    alerted_at: datetime | None
    alerts: Mapping[str, datetime]
    version: datetime | None = None

    @classmethod
    def from_document(cls, document_id: str, fields: Fields, version: datetime | None = None) -> "SystemRecord":
        """Read a record; a field of another type counts as absent."""

        def field(name: str, kind: type, default: Any) -> Any:
            value = fields.get(name)
            return value if isinstance(value, kind) else default

        return cls(
            id=document_id,
            kind=field("alert", str, ""),
            run_id=field("run_id", str, ""),
            detail=field("detail", str, ""),
            figures={str(name): each for name, each in field("figures", dict, {}).items() if isinstance(each, int)},
            at=field("at", datetime, None),
            cause=field("cause", str, ""),
            received_at=plausible(fields.get("received_at")),
            alerted_at=field("alerted_at", datetime, None),
            alerts=told_of(fields),
            version=version,
        )

    @property
    def needs_alert(self) -> bool:
        """Whether somebody is still to be told."""
        return self.alerted_at is None


class SystemAlerts(Records[SystemRecord]):
    """The collection of them.

    Args:
        client: of Firestore.
    """

    def __init__(self, client: firestore.Client) -> None:
        super().__init__(client, collection=COLLECTION, read=SystemRecord.from_document, shown=_SHOWN_FIELDS)

    def store(self, alert: SystemAlert, *, now: datetime) -> SystemRecord:
        """Record it, unless it is recorded; returns the record as it is.

        A record that somebody else has written, so that no alert would ever find it, is written anew.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore refused it or could not be reached.
        """
        fields = {
            "alert": alert.alert.value,
            "run_id": alert.run_id,
            "detail": alert.detail[:_MAX_DETAIL_CHARACTERS],
            "figures": _figures(alert.figures),
            "at": alert.at,
            "cause": f"system-{alert.alert.value}",
            "expire_at": now + _KEEP,
            **unalerted(now),
        }
        return self.put(_id(alert), lambda existing: {} if existing and _is_ours(existing, fields) else fields)


def _id(alert: SystemAlert) -> str:
    return f"{alert.alert.value}-{alert.run_id.replace('/', '_')}"


def _is_ours(existing: Fields, fields: Fields) -> bool:
    """Whether a record has what alerts find it by."""
    alerted_at = existing.get("alerted_at", "")
    return (
        all(existing.get(name) == fields[name] for name in ("alert", "cause", "state"))
        and plausible(existing.get("received_at")) is not None
        and (alerted_at is None or plausible(alerted_at) is not None)
        and isinstance(existing.get("alerts"), dict)
    )


def _figures(figures: Mapping[str, int]) -> dict[str, int]:
    """Figures that Firestore takes: names that are none are called otherwise, and numbers beyond 64 bits are cut."""
    return {
        _figure_name(name): max(-_LARGEST, min(number, _LARGEST))
        for name, number in list(figures.items())[:_MAX_FIGURES]
    }


def _figure_name(name: str) -> str:
    name = name[:_MAX_NAME_CHARACTERS]
    if name.startswith("__") and name.endswith("__"):
        name = name.strip("_")
    return name or "unnamed"
