"""The whole `reports` command."""

from pathlib import Path
from typing import Annotated

import typer

from operations.commands.reports_group import ReportsGroup

app = typer.Typer(
    name="reports",
    cls=ReportsGroup,
    help="See what the report pipeline does, and act on it: on the local cloud, or on Google Cloud.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        from functions.shared.project_files import own_project
        from operations.output import Output
        from operations.releases.running_versions import checkout_version

        found = checkout_version(project=own_project())
        Output().say(" ".join(part for part in ("reports", found.version, found.commit, found.project) if part))
        raise typer.Exit


@app.callback()
def reports(
    ctx: typer.Context,
    local_cloud: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="The data directory of the local cloud to work on, whatever the environment says."
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", help="The version of this checkout.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Say where to work: the session begins when the command asks for it (`group.session`), which help does not."""
    ctx.obj = local_cloud
