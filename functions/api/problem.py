"""What a call is answered that is not carried out: problem details. https://www.rfc-editor.org/rfc/rfc9457"""

from http import HTTPStatus

MEDIA_TYPE = "application/problem+json"


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
