"""The command `python -m local_pipeline`."""

import asyncio
import gc
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from local_cloud.errors import LocalCloudError, PortInUse
from local_cloud.garbage import collect_rarely
from local_pipeline.addresses import DEFAULT_PORT_BASE
from local_pipeline.local_destination import LocalDestination
from local_pipeline.provider import Provider

REPOSITORY = Path(__file__).resolve().parents[1]

app = typer.Typer(
    help="The pipeline on this machine, without an account.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _commands() -> None:
    """Have `up` be a command, though it is the only one."""


@app.command()
def up(
    *,
    once: Annotated[bool, typer.Option("--once", help="Make one run and end.")] = False,
    users: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many sample users to put in.")] = 25,
    port_base: Annotated[
        int, typer.Option(help="The first of the sixteen ports that are used.", min=1024, max=65_500)
    ] = DEFAULT_PORT_BASE,
    data_dir: Annotated[
        Path, typer.Option(help="Where emails, logs and the environment are written.", file_okay=False)
    ] = Path(".local_cloud"),
    project: Annotated[
        Path,
        typer.Option(
            help="The folder with the kinds of report, brands.yaml, and scheduler.yaml, queue.yaml and "
            "firestore.indexes.json where those of the pipeline do not hold; default: the pipeline's own.",
            file_okay=False,
            exists=True,
            show_default=False,
        ),
    ] = REPOSITORY,
    documents: Annotated[
        Path | None,
        typer.Option(
            help="A JSON file with documents that each sample user has beside the pipeline's, by collection and id.",
            dir_okay=False,
            exists=True,
        ),
    ] = None,
    latency_ms: Annotated[
        float, typer.Option(min=0, max=10_000, help="Milliseconds added to every API call, as a network would.")
    ] = 0,
    rate: Annotated[
        float | None, typer.Option(min=0.1, max=500, help="Reports a second, in place of what queue.yaml says.")
    ] = None,
    provider: Annotated[
        Provider | None, typer.Option(help="Through whom to send, in place of MAIL_PROVIDER (sendgrid).")
    ] = None,
    deliver: Annotated[
        LocalDestination | None, typer.Option(help="Where the sample users' reports go; default: by email.")
    ] = None,
) -> None:
    """Start everything with sample users and make a run; then go on by scheduler.yaml until Ctrl-C."""
    # Before anything that only this process needs, and before it starts a thread.
    from local_pipeline import function_server

    function_server.begin()
    gc.disable()  # nothing that is imported is garbage
    from local_pipeline.up import Options, Up

    gc.enable()
    collect_rarely()
    options = Options(
        once=once,
        users=users,
        port_base=port_base,
        data_directory=data_dir,
        project=project,
        documents=documents,
        latency_ms=latency_ms,
        rate=rate,
        provider=provider,
        deliver=deliver,
    )
    os.umask(0o077)  # emails and logs are for nobody else on this machine, nor are those of the functions
    sys.exit(asyncio.run(Up(options, Console()).run()))


def main() -> None:
    """Run the command. An error that the caller can fix ends it with one line."""
    try:
        app()
    except PortInUse as error:
        sys.exit(f"{error} --port-base names the first of the ports.")
    except LocalCloudError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
