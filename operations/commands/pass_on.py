"""A command that passes its options on to another program."""

import os
from typing import Annotated, NoReturn

import typer

CONTEXT_SETTINGS = {"ignore_unknown_options": True}
"""Every option but --help is the other program's."""

Arguments = Annotated[
    list[str] | None,
    typer.Argument(metavar="OPTION", help="The program's own options; -- --help lists them.", show_default=False),
]


def become(command: list[str], **variables: str) -> NoReturn:
    """Have this process go on as another program, which then gets Ctrl-C by itself.

    Args:
        variables: of its environment, beside those of this process.
    """
    os.execvpe(command[0], command, {**os.environ, **variables})  # noqa: S606  the pipeline's own programs
