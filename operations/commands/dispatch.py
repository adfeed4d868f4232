"""`reports dispatch`: a run by hand."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from operations.commands.group import AsJson, moment, session
from operations.errors import ExitStatus
from operations.escaping import escape, shell_argument
from operations.output import Output


def dispatch(
    ctx: typer.Context,
    *,
    at: Annotated[
        datetime | None,
        typer.Option(metavar="TIME", parser=moment, help="The time that the run is for; default: the present."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a run now: each report that is due gets a task, unless there is one already."""
    from operations.runs.dispatch import dispatch as call_dispatcher

    if at is not None and at > datetime.now(UTC):
        raise typer.BadParameter("a run is for the present or the past", param_hint="--at")
    target = session(ctx).target
    output = Output(as_json=as_json)
    with output.err.status(Text(escape(f"A run on {target.description}"))):
        succeeded, figures = call_dispatcher(target, scheduled_for=at)
    output.fields(figures)
    if figures["stopped"]:
        output.warn("The run sent nothing, since sending is stopped: reports resume-sending says why.")
    elif not as_json:
        output.say(f"What becomes of its reports: reports runs show {shell_argument(str(figures['run_id']))}")
    if not succeeded:
        output.warn("The run had errors that a second run may fix: the dispatcher's log names them.")
        raise typer.Exit(ExitStatus.FAILED)
