"""An alert about the system itself, rather than about one report: its message, and its document.

The dispatcher, the worker and the mail events publish a `SystemAlert` on the dead letter topic. The DLQ handler keeps
it in `system_alerts`; the handler and the operator read the document as a `StoredSystemAlert`.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from functions.shared.records.contract import Contract, UtcDatetime
from functions.shared.records.report_task import ReportTask
from functions.shared.records.stored_fields import stored_text, stored_values

SYSTEM_ALERTS = "system_alerts"
"""The name of the collection."""


class AlertKind(StrEnum):
    """What people are told."""

    OVERDUE_REPORTS = "overdue-reports"
    """A run found reports whose task died without a trace."""
    RUN_ERRORS = "run-errors"
    """A run could not do everything."""
    NO_RUN = "no-run"
    """The run before a run was more than two hours earlier."""
    RAMP_RATE = "ramp-rate-not-set"
    """A run could not give a queue the rate of the ramp's day."""
    USERS_HELD_BACK = "users-held-back"
    """A run met more new users than ENROLL_AT_ONCE, and enrolled none of them."""
    KEY_REFUSED = "provider-refuses-key"
    """The email provider refuses the API key, so no email goes out by it."""
    OUTCOME_SETTLED = "outcome-settled"
    """A report that people may know as a dead letter of unknown outcome was sent after all."""
    COMPLAINTS_HIGH = "complaints-high"
    """So many recipients mark emails as spam that the breaker may soon stop the runs."""
    BOUNCES_HIGH = "bounces-high"
    """So many emails bounce for good that the breaker may soon stop the runs."""
    SENDING_STOPPED = "sending-stopped"
    """The breaker has stopped the runs, until a person resumes them."""
    AUDIENCE_NOT_READ = "audience-not-read"
    """The query of a kind's audience fails. Those whom it named last get their reports."""
    AUDIENCE_INCOMPLETE = "audience-incomplete"
    """The query of a kind's audience has rows that are no recipients, or lost so many recipients that a person decides
    whether they get no more reports."""


class SystemAlert(Contract):
    """A message that a run, a worker or the mail events publish about the system.

    Its message has the attribute `alert`. It is informational: no report is lost with it.
    """

    alert: AlertKind
    run_id: Annotated[str, Field(min_length=1, max_length=64)]
    """The run that noticed it, or whose task did: each kind alerts once for each run, unless it is about a report. What
    alerts once a day has the run of that day's first minute."""
    at: UtcDatetime
    detail: str
    figures: dict[str, int] = Field(default_factory=dict)
    report: ReportTask | None = None
    """The report that it is about: its kind alerts once for each delivery."""
    about: Annotated[str, Field(max_length=64)] = ""
    """The kind of report, or the account at the email provider, that it is about: its own kind alerts once for each run
    and each of these."""


class StoredSystemAlert(NamedTuple):
    """A system alert as Firestore has it. A field that is absent or malformed has the default.

    Attributes:
        id: the document's id.
        kind: what is wrong: an AlertKind, or the text of another tool.
        run_id: the run that noticed it.
        detail: what went wrong.
        figures: counts of the run, by name.
        report: the report that it is about, as the fields of its task; empty where it is about none.
        about: the kind of report, or the account at the email provider, that it is about; empty where it is about none.
        at: when the run noticed it.
        cause: what it has in common with other system alerts, as an id: all of one kind share it.
        received_at: when the DLQ handler stored it.
        alerted_at: when the last of all channels had taken the alert; None: not all have.
        alerts: the channels that have taken the alert, and when.
        version: the update time of the document, set by the server; None where the caller does not know it.
    """

    id: str
    kind: str = ""
    run_id: str = ""
    detail: str = ""
    figures: Mapping[str, int] = {}
    report: Mapping[str, Any] = {}
    about: str = ""
    at: datetime | None = None
    cause: str = ""
    received_at: datetime | None = None
    alerted_at: datetime | None = None
    alerts: Mapping[str, datetime] = {}
    version: datetime | None = None

    @classmethod
    def from_snapshot(cls, snapshot: Any) -> "StoredSystemAlert | None":
        """Read a document, whatever is in it; None where there is no document.

        Args:
            snapshot: a FoundDocument, of all fields or of some.
        """
        fields = snapshot.fields
        return None if fields is None else cls.from_fields(snapshot.id, fields, version=snapshot.update_time)

    @classmethod
    def from_fields(
        cls, alert_id: str, document: Mapping[str, Any], *, version: datetime | None = None
    ) -> "StoredSystemAlert":
        """Read a document's fields, whatever they are.

        Args:
            alert_id: the document's id.
            document: its fields.
            version: the update time of the document.
        """
        figures = document.get("figures")
        own = {
            "id": alert_id,
            "kind": stored_text(document, "alert"),
            "figures": {name: number for name, number in figures.items() if isinstance(number, int)}
            if isinstance(figures, dict)
            else {},
            "version": version,
        }
        return cls(**stored_values(cls, document) | own)

    @property
    def needs_alert(self) -> bool:
        """Whether people still need an alert about it."""
        return self.alerted_at is None
