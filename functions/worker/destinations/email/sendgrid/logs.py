"""SendGrid's Email Logs: whether it has the email of a delivery.

Every account has them, for 30 days and no longer, in each region, in "near real time". They cannot be searched by an
email's own arguments: a search by recipient, category and time gives the messages that come into question, and each of
these is then looked at alone. A search has no second page: one that gives as many messages as were asked for is cut.
https://www.twilio.com/docs/sendgrid/api-reference/email-logs
https://github.com/twilio/sendgrid-oai (tsg_logs_v3)

Not SendGrid's other record of the same emails, the Email Activity Feed (`/v3/messages`): it needs an add-on, answers
six questions a minute, keeps all data in the United States, and is not there for accounts of very high volume.
https://www.twilio.com/docs/sendgrid/api-reference/email-activity
https://www.twilio.com/docs/sendgrid/ui/analytics-and-reporting/email-activity-feed
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote

import requests
import structlog

from functions.shared.sanitize import error_text, sanitize
from functions.shared.within import within
from functions.worker.destinations.email.delivery_lookup import (
    LookupAnswer,
    LookupUnavailable,
    MailFound,
    MailNotFound,
    Neighbors,
    WantedMail,
)
from functions.worker.destinations.email.model import CATEGORY

T = TypeVar("T")
CONNECT_SECONDS = 5.0

CLOCK_MARGIN = timedelta(minutes=5)
"""How far the clocks of the worker and of SendGrid may differ."""

MOST_ADDRESSES = 5
"""By how many of an email's recipients to search. SendGrid has a message for each of them."""

MOST_LOOKED_AT = 20
"""How many messages to look at, those first whose time is nearest to the claim's."""

KEEPS = timedelta(days=30)
"""How long the logs show a message."""

_SEARCHED = 100
"""How many messages one search gives: it has no second page."""

_NEIGHBORS = 3
"""How many of other emails to look at, of those before a claim and of those from later."""

_SEARCHABLE = re.compile(r"""[^"\\\s\x00-\x1f]+""")
"""What is put into a query. How to escape a quotation mark in one is not documented."""

_LASTING = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})

_LONGEST_WAIT = timedelta(minutes=5)
_ANSWER_BYTES = 256 * 1024
_ERROR_CHARACTERS = 300
_TOO_LONG = "SendGrid took too long to answer"

_logger = structlog.get_logger()


class LogsUnavailable(Exception):
    """SendGrid does not say. `answer` is what comes of that."""

    def __init__(self, error: str, *, lasting: bool = False) -> None:
        super().__init__(error)
        self.answer = LookupUnavailable(error=error, lasting=lasting)


