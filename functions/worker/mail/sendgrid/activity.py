"""SendGrid's Email Activity: whether it has the mail of a delivery.

A paid addition to an account ("additional email activity history"), for which the key needs a permission of its own,
`email_activity.read`; at most 6 requests a minute an account; nothing about the mails of its EU region.
https://www.twilio.com/docs/sendgrid/api-reference/email-activity
https://www.twilio.com/docs/sendgrid/for-developers/sending-email/getting-started-email-activity-api
"""

import json
import re
from http import HTTPStatus

import requests

from functions.shared.logging import redact_addresses
from functions.shared.sanitize import sanitize
from functions.worker.mail.delivery_lookup import LookupAnswer, LookupUnavailable, MailFound, MailNotFound

CONNECT_SECONDS = 5.0

_PLAIN = re.compile(r"[A-Za-z0-9._~:@+-]+")
"""What is put into a query. How to escape a quotation mark in one is not documented: a delivery whose user's id has
one, or another unusual character, is not asked about."""

_LASTING = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND},
)
"""How SendGrid answers who has not bought the history, or has a key without the permission: with 400 or 403.
https://github.com/sendgrid/sendgrid-csharp/issues/689 https://github.com/sendgrid/sendgrid-php/issues/664"""

_ANSWER_BYTES = 256 * 1024
_ERROR_CHARACTERS = 300
_MESSAGES = 10


class SendGridActivity:
    """Asks SendGrid for a delivery's mail by the arguments that the mail was sent with. Safe for threads.

    Args:
        api_key: with the permission `email_activity.read`.
        host: the API's URL.
    """

    def __init__(self, *, api_key: str, host: str) -> None:
        self._url = f"{host}/v3/messages"
        self._key = api_key.encode()
        self._headers = {"Authorization": f"Bearer {api_key}", "Accept": "application/json"}

    def find(self, delivery_id: str, *, seconds: float) -> LookupAnswer:
        """Look for the mail of a delivery, whatever has become of it since SendGrid took it."""
        if not _PLAIN.fullmatch(delivery_id):
            return LookupUnavailable(error="the delivery's id has characters that a query cannot have", lasting=True)
        parameters = {"query": f"(unique_args['delivery_id']=\"{delivery_id}\")", "limit": str(_MESSAGES)}
        try:
            with requests.get(
                self._url,
                params=parameters,
                headers=self._headers,
                timeout=(min(CONNECT_SECONDS, seconds / 2), seconds / 2),
                allow_redirects=False,
                stream=True,
            ) as response:
                body = response.raw.read(_ANSWER_BYTES, decode_content=True)
        except (requests.RequestException, OSError) as error:
            return LookupUnavailable(error=f"no answer: {type(error).__name__}", lasting=False)
        # A proxy may show the request on the page that says what went wrong with it, and errors are kept and shown.
        return read_answer(response.status_code, body.replace(self._key, b"[key]"))


def read_answer(status: int, body: bytes) -> LookupAnswer:
    """Say what an answer means.

    Args:
        status: the HTTP status.
        body: the answer's body, perhaps cut off.
    """
    shown = redact_addresses(sanitize(body.decode(errors="replace"), _ERROR_CHARACTERS))
    if status != HTTPStatus.OK:
        return LookupUnavailable(error=f"SendGrid answered {status}: {shown}", lasting=status in _LASTING)
    try:
        names = [message["msg_id"] for message in json.loads(body)["messages"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        return LookupUnavailable(error=f"SendGrid's answer has no messages in it: {shown}", lasting=False)
    return MailFound(message_id=sanitize(str(names[0]), 200)) if names else MailNotFound()
