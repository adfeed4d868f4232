"""What a Resend account holds besides emails: its domain and its webhooks.

https://resend.com/docs/api-reference/domains/list-domains
https://resend.com/docs/api-reference/webhooks/create-webhook
"""

import uuid
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from local_pipeline.inbox.faults import Answer
from local_pipeline.inbox.json_body import decode, json_answer
from local_pipeline.inbox.resend import Refusal
from local_pipeline.inbox.resend_webhook import ResendWebhook, WebhookSecret

_OWN_EVENTS = (
    *("email.sent", "email.delivery_delayed", "email.delivered", "email.bounced", "email.complained"),
    "email.suppressed",
)


def domain_fields(name: str, *, status: str = "verified") -> dict[str, Any]:
    """A domain as Resend shows it, with the records that it asks for.

    Args:
        name: the domain.
        status: how far its verification is; that of each record, too.
    """
    return {
        "object": "domain",
        "id": str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
        "name": name,
        "status": status,
        "created_at": "2026-01-01 00:00:00.000000+00",
        "region": "us-east-1",
        "capabilities": {"sending": "enabled", "receiving": "disabled"},
        "records": [
            {"record": "DKIM", "name": "resend._domainkey", "type": "TXT", "value": "p=MIIB", "status": status},
            {
                "record": "SPF",
                "name": "send",
                "type": "MX",
                "value": "feedback-smtp.us-east-1.amazonses.com",
                "priority": 10,
                "status": status,
            },
            {
                "record": "SPF",
                "name": "send",
                "type": "TXT",
                "value": '"v=spf1 include:amazonses.com ~all"',
                "status": status,
            },
        ],
    }


class ResendAccount:
    """Shows domains, and shows and changes webhooks. Only the inbox's own webhook gets events.

    Args:
        sender_domains: the domains that are verified.
        webhook: the inbox's own.
    """

    def __init__(self, sender_domains: Sequence[str], webhook: ResendWebhook) -> None:
        self.domains = [*map(domain_fields, sender_domains)]
        """As Resend shows them."""
        self.webhooks: dict[str, dict[str, Any]] = {}
        """As Resend shows them, by their ids."""
        if webhook.url is not None:
            self.add_webhook(webhook.url, _OWN_EVENTS, webhook.secret)

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        """Carry a request out.

        Args:
            method: of HTTP.
            path: `/domains` or `/webhooks`, with an id behind it where one is meant.
            body: what was posted.
        """
        what, _, of = path.strip("/").partition("/")
        match (method, what, bool(of)):
            case ("GET", "domains", False):
                return _list([{k: v for k, v in each.items() if k != "records"} for each in self.domains])
            case ("GET", "domains", True):
                return _show({each["id"]: each for each in self.domains}, of)
            case ("GET", "webhooks", False):
                hidden = {"object", "signing_secret"}
                return _list([{k: v for k, v in each.items() if k not in hidden} for each in self.webhooks.values()])
            case ("POST", "webhooks", False):
                wanted = decode(body)
                made = self.add_webhook(wanted["endpoint"], wanted["events"])
                return json_answer(HTTPStatus.CREATED, {k: made[k] for k in ("object", "id", "signing_secret")})
            case ("GET", "webhooks", True):
                return _show(self.webhooks, of)
            case ("PATCH", "webhooks", True) if of in self.webhooks:
                self.webhooks[of] |= decode(body)
                return json_answer(HTTPStatus.OK, {"object": "webhook", "id": of})
            case ("DELETE", "webhooks", True) if of in self.webhooks:
                del self.webhooks[of]
                return json_answer(HTTPStatus.OK, {"object": "webhook", "id": of, "deleted": True})
        return _not_found()

    def add_webhook(self, endpoint: str, events: Sequence[str], secret: WebhookSecret | None = None) -> dict[str, Any]:
        """Make a webhook that is on.

        Args:
            endpoint: where it sends to.
            events: their types.
            secret: signs its calls; a new one by default.

        Returns:
            The webhook as Resend shows it.
        """
        webhook_id = str(uuid.uuid4())
        self.webhooks[webhook_id] = {
            "object": "webhook",
            "id": webhook_id,
            "endpoint": endpoint,
            "events": list(events),
            "status": "enabled",
            "created_at": "2026-01-01 00:00:00.000000+00",
            "signing_secret": (secret or WebhookSecret()).text,
        }
        return self.webhooks[webhook_id]


def _list(data: list[dict[str, Any]]) -> Answer:
    return json_answer(HTTPStatus.OK, {"object": "list", "has_more": False, "data": data})


def _show(things: Mapping[str, dict[str, Any]], of: str) -> Answer:
    return json_answer(HTTPStatus.OK, things[of]) if of in things else _not_found()


def _not_found() -> Answer:
    refusal = Refusal(status=HTTPStatus.NOT_FOUND, name="not_found", message="The requested endpoint does not exist.")
    return json_answer(refusal.status, refusal.body)
