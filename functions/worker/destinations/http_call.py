"""One HTTP request that tells "not sent" from "sent, and then?": what a destination's outcomes rest on.

The usual clients wrap a refused connection and a reset one in the same exception, send a request again by themselves,
follow redirects by turning a POST into a GET, and have a time limit for each read but none for the whole.

Each request has a connection of its own. One that is kept open may have been closed by the other side just when a
request is written to it, which makes the outcome unknown.
"""

import contextlib
import functools
import http.client
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import NamedTuple
from urllib.parse import urlsplit

from functions.shared.sanitize import error_text
from functions.worker.destinations.cut_off import NoThread, cut_off

CONNECT_SECONDS = 10.0
"""How long opening a connection may take before a request counts as not made."""

_ANSWER_BYTES = 64 * 1024
_ERROR_CHARACTERS = 500


class NotWritten(Exception):
    """Not a byte of the request has left. The message says why, and has no secret in it."""


class NoAnswer(Exception):
    """The request was sent, as a whole or in part, and no status came back. The message says what came instead."""


class HttpAnswer(NamedTuple):
    """What a server answered.

    Attributes:
        status: the HTTP status.
        headers: the answer's.
        content: the beginning of its body, or as much as came of it, without the key of the request.
    """

    status: int
    headers: Message
    content: bytes


def call(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None,
    seconds: float,
    find: Callable[[str, int], str] | None = None,
) -> HttpAnswer:
    """Make a request, once.

    Args:
        method: the HTTP method.
        url: http or https.
        headers: all of them but `Host` and `Content-Length`. The key in `Authorization` is not repeated in an answer:
            a proxy may show the request on the page that says what went wrong with it, and errors are kept and shown.
        body: what to send, if anything.
        seconds: after how long it must be over.
        find: looks a host and a port up, and returns the IP address to connect to, which nothing looks up again. It may
            raise; None: as usual.

    Raises:
        NotWritten: nothing was sent.
        NoAnswer: the request was sent, or a part of it.
    """
    if seconds <= 0:
        raise NotWritten("no time was left for it")
    over_at = time.monotonic() + seconds
    connection = _open_connection(url, seconds, find)
    try:
        with contextlib.closing(connection), cut_off(connection.sock, over_at):
            return _ask(connection, method, url, headers, body)
    except NoThread as error:
        raise NotWritten(str(error)) from error
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(describe(error)) from error


def describe(error: Exception) -> str:
    """An error in one line without addresses."""
    return error_text(f"{type(error).__name__}: {error}", _ERROR_CHARACTERS)


def shown(text: str) -> str:
    """What a server says went wrong, in one line without addresses."""
    return error_text(text, _ERROR_CHARACTERS) or "no explanation"


def retry_after(headers: Message, now: datetime) -> int | None:
    """Seconds until the next request is welcome, by Retry-After; None where the answer has none that can be read.

    It has seconds or a date: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3

    Args:
        headers: the answer's.
        now: the present, for a date.
    """
    value = (headers.get("Retry-After") or "").strip()
    if value.isascii() and value.isdigit():
        return int(value[:9])
    with contextlib.suppress(ValueError, OverflowError):
        return seconds_until(parsedate_to_datetime(value).timestamp(), now)
    return None


def seconds_until(timestamp: float, now: datetime) -> int:
    """Whole seconds until a Unix time; 0 where it is over."""
    return max(0, round(timestamp - now.timestamp()))


def _ask(
    connection: http.client.HTTPConnection, method: str, url: str, headers: Mapping[str, str], body: bytes | None
) -> HttpAnswer:
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(method, target, body=body, headers=dict(headers))
    except ValueError as error:
        # http.client checks the headers before it writes the first of them. Its words have the key in them.
        raise NotWritten("a header has characters that headers cannot have") from error
    response = connection.getresponse()
    try:
        content = response.read(_ANSWER_BYTES)
    except (OSError, http.client.HTTPException):
        # The status has come, and the status decides.
        content = b""
    key = headers.get("Authorization", "").rpartition(" ")[2].encode()
    return HttpAnswer(
        status=response.status,
        headers=response.headers,
        content=content.replace(key, b"[key]") if key else content,
    )


def _open_connection(url: str, seconds: float, find: Callable[[str, int], str] | None) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    within = min(CONNECT_SECONDS, seconds / 2)
    started = time.monotonic()
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(parts.netloc, timeout=within, context=_trusted())
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=within)
    try:
        if find is None:
            connection.connect()
        else:
            # http.client opens no connection where there is a socket. The certificate is still the host's.
            pinned = socket.create_connection((find(connection.host, connection.port), connection.port), within)
            is_tls = parts.scheme == "https"
            connection.sock = _trusted().wrap_socket(pinned, server_hostname=connection.host) if is_tls else pinned
    except (OSError, http.client.HTTPException, ValueError) as error:
        connection.close()
        raise NotWritten(describe(error)) from error
    if time.monotonic() - started > within:
        # The limit is one for each address that the name has, and none for looking the name up.
        connection.close()
        raise NotWritten("opening the connection took too long")
    connection.sock.settimeout(seconds)
    return connection


@functools.cache
def _trusted() -> ssl.SSLContext:
    """The system's certificates, read once: that takes longer than a handshake."""
    context = ssl.create_default_context()
    # As http.client does.
    context.set_alpn_protocols(["http/1.1"])
    return context
