"""The whole `reports` command."""

from pathlib import Path
from typing import Annotated

import typer

from operations.commands import (
    check,
    console,
    dead_letters,
    deliveries,
    dispatch,
    kinds,
    new,
    personal_data,
    preview,
    queue,
    resume_sending,
    runs,
    send,
    subscriptions,
    system_alerts,
    users,
    version,
)
from operations.commands.group import ReportsGroup
from operations.session import Session

app = typer.Typer(
    name="reports",
    cls=ReportsGroup,
    help="See what the report pipeline does, and act on it: on the local cloud, or on Google Cloud.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def reports(
    ctx: typer.Context,
    local_cloud: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="The data directory of the local cloud to work on, whatever the environment says."
        ),
    ] = None,
) -> None:
    """Begin the session."""
    ctx.obj = Session(local_cloud)


app.add_typer(runs.app, name="runs")
app.command("deliveries")(deliveries.deliveries)
app.add_typer(dead_letters.app, name="dead-letters")
app.command("system-alerts")(system_alerts.system_alerts)
app.add_typer(queue.app, name="queue")
users.app.command("export")(personal_data.export)
users.app.command("erase")(personal_data.erase)
app.add_typer(users.app, name="users")
app.add_typer(subscriptions.app, name="subscriptions")
app.add_typer(check.app, name="check")
app.command("kinds")(kinds.kinds)
app.command("dispatch")(dispatch.dispatch)
app.command("send")(send.send)
app.command("resume-sending")(resume_sending.resume_sending)
app.command("preview")(preview.preview)
app.command("new")(new.new)
app.command("console")(console.console)
app.command("version")(version.version)
