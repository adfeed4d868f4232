"""SendGrid's Event Webhook: what becomes of the emails that were accepted, in signed calls.

`processed` comes first, then what the address says (local_pipeline.inbox.fates).
https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
"""

import base64
import json
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from local_cloud.clock import Clock
from local_pipeline.inbox.email_logs import EmailLogs
from local_pipeline.inbox.fates import Happening
from local_pipeline.inbox.mail import Envelope
from local_pipeline.inbox.mail_webhook import GATHERING, CallForm, MailWebhook

MOST_EVENTS = 1000
"""Of one call."""

RETRIED_FOR = timedelta(hours=24)
"""How long a call is repeated that is not answered by 2xx."""

_LONGEST_WAIT = timedelta(minutes=10)

_BOUNCE = {"event": "bounce", "type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 no such user here"}
_DEFERRED = {"event": "deferred", "response": "451 try again later"}
_FIELDS: dict[Happening, dict[str, Any]] = {
    Happening.PROCESSED: {"event": "processed"},
    Happening.DEFERRED: {**_DEFERRED, "attempt": "1"},
    Happening.DEFERRED_AGAIN: {**_DEFERRED, "attempt": "2"},
    Happening.DELIVERED: {"event": "delivered", "response": "250 OK"},
    Happening.BOUNCED: {**_BOUNCE, "bounce_classification": "Invalid Address"},
    Happening.BLOCKED: {**_BOUNCE, "type": "blocked", "status": "4.7.1", "reason": "421 try again later"},
    Happening.COMPLAINED: {"event": "spamreport"},
    Happening.DROPPED_AS_BOUNCED: {"event": "dropped", "reason": "Bounced Address"},
    Happening.DROPPED_AS_COMPLAINED: {"event": "dropped", "reason": "Spam Reporting Address"},
}
_METRICS = {
    Happening.PROCESSED: "processed",
    Happening.DEFERRED: "deferred",
    Happening.DEFERRED_AGAIN: "deferred",
    Happening.DELIVERED: "delivered",
    Happening.BOUNCED: "bounces",
    Happening.BLOCKED: "blocks",
    Happening.COMPLAINED: "spam_reports",
    Happening.DROPPED_AS_BOUNCED: "bounce_drops",
    Happening.DROPPED_AS_COMPLAINED: "spam_report_drops",
}
ALL_METRICS = (
    *("blocks", "bounce_drops", "bounces", "clicks", "deferred", "delivered", "invalid_emails", "opens", "processed"),
    *("requests", "spam_report_drops", "spam_reports", "unique_clicks", "unique_opens", "unsubscribe_drops"),
    "unsubscribes",
)


class WebhookKey:
    """The key that calls are signed with, made at each start."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def public(self) -> str:
        """The public key as SendGrid shows it."""
        der = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(der).decode()

    def headers(self, body: bytes, *, at: datetime) -> dict[str, str]:
        """The headers of a call."""
        timestamp = str(int(at.timestamp()))
        signature = self._key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return {
            "Content-Type": "application/json",
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
        }


def _waits() -> Iterator[timedelta]:
    """Before each repetition of a call, at first a second, then twice as long each time."""
    wait, total = timedelta(seconds=1), timedelta()
    while total + wait <= RETRIED_FOR:
        yield wait
        total += wait
        wait = min(wait * 2, _LONGEST_WAIT)


class EventWebhook(MailWebhook):
    """Makes events of accepted emails, sends them, and keeps them in the Email Logs.

    Args:
        clock: what time it is.
        url: where to; None for nowhere: then only the logs have them.
        key: signs the calls.
    """

    form = CallForm(most_events=MOST_EVENTS, waits=tuple(_waits()), at_once=1)

    def __init__(self, clock: Clock, *, url: str | None = None, key: WebhookKey | None = None) -> None:
        super().__init__(clock, url=url)
        self.key = key or WebhookKey()
        self.logs = EmailLogs()
        """What was accepted, and what becomes of it."""
        self.counts: dict[date, Counter[str]] = {}
        """What `GET /v3/stats` answers, by day and metric."""

    def accepted(self, envelope: Envelope) -> None:
        """An email was accepted: plan what becomes of it."""
        self._count("requests", len(envelope.recipients))
        super().accepted(envelope)

    def unsubscribed(self, envelope: Envelope, address: str, group: int) -> None:
        """A recipient has left the group by an email's link.

        Args:
            envelope: of the email.
            address: the recipient's.
            group: which group.
        """
        self._count("unsubscribes")
        due = self._clock.now() + timedelta(seconds=0.2)
        self._plan(envelope, address, due, {"event": "group_unsubscribe", "asm_group_id": group})

    def stats(self, first: date, last: date) -> Iterator[dict[str, Any]]:
        """The days of a span with what happened on them, as `GET /v3/stats` has it."""
        for number in range((last - first).days + 1):
            day = first + timedelta(days=number)
            counts = self.counts.get(day, Counter())
            yield {"date": f"{day}", "stats": [{"metrics": {name: counts[name] for name in ALL_METRICS}}]}

    def _happens(self, envelope: Envelope, address: str, happening: Happening, at: datetime) -> None:
        self._count(_METRICS[happening])
        self._plan(envelope, address, at, _FIELDS[happening])

    def _plan(self, envelope: Envelope, address: str, due: datetime, fields: dict[str, Any]) -> None:
        message_id = _message_id(envelope, address)
        event_id = self.logs.event(message_id, envelope, address, due, fields)
        if self.url is None:
            return
        event = {
            **envelope.custom_args,
            "email": address,
            "timestamp": int(due.timestamp()),
            "smtp-id": f"<{envelope.id}@geopod-ismtpd-local>",
            "category": list(envelope.categories),
            "sg_event_id": event_id,
            "sg_message_id": message_id,
            **fields,
        }
        self._add(due, event, event_id)
        if self._is_repeated():
            other_id = secrets.token_urlsafe(16)
            self._add(due + GATHERING * 3, {**event, "sg_event_id": other_id}, other_id)

    def _count(self, metric: str, by: int = 1) -> None:
        self.counts.setdefault(self._clock.now().date(), Counter())[metric] += by

    def _request(self, _call_id: str, events: Sequence[dict[str, Any]]) -> tuple[bytes, Mapping[str, str]]:
        body = json.dumps(events).encode()
        # Each call is signed with its own time, also one that is repeated.
        return body, self.key.headers(body, at=self._clock.now())


def _message_id(envelope: Envelope, address: str) -> str:
    """X-Message-Id, and behind it which machine took which recipient's."""
    number = [each.email.lower() for each in envelope.recipients].index(address.lower())
    return f"{envelope.id}.recvd-local-cloud-{number}.0"
