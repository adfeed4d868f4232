"""The settings of SendGrid's Event Webhooks: the API by which they are made, signed and tested.

What is made by the API only stands in the settings, and gets example events: the events of the inbox's emails go where
`EventWebhook` sends them, which the settings show, too. https://www.twilio.com/docs/sendgrid/api-reference/webhooks
"""

import json
import logging
import secrets
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from local_cloud.clock import Clock
from local_pipeline.inbox.event_webhook import WebhookKey

MOST_WEBHOOKS = 5
"""The plan's; other plans allow fewer."""

EVENTS = (
    *("bounce", "click", "deferred", "delivered", "dropped", "group_resubscribe", "group_unsubscribe", "open"),
    *("processed", "spam_report", "unsubscribe"),
)
_SWITCHES = ("enabled", *EVENTS)
_TEXTS = ("friendly_name", "oauth_client_id", "oauth_client_secret", "oauth_token_url")
_CALL_SECONDS = 10.0

_READ, _CHANGE, _TEST = SCOPES = (
    "user.webhooks.event.settings.read",
    "user.webhooks.event.settings.update",
    "user.webhooks.event.test.create",
)
"""What a key needs. https://www.twilio.com/docs/sendgrid/api-reference/api-key-permissions"""

_EXAMPLES: tuple[dict[str, Any], ...] = (
    {"event": "processed"},
    {"event": "deferred", "response": "400 try again later", "attempt": "5"},
    {"event": "delivered", "response": "250 OK"},
    {"event": "bounce", "reason": "500 unknown recipient", "status": "5.0.0"},
    {"event": "spamreport"},
)
"""Of emails that do not exist: no example has a custom argument."""

_log = logging.getLogger(__name__)


def scope_of(method: str, path: str) -> str:
    """What the key must be allowed for a call."""
    if path == "test":
        return _TEST
    return _READ if method == "GET" else _CHANGE


class SettingsRefused(Exception):
    """The API refuses it.

    Attributes:
        status: the answer's.
        error: what stands in the answer's `errors`.
    """

    def __init__(self, message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST, **more: str) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"message": message, **more}


@dataclass
class _Webhook:
    """One that was made.

    Attributes:
        fields: its settings, as the API shows them.
        key: signs its calls; None while the signature is off.
    """

    fields: dict[str, Any]
    key: WebhookKey | None = None


