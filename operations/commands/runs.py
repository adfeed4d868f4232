"""`reports runs`: what the dispatcher has done."""

from typing import Annotated

import typer

from functions.shared.records.run import RUN_COUNTERS
from operations.commands.group import AsCsv, AsJson, EveryRow, Limit, ListGroup, document_id, print_list, session
from operations.output import Output

app = typer.Typer(cls=ListGroup)

Follow = Annotated[
    bool,
    typer.Option("--follow", "-f", help="Show what changes until Ctrl-C; in a pipe, one line for each change."),
]

_COLUMNS = ("run_id", "state", *RUN_COUNTERS, "scheduled_for", "finished_at", "attempts")
_FOLLOWED_EVERY = 2.0
"""In seconds. Each look reads as many documents as it shows."""


@app.command("list")
def list_(
    ctx: typer.Context,
    *,
    limit: Limit = 24,
    everything: EveryRow = False,
    follow: Follow = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Runs of the dispatcher, the newest first."""
    from operations.runs.runs import Runs
    from operations.runs.sending import Sending

    database, most = session(ctx).firestore, None if everything else limit
    if follow and as_csv:
        raise typer.BadParameter("prints a table or JSON, not CSV", param_hint="--follow")
    latest, output = Runs(database), Output(as_json=as_json, as_csv=as_csv)
    if follow:
        output.live(lambda: latest.latest(most), _COLUMNS, every=_FOLLOWED_EVERY)
    print_list(output, latest.latest(most), _COLUMNS, limit=most, count=latest.count, empty="There was no run yet.")
    if (breaker := Sending(database).breaker()).is_stopped:
        output.warn(f"Sending is stopped ({breaker.because}): reports resume-sending lets the runs go on.")


@app.command()
def show(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", parser=document_id, help="The run's id: 20261124T1300Z.")],
    *,
    as_json: AsJson = False,
) -> None:
    """One run, with what became of its reports so far, and what the attempts at it before the last one did."""
    from operations.runs.runs import Runs

    row = Runs(session(ctx).firestore).show(run)
    if not as_json:
        earlier = row.pop("earlier_attempts")
        first = row["attempts"] - len(earlier)
        row |= {f"attempt_{number}": attempt for number, attempt in enumerate(earlier, start=first)}
    Output(as_json=as_json).fields(row)
