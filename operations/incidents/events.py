"""What happened in the time of an incident, as entries of one list. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import quote

from functions.shared.logging import redact_addresses
from functions.shared.times.plausible_time import time_in
from operations.incidents.window import Window
from operations.operator_actions import OperatorAction


class EventKind(StrEnum):
    """What happened. Each has a line of its own beside the time axis, in this order."""

    RUN = "run"
    ALERT = "alert"
    DEPLOY = "deploy"
    QUEUE = "queue"
    ACTION = "action"


class IncidentEvent(NamedTuple):
    """Something that happened.

    Attributes:
        at: when, in UTC.
        kind: what.
        text: what it was, in a few words.
        detail: more about it; may be empty.
        path: its page in the console.
        is_bad: whether it is, or tells of, a failure.
    """

    at: datetime
    kind: EventKind
    text: str
    detail: str
    path: str
    is_bad: bool = False


def within(window: Window, *parts: Sequence[IncidentEvent]) -> list[IncidentEvent]:
    """The events in a window, the first first."""
    return sorted((event for part in parts for event in part if window.has(event.at)), key=lambda event: event.at)


def of_runs(runs: Sequence[Mapping[str, Any]]) -> list[IncidentEvent]:
    """What runs did, which are as `operations.runs.runs.Runs` shows them."""
    return [
        IncidentEvent(
            at=run["scheduled_for"],
            kind=EventKind.RUN,
            text=f"Run {run['run_id']}: {run['state'] or 'unknown'}",
            detail=", ".join(f"{run[name]:,} {name}" for name in ("due", "dispatched", "lost", "errors") if run[name]),
            path=f"/runs/{_part(run['run_id'])}",
            is_bad=run["state"] in {"failed", "stopped"} or bool(run["lost"] or run["errors"]),
        )
        for run in runs
        if run["scheduled_for"]
    ]


def of_alerts(alerts: Sequence[Mapping[str, Any]]) -> list[IncidentEvent]:
    """What was wrong with the system itself, by alerts as `operations.system_alerts.SystemAlerts` shows them."""
    return [
        IncidentEvent(
            at=alert["received_at"],
            kind=EventKind.ALERT,
            text=f"System alert {alert['alert']}",
            detail=alert["detail"] or "",
            path="/#alerts",
            is_bad=True,
        )
        for alert in alerts
        if alert["received_at"]
    ]


def of_actions(actions: Sequence[OperatorAction], *, shows_addresses: bool) -> list[IncidentEvent]:
    """What operators did, with or without their addresses."""
    named = str if shows_addresses else redact_addresses
    return [
        IncidentEvent(
            at=action.began_at,
            kind=EventKind.QUEUE if "queue" in action.action.lower() else EventKind.ACTION,
            text=f"{action.action}: {action.subject}",
            detail=" · ".join(
                filter(None, (named(action.who), action.note, action.outcome or "under way, or cut short"))
            ),
            path=f"/operator-actions/{_part(action.id)}",
        )
        for action in actions
        if action.began_at
    ]


def of_revisions(revisions: Sequence[Mapping[str, Any]]) -> list[IncidentEvent]:
    """What was deployed, by the labels of its revisions, which are as Cloud Run has them."""
    return [
        IncidentEvent(
            at=made,
            kind=EventKind.DEPLOY,
            text=f"Revision {str(revision.get('name', '')).rpartition('/')[2]}",
            detail=", ".join(f"{name} {labels[name]}" for name in ("version", "commit", "project") if name in labels),
            path="/versions",
        )
        for revision in revisions
        for labels in [revision.get("labels", {})]
        if (made := time_in(revision.get("createTime")))
    ]


def _part(text: str) -> str:
    return quote(text, safe="")
