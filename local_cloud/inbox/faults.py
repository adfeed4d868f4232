"""What a test can do to the inbox, as SendGrid, Resend and Slack do now and then."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Service = Literal["sendgrid", "sendgrid-logs", "sendgrid-stats", "resend", "slack"]
"""`sendgrid` is its mail send."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An HTTP answer.

    Attributes:
        status: its status.
        body: its body.
        headers: its headers, such as `Retry-After`.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request that came in.

    Attributes:
        service: whose endpoint it came to.
        body: what was posted, not yet looked at; empty where nothing is.
    """

    service: Service
    body: bytes


class CutConnection(Exception):
    """Raised by a fault: the connection is cut without an answer."""


Fault = Callable[[Call, Callable[[], Awaitable[Answer]]], Awaitable[Answer]]
"""Stands before the inbox: given a call and a function that carries it out, returns the answer. It may wait, answer
something else, and raise CutConnection: before it carries the call out, and nothing was accepted, or after it, and the
caller does not learn that it was."""
