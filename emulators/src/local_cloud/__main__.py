"""The command `local-cloud`: `local-cloud serve` starts the emulators."""

import asyncio
import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from local_cloud.errors import LocalCloudError, PortInUse
from local_cloud.garbage import collect_rarely

# Google's libraries say so of each Python from its end of life on. What a project has pinned goes on running.
warnings.filterwarnings("ignore", "You are using a .*Python version", FutureWarning)

app = typer.Typer(
    help="Emulators of Firestore, Cloud Tasks, Pub/Sub and Cloud Storage.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _commands() -> None:
    """Have `serve` be a command, though it is the only one."""


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
    storage: Annotated[int | None, typer.Option(help="The port of Cloud Storage.", min=0, max=65_535)] = None,
    require_indexes: Annotated[
        Path | None,
        typer.Option(help="A firestore.indexes.json: refuse queries that need another index.", dir_okay=False),
    ] = None,
    rules: Annotated[
        Path | None, typer.Option(help="A firestore.rules: refuse clients what no rule allows.", dir_okay=False)
    ] = None,
    seed: Annotated[
        Path | None, typer.Option(help="A file with the documents that Firestore has from the start.", dir_okay=False)
    ] = None,
    export: Annotated[
        Path | None, typer.Option(help="The file into which Firestore's documents go at the end.", dir_okay=False)
    ] = None,
    latency_ms: Annotated[float, typer.Option(min=0, max=10_000, help="Milliseconds added to every API call.")] = 0,
) -> None:
    """Start only the emulators whose port is named (0: any free one), or all: 8080, 8081, 8123, 8124, 8085, 9023."""
    if all(port is None for port in (firestore, firestore_rest, tasks, tasks_rest, pubsub, storage)):
        firestore, firestore_rest, tasks, tasks_rest, pubsub, storage = 8080, 8081, 8123, 8124, 8085, 9023
    if firestore is None and firestore_rest is not None:
        firestore = 0
    if tasks is None and tasks_rest is not None:
        tasks = 0
    for option, file in (
        ("--require-indexes", require_indexes),
        ("--rules", rules),
        ("--seed", seed),
        ("--export", export),
    ):
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
            storage=storage,
            indexes=require_indexes,
            rules=rules,
            seed=seed,
            export=export,
            latency_ms=latency_ms,
        )
    )


def main() -> None:
    """Run the command. An error that the caller can fix ends it with one line."""
    try:
        app()
    except PortInUse as error:
        sys.exit(f"{error} --firestore, --tasks, --tasks-rest, --pubsub and --storage name the ports.")
    except LocalCloudError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
