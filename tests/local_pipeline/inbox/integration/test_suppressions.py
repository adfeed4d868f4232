"""Who has unsubscribed gets no more email, and SendGrid says so where it is asked."""

import re
from typing import Any

import pytest
import requests
from python_http_client import exceptions
from sendgrid import SendGridAPIClient

from local_pipeline.inbox.server import MAIL_SEND_SCOPE, Inbox
from tests.local_pipeline.inbox.integration.conftest import API_KEY
from tests.local_pipeline.inbox.unit.requests import valid_request


@pytest.fixture
def client(inbox: Inbox) -> Any:
    return SendGridAPIClient(API_KEY, inbox.url).client


def search(client: Any, group: int, *addresses: str) -> Any:
    answer = client.asm.groups._(str(group)).suppressions.search.post(request_body={"recipient_emails": addresses})
    return answer.to_dict


def test_those_who_left_a_group_are_found_among_others(inbox: Inbox, client: Any) -> None:
    inbox.suppressions.add(["Ann@example.com"], 7)
    assert search(client, 7, "ann@example.com", "bob@example.com") == ["ann@example.com"]
    assert search(client, 8, "ann@example.com") == []


def test_who_wants_no_mail_at_all_is_named(inbox: Inbox, client: Any) -> None:
    inbox.suppressions.add(["ann@example.com"])
    suppressions = client.asm._("suppressions")._("global")
    assert suppressions._("Ann%40example.com").get().to_dict == {"recipient_email": "ann@example.com"}
    assert suppressions._("bob%40example.com").get().to_dict == {}


@pytest.mark.parametrize("body", [None, [], {}, {"recipient_emails": "ann@example.com"}, {"recipient_emails": [7]}])
def test_a_search_for_nothing_is_refused(client: Any, body: object) -> None:
    with pytest.raises(exceptions.BadRequestsError):
        client.asm.groups._("7").suppressions.search.post(request_body=body)


def test_a_key_that_may_only_send_may_not_ask(inbox: Inbox, client: Any) -> None:
    inbox.sendgrid_scopes = {MAIL_SEND_SCOPE}
    with pytest.raises(exceptions.ForbiddenError):
        search(client, 7, "ann@example.com")


@pytest.mark.parametrize(("group", "mails"), [(7, 0), (8, 1), (None, 0)])
def test_a_mail_to_who_has_unsubscribed_is_accepted_and_dropped(
    inbox: Inbox, client: Any, group: int | None, mails: int
) -> None:
    inbox.suppressions.add(["ann@example.com"], group)
    assert client.mail.send.post(request_body=valid_request(asm={"group_id": 7})).status_code == 202
    assert len(inbox.mails) == mails


def test_the_link_in_a_mail_leads_out_of_its_group(inbox: Inbox, client: Any) -> None:
    content = [{"type": "text/html", "value": '<a href="<%asm_group_unsubscribe_raw_url%>">Unsubscribe</a>'}]
    request = valid_request(asm={"group_id": 7}, content=content)
    client.mail.send.post(request_body=request)
    [envelope] = inbox.mails
    link = re.search('href="([^"]+)"', inbox.mails.read(envelope.id).html or "")
    assert link is not None
    assert requests.post(link[1], data={"List-Unsubscribe": "One-Click"}, timeout=60).status_code == 200
    client.mail.send.post(request_body=request)
    assert len(inbox.mails) == 1


def test_each_of_several_recipients_leaves_the_group_for_themselves(inbox: Inbox, client: Any) -> None:
    content = [{"type": "text/plain", "value": "Unsubscribe: <%asm_group_unsubscribe_raw_url%>"}]
    addresses = ["ann@example.com", "bo@example.com"]
    request = valid_request(
        asm={"group_id": 7},
        content=content,
        attachments=None,
        personalizations=[{"to": [{"email": address}]} for address in addresses],
    )
    client.mail.send.post(request_body=request)
    links = [(inbox.mails.read(envelope.id).text or "").rpartition(" ")[2] for envelope in list(inbox.mails)]
    requests.post(links[1], data={"List-Unsubscribe": "One-Click"}, timeout=60)
    assert search(client, 7, *addresses) == ["bo@example.com"]
    client.mail.send.post(request_body=request)
    assert [envelope.to[0].email for envelope in inbox.mails] == [*addresses, "ann@example.com"]


def test_the_page_of_a_link_shows_an_address_as_text(inbox: Inbox) -> None:
    link = f"{inbox.url}/asm/unsubscribe?group=7&email=%3Cscript%3E"
    assert "<script>" not in requests.get(link, timeout=60).text + requests.post(link, timeout=60).text


def test_a_link_without_a_group_is_none(inbox: Inbox) -> None:
    assert requests.get(f"{inbox.url}/asm/unsubscribe?email=a", timeout=60).status_code == 400
