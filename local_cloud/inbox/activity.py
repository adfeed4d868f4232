"""SendGrid's Email Activity: which mails the inbox has, by a query.

https://github.com/twilio/sendgrid-oai (tsg_email_activity_v3)
https://www.twilio.com/docs/sendgrid/for-developers/sending-email/getting-started-email-activity-api
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from local_cloud.inbox.mail import Envelope

LEAST_LIMIT, MOST_LIMIT, DEFAULT_LIMIT = 1, 1000, 10

REQUESTS_A_MINUTE = 6
"""https://www.twilio.com/docs/sendgrid/api-reference/email-activity#rate-limits"""

USUAL_DELAY = timedelta(minutes=1)
"""How long after a mail was taken it shows: https://github.com/sendgrid/sendgrid-java/issues/674"""

_FIELDS = {"msg_id", "from_email", "to_email", "subject", "status"}
_OTHER_FIELDS = {
    *("api_key_id", "api_key_name", "asm_group_id", "asm_group_name", "categories", "clicks", "events"),
    *("last_event_time", "marketing_campaign_id", "marketing_campaign_name", "originating_ip", "outbound_ip"),
    *("outbound_ip_type", "teammate", "template_id", "template_name", "clicked", "opened"),
}
_TOKEN = re.compile(r"""\s*(?:(?P<text>"[^"]*")|(?P<key>\['[^']*'\])|(?P<word>\w+)|(?P<sign>!=|[=()]))""")

Matches = Callable[[dict[str, Any], Envelope], bool]


class InvalidQuery(ValueError):
    """SendGrid would answer 400. The text is what it would say is wrong, or what only SendGrid itself can do."""


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


def read_query(query: str) -> Matches:
    """Read a query: comparisons by `=` and `!=` with texts in quotation marks, AND, OR, and parentheses.

    Args:
        query: such as `(unique_args['delivery_id']="u1")`.

    Raises:
        InvalidQuery: it is none.
    """
    tokens = list(_tokens(query))
    matches = _either(tokens)
    if tokens:
        raise InvalidQuery(f"invalid syntax: unexpected '{tokens[0].text}'")
    return matches


def find(
    envelopes: Sequence[Envelope], matches: Matches, *, limit: int, until: datetime
) -> Iterator[dict[str, str | int]]:
    """The messages that a query is about, the newest first, in SendGrid's form: one for each recipient of a mail.

    Args:
        envelopes: of all mails, the oldest first.
        matches: the query.
        limit: how many.
        until: when the newest that shows was taken.
    """
    for envelope in reversed(envelopes):
        if envelope.received_at > until:
            continue
        for message in _messages(envelope):
            if matches(message, envelope):
                limit -= 1
                yield message
                if not limit:
                    return


def _messages(envelope: Envelope) -> Iterable[dict[str, str | int]]:
    for number, recipient in enumerate((*envelope.to, *envelope.cc, *envelope.bcc)):
        yield {
            "from_email": envelope.sender.email,
            # X-Message-Id, and behind it which machine took it.
            "msg_id": f"{envelope.id}.recvd-local-cloud-{number}.0",
            "subject": envelope.subject,
            "to_email": recipient.email,
            "status": "delivered",
            "opens_count": 0,
            "clicks_count": 0,
            "last_event_time": f"{envelope.received_at:%Y-%m-%dT%H:%M:%SZ}",
        }


def _tokens(query: str) -> Iterator[_Token]:
    place = 0
    query = query.rstrip()
    while place < len(query):
        match = _TOKEN.match(query, place)
        if match is None or match.lastgroup is None:
            raise InvalidQuery(f"invalid syntax: unexpected '{query[place : place + 20]}'")
        yield _Token(match.lastgroup, match[match.lastgroup])
        place = match.end()


def _either(tokens: list[_Token]) -> Matches:
    alternatives = [_all(tokens)]
    while _take(tokens, "word", "or"):
        alternatives.append(_all(tokens))
    return lambda message, envelope: any(matches(message, envelope) for matches in alternatives)


def _all(tokens: list[_Token]) -> Matches:
    conditions = [_one(tokens)]
    while _take(tokens, "word", "and"):
        conditions.append(_one(tokens))
    return lambda message, envelope: all(matches(message, envelope) for matches in conditions)


def _one(tokens: list[_Token]) -> Matches:
    if _take(tokens, "sign", "("):
        matches = _either(tokens)
        if not _take(tokens, "sign", ")"):
            raise InvalidQuery("invalid syntax: a parenthesis is not closed")
        return matches
    field = _next(tokens, "word", "a field")
    if field == "unique_args":
        return _comparison(_argument(_next(tokens, "key", "the name of an argument")[2:-2]), tokens)
    if field in _OTHER_FIELDS:
        raise InvalidQuery(f"the local inbox cannot search by '{field}': SendGrid itself can")
    if field not in _FIELDS:
        raise InvalidQuery(f"invalid syntax: '{field}' is not a known field")
    return _comparison(lambda message, _envelope: message[field], tokens)


def _argument(name: str) -> Callable[[dict[str, Any], Envelope], Any]:
    return lambda _message, envelope: envelope.custom_args.get(name)


def _comparison(value: Callable[[dict[str, Any], Envelope], Any], tokens: list[_Token]) -> Matches:
    sign = _next(tokens, "sign", "= or !=")
    if sign not in {"=", "!="}:
        raise InvalidQuery(f"invalid syntax: unexpected '{sign}'")
    text = _next(tokens, "text", "a text in quotation marks")[1:-1]
    return lambda message, envelope: (value(message, envelope) == text) is (sign == "=")


def _take(tokens: list[_Token], kind: str, text: str) -> bool:
    if tokens and (tokens[0].kind, tokens[0].text.lower()) == (kind, text):
        del tokens[0]
        return True
    return False


def _next(tokens: list[_Token], kind: str, wanted: str) -> str:
    if not tokens or tokens[0].kind != kind:
        raise InvalidQuery(f"invalid syntax: {wanted} is missing")
    return tokens.pop(0).text