class SendGridLogs:
    """Asks SendGrid for a delivery's email. Safe for threads.

    Args:
        api_key: with the permission to read the Email Logs.
        host: the API's URL.
        now: the present, in UTC.
    """

    keeps = KEEPS

    def __init__(self, *, api_key: str, host: str, now: Callable[[], datetime]) -> None:
        # A key is SG, its id, which is no secret, and the secret.
        # https://www.twilio.com/docs/sendgrid/api-reference/api-keys/create-api-keys
        parts = api_key.split(".")
        self.key_id = parts[1] if len(parts) == 3 else ""
        self._url = f"{host}/v3/logs"
        self._key = api_key.encode()
        self._headers = {"Authorization": f"Bearer {api_key}", "Accept": "application/json"}
        self._now = now
        self._not_before: datetime | None = None
        self._refusal_told = False

    def find(self, wanted: WantedMail, *, seconds: float) -> LookupAnswer:
        """Look for the email of a delivery, whatever has become of it since SendGrid took it."""
        return self._in_time(seconds, lambda over_at: self._find(wanted, over_at))

    def neighbors(self, wanted: WantedMail, *, after: datetime, seconds: float) -> Neighbors | LookupUnavailable:
        """Look for other emails of this pipeline, from before the delivery's claim and from later."""
        # The logs show whole seconds: what they show in the second of a moment may be from before it.
        times = f"< {_timestamp(wanted.claimed_at)}", f">= {_timestamp(after + timedelta(seconds=1))}"

        def find(over_at: float) -> Neighbors:
            return Neighbors(*(self._neighbor(each, wanted, over_at) for each in times))

        return self._in_time(seconds, find)

    def _in_time(self, seconds: float, ask: Callable[[float], T]) -> T | LookupUnavailable:
        over_at = time.monotonic() + seconds
        try:
            return within(seconds, lambda: ask(over_at))
        except TimeoutError:
            return LogsUnavailable(_TOO_LONG).answer
        except LogsUnavailable as unavailable:
            return unavailable.answer

    def _find(self, wanted: WantedMail, over_at: float) -> MailFound | MailNotFound:
        queries = list(search_queries(wanted))
        if not queries:
            raise LogsUnavailable("there is no address by which to search", lasting=True)
        is_complete, seen = len(_askable(wanted)) == len(wanted.addresses), set[str]()
        for query in queries:
            found = nearest_first(self._search(query, _SEARCHED, over_at), wanted.claimed_at)
            is_complete &= len(found) < _SEARCHED
            for message_id in found:
                if message_id in seen:
                    continue
                if len(seen) == MOST_LOOKED_AT:
                    return MailNotFound(
                        note=f"none of the {MOST_LOOKED_AT} emails nearest to the time is it, and there are more"
                    )
                seen.add(message_id)
                arguments = self._arguments(message_id, over_at)
                if arguments.get("delivery_id") == wanted.delivery_id:
                    return MailFound(message_id=sanitize(message_id, 200))
                # A message that SendGrid does not show alone may be this one.
                is_complete &= bool(arguments)
        return MailNotFound(is_complete=is_complete)

    def _neighbor(self, times: str, wanted: WantedMail, over_at: float) -> datetime | None:
        query = f"categories IN ('{CATEGORY}') AND sg_message_id_created_at {times}"
        for message_id, made_at in _times(self._search(query, _NEIGHBORS, over_at)).items():
            delivery_id = self._arguments(message_id, over_at).get("delivery_id") if made_at else None
            # The email itself, which the search by its recipients has missed, is no neighbor.
            if delivery_id and delivery_id != wanted.delivery_id:
                return made_at
        return None

    def _search(self, query: str, limit: int, over_at: float) -> Mapping[str, Any]:
        return self._ask("POST", self._url, over_at, question={"query": query, "limit": limit})

    def _arguments(self, message_id: str, over_at: float) -> Mapping[str, Any]:
        """A message's custom arguments; none where SendGrid does not show the message alone yet."""
        message = self._ask("GET", f"{self._url}/{quote(message_id, safe='', errors='replace')}", over_at, missing={})
        arguments = message.get("custom_args")
        return arguments if isinstance(arguments, dict) else {}

    def _ask(
        self,
        method: str,
        url: str,
        over_at: float,
        *,
        question: Mapping[str, Any] | None = None,
        missing: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        now, seconds = self._now(), over_at - time.monotonic()
        if self._not_before is not None and now < self._not_before:
            raise LogsUnavailable(f"SendGrid takes no more questions before {self._not_before:%H:%M:%S} UTC")
        if seconds <= 0:
            raise LogsUnavailable(_TOO_LONG)
        try:
            with requests.request(
                method,
                url,
                json=question,
                headers=self._headers,
                timeout=(min(CONNECT_SECONDS, seconds / 2), seconds / 2),
                allow_redirects=False,
                stream=True,
            ) as response:
                body = _beginning(response)
        except (requests.RequestException, OSError) as error:
            raise LogsUnavailable(f"no answer: {type(error).__name__}") from error
        if response.status_code == HTTPStatus.NOT_FOUND and missing is not None:
            return missing
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            self._not_before = now + wait_asked_for(response.headers, now)
        # A proxy may show the request on the page that says what went wrong with it, and errors are kept and shown.
        text = body.replace(self._key, b"[key]").decode(errors="replace")
        shown = error_text(text, _ERROR_CHARACTERS)
        if response.status_code in _REFUSED and not self._refusal_told:
            self._refusal_told = True
            _logger.error(
                "email_logs_refused",
                error=shown,
                advice="give the key the permission Email Activity, or set SENDGRID_LOGS=false",
            )
        return read_answer(response.status_code, body, shown)


def _beginning(response: requests.Response) -> bytes:
    """The answer's body, cut off where it is too long."""
    body = b""
    for piece in response.iter_content(_ANSWER_BYTES):
        body += piece
        if len(body) >= _ANSWER_BYTES:
            break
    return body[:_ANSWER_BYTES]


def search_queries(wanted: WantedMail) -> Iterator[str]:
    """The queries for an email, one for each spelling of each recipient: a query names one address and is
    case-sensitive.

    Args:
        wanted: the email.
    """
    since = _timestamp(wanted.claimed_at - CLOCK_MARGIN)
    spellings = (spelling for address in _askable(wanted) for spelling in (address, address.lower()))
    for spelling in dict.fromkeys(spellings):
        # As SendGrid's examples quote; an address may have an apostrophe.
        quoted = f'"{spelling}"' if "'" in spelling else f"'{spelling}'"
        yield (f"to_email = {quoted} AND categories IN ('{wanted.category}') AND sg_message_id_created_at >= {since}")


def _askable(wanted: WantedMail) -> Sequence[str]:
    return [address for address in wanted.addresses if _SEARCHABLE.fullmatch(address)][:MOST_ADDRESSES]


def _timestamp(moment: datetime) -> str:
    return f'TIMESTAMP "{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"'


def nearest_first(found: Mapping[str, Any], moment: datetime) -> Sequence[str]:
    """The ids of the messages that a search gave.

    Args:
        found: the answer.
        moment: the nearer to it a message was made, the earlier it comes.

    Raises:
        LogsUnavailable: there are no messages in the answer.
    """
    times = _times(found)
    distances = {
        message_id: abs(made_at - moment) if made_at else timedelta.max for message_id, made_at in times.items()
    }
    return sorted(distances, key=lambda message_id: distances[message_id])


def _times(found: Mapping[str, Any]) -> Mapping[str, datetime | None]:
    """When each message in an answer was made; None where that cannot be read."""
    try:
        times = {str(each["sg_message_id"]): str(each["sg_message_id_created_at"]) for each in found["messages"]}
    except (KeyError, TypeError):
        raise LogsUnavailable("SendGrid's answer has no messages in it") from None

    def read(text: str) -> datetime | None:
        try:
            made_at = datetime.fromisoformat(text)
        except ValueError:
            return None
        return made_at.replace(tzinfo=made_at.tzinfo or UTC)

    return {message_id: read(text) for message_id, text in times.items()}


def wait_asked_for(headers: Mapping[str, str], now: datetime) -> timedelta:
    """How long SendGrid asks to wait after a 429: until the limit is reset, at most five minutes.

    https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/rate-limits

    Args:
        headers: the answer's.
        now: the present, in UTC.
    """
    reset = headers.get("X-RateLimit-Reset", "")
    seconds = int(reset) - now.timestamp() if reset.isascii() and reset.isdigit() and len(reset) < 12 else 1.0
    return timedelta(seconds=min(max(seconds, 1.0), _LONGEST_WAIT.total_seconds()))


def read_answer(status: int, body: bytes, shown: str) -> dict[str, Any]:
    """The object in an answer.

    Args:
        status: the HTTP status.
        body: the answer's body, perhaps cut off.
        shown: what an error may show of it.

    Raises:
        LogsUnavailable: there is none.
    """
    if status != HTTPStatus.OK:
        raise LogsUnavailable(f"SendGrid answered {status}: {shown}", lasting=status in _LASTING)
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise LogsUnavailable(f"SendGrid's answer cannot be read: {shown}")
    return answer
