"""The application's group: its commands, and errors in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from operations.commands.lazy_command import LazyCommand
from operations.escaping import escape

_COMMANDS = {
    "runs": "Runs of the dispatcher, the newest first.",
    "deliveries": "Deliveries: what became of each report of a user, of one of the user's subscriptions, of a run, or "
    "in a state; and one of them, with what was sent.",
    "dead-letters": "Reports that could not be sent: look at them, replay or dismiss them, open dismissed ones again.",
    "system-alerts": "What was wrong with the system itself in the last 90 days: overdue reports, missed runs, a "
    "refused key.",
    "queue": "The report queues: show, hold, release, and set how fast they go.",
    "users": "Who gets reports: list, import; and what the pipeline keeps about one user: export it, erase it.",
    "subscriptions": "Which reports users get, and when: look at subscriptions, make, change, pause, resume and remove "
    "them.",
    "calendars": "The days off that subscriptions name: look at calendars, set, import and remove them.",
    "check": "Check what the pipeline depends on.",
    "kinds": "The kinds of report: list them, pause one that is broken, and resume it.",
    "dispatch": "Make a run now: each report that is due gets a task, unless there is one already.",
    "send": "Send a report of one subscription now: the one that is due, or one of the time since the last.",
    "resume-sending": "Let the runs go on after too many complaints or bounces have stopped them, and show the "
    "figures.",
    "size": "The settings for so many reports, how long a run takes, what it costs, and which limit comes first: "
    "computed, not measured on Google Cloud.",
    "preview": "Render a subscription's report exactly as it would be sent, and send nothing.",
    "new": "Write a working kind of report, with a test, for you to change.",
    "test": "Test the kinds of report: each email that they can make, and their own tests.",
    "console": "The web console: see what the pipeline does, and act on it. It runs until Ctrl-C.",
    "catalogs": "Add new words of the kinds to the catalogs of every language, or begin another language.",
    "run": "Run the whole pipeline once, on this machine: sample users, their emails, a summary.",
    "up": "Do the same, and keep making runs until Ctrl-C.",
    "lock": "Write kinds.lock, with the packages that the kinds need beside the pipeline's own.",
    "init": "Make a project beside this clone: a repository for your own kinds of report and settings.",
    "deploy": "Deploy the pipeline with the kinds of this project to Google Cloud, by deploy.sh and its options.",
    "drill": "Send reports that go to no one through a separate pipeline, and count what arrives.",
    "upgrade": "Move to another version of the pipeline: write pipeline.lock and kinds.lock, show what has changed, "
    "run the tests, and plan the deployment.",
    "version": "The version and the commit of this checkout or project, and of each function and the console as they "
    "are deployed.",
}
"""The commands, and the first paragraph of each one's help."""


class ReportsGroup(TyperGroup):
    """Ends with one line on standard error if the operator can fix what stopped the command."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands: Any = {name: LazyCommand(name, help_line) for name, help_line in _COMMANDS.items()}

    def make_context(self, info_name: str | None, args: list[str], *others: Any, **extra: Any) -> Any:
        """Read the command line."""
        with _usage_in_one_line():
            for arg in args:
                # Bytes that are not UTF-8 come as lone surrogates, which no service takes.
                if arg != arg.encode(errors="replace").decode():
                    raise typer.BadParameter(f"{arg} is not UTF-8")
            return super().make_context(info_name, args, *others, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Carry out the command."""
        try:
            with _usage_in_one_line():
                return super().invoke(ctx)
        except (typer.Exit, typer.Abort, typer.TyperException):
            raise
        except Exception as error:
            # Imported here, as commands import what only their work needs (lazy_command.py).
            from operations.commands.refusals import end_of

            if end := end_of(error):
                raise end from error
            raise


@contextmanager
def _usage_in_one_line() -> Iterator[None]:
    """Say in one line what is wrong with the command line, and how to get help. Invalid arguments are escaped: the
    operator may have copied them from a document."""
    try:
        yield
    except typer.TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            raise
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "reports"
        # Typer has Pydantic read the values, which begins so.
        text = " ".join(escape(error.format_message(), keep="\n").split()).replace(": Value error, ", ": ")
        typer.echo(f"{command}: {text}{'' if text.endswith(('.', '?')) else '.'} See {command} --help.", err=True)
        raise typer.Exit(error.exit_code) from error
