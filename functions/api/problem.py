"""What a call is answered that is not carried out: problem details. https://www.rfc-editor.org/rfc/rfc9457"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

import structlog
from google.api_core.exceptions import GoogleAPIError, InvalidArgument
from werkzeug.exceptions import MethodNotAllowed

from functions.shared.firestore.errors import ChangedMeanwhile
from functions.shared.serving.identity import NotAuthorized
from operations.reading.page import NotACursor

MEDIA_TYPE = "application/problem+json"

_SECONDS_TO_WAIT = 10

_logger = structlog.get_logger()


class Problem(Exception):
    """A call is not carried out.

    Args:
        status: what it is answered with.
        detail: why, in a sentence for the developer of the caller.
        retry_after: seconds until the caller may try again; None where another try comes to the same.
    """

    def __init__(self, status: HTTPStatus, detail: str, *, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.retry_after = retry_after


def missing(what: str) -> Problem:
    """The problem that there is no such thing.

    Args:
        what: as in `user u1`.
    """
    return Problem(HTTPStatus.NOT_FOUND, f"There is no {what}.")


class Refusal(NamedTuple):
    """How a call is answered that is not carried out.

    Attributes:
        status: of the answer.
        detail: see Problem.
        headers: beside that of the content's type.
    """

    status: HTTPStatus
    detail: str
    headers: Mapping[str, str] = {}

    @property
    def body(self) -> dict[str, Any]:
        """The problem details."""
        return {"title": self.status.phrase, "status": self.status.value, "detail": self.detail}


def refusal_of(error: Exception) -> Refusal:
    """The answer that an error comes to. Call it once, where the error is handled: it logs who may not call, and
    what is no mistake of the caller."""
    match error:
        case Problem():
            retry = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
            return Refusal(error.status, error.detail, retry)
        case NotAuthorized():
            _logger.warning("request_refused", status=error.status.value, error=str(error))
            challenge = {"WWW-Authenticate": "Bearer"} if error.status is HTTPStatus.UNAUTHORIZED else {}
            return Refusal(error.status, f"{str(error).capitalize()}.", challenge)
        case MethodNotAllowed():
            allowed = {"Allow": ", ".join(sorted(error.valid_methods or ()))}
            return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "There is no such method here.", allowed)
        case NotACursor():
            detail = "after: must be `next` of the page before, of the same list."
            return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
        case ChangedMeanwhile():
            return Refusal(HTTPStatus.CONFLICT, "Others change the same just now: repeat this.")
        case InvalidArgument():
            return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "Firestore cannot hold a value, or it is too large.")
        case GoogleAPIError():
            _logger.warning("api_unavailable", error=type(error).__name__)
            wait = {"Retry-After": str(_SECONDS_TO_WAIT)}
            return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "Google Cloud does not answer.", wait)
        case _:
            _logger.exception("api_failed_unexpectedly")
            return Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "This failed for a reason that the log has.")
