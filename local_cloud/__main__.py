"""The local cloud's command line."""

import asyncio
import gc
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from local_cloud.addresses import DEFAULT_PORT_BASE
from local_cloud.errors import LocalCloudError
from local_cloud.garbage import collect_rarely
from local_cloud.provider import Provider

REPOSITORY = Path(__file__).resolve().parents[1]

app = typer.Typer(
    help="An embedded Google Cloud: what the pipeline needs of it, on this machine, without an account.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def up(
    *,
    once: Annotated[bool, typer.Option("--once", help="Make one run and end.")] = False,
    users: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many sample users to put in.")] = 25,
    port_base: Annotated[
        int, typer.Option(help="The first of the fifteen ports that are used.", min=1024, max=65_500)
    ] = DEFAULT_PORT_BASE,
    data_dir: Annotated[
        Path, typer.Option(help="Where mails, logs and the environment are written.", file_okay=False)
    ] = Path(".local_cloud"),
    project: Annotated[
        Path,
        typer.Option(
            help="The folder with the kinds of report, and with scheduler.yaml, queue.yaml and firestore.indexes.json "
            "where those of the pipeline do not hold; default: the pipeline's own.",
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
) -> None:
    """Start everything with sample users and make a run; then go on by scheduler.yaml until Ctrl-C."""
    # Before anything that only this process needs, and before it starts a thread.
    from local_cloud import function_server

    function_server.begin()
    gc.disable()  # nothing that is imported is garbage
    from local_cloud.up import Options, Up

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
    )
    sys.exit(asyncio.run(Up(options, Console()).run()))


@app.command()
def serve(
    *,
    firestore: Annotated[int | None, typer.Option(help="Firestore's port.", min=0, max=65_535)] = None,
    firestore_rest: Annotated[
        int | None, typer.Option(help="The port of the same Firestore's runQuery over REST.", min=0, max=65_535)
    ] = None,
    tasks: Annotated[int | None, typer.Option(help="The port of Cloud Tasks.", min=0, max=65_535)] = None,
    tasks_rest: Annotated[
        int | None, typer.Option(help="The port of the same Cloud Tasks over REST.", min=0, max=65_535)
    ] = None,
    pubsub: Annotated[int | None, typer.Option(help="The port of Pub/Sub.", min=0, max=65_535)] = None,
    require_indexes: Annotated[
        Path | None,
        typer.Option(help="A firestore.indexes.json: refuse queries that need another index.", dir_okay=False),
    ] = None,
    seed: Annotated[
        Path | None, typer.Option(help="A file with the documents that Firestore has from the start.", dir_okay=False)
    ] = None,
    export: Annotated[
        Path | None, typer.Option(help="The file into which Firestore's documents go at the end.", dir_okay=False)
    ] = None,
    latency_ms: Annotated[float, typer.Option(min=0, max=10_000, help="Milliseconds added to every API call.")] = 0,
) -> None:
    """Start only the emulators whose port is named (0: any free one), or all, on 8080, 8081, 8123, 8124 and 8085."""
    if all(port is None for port in (firestore, firestore_rest, tasks, tasks_rest, pubsub)):
        firestore, firestore_rest, tasks, tasks_rest, pubsub = 8080, 8081, 8123, 8124, 8085
    if firestore is None and firestore_rest is not None:
        firestore = 0
    if tasks is None and tasks_rest is not None:
        tasks = 0
    for option, file in (("--require-indexes", require_indexes), ("--seed", seed), ("--export", export)):
        if firestore is None and file is not None:
            raise typer.BadParameter(f"{option} is Firestore's: add --firestore=PORT")
    from local_cloud.serve import serve as serve_emulators

    collect_rarely()
    asyncio.run(
        serve_emulators(
            firestore=firestore,
            firestore_rest=firestore_rest,
            tasks=tasks,
            tasks_rest=tasks_rest,
            pubsub=pubsub,
            indexes=require_indexes,
            seed=seed,
            export=export,
            latency_ms=latency_ms,
            console=Console(),
        )
    )


def main() -> None:
    """Run the command. An error that the caller can fix ends it with one line."""
    try:
        app()
    except LocalCloudError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
