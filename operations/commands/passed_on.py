"""The commands that go on as another program, and pass their options on to it."""

import os
import sys
from datetime import UTC, datetime
from typing import Annotated, NoReturn

import typer

CONTEXT_SETTINGS = {"ignore_unknown_options": True}
"""Every option but --help is the other program's."""

_Options = Annotated[
    list[str] | None,
    typer.Argument(metavar="OPTION", help="The program's own options; -- --help lists them.", show_default=False),
]


def run(options: _Options = None) -> None:
    """Run the whole pipeline once, on this machine: sample users, their emails, a summary."""
    from operations.projects.local_run import local_run

    _become(local_run(["--once", *(options or [])], now=datetime.now(UTC)))


def up(options: _Options = None) -> None:
    """Do the same, and keep making runs until Ctrl-C."""
    from operations.projects.local_run import local_run

    _become(local_run([*(options or [])], now=datetime.now(UTC)))


def deploy(options: _Options = None) -> None:
    """Deploy the pipeline with the kinds of this project to Google Cloud, by deploy.sh and its options."""
    from operations.projects.deployment import deployment

    _become(deployment(options or []))


def drill(options: _Options = None) -> None:
    """Send reports that go to no one through a separate pipeline, and count what arrives."""
    from functions.shared.project_files import own_project
    from operations.projects.deployment import deployment_python

    options = options or []
    python = sys.executable if "--local" in options else deployment_python(own_project())
    _become([python, "-m", "proof.drill", *options])


def _become(command: list[str]) -> NoReturn:
    """Go on as another program in this process, which then gets Ctrl-C by itself."""
    os.execvp(command[0], command)  # noqa: S606  the pipeline's own programs
