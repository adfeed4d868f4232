"""`reports system-alerts`: problems of the system itself."""

import typer

from operations.commands.group import AsJson, Limit, session
from operations.output import Output
from operations.system_alerts import SystemAlerts

_COLUMNS = {
    "alert": "ALERT",
    "run_id": "RUN",
    "at": "NOTICED",
    "received_at": "RECEIVED",
    "alerted_at": "ALERTED",
    "detail": "DETAIL",
}


def system_alerts(ctx: typer.Context, *, limit: Limit = 24, as_json: AsJson = False) -> None:
    """What was wrong with the system itself in the last 90 days: overdue reports, missed runs, a refused key."""
    rows = SystemAlerts(session(ctx).pipeline_database).latest(limit)
    Output(as_json=as_json).rows(rows, _COLUMNS, empty="There are no system alerts.")
