"""Errors that stop a command. Each has one line that says what to do."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """The exit status of the command (docs/reference/commands.md). Usage errors end with 2, Ctrl-C with 130."""

    DONE = 0
    FAILED = 1
    """The command failed at least in part, or what it was asked for does not exist."""
    NOT_CONNECTED = 3
    """The command finds no target, or the target does not answer."""


class OperatorError(Exception):
    """An error that the operator can fix. The command prints its text and nothing else."""

    status = ExitStatus.FAILED


class NotFound(OperatorError):
    """There is no such run, delivery, dead letter, queue, task or user.

    Args:
        suggestion: a question that names similar ids, with a space in front; empty if there are none.
    """

    def __init__(self, text: str, suggestion: str = "") -> None:
        super().__init__(text + suggestion)
        self.suggestion = suggestion


class NotConfigured(OperatorError):
    """A variable is missing, or there is nothing to connect to."""

    status = ExitStatus.NOT_CONNECTED
