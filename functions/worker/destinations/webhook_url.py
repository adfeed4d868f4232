"""Posts JSON to a URL that is itself the secret, as chats give it for one channel."""

from collections.abc import Callable
from datetime import datetime

from functions.shared.records.deliver import is_webhook_url
from functions.worker.destinations.by_status import outcome_by_status
from functions.worker.destinations.http_call import NoAnswer, NotWritten, call
from functions.worker.destinations.lost_answer import outcome_without_answer
from functions.worker.destinations.outcome import Outcome, Refused


def post(url: str, body: bytes, *, service: str, secret: str, seconds: float, now: Callable[[], datetime]) -> Outcome:
    """Post a body, and say what the answer means.

    Args:
        url: where to.
        body: JSON.
        service: whose it is, for errors.
        secret: the name of the secret with the URL, for errors.
        seconds: after how long it must be over.
        now: the present, in UTC.
    """
    if not is_webhook_url(url):
        return Refused(error=f"the secret {secret} in DESTINATION_SECRETS must be the https URL of a webhook")
    try:
        headers = {"Content-Type": "application/json; charset=UTF-8"}
        answer = call("POST", url, headers=headers, body=body, seconds=seconds)
    except (NotWritten, NoAnswer) as error:
        return outcome_without_answer(error, service=service)
    return outcome_by_status(answer, service=service, now=now())
