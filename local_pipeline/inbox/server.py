"""The inbox: takes emails as SendGrid and Resend do and messages as Slack's webhooks do, and says what came."""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from typing import get_args
from urllib.parse import parse_qs

from aiohttp import web

from local_cloud.clock import Clock
from local_cloud.errors import LocalCloudError
from local_cloud.http import HttpServer
from local_pipeline.inbox import elsewhere, email_logs, resend, sender_identity, sendgrid, slack, webhook_settings
from local_pipeline.inbox.api import InboxApi
from local_pipeline.inbox.elsewhere import Elsewhere
from local_pipeline.inbox.event_webhook import EventWebhook
from local_pipeline.inbox.faults import Answer, Call, CutConnection, Fault, Service
from local_pipeline.inbox.json_body import decode, json_answer
from local_pipeline.inbox.mail import Envelope, Mail, split
from local_pipeline.inbox.rate_limit import RateLimit
from local_pipeline.inbox.resend_api import TOO_LARGE, ResendApi
from local_pipeline.inbox.resend_webhook import ResendWebhook
from local_pipeline.inbox.sender_identity import InvalidPage, SenderIdentity
from local_pipeline.inbox.slack_message import SlackMessage
from local_pipeline.inbox.store import MailStore, save
from local_pipeline.inbox.suppressions import Suppressions, with_links
from local_pipeline.inbox.unsubscribe_page import unsubscribe_page
from local_pipeline.inbox.webhook_settings import WebhookSettings

MAIL_SEND_SCOPE = "mail.send"
SUPPRESSIONS_SCOPE = "asm.groups.suppressions.read"
EMAIL_LOGS_SCOPE = "email_activity.read"
"""SendGrid's list of permissions has none for the Email Logs alone; this is that of its other record of the emails.
https://www.twilio.com/docs/sendgrid/api-reference/api-key-permissions"""
STATS_SCOPE = "stats.read"
RESEND_API_KEY = "re_local-cloud_not-a-secret"
SLACK_WEBHOOK_PATH = "/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"
SLACK_PAUSE = timedelta(seconds=1)
"""Between two messages of one webhook. https://docs.slack.dev/apis/web-api/rate-limits"""

_NOT_VERIFIED = (
    "The from address does not match a verified Sender Identity. Mail cannot be sent until this error is resolved. "
    "Visit https://sendgrid.com/docs/for-developers/sending-email/sender-identity/ to see the Sender Identity "
    "requirements"
)

_log = logging.getLogger(__name__)


