"""Has the email providers' and Slack's stand-ins fail for a while, in a way that a person chooses.

The while is one of the machine's time: a fault goes on while the local cloud's clock is moved, so that a person sees
what becomes of reports that fail for hours.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from http import HTTPStatus

from local_pipeline.inbox.faults import Answer, Call, CutConnection, Service, SmtpStep
from local_pipeline.inbox.json_body import json_answer
from local_pipeline.inbox.resend import Refusal

_SLOW_SECONDS = 30.0
"""Longer than the functions wait for an answer. Of the machine's time, like their own time limits."""


class FaultKind(StrEnum):
    """How a service fails. The codes are HTTP's; a mail server fails in the same way by its own."""

    UNAVAILABLE = "unavailable"
    """It answers 503, and has taken nothing."""
    REFUSES_MAILS = "refuses-mails"
    """It answers 400, Resend 422, so that each report becomes a dead letter."""
    THROTTLED = "throttled"
    """It answers 429 with a Retry-After."""
    REFUSES_KEY = "refuses-key"
    """It answers 401."""
    CUT = "cut"
    """The connection breaks before it has taken anything."""
    TAKEN_AND_CUT = "taken-and-cut"
    """It takes the request, and the connection breaks before the answer: the outcome is unknown."""
    TAKEN_AND_FAILED = "taken-and-failed"
    """It takes the request, and answers 502."""
    SLOW = "slow"
    """It answers after the caller has given up."""


IN_WORDS = {
    FaultKind.UNAVAILABLE: "answers 503",
    FaultKind.REFUSES_MAILS: "answers 400: dead letters",
    FaultKind.THROTTLED: "answers 429",
    FaultKind.REFUSES_KEY: "answers 401",
    FaultKind.CUT: "breaks connections",
    FaultKind.TAKEN_AND_CUT: "takes, then breaks off",
    FaultKind.TAKEN_AND_FAILED: "takes, then answers 502",
    FaultKind.SLOW: "answers too late",
}
"""The faults as a person chooses among them."""


@dataclass(frozen=True, kw_only=True)
class TimedFault:
    """A fault that is on.

    Attributes:
        service: which service.
        kind: how it fails.
        until: when it works again, by time.monotonic().
    """

    service: Service
    kind: FaultKind
    until: float


def _errors(message: str) -> bytes:
    """The list of errors by which SendGrid itself says that it has taken nothing; a proxy answers without.

    https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/errors
    """
    return json.dumps({"errors": [{"message": message, "field": None, "help": None}]}).encode()


def _resend_error(status: HTTPStatus, name: str, message: str, **headers: str) -> Answer:
    answer = json_answer(status, Refusal(status=status, name=name, message=message).body)
    return replace(answer, headers={**answer.headers, **headers})


_BAD_GATEWAY = Answer(status=502, body=b"Bad Gateway")
"""A proxy's, whatever the service behind it."""

_ANSWERS = {
    FaultKind.UNAVAILABLE: Answer(status=503, body=_errors("service unavailable")),
    FaultKind.REFUSES_MAILS: Answer(status=400, body=_errors("the sender's domain is not authenticated")),
    FaultKind.THROTTLED: Answer(status=429, body=_errors("too many requests"), headers={"Retry-After": "5"}),
    FaultKind.REFUSES_KEY: Answer(status=401, body=_errors("authorization required")),
    FaultKind.TAKEN_AND_FAILED: _BAD_GATEWAY,
}
_RESEND_ANSWERS = {
    FaultKind.UNAVAILABLE: _resend_error(HTTPStatus.SERVICE_UNAVAILABLE, "application_error", "Service unavailable."),
    FaultKind.REFUSES_MAILS: _resend_error(HTTPStatus.UNPROCESSABLE_ENTITY, "validation_error", "Invalid `to` field."),
    FaultKind.THROTTLED: _resend_error(
        HTTPStatus.TOO_MANY_REQUESTS, "rate_limit_exceeded", "Too many requests.", **{"retry-after": "5"}
    ),
    FaultKind.REFUSES_KEY: _resend_error(HTTPStatus.UNAUTHORIZED, "validation_error", "API key is invalid"),
    FaultKind.TAKEN_AND_FAILED: _BAD_GATEWAY,
}
"""https://resend.com/docs/api-reference/errors"""

_SMTP_ANSWERS = {
    FaultKind.UNAVAILABLE: Answer(status=451, body=b"4.3.0 Local error in processing"),
    FaultKind.REFUSES_MAILS: Answer(status=554, body=b"5.7.1 The sender's domain is not authenticated"),
    FaultKind.THROTTLED: Answer(status=452, body=b"4.3.1 Too many messages"),
    FaultKind.REFUSES_KEY: Answer(status=530, body=b"5.7.0 Authentication required"),
    # A proxy's: a server that answers by a code keeps to it (RFC 5321, section 4.2.5).
    FaultKind.TAKEN_AND_FAILED: Answer(status=0, body=b"HTTP/1.1 502 Bad Gateway"),
}

_ANSWERS_OF: dict[Service, dict[FaultKind, Answer]] = {"resend": _RESEND_ANSWERS, "smtp": _SMTP_ANSWERS}

_SMTP_STEPS: dict[FaultKind, SmtpStep] = {
    FaultKind.UNAVAILABLE: "mail",
    FaultKind.REFUSES_MAILS: "end",
    FaultKind.THROTTLED: "mail",
    FaultKind.REFUSES_KEY: "mail",
    FaultKind.CUT: "mail",
    FaultKind.TAKEN_AND_CUT: "end",
    FaultKind.TAKEN_AND_FAILED: "end",
    FaultKind.SLOW: "end",
}
"""At which step of a session a mail server fails. The others pass."""


class TimedFaults:
    """The faults that are on: the `fault` of an Inbox."""

    def __init__(self) -> None:
        self._faults: dict[Service, TimedFault] = {}

    def add(self, service: Service, kind: FaultKind, lasting: timedelta) -> None:
        """Have a service fail from now on. Another fault of the same service ends.

        Args:
            service: which.
            kind: how.
            lasting: for how long.
        """
        until = time.monotonic() + lasting.total_seconds()
        self._faults[service] = TimedFault(service=service, kind=kind, until=until)

    def clear(self) -> None:
        """End all faults."""
        self._faults.clear()

    @property
    def current(self) -> list[TimedFault]:
        """The faults that are on."""
        return [fault for fault in self._faults.values() if fault.until > time.monotonic()]

    async def __call__(self, call: Call, carry_on: Callable[[], Awaitable[Answer]]) -> Answer:
        """Answer a call, or fail as the service's fault has it."""
        fault = self._faults.get(call.service)
        if fault is None or fault.until <= time.monotonic():
            return await carry_on()
        if call.service == "smtp" and call.step != _SMTP_STEPS[fault.kind]:
            return await carry_on()
        match fault.kind:
            case FaultKind.CUT:
                raise CutConnection
            case FaultKind.TAKEN_AND_CUT:
                await carry_on()
                raise CutConnection
            case FaultKind.TAKEN_AND_FAILED:
                await carry_on()
            case FaultKind.SLOW:
                await asyncio.sleep(_SLOW_SECONDS)
                return await carry_on()
        return _ANSWERS_OF.get(call.service, _ANSWERS)[fault.kind]
