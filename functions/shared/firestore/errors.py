"""How Firestore fails: each call raises google.api_core.exceptions.GoogleAPICallError."""

from google.api_core import exceptions


class ChangedMeanwhile(exceptions.Aborted):
    """A document is not, or no longer, as the condition of a write says: another process has written it.

    Firestore says so also where a write took effect, its answer was lost, and it was made again.
    """


_CHANGED = (exceptions.AlreadyExists, exceptions.FailedPrecondition, exceptions.NotFound)
"""How Firestore says that it carries out no write because of its condition."""


def error_of_write(error: exceptions.GoogleAPICallError) -> exceptions.GoogleAPICallError:
    """Why a write was not carried out, by what its call has raised."""
    return ChangedMeanwhile(error.message) if isinstance(error, _CHANGED) else error  # type: ignore[no-untyped-call]


def error_of_status(code: int, message: str) -> exceptions.GoogleAPICallError:
    """Why a write was not carried out, by gRPC's code and the service's message."""
    return error_of_write(exceptions.from_grpc_status(code, message))  # type: ignore[no-untyped-call]
