"""SendGrid's mail send.

Its mail send is not idempotent and has no key that makes it so. What matters about a failed call is therefore whether
SendGrid can have taken the mail, and every outcome here says so without doubt.
https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send
"""

import contextlib
import http.client
import json
import logging
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import python_http_client
import structlog

from functions.shared.logging import redact_addresses
from functions.shared.sanitize import sanitize
from functions.worker.mail.model import (
    Accepted,
    Mail,
    MailOutcome,
    NotAllowed,
    Refused,
    Sender,
    Throttled,
    Unavailable,
    Unclear,
    Unsubscribed,
)
from functions.worker.mail.sendgrid.request import to_request

CONNECT_SECONDS = 10.0
"""How long opening a connection may take before a request counts as not made."""

_logger = structlog.get_logger()

# At DEBUG it writes every header, the key among them, and every mail.
logging.getLogger("python_http_client").setLevel(logging.INFO)

ASK_SECONDS = 5.0
"""How long each question about recipients may take, where that leaves half of the time for the mail."""

ASKING_SECONDS = 2 * ASK_SECONDS
"""How long all of them may take."""

_ANSWER_BYTES = 64 * 1024
_ERROR_CHARACTERS = 500


class SendGrid:
    """Sends through SendGrid's v3 API. Safe for threads.

    Each mail has a connection of its own. One that is kept open may have been closed by the other side just when a
    request is written to it, which makes the outcome unknown.

    Args:
        api_key: with the permission to send mail, and to read suppressions where recipients are asked about.
        host: the API's URL.
        sender: from whom the mails are.
        check_unsubscribed: whether to ask first which recipients have unsubscribed. Mail send does not tell: it
            takes the mail and drops it. https://www.twilio.com/docs/sendgrid/ui/analytics-and-reporting/email-activity-feed#drops
    """

    def __init__(self, *, api_key: str, host: str, sender: Sender, check_unsubscribed: bool = False) -> None:
        # Imported with the first mail: most of the import is SendGrid's helpers, which the worker does not use.
        from sendgrid import SendGridAPIClient

        self._client = _Client(host=host, request_headers=SendGridAPIClient(api_key, host).client.request_headers)
        self._sender = sender
        self._check_unsubscribed = check_unsubscribed

    def send(self, mail: Mail, *, seconds: float) -> MailOutcome:
        """Hand over a mail and classify the answer."""
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
            answer = self._client.version(3).mail.send.post(request_body=to_request(mail, self._sender), timeout=left)
        except _NotWritten as error:
            return Unavailable(error=f"SendGrid could not be reached: {error}")
        except (OSError, http.client.HTTPException) as error:
            return Unclear(error=f"SendGrid gave no answer after the request was sent: {_describe(error)}")
        return classify(answer.status_code, answer.headers, answer.body, now=datetime.now(UTC))

    def _unsubscribed(self, addresses: Sequence[str], *, seconds: float) -> set[str]:
        """The addresses, in small letters, to which SendGrid would drop a mail since their owners have left the group,
        or want no mail at all.

        Where it does not say, the mail is sent: what SendGrid would drop it still drops, and the report counts as sent.
        https://www.twilio.com/docs/sendgrid/api-reference/suppressions-suppressions/search-for-suppressions-within-a-group
        https://www.twilio.com/docs/sendgrid/api-reference/suppressions-global-suppressions/retrieve-a-global-suppression
        """
        over_at = time.monotonic() + seconds
        suppressions = self._client.version(3).asm
        gone: set[str] = set()

        def within() -> float:
            left = min(ASK_SECONDS, seconds / 2, over_at - time.monotonic())
            if left <= 0:
                raise TimeoutError("it takes too long to ask about all recipients")
            return left

        try:
            left_group = suppressions.groups._(str(self._sender.unsubscribe_group)).suppressions.search.post(
                request_body={"recipient_emails": list(addresses)}, timeout=within()
            )
            gone |= _lowered(json.loads(_successful(left_group)))
            # A question for each: the API has none about several addresses.
            for address in (each for each in addresses if each.lower() not in gone):
                entry = suppressions._("suppressions")._("global")._(quote(address, safe=""))
                wants_none = entry.get(timeout=within())
                gone |= _lowered([json.loads(_successful(wants_none)).get("recipient_email")])
        except (_NotWritten, OSError, http.client.HTTPException, ValueError, TypeError, AttributeError) as error:
            _logger.warning("unsubscribe_check_failed", error=redact_addresses(_describe(error)))
        return gone


def classify(status: int, headers: Message, body: bytes, *, now: datetime) -> MailOutcome:
    """Say what SendGrid's answer means for the mail.

    A 5xx does not say that the mail was not taken. A 502 or 504 comes from the gateway in front of mail send, which had
    passed the request on and got no answer in time or none that it understood (RFC 9110, sections 15.6.3 and 15.6.5);
    SendGrid's are an nginx page (https://github.com/sendgrid/sendgrid-php/issues/827). A 500 is an error at any point,
    also after the mail was queued. A 503 with SendGrid's own list of errors is mail send itself saying "not now"; any
    other may be a proxy whose connection broke after it had passed the request on: Envoy answers 503 then.
    https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage
    A 429 is always a refusal: a rate limit applies before a request is passed on (RFC 6585, section 4).

    Args:
        status: the HTTP status.
        headers: the answer's.
        body: the answer's body, perhaps cut off.
        now: the present, for times in the headers.
    """
    error = f"SendGrid answered {status}: {_error_text(body)}"
    if 200 <= status <= 299:
        return Accepted(message_id=sanitize(headers.get("X-Message-Id") or ""))
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled(error=error, retry_after_seconds=_retry_after(headers, now))
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return NotAllowed(error=error)
    if 300 <= status <= 399 or (status == HTTPStatus.SERVICE_UNAVAILABLE and _errors_in(body)):
        return Unavailable(error=error)
    if 400 <= status <= 499 and status != HTTPStatus.REQUEST_TIMEOUT:
        return Refused(error=error)
    return Unclear(error=error)


