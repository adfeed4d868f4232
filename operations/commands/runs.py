"""`reports runs`: what the dispatcher has done."""

from typing import Annotated

import typer

from functions.shared.run import RUN_COUNTERS
from operations.commands.group import AsJson, Limit, document_id, session
from operations.output import Output
from operations.runs import Runs
from operations.sending import Sending

app = typer.Typer(help="Runs of the dispatcher, the newest first.", invoke_without_command=True)

_COLUMNS = {
    "run_id": "RUN",
    "state": "STATE",
    "scheduled_for": "FOR",
    "finished_at": "FINISHED",
    "attempts": "ATTEMPTS",
    **{name: name.upper().replace("_", " ") for name in RUN_COUNTERS},
}


@app.callback()
def runs(ctx: typer.Context, *, limit: Limit = 24, as_json: AsJson = False) -> None:
    """Runs of the dispatcher, the newest first."""
    if ctx.invoked_subcommand is None:
        client, output = session(ctx).pipeline_database, Output(as_json=as_json)
        output.rows(Runs(client).latest(limit), _COLUMNS, empty="There was no run yet.")
        if (breaker := Sending(client).breaker()).is_stopped:
            output.warn(f"Sending is stopped ({breaker.because}): reports resume-sending lets the runs go on.")


@app.command()
def show(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", parser=document_id, help="The run's id: 20261124T1300Z.")],
    *,
    as_json: AsJson = False,
) -> None:
    """One run, with what became of its reports so far, and what the attempts at it before the last one did."""
    row = Runs(session(ctx).pipeline_database).show(run)
    if not as_json:
        earlier = row.pop("earlier_attempts")
        first = row["attempts"] - len(earlier)
        row |= {f"attempt_{number}": attempt for number, attempt in enumerate(earlier, start=first)}
        row |= {f"share_{share['share']}": share for share in row.pop("shares", [])}
    Output(as_json=as_json).fields(row)
