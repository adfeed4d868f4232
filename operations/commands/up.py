"""`reports up`: the pipeline on this machine until Ctrl-C."""

from datetime import UTC, datetime

from operations.commands.pass_on import CONTEXT_SETTINGS, Arguments, become

__all__ = ["CONTEXT_SETTINGS", "up"]


def up(arguments: Arguments = None) -> None:
    """Do the same, and keep making runs until Ctrl-C."""
    from operations.projects.local_run import local_run

    become(local_run([*(arguments or [])], now=datetime.now(UTC)))
