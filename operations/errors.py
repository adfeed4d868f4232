"""The errors that stop a command, each with one line that says what to do."""

from enum import IntEnum

from google.api_core.exceptions import DeadlineExceeded, RetryError, ServiceUnavailable

from functions.shared.logging import redact_addresses


class ExitStatus(IntEnum):
    """What the command ends with; documented in docs/operations.md. Usage errors end with 2, Ctrl-C with 130."""

    DONE = 0
    FAILED = 1
    """The command could not do all of it, or there is no such thing."""
    NOT_CONNECTED = 3
    """There is nothing to connect to, or it does not answer."""


class OperatorError(Exception):
    """An error that the operator can fix. The command prints its text and nothing else."""

    status = ExitStatus.FAILED


class NotFound(OperatorError):
    """There is no such run, delivery, dead letter, queue, task or user."""


class NotConfigured(OperatorError):
    """A variable is missing, or there is nothing to connect to."""

    status = ExitStatus.NOT_CONNECTED


UNREACHABLE = (RetryError, ServiceUnavailable, DeadlineExceeded)
"""How Google's clients say that a service does not answer, after a minute of retries. Further calls would fail, too."""


def describe(error: object) -> str:
    """What an error says, on one line and without e-mail addresses."""
    return " ".join(redact_addresses(str(error)).split())