class WebhookSettings:
    """The webhooks of the account.

    Args:
        clock: what time it is.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._all: dict[str, _Webhook] = {}
        self.most = MOST_WEBHOOKS
        """How many the plan allows."""
        self.addresses: dict[str, str] = {}
        """Where the hosts of URLs are on this machine, such as `https://function.run.app`: `http://127.0.0.1:8080`."""

    def add(self, url: str, key: WebhookKey) -> None:
        """Add a webhook that is on, is signed and sends all events but those about what recipients read.

        Args:
            url: where to.
            key: signs its calls.
        """
        created = self._create(
            {"url": url, "enabled": True, **{name: name not in {"open", "click"} for name in EVENTS}}
        )
        self._all[created["id"]].key = key

    async def carry_out(self, method: str, path: str, given: Any) -> dict[str, Any] | None:
        """Do what a call asks for.

        Args:
            method: of HTTP.
            path: behind `/v3/user/webhooks/event/`.
            given: the body, decoded.

        Returns:
            What the answer has; None for an answer without a body.

        Raises:
            SettingsRefused: the API does not do this.
        """
        match method, path.split("/"):
            case "POST", ["test"]:
                await self._test(given)
                return None
            case "POST", ["settings"]:
                return self._create(given)
            case "GET", ["settings", "all"]:
                # Without any, there is an empty one, as in SendGrid's own example.
                return {"max_allowed": self.most, "webhooks": [_shown(each) for each in self._all.values()] or [{}]}
            case "GET", ["settings", webhook_id]:
                return _shown(self._get(webhook_id))
            case "PATCH", ["settings", webhook_id]:
                return self._update(self._get(webhook_id), given)
            case "DELETE", ["settings", webhook_id]:
                self._get(webhook_id)
                del self._all[webhook_id]
                return None
            case "GET", ["settings", "signed", webhook_id]:
                return _public_key(self._get(webhook_id))
            case "PATCH", ["settings", "signed", webhook_id]:
                return _sign(self._get(webhook_id), given)
        raise SettingsRefused("method not allowed", HTTPStatus.METHOD_NOT_ALLOWED)

    def _create(self, given: Any) -> dict[str, Any]:
        fields = self._checked(given)
        if len(self._all) >= self.most:
            raise SettingsRefused("You have reached the maximum number of webhooks per your current billing plan.")
        webhook_id = secrets.token_hex(16)
        now = self._now()
        webhook = _Webhook(
            {**dict.fromkeys(_SWITCHES, False), **fields, "id": webhook_id, "created_date": now, "updated_date": now}
        )
        self._all[webhook_id] = webhook
        return _shown(webhook)

    def _update(self, webhook: _Webhook, given: Any) -> dict[str, Any]:
        webhook.fields |= self._checked(given, updated=webhook) | {"updated_date": self._now()}
        return _shown(webhook)

    def _now(self) -> str:
        return f"{self._clock.now():%Y-%m-%dT%H:%M:%SZ}"

    async def _test(self, given: Any) -> None:
        """Send example events. How the call is answered makes no difference."""
        if not isinstance(given, dict) or not _is_url(given.get("url")):
            raise SettingsRefused("url is required")
        webhook = self._get(given["id"]) if given.get("id") else None
        now = self._clock.now()
        events = [
            {
                "email": "example@test.com",
                "timestamp": int(now.timestamp()),
                "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>",
                "category": ["cat facts"],
                "sg_event_id": secrets.token_urlsafe(16),
                "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
                **example,
            }
            for example in _EXAMPLES
        ]
        body = json.dumps(events).encode()
        headers = {"Content-Type": "application/json"}
        if webhook and webhook.key:
            headers = webhook.key.headers(body, at=now)
        timeout = aiohttp.ClientTimeout(total=_CALL_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(self._on_this_machine(given["url"]), data=body, headers=headers) as answer,
            ):
                _log.info("The example events were answered %s", answer.status)
        except (aiohttp.ClientError, TimeoutError) as error:
            _log.info("The example events could not be sent: %s", type(error).__name__)

    def _on_this_machine(self, url: str) -> str:
        for address, local in self.addresses.items():
            if url.startswith(f"{address}/"):
                return local + url.removeprefix(address)
        return url

    def _get(self, webhook_id: Any) -> _Webhook:
        try:
            return self._all[webhook_id]
        except (KeyError, TypeError):
            raise SettingsRefused("Invalid id provided.", HTTPStatus.NOT_FOUND) from None

    def _checked(self, given: Any, *, updated: _Webhook | None = None) -> dict[str, Any]:
        if not isinstance(given, dict):
            raise SettingsRefused("Bad Request")
        for name, value in given.items():
            kind: tuple[type, ...]
            if name in _SWITCHES:
                kind = (bool,)
            elif name in _TEXTS:
                kind = (str, type(None))
            elif name == "url":
                kind = (str,)
            else:
                raise SettingsRefused(f"{name} is not a valid parameter")
            if not isinstance(value, kind):
                raise SettingsRefused(f"{name} has an invalid type")
        url = given.get("url")
        if not _is_url(url):
            raise SettingsRefused(f"'{url or ''}' is not a valid url")
        for webhook in self._all.values():
            if webhook is not updated and webhook.fields["url"] == url:
                message = f"Webhook at '{url}' already exists. Please provide a unique URL."
                raise SettingsRefused(message, id=webhook.fields["id"], url=url)
        return given


def _is_url(url: object) -> bool:
    parts = urlsplit(url if isinstance(url, str) else "")
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def _sign(webhook: _Webhook, given: Any) -> dict[str, str]:
    """Each time that the signature is turned on, there is another key."""
    if not isinstance(given, dict) or not isinstance(given.get("enabled"), bool):
        raise SettingsRefused("enabled must be a boolean")
    if given["enabled"] != (webhook.key is not None):
        webhook.key = WebhookKey() if given["enabled"] else None
    return _public_key(webhook)


def _public_key(webhook: _Webhook) -> dict[str, str]:
    return {"id": webhook.fields["id"], "public_key": webhook.key.public if webhook.key else ""}


def _shown(webhook: _Webhook) -> dict[str, Any]:
    # A secret that was given is not shown again.
    shown = {name: value for name, value in webhook.fields.items() if name != "oauth_client_secret"}
    return shown | ({"public_key": webhook.key.public} if webhook.key else {})
