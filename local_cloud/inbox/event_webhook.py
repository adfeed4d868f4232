"""SendGrid's Event Webhook: what becomes of the mails that were accepted, in signed calls.

No mailbox is behind the inbox, so the local part of an address says what becomes of its mail. Up to a plus sign,
`bounce@…` and `bounce+anything@…` alike:

| local part | events after `processed` |
| --- | --- |
| `bounce` | `bounce`; a further mail to the address is dropped |
| `spam` | `delivered`, then `spamreport`; a further mail to the address is dropped |
| `blocked` | `bounce` of the type `blocked` |
| `deferred` | `deferred` twice, then `delivered` |
| any other | `delivered` |

https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
"""

import asyncio
import base64
import contextlib
import heapq
import itertools
import json
import logging
import random
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import aiohttp
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from local_cloud.clock import Clock
from local_cloud.inbox.email_logs import EmailLogs
from local_cloud.inbox.mail import Envelope

MOST_EVENTS = 1000
"""Of one call."""

RETRIED_FOR = timedelta(hours=24)
"""How long a call is repeated that is not answered by 2xx."""

_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=1), timedelta(minutes=10)
_GATHERING = timedelta(seconds=0.3)
"""How long events are gathered for one call."""
_REPEATED = 0.1
"""How many events come a second time, under another id."""
_CALL_SECONDS = 10.0

_log = logging.getLogger(__name__)

_BOUNCE = {"event": "bounce", "type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 no such user here"}
_OUTCOMES: dict[str, list[tuple[float, dict[str, Any]]]] = {
    "bounce": [(1.0, {**_BOUNCE, "bounce_classification": "Invalid Address"})],
    "spam": [(1.0, {"event": "delivered", "response": "250 OK"}), (2.0, {"event": "spamreport"})],
    "blocked": [(1.0, {**_BOUNCE, "type": "blocked", "status": "4.7.1", "reason": "421 try again later"})],
    "deferred": [
        (0.5, {"event": "deferred", "response": "451 try again later", "attempt": "1"}),
        (1.0, {"event": "deferred", "response": "451 try again later", "attempt": "2"}),
        (1.5, {"event": "delivered", "response": "250 OK"}),
    ],
}
_PROCESSED = {"event": "processed"}
_DELIVERED: list[tuple[float, dict[str, Any]]] = [(1.0, {"event": "delivered", "response": "250 OK"})]

