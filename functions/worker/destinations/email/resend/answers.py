"""What Resend's answers mean for an email. Pure.

https://resend.com/docs/api-reference/errors
https://resend.com/docs/api-reference/rate-limit
https://resend.com/docs/dashboard/emails/idempotency-keys
"""

import json
from datetime import datetime, timedelta
from email.message import Message
from http import HTTPStatus
from typing import Any

from functions.shared.records.stored_fields import stored_text
from functions.shared.sanitize import sanitize
from functions.worker.destinations import http_call
from functions.worker.destinations.outcome import (
    Accepted,
    NotAccepted,
    NotAllowed,
    Refused,
    Throttled,
    Unavailable,
    Unclear,
)

QUOTA_WAIT = timedelta(hours=1)
"""How long to leave Resend alone when the day's emails are used up. It says that 24 hours help, not when they began."""

_NO_KEY = "api key is invalid"
"""Resend's words for a key that it does not know, with status 400, 401 or 403."""


_CONFLICTS = {
    "concurrent_idempotent_requests": " (another request with the same key is in progress)",
    "invalid_idempotent_request": (
        " (Resend has had a request with the same key and other content, which must not happen: look at Resend's page "
        "Emails whether the email went out)"
    ),
}


def classify(status: int, headers: Message, body: bytes, *, now: datetime) -> Accepted | NotAccepted:
    """Say what an answer means.

    - 401 and 403 concern the key or the account, and with it every mail: also a domain that is not verified, and the
      403 for a request without a `User-Agent` (https://resend.com/docs/knowledge-base/403-error-1010).
    - 409 has two kinds. `concurrent_idempotent_requests`: another request with the same key is being worked on, and it
      is safe to ask later. `invalid_idempotent_request`: the key belongs to a request with other bytes, so that some
      request with it was taken; the email may have gone out by it.
    - 429 is the limit of requests a second, which soon passes, or a quota. The day's passes by itself, and only the
      free plan has one; the month's lasts until a person changes the plan, who is told as of a wrong key.
    - A 5xx does not say that nothing was taken. Its request is made again with the same key, which is safe, so there is
      no reason to tell one 5xx from another.

    Args:
        status: the HTTP status.
        headers: the answer's.
        body: the answer's body, perhaps cut off.
        now: the present, for times in the headers.
    """
    answer = _object(body)
    if 200 <= status <= 299:
        return Accepted(message_id=sanitize(stored_text(answer, "id")))
    name = sanitize(stored_text(answer, "name"))
    said = http_call.shown(stored_text(answer, "message") or body.decode(errors="replace"))
    error = f"Resend answered {' '.join(filter(None, (str(status), name)))}: {said}"
    if status == HTTPStatus.CONFLICT:
        return Unclear(error=f"{error}{_CONFLICTS.get(name, '')}")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return _limited(name, error, headers, now)
    is_the_key = status == HTTPStatus.BAD_REQUEST and _NO_KEY in said.lower()
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN} or is_the_key:
        return NotAllowed(error=error)
    if 300 <= status <= 399:
        return Unavailable(error=error)
    if 400 <= status <= 499 and status != HTTPStatus.REQUEST_TIMEOUT:
        return Refused(error=error)
    return Unclear(error=error)


def _limited(name: str, error: str, headers: Message, now: datetime) -> Throttled | NotAllowed:
    match name:
        case "monthly_quota_exceeded":
            return NotAllowed(error=error)
        case "daily_quota_exceeded":
            return Throttled(error=error, retry_after_seconds=int(QUOTA_WAIT.total_seconds()))
        case _:
            return Throttled(error=error, retry_after_seconds=_wait(headers, now))


def _wait(headers: Message, now: datetime) -> int | None:
    """Seconds until the next request is welcome: `retry-after`, or else `ratelimit-reset`."""
    seconds = http_call.retry_after(headers, now)
    reset = (headers.get("RateLimit-Reset") or "").strip()
    if seconds is None and reset.isascii() and reset.isdigit():
        return int(reset[:9])
    return seconds


def _object(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}
