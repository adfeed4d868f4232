"""What a test can do to the inbox, as email providers and Slack do now and then."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Service = Literal[
    "sendgrid", "sendgrid-logs", "sendgrid-stats", "resend", "smtp", "slack", "webhook", "slack-api", "chat", "teams"
]
"""`sendgrid` is its mail send."""

SmtpStep = Literal["connect", "ehlo", "starttls", "auth", "noop", "mail", "rcpt", "rset", "data", "content", "end"]
"""Where an SMTP session is. `content` is before the message is read, after the 354; `end` is after its final dot."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An HTTP answer, or an SMTP reply.

    Attributes:
        status: its status; the code of a reply.
        body: its body; the text of a reply.
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
        body: what was posted, not yet looked at; empty where nothing is. Of SMTP: the address, at `mail` and `rcpt`,
            and the message, at `end`.
        step: of SMTP: where the session is.
    """

    service: Service
    body: bytes
    step: SmtpStep | None = None


class CutConnection(Exception):
    """Raised by a fault: the connection is cut without an answer."""


Fault = Callable[[Call, Callable[[], Awaitable[Answer]]], Awaitable[Answer]]
"""Stands before the inbox: given a call and a function that carries it out, returns the answer. It may wait, answer
something else, and raise CutConnection: before it carries the call out, and nothing was accepted, or after it, and the
caller does not learn that it was."""
