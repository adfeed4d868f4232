"""Resend's webhook: what becomes of the emails that were accepted, an event a call, signed as Svix does.

`email.sent` comes first, then what the address says (local_pipeline.inbox.fates); `bounced@resend.dev` and the like are
Resend's own addresses for tests.
https://resend.com/docs/webhooks/event-types
https://resend.com/docs/webhooks/retries-and-replays
https://resend.com/docs/dashboard/emails/send-test-emails
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from local_cloud.clock import Clock
from local_pipeline.inbox import fates
from local_pipeline.inbox.fates import Happening
from local_pipeline.inbox.mail import Envelope
from local_pipeline.inbox.mail_webhook import GATHERING, CallForm, MailWebhook

TEST_DOMAIN = "@resend.dev"
"""Of Resend's own addresses: delivered, bounced, complained and suppressed, each with any label behind a plus sign."""

_WAITS = (
    *(timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2)),
    *(timedelta(hours=5), timedelta(hours=10), timedelta(hours=10)),
)
_TEST_KINDS = {"bounced": "bounce", "complained": "spam"}

_BOUNCE = {"diagnosticCode": ["smtp; 550 5.1.1 no such user here"], "message": "The mailbox does not exist."}
_SUPPRESSED = {"diagnosticCode": [], "message": "The address is on the suppression list.", "type": "Suppressed"}
_EVENTS: dict[Happening, tuple[str, dict[str, Any]]] = {
    Happening.PROCESSED: ("sent", {}),
    Happening.DEFERRED: ("delivery_delayed", {}),
    Happening.DEFERRED_AGAIN: ("delivery_delayed", {}),
    Happening.DELIVERED: ("delivered", {}),
    Happening.BOUNCED: ("bounced", {"bounce": {**_BOUNCE, "type": "Permanent", "subType": "General"}}),
    Happening.BLOCKED: (
        "bounced",
        {
            "bounce": {
                "diagnosticCode": ["smtp; 421 4.7.1 try again later"],
                "message": "The server refused the email.",
                "type": "Transient",
                "subType": "General",
            }
        },
    ),
    Happening.COMPLAINED: ("complained", {}),
    Happening.DROPPED_AS_BOUNCED: ("suppressed", {"suppressed": {**_SUPPRESSED, "reason": "previous_bounce"}}),
    Happening.DROPPED_AS_COMPLAINED: ("suppressed", {"suppressed": {**_SUPPRESSED, "reason": "previous_complaint"}}),
}
"""What stands behind `email.` in an event's type, and what its data have besides."""


class WebhookSecret:
    """The secret that calls are signed with, made at each start.

    https://docs.svix.com/receiving/verifying-payloads/how-manual
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(24)

    @property
    def text(self) -> str:
        """The secret as Resend shows it."""
        return f"whsec_{base64.b64encode(self._key).decode()}"

    def headers(self, call_id: str, body: bytes, *, at: datetime) -> dict[str, str]:
        """The headers of a call."""
        timestamp = str(int(at.timestamp()))
        signed = f"{call_id}.{timestamp}.".encode() + body
        signature = base64.b64encode(hmac.digest(self._key, signed, hashlib.sha256)).decode()
        return {
            "Content-Type": "application/json",
            "svix-id": call_id,
            "svix-timestamp": timestamp,
            "svix-signature": f"v1,{signature}",
        }


class ResendWebhook(MailWebhook):
    """Makes events of accepted emails, sends them, and remembers the latest of each email.

    Args:
        clock: what time it is.
        url: where to; None for nowhere.
        secret: signs the calls.
    """

    form = CallForm(most_events=1, waits=_WAITS, at_once=4)

    def __init__(self, clock: Clock, *, url: str | None = None, secret: WebhookSecret | None = None) -> None:
        super().__init__(clock, url=url)
        self.secret = secret or WebhookSecret()
        self._tags: dict[str, Mapping[str, str]] = {}
        self._history: dict[str, list[tuple[datetime, str]]] = {}

    def taken(self, envelope: Envelope, tags: Mapping[str, str]) -> None:
        """An email was accepted: plan what becomes of it.

        Args:
            envelope: the email's.
            tags: that it was sent with.
        """
        self._tags[envelope.id] = tags
        self.accepted(envelope)

    def tags(self, email_id: str) -> Mapping[str, str] | None:
        """The tags that an email was sent with; None where Resend has taken no such email."""
        return self._tags.get(email_id)

    def last_event(self, email_id: str) -> str:
        """The latest that has become of an email, such as `delivered`."""
        now = self._clock.now()
        return max((each for each in self._history.get(email_id, ()) if each[0] <= now), default=(now, "queued"))[1]

    def _kind_of(self, address: str) -> str:
        kind = super()._kind_of(address)
        return _TEST_KINDS.get(kind, kind) if _is_test(address) else kind

    def _listed(self, address: str) -> Happening | None:
        if _is_test(address) and fates.kind_of(address) == "suppressed":
            return Happening.DROPPED_AS_BOUNCED
        return super()._listed(address)

    def _list(self, address: str, why: Happening) -> None:
        # The addresses for tests can be used any number of times.
        if not _is_test(address):
            super()._list(address, why)

    def _happens(self, envelope: Envelope, address: str, happening: Happening, at: datetime) -> None:
        name, more = _EVENTS[happening]
        self._history.setdefault(envelope.id, []).append((at, name))
        if self.url is None:
            return
        event = {
            "type": f"email.{name}",
            "created_at": _written(at),
            "data": {
                "email_id": envelope.id,
                "created_at": _written(envelope.received_at),
                "from": str(envelope.sender),
                "to": [address],
                "subject": envelope.subject,
                "tags": dict(self._tags[envelope.id]),
                **more,
            },
        }
        call_id = f"msg_{secrets.token_urlsafe(20)}"
        self._add(at, event, call_id)
        if self._is_repeated():
            # The same message once more: it is delivered at least once.
            self._add(at + GATHERING * 3, event, call_id)

    def _request(self, call_id: str, events: Sequence[dict[str, Any]]) -> tuple[bytes, Mapping[str, str]]:
        (event,) = events
        body = json.dumps(event).encode()
        # Each attempt is signed with its own time.
        return body, self.secret.headers(call_id, body, at=self._clock.now())


def _is_test(address: str) -> bool:
    return address.lower().endswith(TEST_DOMAIN)


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
