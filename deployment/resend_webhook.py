"""Sets Resend's webhook up, by Resend's API. https://resend.com/docs/api-reference/webhooks/create-webhook"""

import re
from collections.abc import Iterable
from typing import Any

from deployment.mail_api import MailApi, Unreachable
from deployment.webhook_setup import Webhook, WebhookSetup

EVENTS = {
    "bounce": ("email.bounced",),
    "dropped": ("email.failed", "email.suppressed"),
    "spam_report": ("email.complained",),
    "deferred": ("email.delivery_delayed",),
    "delivered": ("email.delivered",),
    "processed": ("email.sent",),
}
"""Resend's names of what SendGrid calls so. Resend keeps no list of those who unsubscribe from such emails.
https://resend.com/docs/webhooks/event-types"""

_PATH = "/webhooks"
_PAGE = 100
_MOST_PAGES = 20
_ID = re.compile(r"[A-Za-z0-9_-]+")
_SECRET = re.compile(r"[A-Za-z0-9_+/=]+")


def read_pages(api: MailApi, path: str) -> list[dict[str, Any]]:
    """All of a list, page by page. https://resend.com/docs/api-reference/pagination"""
    found: list[dict[str, Any]] = []
    after = ""
    for _page in range(_MOST_PAGES):
        answer = api.call("GET", f"{path}?limit={_PAGE}{after}")
        found += [dict(each) for each in answer["data"]]
        if not answer.get("has_more") or not found or not _ID.fullmatch(found[-1]["id"]):
            break
        after = f"&after={found[-1]['id']}"
    return found


def find_webhooks(api: MailApi, url: re.Pattern[str]) -> list[Webhook]:
    """The webhooks that send to a URL. One question for each: Resend's lists leave the secrets out."""
    try:
        listed = [each for each in read_pages(api, _PATH) if _ID.fullmatch(each["id"])]
        return [_whole(api, each["id"]) for each in listed if url.fullmatch(each["endpoint"])]
    except (LookupError, TypeError, AttributeError, ValueError):
        raise Unreachable(f"Resend answered GET {_PATH} with no list of webhooks") from None


def _whole(api: MailApi, webhook_id: str) -> Webhook:
    """https://resend.com/docs/api-reference/webhooks/get-webhook"""
    fields = api.call("GET", f"{_PATH}/{webhook_id}")
    return Webhook(
        id=webhook_id,
        url=str(fields["endpoint"]),
        enabled=fields["status"] == "enabled",
        events=frozenset(map(str, fields["events"] or ())),
        key=_secret(fields),
    )


def _secret(fields: Any) -> str:
    """The signing secret, which becomes a line."""
    secret = fields["signing_secret"]
    if not _SECRET.fullmatch(secret):
        raise LookupError("a secret is none")
    return str(secret)


class ResendSetup(WebhookSetup):
    needs = "full access"

    @staticmethod
    def names(events: Iterable[str]) -> list[str]:
        return sorted(name for event in events for name in EVENTS.get(event, ()))

    def prepare(self, _name: str, events: Iterable[str]) -> tuple[str, bool]:
        """Make the webhook, with these events and on; return its secret, empty of one that a dry run does not make.
        Calls that come before the function takes them are not lost: Resend repeats them for a day.
        https://resend.com/docs/webhooks/retries-and-replays"""
        wanted = self.names(events)
        webhook = next(iter(find_webhooks(self._api, re.compile(re.escape(self._url)))), None)
        if webhook is None:
            answer = self._change("POST", _PATH, {"endpoint": self._url, "events": wanted})
            self._note("created", self._what)
            try:
                return "" if self._dry_run else _secret(answer), True
            except (LookupError, TypeError):
                raise Unreachable(f"Resend answered POST {_PATH} with no secret") from None
        if webhook.events != frozenset(wanted) or not webhook.enabled:
            self._change("PATCH", f"{_PATH}/{webhook.id}", {"events": wanted, "status": "enabled"})
            self._note("changed", f"events of the {self._what}" if webhook.enabled else f"{self._what} is on")
        else:
            self._note("unchanged", self._what)
        return webhook.key, True

    def remove(self) -> None:
        for webhook in find_webhooks(self._api, re.compile(re.escape(self._url))):
            self._change("DELETE", f"{_PATH}/{webhook.id}")
            self._note("removed", self._what)
