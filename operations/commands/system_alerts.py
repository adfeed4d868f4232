"""`reports system-alerts`: problems of the system itself."""

import typer

from operations.commands.group import AsCsv, AsJson, EveryRow, Limit, ListGroup, print_list, session
from operations.output import Output

_COLUMNS = ("at", "alert", "run_id", "detail", "received_at", "alerted_at")


app = typer.Typer(cls=ListGroup)


@app.command("list")
def list_(
    ctx: typer.Context,
    *,
    limit: Limit = 24,
    everything: EveryRow = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """What was wrong with the system itself in the last 90 days: overdue reports, missed runs, a refused key."""
    from operations.system_alerts import SystemAlerts

    most = None if everything else limit
    alerts = SystemAlerts(session(ctx).firestore)
    print_list(
        Output(as_json=as_json, as_csv=as_csv),
        alerts.latest(most),
        _COLUMNS,
        limit=most,
        count=alerts.count,
        empty="There are no system alerts.",
    )