_METRICS = {
    "processed": "processed",
    "deferred": "deferred",
    "delivered": "delivered",
    "bounce": "bounces",
    "blocked": "blocks",
    "spamreport": "spam_reports",
    "group_unsubscribe": "unsubscribes",
    "Bounced Address": "bounce_drops",
    "Spam Reporting Address": "spam_report_drops",
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


@dataclass(order=True)
class _Call:
    """Events that wait for their moment: in `due`, then a number that makes it unique."""

    due: datetime
    number: int
    events: list[dict[str, Any]] = field(compare=False)
    first_tried: datetime | None = field(default=None, compare=False)
    wait: timedelta = field(default=_FIRST_WAIT, compare=False)


class EventWebhook:
    """Makes events of accepted mails, sends them, and keeps them in the Email Logs.

    Args:
        clock: what time it is.
        url: where to; None for nowhere: then only the logs have them.
        key: signs the calls.
    """

    def __init__(self, clock: Clock, *, url: str | None = None, key: WebhookKey | None = None) -> None:
        self._clock = clock
        self.url = url
        self.key = key or WebhookKey()
        self.logs = EmailLogs()
        """What was accepted, and what becomes of it."""
        self.counts: dict[date, Counter[str]] = {}
        """What `GET /v3/stats` answers, by day and metric."""
        self.kinds: dict[str, str] = {}
        """What becomes of mails to other addresses: such as `bounce`, by the address in lower case."""
        self.lists: dict[str, str] = {}
        """The addresses to which mails are dropped, in lower case, and why."""
        self._calls: list[_Call] = []
        self._numbers = itertools.count()
        self._chance = random.Random(1)  # noqa: S311  the same every time
        self._sending: asyncio.Task[None] | None = None
        self._unsent = 0
        self._new = asyncio.Event()
        self._less_unsent = asyncio.Event()

    @property
    def unsent(self) -> int:
        """How many events are neither taken nor given up."""
        return self._unsent

    async def all_taken(self, on_progress: Callable[[int], None] = lambda unsent: None) -> None:
        """Return when every event so far was taken, or given up.

        Args:
            on_progress: is told how many are left, each time.
        """
        while self._unsent:
            on_progress(self._unsent)
            self._less_unsent.clear()
            await self._less_unsent.wait()

    async def start(self) -> None:
        """Begin to send."""
        if self.url is not None:
            self._sending = asyncio.create_task(self._send_all())

    async def stop(self) -> None:
        """Send nothing more."""
        if self._sending is not None:
            self._sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sending
            self._sending = None

    def is_dropped(self, address: str) -> bool:
        """Whether a mail to an address is dropped, since an earlier one bounced or was marked as spam."""
        return address.lower() in self.lists

    def accepted(self, envelope: Envelope) -> None:
        """A mail was accepted: plan what becomes of it.

        Args:
            envelope: the mail's.
        """
        for recipient in envelope.recipients:
            self._count("requests")
            address = recipient.email
            if reason := self.lists.get(address.lower()):
                self._plan(envelope, address, 0.2, {"event": "dropped", "reason": reason})
                continue
            local_part = address.partition("@")[0].partition("+")[0].lower()
            kind = self.kinds.get(address.lower(), local_part)
            self._plan(envelope, address, 0.2, _PROCESSED)
            for seconds, fields in _OUTCOMES.get(kind, _DELIVERED):
                self._plan(envelope, address, seconds, fields)
            if self.url is not None and kind in {"bounce", "spam"}:
                self.lists[address.lower()] = "Bounced Address" if kind == "bounce" else "Spam Reporting Address"

    def unsubscribed(self, envelope: Envelope, address: str, group: int) -> None:
        """A recipient has left the group by a mail's link.

        Args:
            envelope: of the mail.
            address: the recipient's.
            group: which group.
        """
        self._plan(envelope, address, 0.2, {"event": "group_unsubscribe", "asm_group_id": group})

    def stats(self, first: date, last: date) -> Iterator[dict[str, Any]]:
        """The days of a span with what happened on them, as `GET /v3/stats` has it."""
        for number in range((last - first).days + 1):
            day = first + timedelta(days=number)
            counts = self.counts.get(day, Counter())
            yield {"date": f"{day}", "stats": [{"metrics": {name: counts[name] for name in ALL_METRICS}}]}

    def _plan(self, envelope: Envelope, address: str, seconds: float, fields: dict[str, Any]) -> None:
        kind = "blocked" if fields.get("type") == "blocked" else fields["event"]
        self._count(_METRICS.get(fields.get("reason", ""), _METRICS.get(kind, "invalid_emails")))
        due = self._clock.now() + timedelta(seconds=seconds)
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
        self._add(due, [event])
        if self._chance.random() < _REPEATED:
            self._add(due + _GATHERING * 3, [{**event, "sg_event_id": secrets.token_urlsafe(16)}])

    def _count(self, metric: str) -> None:
        self.counts.setdefault(self._clock.now().date(), Counter())[metric] += 1

    def _add(self, due: datetime, events: list[dict[str, Any]]) -> None:
        heapq.heappush(self._calls, _Call(due, next(self._numbers), events))
        self._unsent += len(events)
        self._new.set()

    async def _send_all(self) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_CALL_SECONDS)) as session:
            while True:
                if not self._calls:
                    self._new.clear()
                    await self._new.wait()
                await self._clock.sleep_until(self._calls[0].due + _GATHERING)
                call = self._gathered()
                if await self._is_taken(session, call):
                    self._done_with(call)
                else:
                    self._repeat(call)

    def _gathered(self) -> _Call:
        """The call that is due, with the events of others that are; those in no order, as SendGrid sends them."""
        now = self._clock.now()
        call = heapq.heappop(self._calls)
        while (
            self._calls
            and self._calls[0].due <= now
            and self._calls[0].first_tried is call.first_tried is None
            and len(call.events) < MOST_EVENTS
        ):
            call.events += heapq.heappop(self._calls).events
        self._chance.shuffle(call.events)
        return call

    async def _is_taken(self, session: aiohttp.ClientSession, call: _Call) -> bool:
        assert self.url is not None  # noqa: S101  nothing is sent to nowhere
        body = json.dumps(call.events).encode()
        try:
            # Each call is signed with its own time, also one that is repeated.
            async with session.post(
                self.url, data=body, headers=self.key.headers(body, at=self._clock.now())
            ) as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError) as error:
            _log.info("The event webhook could not be called: %s", type(error).__name__)
            return False
        if status // 100 != 2:
            _log.info("The event webhook was answered %s", status)
        return status // 100 == 2

    def _done_with(self, call: _Call) -> None:
        self._unsent -= len(call.events)
        self._less_unsent.set()

    def _repeat(self, call: _Call) -> None:
        now = self._clock.now()
        call.first_tried = call.first_tried or now
        if now + call.wait - call.first_tried > RETRIED_FOR:
            self._done_with(call)
            return
        call.due, call.number = now + call.wait, next(self._numbers)
        call.wait = min(call.wait * 2, _LONGEST_WAIT)
        heapq.heappush(self._calls, call)


def _message_id(envelope: Envelope, address: str) -> str:
    """X-Message-Id, and behind it which machine took which recipient's."""
    number = [each.email.lower() for each in envelope.recipients].index(address.lower())
    return f"{envelope.id}.recvd-local-cloud-{number}.0"