def _successful(answer: Any) -> bytes:
    if answer.status_code != HTTPStatus.OK:
        raise ValueError(f"SendGrid answered {answer.status_code}: {_error_text(answer.body)}")
    content: bytes = answer.body
    return content


def _lowered(addresses: Sequence[Any]) -> set[str]:
    """Addresses as SendGrid keeps them: in small letters."""
    return {str(each).lower() for each in addresses}


def _error_text(body: bytes) -> str:
    text = "; ".join(_errors_in(body)) or body.decode(errors="replace")
    return redact_addresses(sanitize(text, _ERROR_CHARACTERS)) or "no explanation"


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

    Retry-After has seconds or a date (RFC 9110, section 10.2.3); SendGrid's own X-RateLimit-Reset has a Unix time.
    https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/rate-limits
    """
    value = (headers.get("Retry-After") or "").strip()
    if value.isascii() and value.isdigit():
        return int(value[:9])
    with contextlib.suppress(ValueError, OverflowError):
        return _seconds_until(parsedate_to_datetime(value).timestamp(), now)
    reset = (headers.get("X-RateLimit-Reset") or "").strip()
    if reset.isascii() and reset.isdigit():
        return _seconds_until(float(reset[:12]), now)
    return None


def _seconds_until(timestamp: float, now: datetime) -> int:
    return max(0, round(timestamp - now.timestamp()))


class _NotWritten(Exception):
    """Not a byte of the request has left. Not an OSError, so that it is not taken for a broken connection."""


@dataclass(frozen=True, kw_only=True)
class _Answer:
    """What python_http_client wants to be given by an opener."""

    status: int
    headers: Message
    content: bytes

    def getcode(self) -> int:
        return self.status

    def info(self) -> Message:
        return self.headers

    def read(self) -> bytes:
        return self.content


class _Client(python_http_client.Client):  # type: ignore[misc]  # ships no types
    """SendGrid's HTTP client over a connection that tells "not sent" from "sent, and then?".

    The original's opener wraps a refused connection and a reset one in the same URLError, follows redirects by turning
    the POST into a GET, and has a time limit for each read but none for the whole.
    """

    def _build_client(self, name: str | None = None) -> "_Client":
        return _Client(
            host=self.host,
            version=self._version,
            request_headers=self.request_headers,
            url_path=[*self._url_path, name] if name else self._url_path,
        )

    def _make_request(self, _opener: Any, request: urllib.request.Request, timeout: float) -> _Answer:
        over_at = time.monotonic() + timeout
        connection = _open_connection(request, timeout)
        with contextlib.closing(connection), _cut_off(connection.sock, over_at):
            try:
                connection.request(
                    request.get_method(), request.selector, body=request.data, headers=dict(request.header_items())
                )
            except ValueError as error:
                # http.client checks the headers before it writes the first of them. Its words have the key in them.
                raise _NotWritten("a header has characters that headers cannot have") from error
            response = connection.getresponse()
            try:
                content = response.read(_ANSWER_BYTES)
            except (OSError, http.client.HTTPException):
                # The status has come, and the status decides.
                content = b""
            # A proxy may show the request on the page that says what went wrong with it, and errors are kept and shown.
            key = (request.get_header("Authorization") or "").rpartition(" ")[2].encode()
            content = content.replace(key, b"[key]") if key else content
            return _Answer(status=response.status, headers=response.headers, content=content)


def _open_connection(request: urllib.request.Request, timeout: float) -> http.client.HTTPConnection:
    connection_class = http.client.HTTPSConnection if request.type == "https" else http.client.HTTPConnection
    within = min(CONNECT_SECONDS, timeout / 2)
    started = time.monotonic()
    connection = connection_class(request.host, timeout=within)
    try:
        connection.connect()
    except (OSError, http.client.HTTPException, ValueError) as error:
        connection.close()
        raise _NotWritten(_describe(error)) from error
    if time.monotonic() - started > within:
        # The limit is one for each address that the name has, and none for looking the name up.
        connection.close()
        raise _NotWritten("opening the connection took too long")
    connection.sock.settimeout(timeout)
    return connection


@contextlib.contextmanager
def _cut_off(connected: socket.socket, over_at: float) -> Iterator[None]:
    """End a connection at a moment. A socket's own time limit starts again with each byte that trickles in."""

    def shut_down() -> None:
        with contextlib.suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, over_at - time.monotonic()), shut_down)
    timer.daemon = True
    try:
        timer.start()
    except RuntimeError as error:
        # There is no memory for another thread, and not a byte has left.
        raise _NotWritten(_describe(error)) from error
    try:
        yield
    finally:
        timer.cancel()


def _describe(error: Exception) -> str:
    return sanitize(f"{type(error).__name__}: {error}", _ERROR_CHARACTERS)
