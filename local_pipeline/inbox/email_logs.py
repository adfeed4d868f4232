"""SendGrid's Email Logs: the messages that were accepted, by a query, and what became of each.

https://www.twilio.com/docs/sendgrid/api-reference/email-logs
https://github.com/twilio/sendgrid-oai (tsg_logs_v3)
"""

import math
import random
import re
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import ge, gt, le, lt
from typing import Any

from local_pipeline.inbox.mail import Envelope

LEAST_LIMIT, MOST_LIMIT, DEFAULT_LIMIT = 1, 1000, 10
MOST_CONDITIONS = 160
MOST_EVENTS = 100
"""The newest that a message shows."""

REQUESTS_A_MINUTE = 600
"""SendGrid documents that there is a limit, and no number. This is what it has named for other parts of its API.
https://www.twilio.com/en-us/changelog/imposing-rate-limits-on-some-sendgrid-v2-api-endpoints"""

USUAL_DELAY = timedelta(minutes=1)
"""How long after an email was taken it shows. SendGrid says "near real time"; users of its other record of the same
emails have measured almost a minute: https://github.com/sendgrid/sendgrid-java/issues/674"""

_STATUSES = {
    "processed": "processed",
    "dropped": "dropped",
    "deferred": "deferred",
    "bounce": "bounced",
    "delivered": "delivered",
}
"""By event. Those of what recipients do later are not among them: the message stays delivered."""
_ALL_STATUSES = frozenset({*_STATUSES.values(), "blocked"})

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {">": gt, "<": lt, ">=": ge, "<=": le}
_TOKEN = re.compile(r"""\s*(?:(?P<text>'[^']*'|"[^"]*")|(?P<word>\w+)|(?P<sign>[<>]=?|[=(),]))""")


class InvalidQuery(ValueError):
    """SendGrid would answer 400. The text is what it would say is wrong."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedEvent:
    """What happened to a message. `fields` are the event's own, as the Event Webhook has them."""

    at: datetime
    fields: Mapping[str, Any]
    id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedMessage:
    """An email to one of its recipients.

    Attributes:
        id: `sg_message_id`.
        envelope: the email's.
        to_email: the recipient.
        events: the oldest first.
    """

    id: str
    envelope: Envelope
    to_email: str
    events: list[LoggedEvent] = field(default_factory=list)

    def summary(self, *, now: datetime) -> dict[str, Any]:
        """The message as a search lists it."""
        status, reason = self.status(now)
        return {
            "from_email": self.envelope.sender.email,
            "sg_message_id": self.id,
            "subject": self.envelope.subject,
            "to_email": self.to_email,
            "reason": reason,
            "status": status,
            "sg_message_id_created_at": f"{self.envelope.received_at:%Y-%m-%dT%H:%M:%SZ}",
        }

    def detail(self, *, now: datetime) -> dict[str, Any]:
        """The message alone, with its events. The custom arguments are not merged into the events, as the Event Webhook
        merges them."""
        shown = {"custom_args": dict(self.envelope.custom_args), "category": list(self.envelope.categories)}
        happened = [event for event in self.events if event.at <= now]
        return {
            "from_email": self.envelope.sender.email,
            "sg_message_id": self.id,
            "subject": self.envelope.subject,
            "to_email": self.to_email,
            "status": self.status(now)[0],
            "api_key_id": "local",
            "client_ip": "127.0.0.1",
            **shown,
            "events": [
                {
                    "email": self.to_email,
                    "sg_message_id": self.id,
                    "sg_event_id": event.id,
                    "smtp-id": f"<{self.envelope.id}@geopod-ismtpd-local>",
                    "timestamp": int(event.at.timestamp()),
                    **shown,
                    **event.fields,
                }
                for event in reversed(happened[-MOST_EVENTS:])
            ],
        }

    def status(self, now: datetime) -> tuple[str, str]:
        """What has become of it so far, and the reason that goes with it."""
        for event in reversed(self.events):
            status = _STATUSES.get(event.fields["event"])
            if status is not None and event.at <= now:
                reason = event.fields.get("reason") or event.fields.get("response") or ""
                return "blocked" if event.fields.get("type") == "blocked" else status, reason
        return "processed", ""


@dataclass
class LogsDelay:
    """How late messages show.

    Attributes:
        usual: after how long half of them show.
        spread: the standard deviation of the logarithm of what is longer or shorter: at 1.0 one in twenty takes five
            times as long, and later ones show before earlier ones.
        lost: the share of those that never show, from 0 to 1.
        stopped_at: from when on none shows that was accepted; None unless the logs have stopped.
    """

    usual: timedelta = USUAL_DELAY
    spread: float = 0.0
    lost: float = 0.0
    stopped_at: datetime | None = None

    def shows(self, message: LoggedMessage, now: datetime) -> bool:
        """Whether a message shows by now. What chance decides about it stays so."""
        about = message.envelope
        if self.stopped_at is not None and about.received_at >= self.stopped_at:
            return False
        chance = random.Random(f"{sorted(about.custom_args.items())} {about.subject} {message.to_email}")  # noqa: S311
        is_lost, delay = chance.random() < self.lost, self.usual * math.exp(chance.gauss(0, self.spread))
        return not is_lost and about.received_at + delay <= now


Matches = Callable[[LoggedMessage, datetime], bool]
"""Given a message and the present, says whether a query is about it."""


