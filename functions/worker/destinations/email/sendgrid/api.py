"""SendGrid's mail send.

Its mail send is not idempotent and has no key that makes it so. What matters about a failed call is therefore whether
SendGrid can have taken the email, and every outcome here says so without doubt.
https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from email.message import Message
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import structlog

from functions.shared.sanitize import sanitize
from functions.worker.destinations import http_call
from functions.worker.destinations.email.model import Mail, Sender
from functions.worker.destinations.email.sendgrid.request import to_request
from functions.worker.destinations.http_call import HttpAnswer, NoAnswer, NotWritten
from functions.worker.destinations.lost_answer import outcome_without_answer
from functions.worker.destinations.outcome import (
    Accepted,
    NotAllowed,
    Outcome,
    Refused,
    Throttled,
    Unavailable,
    Unclear,
    Unsubscribed,
)

_logger = structlog.get_logger()

ASK_SECONDS = 5.0
"""How long each question about recipients may take, where that leaves half of the time for the email."""

ASKING_SECONDS = 2 * ASK_SECONDS
"""How long all of them may take."""


class SendGrid:
    """Sends through SendGrid's v3 API. Safe for threads.

    Args:
        api_key: with the permission to send email, and to read suppressions where recipients are asked about.
        host: the API's URL.
        sender: from whom the emails are.
        check_unsubscribed: whether to ask first which recipients have unsubscribed. Mail send does not tell: it
            takes the email and drops it. https://www.twilio.com/docs/sendgrid/ui/analytics-and-reporting/email-activity-feed#drops
        now: the present, in UTC.
    """

    def __init__(
        self, *, api_key: str, host: str, sender: Sender, now: Callable[[], datetime], check_unsubscribed: bool = False
    ) -> None:
        # Imported with the first email: most of the import is SendGrid's helpers, which the worker does not use. It
        # does not call through the library, either, which does not tell "not sent" from "sent, and then?", and makes an
        # opener of urllib for each call.
        from sendgrid import SendGridAPIClient

        client = SendGridAPIClient(api_key, host).client
        self._host = client.host
        self._headers = {**client.request_headers, "Content-Type": "application/json"}
        self._sender = sender
        self._now = now
        self._check_unsubscribed = check_unsubscribed

    def send(self, mail: Mail, *, seconds: float) -> Outcome:
        """Hand over an email and classify the answer."""
        started = time.monotonic()
        if self._check_unsubscribed:
            gone = self._unsubscribed(
                [each.address for each in mail.recipients], seconds=min(ASKING_SECONDS, seconds / 2)
            )
            mail = replace(mail, recipients=[each for each in mail.recipients if each.address.lower() not in gone])
            if not mail.recipients:
                return Unsubscribed()
        left = seconds - (time.monotonic() - started)
        try:
            answer = self._call("POST", "mail/send", to_request(mail, self._sender), seconds=left)
        except (NotWritten, NoAnswer) as error:
            return outcome_without_answer(error, service="SendGrid")
        return classify(answer.status, answer.headers, answer.content, now=self._now())

    def _unsubscribed(self, addresses: Sequence[str], *, seconds: float) -> set[str]:
        """The addresses, in small letters, to which SendGrid would drop an email since their owners have left the
        group, or want no email at all.

        Where it does not say, the email is sent: what SendGrid would drop it still drops, and the report counts as
        sent.
        https://www.twilio.com/docs/sendgrid/api-reference/suppressions-suppressions/search-for-suppressions-within-a-group
        https://www.twilio.com/docs/sendgrid/api-reference/suppressions-global-suppressions/retrieve-a-global-suppression
        """
        over_at = time.monotonic() + seconds
        gone: set[str] = set()

        def within() -> float:
            left = min(ASK_SECONDS, seconds / 2, over_at - time.monotonic())
            if left <= 0:
                raise TimeoutError("it takes too long to ask about all recipients")
            return left

        try:
            left_group = self._call(
                "POST",
                f"asm/groups/{self._sender.unsubscribe_group}/suppressions/search",
                {"recipient_emails": list(addresses)},
                seconds=within(),
            )
            gone |= _lowered(json.loads(_successful(left_group)))
            # A question for each: the API has none about several addresses.
            for address in (each for each in addresses if each.lower() not in gone):
                wants_none = self._call("GET", f"asm/suppressions/global/{quote(address, safe='')}", seconds=within())
                gone |= _lowered([json.loads(_successful(wants_none)).get("recipient_email")])
        except (NotWritten, NoAnswer, OSError, ValueError, TypeError, AttributeError) as error:
            _logger.warning("unsubscribe_check_failed", error=http_call.describe(error))
        return gone

    def _call(self, method: str, path: str, request: Mapping[str, Any] | None = None, *, seconds: float) -> HttpAnswer:
        return http_call.call(
            method,
            f"{self._host}/v3/{path}",
            headers=self._headers,
            body=None if request is None else json.dumps(request).encode(),
            seconds=seconds,
        )


def classify(status: int, headers: Message, body: bytes, *, now: datetime) -> Outcome:
    """Say what SendGrid's answer means for the email.

    A 5xx does not say that the email was not taken. A 502 or 504 comes from the gateway in front of mail send, which
    had passed the request on and got no answer in time or none that it understood (RFC 9110, sections 15.6.3 and
    15.6.5); SendGrid's are an nginx page (https://github.com/sendgrid/sendgrid-php/issues/827). A 500 is an error at
    any point, also after the email was queued. A 503 with SendGrid's own list of errors is mail send itself saying "not
    now"; any other may be a proxy whose connection broke after it had passed the request on: Envoy answers 503 then.
    https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage
    A 429 is always a refusal: a rate limit applies before a request is passed on (RFC 6585, section 4).

    Args:
        status: the HTTP status.
        headers: the answer's.
        body: the answer's body, perhaps cut off.
        now: the present, for times in the headers.
    """
    if 200 <= status <= 299:
        return Accepted(message_id=sanitize(headers.get("X-Message-Id") or ""))
    error = f"SendGrid answered {status}: {_error_text(body)}"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled(error=error, retry_after_seconds=_retry_after(headers, now))
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return NotAllowed(error=error)
    if 300 <= status <= 399 or (status == HTTPStatus.SERVICE_UNAVAILABLE and _errors_in(body)):
        return Unavailable(error=error)
    if 400 <= status <= 499 and status != HTTPStatus.REQUEST_TIMEOUT:
        return Refused(error=error)
    return Unclear(error=error)


def _successful(answer: HttpAnswer) -> bytes:
    if answer.status != HTTPStatus.OK:
        raise ValueError(f"SendGrid answered {answer.status}: {_error_text(answer.content)}")
    return answer.content


def _lowered(addresses: Sequence[Any]) -> set[str]:
    """Addresses as SendGrid keeps them: in small letters."""
    return {str(each).lower() for each in addresses}


def _error_text(body: bytes) -> str:
    return http_call.shown("; ".join(_errors_in(body)) or body.decode(errors="replace"))


def _errors_in(body: bytes) -> list[str]:
    """What SendGrid says is wrong; empty where the body is not one of its own.

    https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/responses
    """
    try:
        return [
            f"{item['field']}: {item['message']}" if item.get("field") else str(item["message"])
            for item in json.loads(body)["errors"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []


def _retry_after(headers: Message, now: datetime) -> int | None:
    """Seconds until the next request is welcome.

    Beside Retry-After there is SendGrid's own X-RateLimit-Reset, a Unix time.
    https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/rate-limits
    """
    seconds = http_call.retry_after(headers, now)
    reset = (headers.get("X-RateLimit-Reset") or "").strip()
    if seconds is None and reset.isascii() and reset.isdigit():
        return http_call.seconds_until(float(reset[:12]), now)
    return seconds
