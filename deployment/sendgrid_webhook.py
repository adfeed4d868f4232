"""Sets SendGrid's Event Webhook up, by SendGrid's API.

    sendgrid_webhook.py HOST prepare URL NAME EVENTS [--dry-run]   makes the webhook as it is to be, signed, and not on
    sendgrid_webhook.py HOST start URL [--dry-run]                 turns it on, and has SendGrid send an example
    sendgrid_webhook.py HOST remove URL [--dry-run]

EVENTS has commas in between. webhook_setup.py says what is printed; besides that:

    off WHAT                       the webhook is not turned on yet
    tested WHAT

https://www.twilio.com/docs/sendgrid/api-reference/webhooks
"""

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from deployment.mail_api import MailApi, Refused, Unreachable
from deployment.webhook_setup import WebhookSetup, exit_status, read_key, say

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


@dataclass(frozen=True)
class Webhook:
    """An Event Webhook of the account.

    Attributes:
        url: where SendGrid sends events.
        name: what people call it; need not be unique.
        events: the events that it sends, as the settings name them.
        public_key: with which its calls are signed; empty if they are not.
    """

    id: str
    url: str
    name: str
    enabled: bool
    events: frozenset[str]
    public_key: str


def list_webhooks(api: MailApi) -> list[Webhook]:
    """All Event Webhooks of the account.

    Raises:
        MailApiError: see `MailApi.call`.
    """
    path = f"{_PATH}/settings/all"
    answer = api.call("GET", path)
    try:
        # SendGrid's own example of an account without webhooks has an empty object in the list.
        return [_read(each) for each in answer["webhooks"] or () if each.get("id")]
    except (LookupError, TypeError, AttributeError):
        raise Unreachable(f"SendGrid answered GET {path} with no list of webhooks") from None


def find_webhook(api: MailApi, url: str) -> Webhook | None:
    """The webhook that sends to a URL: SendGrid allows one.

    Raises:
        MailApiError: see `MailApi.call`.
    """
    return next((each for each in list_webhooks(api) if each.url == url), None)


def _read(fields: dict[str, Any]) -> Webhook:
    """Read a webhook. Its id becomes part of a URL, and its key a line.

    Raises:
        LookupError, TypeError, AttributeError: it is none.
    """
    webhook = Webhook(
        id=fields["id"],
        url=fields.get("url") or "",
        name=fields.get("friendly_name") or "",
        enabled=bool(fields.get("enabled")),
        events=frozenset(event for event in ALL_EVENTS if fields.get(event)),
        public_key=fields.get("public_key") or "",
    )
    if not _ID.fullmatch(webhook.id) or not _KEY.fullmatch(webhook.public_key):
        raise LookupError("an id or a key is none")
    return webhook


class SendGridSetup(WebhookSetup):
    """Makes one webhook as it is to be."""

    def prepare(self, name: str, events: Iterable[str]) -> None:
        """Make the webhook, with these events and signed, and print the key. One that is new is turned on later, by
        `start`: until the function runs with the key, its calls would fail.

        Args:
            name: what people read in SendGrid's settings, for a new webhook.
            events: as the settings name them.

        Raises:
            MailApiError: see `MailApi.call`.
        """
        wanted = frozenset(events)
        webhook = find_webhook(self._api, self._url)
        if webhook is None:
            webhook = Webhook(id="", url=self._url, name=name, enabled=False, events=wanted, public_key="")
            answer = self._change("POST", f"{_PATH}/settings", _fields(webhook))
            say("created", self._what)
            if self._dry_run:
                return
            try:
                webhook = _read(answer)
            except (LookupError, TypeError, AttributeError):
                raise Unreachable(f"SendGrid answered POST {_PATH}/settings with no webhook") from None
        elif webhook.events != wanted:
            self._change("PATCH", f"{_PATH}/settings/{webhook.id}", _fields(replace(webhook, events=wanted)))
            say("changed", f"events of the {self._what}")
        else:
            say("unchanged", self._what)
        key = webhook.public_key
        if not key:
            answer = self._change("PATCH", f"{_PATH}/settings/signed/{webhook.id}", {"enabled": True})
            say("changed", f"signature of the {self._what} is on")
            if not self._dry_run:
                key = _read_key(answer)
        if key:
            say("key", key)
        if not webhook.enabled:
            say("off", self._what)

    def start(self) -> None:
        """Turn the webhook on if it is not, and have SendGrid send an example event.

        Raises:
            MailApiError: see `MailApi.call`.
        """
        webhook = find_webhook(self._api, self._url)
        if webhook is None:
            return
        if not webhook.enabled:
            self._change("PATCH", f"{_PATH}/settings/{webhook.id}", _fields(replace(webhook, enabled=True)))
            say("changed", f"{self._what} is on")
        self._change("POST", f"{_PATH}/test", {"id": webhook.id, "url": self._url})
        say("tested", self._what)

    def remove(self) -> None:
        """Delete the webhook if it is there.

        Raises:
            MailApiError: see `MailApi.call`.
        """
        webhook = find_webhook(self._api, self._url)
        if webhook is not None:
            self._change("DELETE", f"{_PATH}/settings/{webhook.id}")
            say("removed", self._what)


def _read_key(answer: Any) -> str:
    key = answer.get("public_key") if isinstance(answer, dict) else None
    if not isinstance(key, str) or not key or not _KEY.fullmatch(key):
        raise Unreachable("SendGrid has turned the signature on and shows no public key")
    return key


def _fields(webhook: Webhook) -> dict[str, object]:
    """As the API takes them. All of them, since it does not say what it does about those that are left out."""
    events = {event: event in webhook.events for event in sorted(ALL_EVENTS)}
    return {"url": webhook.url, "enabled": webhook.enabled, "friendly_name": webhook.name, **events}


def _hint(error: Refused) -> str:
    return ". Delete one that you need no more" if "maximum number of webhooks" in str(error) else ""


def main(arguments: list[str]) -> int:
    """Carry out one command; returns the exit status."""
    host, command, url, *rest = [each for each in arguments if each != "--dry-run"]
    setup = SendGridSetup(MailApi("SendGrid", host, read_key()), url, dry_run="--dry-run" in arguments)

    def carry_out() -> None:
        if command == "prepare":
            name, events = rest
            setup.prepare(name, events.split(","))
        elif command == "start":
            setup.start()
        else:
            setup.remove()

    return exit_status(carry_out, needs=SCOPES, hint=_hint)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