class Inbox(HttpServer):
    """SendGrid's mail send and Email Logs, Resend's emails, a Slack webhook, and an API to read what they took.

    Its `url` is the API's address, and `SENDGRID_HOST` and `RESEND_HOST` for clients.

    Args:
        host: the address to bind.
        port: the port, 0 for any free one.
        clock: what time it is.
        sendgrid_api_key: the key that mail send takes; any other is answered 401.
        resend_api_key: the key that Resend's API takes; any other is refused.
        directory: where each email is also saved, in `mails/`; nowhere without.
        slack_rate_limit: answer 429 to more than a message a second, as Slack does.
        resend_rate_limit: answer 429 to more than five requests a second, as Resend does.
        webhook: says what becomes of SendGrid's emails; without one nothing does.
        resend_webhook: the same for Resend's.
        sender_domain: the domain that is authenticated.
        domains: further ones, by API key; a key that is none of the two above is that of one more account, with a
            record of its own of what it took.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        clock: Clock,
        sendgrid_api_key: str,
        resend_api_key: str = RESEND_API_KEY,
        directory: Path | None = None,
        slack_rate_limit: bool = False,
        resend_rate_limit: bool = False,
        webhook: EventWebhook | None = None,
        resend_webhook: ResendWebhook | None = None,
        sender_domain: str = "example.com",
        domains: Mapping[str, Collection[str]] = MappingProxyType({}),
    ) -> None:
        self._clock = clock
        own = {key: [sender_domain, *domains.get(key, ())] for key in (sendgrid_api_key, resend_api_key)}
        self.webhook = webhook or EventWebhook(clock)
        self._sendgrid_api_key = sendgrid_api_key
        self._slack_rate_limit = slack_rate_limit
        self._last_slack_message: datetime | None = None
        self._next_answers: dict[Service, deque[Answer]] = {service: deque() for service in get_args(Service)}
        # One thread: files are written beside the event loop, and in the order that the emails came.
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="inbox")
        self._unsaved: set[asyncio.Future[None]] = set()

        self.resend = ResendApi(
            clock,
            sender_domains={resend_api_key: own[resend_api_key]} | _keys_of("re_", domains, own),
            has_rate_limit=resend_rate_limit,
            webhook=resend_webhook or ResendWebhook(clock),
            keep=self._keep_or_drop,
            read=lambda email_id: self.mails.read(email_id),
        )
        """Resend's API, and what a test can change of it."""
        self.mails = MailStore()
        """Envelopes of the emails that were accepted, the oldest first; `mails.read(id)` has the whole email."""
        self.dropped: list[Envelope] = []
        """Of the emails that were accepted and dropped, since an earlier one bounced or was marked as spam."""
        self.slack_messages: list[SlackMessage] = []
        """The messages that were posted, the oldest first."""
        self.elsewhere = Elsewhere(clock)
        """What takes the reports that do not go by email."""
        self.suppressions = Suppressions()
        """Who has unsubscribed. An email to them is answered 202 and dropped, as SendGrid does."""
        self.webhook_settings = WebhookSettings(clock)
        """The Event Webhooks that were made by SendGrid's API, and the one that has the events of the emails."""
        if self.webhook.url is not None:
            self.webhook_settings.add(self.webhook.url, self.webhook.key)
        self._other_webhooks: dict[str, WebhookSettings] = {}
        self.sender_identity = SenderIdentity(*own[sendgrid_api_key])
        """What SendGrid knows of the sender."""
        others = _keys_of("SG.", domains, own)
        self.accounts = {
            sendgrid_api_key: self.sender_identity,
            **{key: SenderIdentity(*each) for key, each in others.items()},
        }
        """The same for each account at SendGrid, by its key."""
        self.sendgrid_scopes = {
            *(MAIL_SEND_SCOPE, SUPPRESSIONS_SCOPE, EMAIL_LOGS_SCOPE, STATS_SCOPE),
            *webhook_settings.SCOPES,
            *sender_identity.SCOPES,
        }
        """What the key may do: send email, ask who has unsubscribed, what was sent, and what SendGrid knows of the
        sender, set webhooks up. Anything else is answered 403."""
        self.logs_delay = email_logs.LogsDelay()
        """How long after an email was taken the Email Logs show it."""
        self.logs_limit = RateLimit(email_logs.REQUESTS_A_MINUTE)
        """How often the Email Logs may be asked."""
        self.fault: Fault | None = None
        """Stands before every call to SendGrid, Resend and Slack, for tests of what happens when those fail."""
        self.mails_directory = directory / "mails" if directory is not None else None
        """Where emails are saved."""

        app = web.Application(client_max_size=max(sendgrid.MOST_BYTES, resend.MOST_BYTES))
        app.router.add_route("*", "/v3/mail/send", self._sendgrid)
        app.router.add_post("/v3/logs", self._sendgrid_logs)
        app.router.add_get("/v3/logs/{sg_message_id}", self._sendgrid_logs)
        app.router.add_get("/v3/stats", self._stats)
        for path in sender_identity.SCOPES_BY_PATH:
            app.router.add_get(path, self._sender)
        app.router.add_post(r"/v3/asm/groups/{group:\d+}/suppressions/search", self._suppressions)
        app.router.add_get("/v3/asm/suppressions/global/{email}", self._suppressions)
        app.router.add_route("*", "/v3/user/webhooks/event/{path:.*}", self._webhooks)
        app.router.add_get("/asm/unsubscribe", self._unsubscribe)
        app.router.add_post("/asm/unsubscribe", self._unsubscribe)
        app.router.add_route("*", "/emails", self._resend)
        app.router.add_route("*", "/emails/{email_id}", self._resend)
        app.router.add_route("*", "/{account:domains|webhooks}", self._resend)
        app.router.add_route("*", "/{account:domains|webhooks}/{id}", self._resend)
        app.router.add_route("*", "/services/{webhook:.*}", self._slack)
        app.router.add_post(elsewhere.WEBHOOK_PATH, self._taking("webhook", self.elsewhere.webhook))
        app.router.add_post(f"{elsewhere.SLACK_PATH}/{{method}}", self._taking("slack-api", self.elsewhere.slack))
        app.router.add_post("/slack/upload/{file_id}", self._taking("slack-api", self.elsewhere.slack_upload))
        app.router.add_post("/v1/spaces/{space}/messages", self._taking("chat", self.elsewhere.chat))
        app.router.add_post("/workflows/{workflow:.*}", self._taking("teams", self.elsewhere.teams))
        InboxApi(self.mails, self.slack_messages, self.elsewhere.received).add_to(app)
        super().__init__("inbox", app, host, port)

    async def start(self) -> None:
        """Take emails and messages.

        Raises:
            PortInUse: another process has the port.
            LocalCloudError: the directory cannot be made.
        """
        if self.mails_directory is not None:
            try:
                self.mails_directory.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise LocalCloudError(f"{self.mails_directory} cannot be made: {error}.") from error
        await super().start()
        await self.webhook.start()
        await self.resend.webhook.start()

    async def stop(self) -> None:
        """Take no more, and finish saving what came. Envelopes and messages can still be read."""
        await self.webhook.stop()
        await self.resend.webhook.stop()
        await super().stop()
        await self.saved()
        self._writer.shutdown()
        self.mails.close()

    @property
    def slack_webhook_url(self) -> str:
        """The one webhook that exists here."""
        return self.url + SLACK_WEBHOOK_PATH

    def answer_next(self, service: Service, answer: Answer, times: int = 1) -> None:
        """Answer the next calls with something else, without looking at them.

        Args:
            service: to whose calls.
            answer: what they get.
            times: how many of them.
        """
        self._next_answers[service].extend([answer] * times)

    async def saved(self) -> None:
        """Return when every email that was accepted so far is in its files."""
        if self._unsaved:
            await asyncio.wait(self._unsaved)

    async def _sendgrid(self, request: web.Request) -> web.StreamResponse:
        return await self._take("sendgrid", request, self._send_mail)

    async def _suppressions(self, request: web.Request) -> web.StreamResponse:
        return await self._take("sendgrid", request, self._look_up_suppressions)

    async def _unsubscribe(self, request: web.Request) -> web.StreamResponse:
        """Where an email's own link out of its group leads. A GET only asks: scanners of emails follow links, and so
        does a browser for any page. Mailbox providers post, without asking (RFC 8058)."""
        try:
            group, address = int(request.query["group"]), request.query["email"]
        except (KeyError, ValueError):
            return web.Response(status=HTTPStatus.BAD_REQUEST, text="There is no such link.")
        if posted := request.method == "POST":
            self.suppressions.add([address], group)
            if mail := self._latest_mail_to(address):
                self.webhook.unsubscribed(mail, address, group)
        return unsubscribe_page(email=address, group=group, done=posted)

    def _latest_mail_to(self, address: str) -> Envelope | None:
        return next(
            (mail for mail in reversed(self.mails) if address.lower() in {each.email.lower() for each in mail.to}), None
        )

    async def _sender(self, request: web.Request) -> web.StreamResponse:
        return await self._take("sendgrid", request, self._describe_sender)

    async def _stats(self, request: web.Request) -> web.StreamResponse:
        return await self._take("sendgrid-stats", request, self._statistics)

    async def _sendgrid_logs(self, request: web.Request) -> web.StreamResponse:
        return await self._take("sendgrid-logs", request, self._look_into_logs)

    async def _webhooks(self, request: web.Request) -> web.StreamResponse:
        return await self._take("sendgrid", request, self._set_webhooks_up)

    async def _resend(self, request: web.Request) -> web.StreamResponse:
        return await self._take("resend", request, self.resend.answer)

    async def _slack(self, request: web.Request) -> web.StreamResponse:
        return await self._take("slack", request, self._post_message)

    def _taking(
        self, service: Service, carry_out: Callable[[web.Request, bytes], Answer]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """A route of a service."""

        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._take(service, request, carry_out)

        return handle

    async def _take(
        self,
        service: Service,
        request: web.Request,
        carry_out: Callable[[web.Request, bytes], Answer] | Callable[[web.Request, bytes], Awaitable[Answer]],
    ) -> web.StreamResponse:
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            # What is left of it is still on its way: the connection cannot be used again.
            response = _response(TOO_LARGE if service == "resend" else _TOO_LARGE)
            response.force_close()
            return response
        if service != "resend" and len(body) > sendgrid.MOST_BYTES:
            return _response(_TOO_LARGE)

        async def carry_on() -> Answer:
            answer = carry_out(request, body)
            return answer if isinstance(answer, Answer) else await answer

        try:
            return _response(await self.answer(Call(service=service, body=body), carry_on))
        except CutConnection:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()

    async def answer(self, call: Call, carry_on: Callable[[], Awaitable[Answer]]) -> Answer:
        """Carry out a call, unless something else stands before it.

        Args:
            call: what came in.
            carry_on: carries it out.

        Raises:
            CutConnection: the connection is to be cut without an answer.
        """
        if self._next_answers[call.service]:
            return self._next_answers[call.service].popleft()
        if self.fault is not None:
            return await self.fault(call, carry_on)
        return await carry_on()

    def _send_mail(self, request: web.Request, body: bytes) -> Answer:
        if request.method != "POST":
            return _refusal(HTTPStatus.METHOD_NOT_ALLOWED, "method not allowed")
        if refusal := self._wrong_key(request, MAIL_SEND_SCOPE):
            return refusal
        if request.content_type != "application/json":
            return _refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Content-Type should be application/json.")
        try:
            payload = decode(body)
        except ValueError:
            return _refusal(HTTPStatus.BAD_REQUEST, "Bad Request")
        now = self._clock.now()
        if problems := sendgrid.find_problems(payload, now=now):
            # Not the messages: some of them quote an address.
            _log.info("An email was refused for %s", ", ".join(str(each.field) for each in problems))
            return json_answer(HTTPStatus.BAD_REQUEST, sendgrid.error_body(problems))
        key = _key_in(request)
        if not self.accounts[key].may_send(payload["from"]["email"]):
            return _refusal(HTTPStatus.FORBIDDEN, _NOT_VERIFIED, field="from")
        if sendgrid.is_sandboxed(payload):
            return Answer(status=HTTPStatus.OK)
        message_id = secrets.token_urlsafe(16)
        for number, entry in enumerate(self.suppressions.deliverable(payload)):
            reduced = with_links(payload, entry, self.url)
            name = message_id if number == 0 else f"{message_id}.{number}"
            for each in split(reduced, message_id=name, received_at=now, size=len(body)):
                mail = replace(each, envelope=replace(each.envelope, account=self._account(key)))
                is_dropped = self.webhook.is_dropped(mail.envelope.to[0].email)
                self.webhook.accepted(mail.envelope)
                self._keep_or_drop(mail, is_dropped)
        return Answer(status=HTTPStatus.ACCEPTED, headers={"X-Message-Id": message_id})

    def _wrong_key(self, request: web.Request, scope: str | None) -> Answer | None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            return _refusal(HTTPStatus.UNAUTHORIZED, "authorization required")
        if key.strip() not in self.accounts:
            return _refusal(HTTPStatus.UNAUTHORIZED, "The provided authorization grant is invalid, expired, or revoked")
        if scope is not None and scope not in self.sendgrid_scopes:
            return _refusal(HTTPStatus.FORBIDDEN, "access forbidden")
        return None

    def _account(self, key: str) -> str:
        """How envelopes name the account of a key."""
        return "" if key == self._sendgrid_api_key else key

    def webhooks_of(self, key: str) -> WebhookSettings:
        """The Event Webhooks of an account, by its key."""
        if key == self._sendgrid_api_key:
            return self.webhook_settings
        if key not in self._other_webhooks:
            self._other_webhooks[key] = WebhookSettings(self._clock)
            self._other_webhooks[key].addresses = self.webhook_settings.addresses
            if self.webhook.url is not None:
                self._other_webhooks[key].add(self.webhook.url, self.webhook.key)
        return self._other_webhooks[key]

    def _look_into_logs(self, request: web.Request, body: bytes) -> Answer:
        if refusal := self._wrong_key(request, EMAIL_LOGS_SCOPE):
            return refusal
        now = self._clock.now()
        if self.logs_limit.take(now):
            answer = self._log_entry(request, now) if request.method == "GET" else self._log_entries(request, body, now)
        else:
            answer = _refusal(HTTPStatus.TOO_MANY_REQUESTS, "too many requests")
        # https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/rate-limits
        limits = {
            "X-RateLimit-Limit": str(self.logs_limit.requests),
            "X-RateLimit-Remaining": str(self.logs_limit.remaining),
            "X-RateLimit-Reset": str(self.logs_limit.reset),
        }
        return replace(answer, headers={**answer.headers, **limits})

    def _log_entries(self, request: web.Request, body: bytes, now: datetime) -> Answer:
        try:
            asked = decode(body)
            query, limit = asked.get("query", ""), asked.get("limit", email_logs.DEFAULT_LIMIT)
            subusers = asked.get("subusers", [])
        except (ValueError, AttributeError):
            return _refusal(HTTPStatus.BAD_REQUEST, "Bad Request")
        if type(limit) is not int or not email_logs.LEAST_LIMIT <= limit <= email_logs.MOST_LIMIT:
            return _refusal(HTTPStatus.BAD_REQUEST, "limit must be between 1 and 1000", field="limit")
        if not isinstance(subusers, list) or len(subusers) > 1:
            return _refusal(HTTPStatus.BAD_REQUEST, "subusers must have at most one element", field="subusers")
        if not isinstance(query, str):
            return _refusal(HTTPStatus.BAD_REQUEST, "query must be a string", field="query")
        try:
            matches = email_logs.read_query(query)
        except email_logs.InvalidQuery as error:
            return _refusal(HTTPStatus.BAD_REQUEST, str(error), field="query")
        account = self._account(_key_in(request))
        found = self.webhook.logs.find(matches, limit=limit, delay=self.logs_delay, now=now, account=account)
        return json_answer(HTTPStatus.OK, {"messages": list(found)})

    def _log_entry(self, request: web.Request, now: datetime) -> Answer:
        message_id = request.match_info["sg_message_id"]
        account = self._account(_key_in(request))
        found = self.webhook.logs.read(message_id, delay=self.logs_delay, now=now, account=account)
        return json_answer(HTTPStatus.OK, found) if found else _refusal(HTTPStatus.NOT_FOUND, "message not found")

    def _describe_sender(self, request: web.Request, _body: bytes) -> Answer:
        if refusal := self._wrong_key(request, sender_identity.SCOPES_BY_PATH[request.path]):
            return refusal
        try:
            return json_answer(
                HTTPStatus.OK, self.accounts[_key_in(request)].answer(request.path, request.query, self.sendgrid_scopes)
            )
        except InvalidPage as error:
            return _refusal(HTTPStatus.BAD_REQUEST, str(error))

    def _statistics(self, request: web.Request, _body: bytes) -> Answer:
        if refusal := self._wrong_key(request, STATS_SCOPE):
            return refusal
        today = self._clock.now().date()
        try:
            first = date.fromisoformat(request.query["start_date"])
            last = date.fromisoformat(request.query.get("end_date", f"{today}"))
        except (KeyError, ValueError):
            return _refusal(HTTPStatus.BAD_REQUEST, "start_date and end_date must be dates, such as 2026-11-24")
        if request.query.get("aggregated_by", "day") != "day":
            return _refusal(HTTPStatus.BAD_REQUEST, "the local inbox counts by day only")
        if self._account(_key_in(request)):
            # The deployment's own account has the figures of all.
            return json_answer(HTTPStatus.OK, [])
        return json_answer(HTTPStatus.OK, list(self.webhook.stats(first, min(last, today))))

    def _look_up_suppressions(self, request: web.Request, body: bytes) -> Answer:
        if refusal := self._wrong_key(request, SUPPRESSIONS_SCOPE):
            return refusal
        if address := request.match_info.get("email"):
            found = {"recipient_email": address.lower()} if self.suppressions.is_global(address) else {}
            return json_answer(HTTPStatus.OK, found)
        try:
            addresses = decode(body)["recipient_emails"]
        except (ValueError, TypeError, KeyError):
            return _refusal(HTTPStatus.BAD_REQUEST, "recipient_emails is required")
        if not isinstance(addresses, list) or not all(isinstance(each, str) for each in addresses):
            return _refusal(HTTPStatus.BAD_REQUEST, "recipient_emails is not an array of strings")
        return json_answer(HTTPStatus.OK, self.suppressions.within(int(request.match_info["group"]), addresses))

    async def _set_webhooks_up(self, request: web.Request, body: bytes) -> Answer:
        path = request.match_info["path"]
        if refusal := self._wrong_key(request, webhook_settings.scope_of(request.method, path)):
            return refusal
        try:
            given = decode(body) if body else None
            answer = await self.webhooks_of(_key_in(request)).carry_out(request.method, path, given)
        except webhook_settings.SettingsRefused as refused:
            return json_answer(refused.status, {"errors": [refused.error]})
        except ValueError:
            return _refusal(HTTPStatus.BAD_REQUEST, "Bad Request")
        if answer is None:
            return Answer(status=HTTPStatus.NO_CONTENT)
        return json_answer(HTTPStatus.CREATED if request.method == "POST" else HTTPStatus.OK, answer)

    def _keep_or_drop(self, mail: Mail, is_dropped: bool) -> None:
        if is_dropped:
            self.dropped.append(mail.envelope)
        else:
            self.keep(mail)

    def keep(self, mail: Mail) -> None:
        """Keep an email that was accepted."""
        self.mails.add(mail)
        if self.mails_directory is not None:
            saving = asyncio.get_running_loop().run_in_executor(self._writer, save, mail, self.mails_directory)
            self._unsaved.add(saving)
            saving.add_done_callback(self._unsaved.discard)

    def _post_message(self, request: web.Request, body: bytes) -> Answer:
        if request.method != "POST":
            return _text(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed")
        if refusal := _wrong_webhook(request.path):
            return _text(refusal.status, refusal.answer)
        try:
            payload = decode(_slack_payload(request, body))
        except ValueError as error:
            _log.warning("Slack would answer invalid_payload: %s", error)
            return _text(HTTPStatus.BAD_REQUEST, "invalid_payload")
        if refusal := slack.find_refusal(payload):
            _log.warning("Slack would answer %s: %s", refusal.answer, refusal.detail)
            return _text(refusal.status, refusal.answer)
        now = self._clock.now()
        last = self._last_slack_message
        if self._slack_rate_limit and last is not None and now - last < SLACK_PAUSE:
            return Answer(status=HTTPStatus.TOO_MANY_REQUESTS, body=b"rate_limited", headers={"Retry-After": "1"})
        self._last_slack_message = now
        self.slack_messages.append(SlackMessage(id=len(self.slack_messages) + 1, received_at=now, payload=payload))
        return _text(HTTPStatus.OK, "ok")


def _key_in(request: web.Request) -> str:
    return request.headers.get("Authorization", "").partition(" ")[2].strip()


def _keys_of(prefix: str, domains: Mapping[str, Collection[str]], own: Collection[str]) -> dict[str, Collection[str]]:
    """The domains of a provider's further accounts, by their keys."""
    return {key: each for key, each in domains.items() if key.startswith(prefix) and key not in own}


def _wrong_webhook(path: str) -> slack.Refusal | None:
    given, existing = path.split("/")[2:], SLACK_WEBHOOK_PATH.split("/")[2:]
    if len(given) != len(existing):
        return slack.Refusal("no_service_id", path, HTTPStatus.NOT_FOUND)
    if given[0] != existing[0]:
        return slack.Refusal("no_team", path, HTTPStatus.NOT_FOUND)
    if given[1] != existing[1]:
        return slack.Refusal("no_service", path, HTTPStatus.NOT_FOUND)
    if given[2] != existing[2]:
        return slack.Refusal("invalid_token", path, HTTPStatus.FORBIDDEN)
    return None


def _slack_payload(request: web.Request, body: bytes) -> bytes:
    """The JSON of a webhook's call: the body, or a form's field `payload`."""
    if request.content_type != "application/x-www-form-urlencoded":
        return body
    fields = parse_qs(body)
    if b"payload" not in fields:
        raise ValueError("the form has no field payload")
    return fields[b"payload"][0]


def _response(answer: Answer) -> web.Response:
    return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


def _refusal(status: HTTPStatus, message: str, *, field: str | None = None) -> Answer:
    return json_answer(status, sendgrid.error_body([sendgrid.Problem(message, field)]))


_TOO_LARGE = _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "content too large")


def _text(status: HTTPStatus, text: str) -> Answer:
    return Answer(status=status, body=text.encode(), headers={"Content-Type": "text/html"})
