"""SendGrid as the one who takes the mail.

Its mail send is not idempotent and has no key that makes it so. What matters about a failed call is therefore whether
the request can have reached SendGrid, and every outcome here says so without doubt.
https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send
"""

import base64
import contextlib
import http.client
import json
import logging
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import python_http_client
from sendgrid import SendGridAPIClient

from functions.shared.logging import redact_addresses
from functions.worker.mail import Accepted, Mail, NotAllowed, Outcome, Refused, Throttled, Unavailable, Unclear
from functions.worker.one_line import one_line

CONNECT_SECONDS = 10.0
"""How long opening a connection may take before a request counts as not made."""

# At DEBUG it writes every header, the key among them, and every mail.
logging.getLogger("python_http_client").setLevel(logging.INFO)

_ANSWER_BYTES = 64 * 1024
_ERROR_CHARACTERS = 500


class SendGrid:
    """Sends through SendGrid's v3 API. Safe for threads.

    Each mail has a connection of its own. One that is kept open may have been closed by the other side just when a
    request is written to it, and then nobody knows whether that request arrived.

    Args:
        api_key: with the permission to send mail.
        host: the API's URL.
        from_address: the sender, verified at SendGrid.
        from_name: shown beside the sender's address.
    """

    def __init__(self, *, api_key: str, host: str, from_address: str, from_name: str) -> None:
        self._client = _Client(host=host, request_headers=SendGridAPIClient(api_key, host).client.request_headers)
        self._from = {"email": from_address, "name": one_line(from_name)}

    def send(self, mail: Mail, *, seconds: float) -> Outcome:
        """Hand over a mail and classify the answer."""
        try:
            answer = self._client.version(3).mail.send.post(request_body=self._to_json(mail), timeout=seconds)
        except _NotWritten as error:
            return Unavailable(error=f"SendGrid could not be reached: {error}")
        except (OSError, http.client.HTTPException) as error:
            return Unclear(error=f"SendGrid gave no answer after the request was sent: {_describe(error)}")
        return classify(answer.status_code, answer.headers, answer.body, now=datetime.now(UTC))

    def _to_json(self, mail: Mail) -> dict[str, Any]:
        recipient = {"email": mail.to_address}
        if name := one_line(mail.to_name):
            recipient["name"] = name
        body: dict[str, Any] = {
            "personalizations": [{"to": [recipient]}],
            "from": self._from,
            "subject": one_line(mail.subject, 200),
            "content": [{"type": "text/plain", "value": mail.text}, {"type": "text/html", "value": mail.html}],
            "categories": list(mail.categories),
            "custom_args": dict(mail.arguments),
        }
        if mail.images:
            body["attachments"] = [
                {
                    "content": base64.b64encode(image.content).decode(),
                    "type": image.media_type,
                    "filename": f"{image.content_id}.{image.media_type.rpartition('/')[2]}",
                    "disposition": "inline",
                    "content_id": image.content_id,
                }
                for image in mail.images
            ]
        return body


def classify(status: int, headers: Message, body: bytes, *, now: datetime) -> Outcome:
    """Say what SendGrid's answer means for the mail.

    Args:
        status: the HTTP status.
        headers: the answer's.
        body: the answer's body, perhaps cut off.
        now: the present, for times in the headers.
    """
    error = f"SendGrid answered {status}: {_error_text(body)}"
    if 200 <= status <= 299:
        return Accepted(message_id=one_line(headers.get("X-Message-Id") or ""))
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled(error=error, retry_after_seconds=_retry_after(headers, now))
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return NotAllowed(error=error)
    if 400 <= status <= 499 and status != HTTPStatus.REQUEST_TIMEOUT:
        return Refused(error=error)
    return Unavailable(error=error)


def _error_text(body: bytes) -> str:
    """What SendGrid says is wrong. https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/responses"""
    try:
        text = "; ".join(
            f"{item['field']}: {item['message']}" if item.get("field") else str(item["message"])
            for item in json.loads(body)["errors"]
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        text = body.decode(errors="replace")
    return redact_addresses(one_line(text, _ERROR_CHARACTERS)) or "no explanation"


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
    """End a connection at a moment. A socket's own time limit starts anew with each byte that trickles in."""

    def shut_down() -> None:
        with contextlib.suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, over_at - time.monotonic()), shut_down)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _describe(error: Exception) -> str:
    return one_line(f"{type(error).__name__}: {error}", _ERROR_CHARACTERS)
