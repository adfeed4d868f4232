"""What SendGrid knows of the sender, by SendGrid's own client."""

from collections.abc import Iterator
from typing import Any

import pytest
from python_http_client.exceptions import BadRequestsError, ForbiddenError, UnauthorizedError
from sendgrid import SendGridAPIClient

from local_cloud.clock import Clock
from local_pipeline.inbox.event_webhook import EventWebhook, WebhookKey
from local_pipeline.inbox.sender_identity import SCOPES, SCOPES_BY_PATH, authenticated_domain
from local_pipeline.inbox.server import Inbox
from tests.local_pipeline.inbox.integration.conftest import API_KEY
from tests.support import Background

URL = "http://127.0.0.1:1/sendgrid"


@pytest.fixture
def inbox(background: Background) -> Iterator[Inbox]:
    clock = Clock(still=True)
    inbox = Inbox(
        host="127.0.0.1",
        port=0,
        clock=clock,
        sendgrid_api_key=API_KEY,
        sender_domain="corp.example",
        webhook=EventWebhook(clock, url=URL, key=WebhookKey()),
    )
    background.run(inbox.start())
    yield inbox
    background.run(inbox.stop())


def get(inbox: Inbox, path: str, *, key: str = API_KEY, **query: Any) -> Any:
    """Ask as a client of SendGrid does."""
    client = SendGridAPIClient(key, inbox.url).client
    for part in path.removeprefix("/v3/").split("/"):
        client = client._(part)
    return client.get(query_params=query).to_dict


def test_the_senders_domain_is_authenticated(inbox: Inbox) -> None:
    [domain] = get(inbox, "/v3/whitelabel/domains", limit=50, offset=0)
    assert (domain["domain"], domain["valid"], domain["automatic_security"]) == ("corp.example", True, True)
    assert {name: record["host"] for name, record in domain["dns"].items()} == {
        "mail_cname": "em7.corp.example",
        "dkim1": "s1._domainkey.corp.example",
        "dkim2": "s2._domainkey.corp.example",
    }
    [link] = get(inbox, "/v3/whitelabel/links")
    assert (link["domain"], link["dns"]["domain_cname"]["host"]) == ("corp.example", "links.corp.example")
    assert get(inbox, "/v3/verified_senders") == {"results": []}


def test_the_list_has_pages(inbox: Inbox) -> None:
    inbox.sender_identity.domains = [authenticated_domain(f"{number}.example") for number in range(60)]
    assert len(get(inbox, "/v3/whitelabel/domains")) == 50
    assert [each["domain"] for each in get(inbox, "/v3/whitelabel/domains", limit=5, offset=58)] == [
        "58.example",
        "59.example",
    ]
    with pytest.raises(BadRequestsError):
        get(inbox, "/v3/whitelabel/domains", limit="all")


def test_a_key_reads_its_own_scopes_whatever_they_are(inbox: Inbox) -> None:
    inbox.sendgrid_scopes = {"mail.send"}
    assert get(inbox, "/v3/scopes") == {"scopes": ["mail.send"]}
    for path in (path for path, scope in SCOPES_BY_PATH.items() if scope):
        with pytest.raises(ForbiddenError):
            get(inbox, path)


def test_another_key_reads_nothing(inbox: Inbox) -> None:
    for path in SCOPES_BY_PATH:
        with pytest.raises(UnauthorizedError):
            get(inbox, path, key="SG.other")


def test_the_webhook_of_the_mails_is_in_the_settings(inbox: Inbox) -> None:
    [webhook] = get(inbox, "/v3/user/webhooks/event/settings/all")["webhooks"]
    assert (webhook["url"], webhook["enabled"], webhook["public_key"]) == (URL, True, inbox.webhook.key.public)
    assert {name for name in ("bounce", "spam_report", "open", "click") if webhook[name]} == {"bounce", "spam_report"}


def test_the_scopes_are_among_the_keys(inbox: Inbox) -> None:
    assert inbox.sendgrid_scopes >= SCOPES
