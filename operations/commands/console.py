"""`reports console`: the web console."""

from typing import Annotated

import typer

from operations.commands.group import session


def console(
    ctx: typer.Context,
    *,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where it listens, on 127.0.0.1.")] = 8090,
    read_only: Annotated[bool, typer.Option("--read-only", help="Let it change nothing.")] = False,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """The web console: see what the pipeline does, and act on it. It runs until Ctrl-C."""
    # Here, and not at the top: it takes a second that no other command needs.
    from operations.console.server import serve

    serve(session(ctx), port=port, read_only=read_only, in_browser=open_)
