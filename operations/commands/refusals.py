"""The errors that end a command with one line."""

import typer
from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError

from operations.errors import ExitStatus, OperatorError
from operations.failures import UNREACHABLE, describe
from operations.output import notice


def end_of(error: Exception) -> typer.Exit | None:
    """Print the line for an error that the operator can fix, or that Google Cloud answers; None for any other."""
    match error:
        case OperatorError():
            return _end(str(error), error.status)
        case _ if isinstance(error, (GoogleAuthError, *UNREACHABLE)):
            return _end(f"Google Cloud does not answer: {error}", ExitStatus.NOT_CONNECTED)
        case GoogleAPIError():
            return _end(f"Google Cloud refuses: {getattr(error, 'message', None) or error}", ExitStatus.FAILED)
        case _:
            return None


def _end(message: str, status: ExitStatus) -> typer.Exit:
    notice(describe(message))
    return typer.Exit(status)
