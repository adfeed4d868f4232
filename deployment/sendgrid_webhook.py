"""Sets SendGrid's Event Webhook up, by SendGrid's API.

https://www.twilio.com/docs/sendgrid/api-reference/webhooks
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from deployment.mail_api import MailApi, MailApiError, Unreachable
from deployment.webhook_setup import Webhook, WebhookSetup

ALL_EVENTS = frozenset(
    {
        *("processed", "deferred", "delivered", "bounce", "dropped", "spam_report", "open", "click"),
        *("unsubscribe", "group_unsubscribe", "group_resubscribe"),
    }
)
"""As the webhook's settings name them. `deploy.sh` never asks for `open` and `click`."""

SCOPES = "user.webhooks.event.settings.read, user.webhooks.event.settings.update, user.webhooks.event.test.create"
"""What a key needs. https://www.twilio.com/docs/sendgrid/api-reference/api-key-permissions"""

_PATH = "/v3/user/webhooks/event"
_ID = re.compile(r"[A-Za-z0-9_-]+")
_KEY = re.compile(r"[A-Za-z0-9+/=]*")


def list_webhooks(api: MailApi) -> list[Webhook]:
    path = f"{_PATH}/settings/all"
    answer = api.call("GET", path)
    try:
        # SendGrid's own example of an account without webhooks has an empty object in the list.
        return [_read(each) for each in answer["webhooks"] or () if each.get("id")]
    except (LookupError, TypeError, AttributeError):
        raise Unreachable(f"SendGrid answered GET {path} with no list of webhooks") from None


def find_webhook(api: MailApi, url: str) -> Webhook | None:
    """The webhook that sends to a URL: SendGrid allows one."""
    return next((each for each in list_webhooks(api) if each.url == url), None)


def _read(fields: dict[str, Any]) -> Webhook:
    """Read a webhook. Its id becomes part of a URL, and its key a line."""
    webhook = Webhook(
        id=fields["id"],
        url=fields.get("url") or "",
        name=fields.get("friendly_name") or "",
        enabled=bool(fields.get("enabled")),
        events=frozenset(event for event in ALL_EVENTS if fields.get(event)),
        key=fields.get("public_key") or "",
    )
    if not _ID.fullmatch(webhook.id) or not _KEY.fullmatch(webhook.key):
        raise LookupError("an id or a key is none")
    return webhook


class SendGridSetup(WebhookSetup):
    needs = SCOPES

    def reason(self, error: MailApiError) -> str:
        is_full = "maximum number of webhooks" in str(error)
        return f"{super().reason(error)}{'. Delete one that you need no more' if is_full else ''}"

    def prepare(self, name: str, events: Iterable[str]) -> tuple[str, bool]:
        """Make the webhook, with these events and signed; return its key, empty of one that a dry run does not make,
        and whether it is on. One that is new is turned on later, by `start`: until the function runs with the key, its
        calls would fail."""
        wanted = frozenset(events)
        webhook = find_webhook(self._api, self._url)
        if webhook is None:
            webhook = Webhook(url=self._url, name=name, events=wanted)
            answer = self._change("POST", f"{_PATH}/settings", _fields(webhook))
            self._note("created", self._what)
            try:
                webhook = webhook if self._dry_run else _read(answer)
            except (LookupError, TypeError, AttributeError):
                raise Unreachable(f"SendGrid answered POST {_PATH}/settings with no webhook") from None
        elif webhook.events != wanted:
            self._change("PATCH", f"{_PATH}/settings/{webhook.id}", _fields(replace(webhook, events=wanted)))
            self._note("changed", f"events of the {self._what}")
        else:
            self._note("unchanged", self._what)
        key = webhook.key
        if not key:
            answer = self._change("PATCH", f"{_PATH}/settings/signed/{webhook.id}", {"enabled": True})
            self._note("changed", f"signature of the {self._what} is on")
            if not self._dry_run:
                key = _read_key(answer)
        return key, webhook.enabled

    def start(self) -> None:
        """Turn the webhook on if it is not, and have SendGrid send an example event."""
        webhook = find_webhook(self._api, self._url) or Webhook(url=self._url)
        if not webhook.enabled:
            self._change("PATCH", f"{_PATH}/settings/{webhook.id}", _fields(replace(webhook, enabled=True)))
            self._note("changed", f"{self._what} is on")
        self._change("POST", f"{_PATH}/test", {"id": webhook.id, "url": self._url})
        self._note("tested", f"{self._what}, by example events, which the log has as events_taken")

    def remove(self) -> None:
        webhook = find_webhook(self._api, self._url)
        if webhook is not None:
            self._change("DELETE", f"{_PATH}/settings/{webhook.id}")
            self._note("removed", self._what)


def _read_key(answer: Any) -> str:
    key = answer.get("public_key") if isinstance(answer, dict) else None
    if not isinstance(key, str) or not key or not _KEY.fullmatch(key):
        raise Unreachable("SendGrid has turned the signature on and shows no public key")
    return key


def _fields(webhook: Webhook) -> dict[str, object]:
    """As the API takes them. All of them, since it does not say what it does about those that are left out."""
    events = {event: event in webhook.events for event in sorted(ALL_EVENTS)}
    return {"url": webhook.url, "enabled": webhook.enabled, "friendly_name": webhook.name, **events}
