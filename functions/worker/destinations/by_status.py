"""What the status of an answer means where a destination has no words of its own. Pure."""

from datetime import datetime
from http import HTTPStatus

from functions.worker.destinations.http_call import HttpAnswer, retry_after, shown
from functions.worker.destinations.outcome import Accepted, Outcome, Refused, Throttled, Unclear

_MAYBE_TAKEN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY})
"""A gateway may say so, or a receiver that works on a request with the same key."""


def outcome_by_status(answer: HttpAnswer, *, service: str, message_id: str = "", now: datetime) -> Outcome:
    """Say what an answer means.

    - 2xx: the report is taken. 429: it is not, and there is too much at once.
    - A 5xx does not say that nothing was taken, and neither does a 1xx, such as early hints: another answer follows it.
    - Any other status is lasting: the address is gone, its key is wrong, or the report is none. A redirect is not
      followed: the address behind it would be somebody else's choice.

    Args:
        answer: the destination's.
        service: whose it is, for errors.
        message_id: of the report there, if it has one.
        now: the present, for times in the headers.
    """
    error = f"{service} answered {answer.status}: {shown(answer.content.decode(errors='replace'))}"
    match answer.status:
        case status if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return Accepted(message_id=message_id)
        case HTTPStatus.TOO_MANY_REQUESTS:
            return Throttled(error=error, retry_after_seconds=retry_after(answer.headers, now))
        case status if HTTPStatus.OK < status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _MAYBE_TAKEN:
            return Refused(error=error)
        case _:
            return Unclear(error=error)
