"""Posts JSON to a URL that is itself the secret, as chats give it for one channel."""

import re
from datetime import UTC, datetime
from http import HTTPStatus

from functions.worker.destinations.http_call import NoAnswer, NotWritten, call, retry_after, shown
from functions.worker.destinations.outcome import Accepted, Outcome, Refused, Throttled, Unavailable, Unclear

_URL = re.compile(r"https://[!-~]+|http://(localhost|127\.0\.0\.1)[:/][!-~]+")


def post(url: str, body: bytes, *, service: str, secret: str, seconds: float) -> Outcome:
    """Post a body, and say what the answer means.

    - 2xx: it is taken. 429: too much at once. A 5xx does not say that nothing was taken.
    - Any other 4xx is lasting: the webhook is gone, its key is wrong, or the message is not one.

    Args:
        url: where to.
        body: JSON.
        service: whose it is, for errors.
        secret: the name of the secret with the URL, for errors.
        seconds: after how long it must be over.
    """
    if not _URL.fullmatch(url):
        return Refused(error=f"the secret {secret} in DESTINATION_SECRETS must be the https URL of a webhook")
    try:
        headers = {"Content-Type": "application/json; charset=UTF-8"}
        answer = call("POST", url, headers=headers, body=body, seconds=seconds)
    except NotWritten as error:
        return Unavailable(error=f"{service} could not be reached: {error}")
    except NoAnswer as error:
        return Unclear(error=f"{service} gave no answer after the request was sent: {error}")
    said = f"{service} answered {answer.status}: {shown(answer.content.decode(errors='replace'))}"
    match answer.status:
        case status if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return Accepted(message_id="")
        case HTTPStatus.TOO_MANY_REQUESTS:
            return Throttled(error=said, retry_after_seconds=retry_after(answer.headers, datetime.now(UTC)))
        case HTTPStatus.REQUEST_TIMEOUT | HTTPStatus.CONFLICT:
            return Unclear(error=said)
        case status if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return Refused(error=said)
        case _:
            return Unclear(error=said)
