"""Resend's API, as far as the pipeline uses it. https://resend.com/docs/api-reference/introduction"""

import logging
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus

from aiohttp import web

from local_cloud.clock import Clock
from local_pipeline.inbox import resend
from local_pipeline.inbox.faults import Answer
from local_pipeline.inbox.idempotency_keys import LONGEST_KEY, IdempotencyKeys, InProgress, OtherRequest
from local_pipeline.inbox.json_body import decode, json_answer
from local_pipeline.inbox.mail import Mail
from local_pipeline.inbox.rate_limit import RateLimit
from local_pipeline.inbox.resend import Refusal
from local_pipeline.inbox.resend_account import ResendAccount
from local_pipeline.inbox.resend_webhook import ResendWebhook

REQUESTS_A_SECOND = 5
"""Of a team. https://resend.com/docs/api-reference/rate-limit"""

_log = logging.getLogger(__name__)


class ResendApi:
    """Takes emails.

    Args:
        clock: what time it is.
        sender_domains: the domains that are verified, by the keys that are valid.
        has_rate_limit: whether more than five requests a second are answered 429.
        webhook: says what becomes of the emails.
        keep: told of each email that was taken, and whether it is not sent, since its address is suppressed.
        read: gives an email that was taken and sent, by its id; raises KeyError where there is none.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        sender_domains: Mapping[str, Collection[str]],
        has_rate_limit: bool,
        webhook: ResendWebhook,
        keep: Callable[[Mail, bool], None],
        read: Callable[[str], Mail],
    ) -> None:
        self._clock = clock
        self._sender_domains = sender_domains
        self._keep = keep
        self._read = read
        self.webhook = webhook
        """Says what becomes of the emails."""
        self.account = ResendAccount([each for domains in sender_domains.values() for each in domains], webhook)
        """What the account holds besides emails."""
        self.has_full_access = True
        """What the key may do: all, or send alone."""
        self.limit = RateLimit(REQUESTS_A_SECOND, period_seconds=1) if has_rate_limit else None
        """How often it may be called; None for any number of times."""
        self.takes = timedelta()
        """How long it works on an email, by the local cloud's clock: so long the email's idempotency key is in use."""
        self.other_requests: list[str] = []
        """The idempotency keys with which a request came that had other bytes than the first with that key."""
        self._keys = IdempotencyKeys()

    async def answer(self, request: web.Request, body: bytes) -> Answer:
        """Carry a request out.

        Args:
            request: what was asked.
            body: what was posted.
        """
        if not request.headers.get("User-Agent"):
            # The wall before its API answers that. https://resend.com/docs/knowledge-base/403-error-1010
            return Answer(status=HTTPStatus.FORBIDDEN, body=b"error code: 1010", headers={"Content-Type": "text/plain"})
        now = self._clock.now()
        if self.limit is None:
            return await self._within_limit(request, body, now)
        if self.limit.take(now):
            answer = await self._within_limit(request, body, now)
        else:
            message = f"Too many requests. You can only make {self.limit.requests} requests per second."
            answer = _refuse(HTTPStatus.TOO_MANY_REQUESTS, "rate_limit_exceeded", message)
            answer = replace(answer, headers={**answer.headers, "retry-after": "1"})
        limits = {
            "ratelimit-limit": str(self.limit.requests),
            "ratelimit-remaining": str(self.limit.remaining),
            "ratelimit-reset": str(max(self.limit.reset - int(now.timestamp()), 0)),
        }
        return replace(answer, headers={**answer.headers, **limits})

    async def _within_limit(self, request: web.Request, body: bytes, now: datetime) -> Answer:
        if refusal := self._wrong_key(request):
            return refusal
        if not self.has_full_access and (request.method, request.path) != ("POST", "/emails"):
            message = "This API key is restricted to only send emails."
            return _refuse(HTTPStatus.UNAUTHORIZED, "restricted_api_key", message)
        if not request.path.startswith("/emails"):
            return self.account.answer(request.method, request.path, body)
        email_id = request.match_info.get("email_id")
        if request.method != ("POST" if email_id is None else "GET"):
            message = "Method is not allowed for the requested path."
            return _refuse(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", message)
        if email_id is not None:
            return self._show(email_id)
        key = request.headers.get("Idempotency-Key")
        domains = self._sender_domains[_key_in(request)]
        if key is None:
            return await self._send(body, domains)
        if not 1 <= len(key) <= LONGEST_KEY:
            message = f"Idempotency keys, if present, must have between 1 and {LONGEST_KEY} characters."
            return _refuse(HTTPStatus.BAD_REQUEST, "invalid_idempotency_key", message)
        try:
            earlier = self._keys.earlier_answer(key, body, now=now)
        except OtherRequest:
            self.other_requests.append(key)
            message = "Same idempotency key used with a different request payload."
            return _refuse(HTTPStatus.CONFLICT, "invalid_idempotent_request", message)
        except InProgress:
            message = "Same idempotency key used while original request is still in progress."
            return _refuse(HTTPStatus.CONFLICT, "concurrent_idempotent_requests", message)
        if earlier is not None:
            return earlier
        with self._keys.in_progress(key):
            answer = await self._send(body, domains)
        if answer.status == HTTPStatus.OK:
            self._keys.keep(key, body, answer, at=now)
        return answer

    def _wrong_key(self, request: web.Request) -> Answer | None:
        given = request.headers.get("Authorization")
        if not given:
            return _refuse(HTTPStatus.UNAUTHORIZED, "missing_api_key", "Missing API Key")
        scheme, _, key = given.partition(" ")
        if scheme.lower() != "bearer" or not key.startswith("re_"):
            return _refuse(HTTPStatus.BAD_REQUEST, "validation_error", "API key is invalid")
        if key.strip() not in self._sender_domains:
            sends = request.path.startswith("/emails")
            status = HTTPStatus.UNAUTHORIZED if sends else HTTPStatus.BAD_REQUEST
            return _refuse(status, "validation_error", "API key is invalid")
        return None

    async def _send(self, body: bytes, sender_domains: Collection[str]) -> Answer:
        try:
            payload = decode(body)
        except ValueError:
            return _refuse(HTTPStatus.BAD_REQUEST, "validation_error", "The request body is not valid JSON.")
        if refusal := resend.find_refusal(payload, sender_domains=sender_domains):
            # Not its whole text: it may come to quote what was sent.
            _log.info("Resend would refuse an email: %s", refusal.name)
            return json_answer(refusal.status, refusal.body)
        if self.takes:
            await self._clock.sleep(self.takes.total_seconds())
        mail = resend.to_mail(payload, email_id=str(uuid.uuid4()), received_at=self._clock.now(), size=len(body))
        is_suppressed = all(self.webhook.is_dropped(each.email) for each in mail.envelope.recipients)
        self.webhook.taken(mail.envelope, resend.tags_of(payload))
        self._keep(mail, is_suppressed)
        return json_answer(HTTPStatus.OK, {"id": mail.envelope.id})

    def _show(self, email_id: str) -> Answer:
        tags = self.webhook.tags(email_id)
        try:
            mail = None if tags is None else self._read(email_id)
        except KeyError:
            mail = None
        if mail is None or tags is None:
            return _refuse(HTTPStatus.NOT_FOUND, "not_found", "Email not found")
        return json_answer(
            HTTPStatus.OK, resend.to_email(mail, tags=tags, last_event=self.webhook.last_event(email_id))
        )


def _key_in(request: web.Request) -> str:
    return request.headers.get("Authorization", "").partition(" ")[2].strip()


def _refuse(status: HTTPStatus, name: str, message: str) -> Answer:
    refusal = Refusal(status=status, name=name, message=message)
    return json_answer(refusal.status, refusal.body)


TOO_LARGE = _refuse(
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "validation_error", "The email, with its attachments, is larger than 40 MB."
)
"""To a body of more than resend.MOST_BYTES. Resend documents the limit, and no answer."""
