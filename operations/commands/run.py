"""`reports run`: the pipeline once, on this machine."""

from datetime import UTC, datetime

from operations.commands.pass_on import CONTEXT_SETTINGS, Arguments, become

__all__ = ["CONTEXT_SETTINGS", "run"]


def run(arguments: Arguments = None) -> None:
    """Run the whole pipeline once, on this machine: sample users, their emails, a summary."""
    from operations.projects.local_run import local_run

    become(local_run(["--once", *(arguments or [])], now=datetime.now(UTC)))