_TEXTS: dict[str, Callable[[LoggedMessage, datetime], str]] = {
    "sg_message_id": lambda message, _now: message.id,
    "subject": lambda message, _now: message.envelope.subject,
    "to_email": lambda message, _now: message.to_email,
    "reason": lambda message, now: message.status(now)[1],
}


class EmailLogs:
    """All messages that were accepted."""

    def __init__(self) -> None:
        self._messages: dict[str, LoggedMessage] = {}

    def event(self, message_id: str, envelope: Envelope, to_email: str, at: datetime, fields: Mapping[str, Any]) -> str:
        """Keep what happens to a message, in the order of time, and the message itself with the first event.

        Args:
            message_id: the message's.
            envelope: of its email.
            to_email: the recipient.
            at: when it happens: what is to come does not show before.
            fields: what.

        Returns:
            The event's id.
        """
        message = self._messages.setdefault(
            message_id, LoggedMessage(id=message_id, envelope=envelope, to_email=to_email)
        )
        message.events.append(LoggedEvent(at=at, fields=fields, id=secrets.token_urlsafe(16)))
        return message.events[-1].id

    def find(
        self, matches: Matches, *, limit: int, delay: LogsDelay, now: datetime, account: str = ""
    ) -> Iterator[dict[str, Any]]:
        """The messages that a query is about, the newest first.

        Args:
            matches: the query.
            account: whose.
            limit: how many.
            delay: how late messages show.
            now: the present, in UTC.
        """
        for message in reversed(self._messages.values()):
            if message.envelope.account == account and matches(message, now) and delay.shows(message, now):
                yield message.summary(now=now)
                limit -= 1
                if not limit:
                    return

    def read(self, message_id: str, *, delay: LogsDelay, now: datetime, account: str = "") -> dict[str, Any] | None:
        """One message with its events; None where there is none, or it does not show yet.

        Args:
            message_id: the message's.
            account: whose.
            delay: how late messages show.
            now: the present, in UTC.
        """
        message = self._messages.get(message_id)
        if message is None or message.envelope.account != account or not delay.shows(message, now):
            return None
        return message.detail(now=now)


def read_query(query: str) -> Matches:
    """Read a query: conditions with AND between them, and no nesting.

    Args:
        query: such as `to_email = 'ann@example.com' AND categories IN ('report')`; empty for all messages.

    Raises:
        InvalidQuery: it is none.
    """
    tokens = list(_tokens(query))
    conditions = [_condition(tokens)] if tokens else []
    while tokens:
        _take(tokens, "word", {"AND"})
        conditions.append(_condition(tokens))
    if len(conditions) > MOST_CONDITIONS:
        raise InvalidQuery(f"invalid query: more than {MOST_CONDITIONS} conditions")
    return lambda message, now: all(matches(message, now) for matches in conditions)


_Token = tuple[str, str]


def _tokens(query: str) -> Iterator[_Token]:
    place, query = 0, query.rstrip()
    while place < len(query):
        match = _TOKEN.match(query, place)
        if match is None or match.lastgroup is None:
            raise InvalidQuery(f"invalid query: unexpected '{query[place : place + 20]}'")
        yield match.lastgroup, match[match.lastgroup]
        place = match.end()


def _condition(tokens: list[_Token]) -> Matches:
    field_name = _take(tokens, "word")
    match field_name:
        case "sg_message_id" | "subject" | "to_email" | "reason":
            _take(tokens, "sign", {"="})
            text, value = _take(tokens, "text")[1:-1], _TEXTS[field_name]
            return lambda message, now: value(message, now) == text
        case "status":
            statuses = _list(tokens)
            if unknown := statuses - _ALL_STATUSES:
                raise InvalidQuery(f"invalid query: '{min(unknown)}' is not a status")
            return lambda message, now: message.status(now)[0] in statuses
        case "categories":
            categories = _list(tokens)
            return lambda message, _now: not categories.isdisjoint(message.envelope.categories)
        case "sg_message_id_created_at":
            compare = _COMPARISONS[_take(tokens, "sign", _COMPARISONS)]
            _take(tokens, "word", {"TIMESTAMP"})
            moment = _moment(_take(tokens, "text")[1:-1])
            return lambda message, _now: compare(message.envelope.received_at, moment)
        case _:
            raise InvalidQuery(f"invalid query: '{field_name}' is not a field")


def _list(tokens: list[_Token]) -> set[str]:
    _take(tokens, "word", {"IN"})
    _take(tokens, "sign", {"("})
    values = {_take(tokens, "text")[1:-1]}
    while _take(tokens, "sign", {",", ")"}) == ",":
        values.add(_take(tokens, "text")[1:-1])
    return values


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidQuery(f"invalid query: '{text}' is not a timestamp") from None
    return moment.replace(tzinfo=moment.tzinfo or UTC)


def _take(tokens: list[_Token], kind: str, wanted: Collection[str] = ()) -> str:
    if tokens and tokens[0][0] == kind and (not wanted or tokens[0][1] in wanted):
        return tokens.pop(0)[1]
    found = f"'{tokens[0][1]}'" if tokens else "the end"
    expected = " or ".join(sorted(wanted)) or {"word": "a field", "text": "a value in quotation marks"}[kind]
    raise InvalidQuery(f"invalid query: {expected} expected, found {found}")
