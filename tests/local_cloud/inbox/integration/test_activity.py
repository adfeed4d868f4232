"""SendGrid's own client asks the inbox's email activity."""

import json
from datetime import timedelta
from typing import Any

import pytest
from python_http_client import exceptions
from sendgrid import SendGridAPIClient

from local_cloud.clock import Clock
from local_cloud.inbox.server import EMAIL_ACTIVITY_SCOPE, Inbox
from tests.local_cloud.inbox.integration.conftest import API_KEY
from tests.local_cloud.inbox.integration.test_sendgrid_client import report
from tests.support import Background

QUERY = "(unique_args['delivery_id']=\"u1-20261124T1300Z\")"


@pytest.fixture
def client(inbox: Inbox, clock: Clock) -> Any:
    client = SendGridAPIClient(API_KEY, inbox.url)
    for address in ("ann@example.com", "bob@example.com"):
        client.send(report(address, f"To {address}"))
    clock.advance(timedelta(minutes=2))
    return client.client


def find(client: Any, **parameters: Any) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = json.loads(client.messages.get(query_params=parameters).body)["messages"]
    return messages


def refusal(client: Any, **parameters: Any) -> tuple[int, str]:
    with pytest.raises(exceptions.HTTPError) as caught:
        find(client, **parameters)
    return caught.value.status_code, json.loads(caught.value.body)["errors"][0]["message"]


def test_the_newest_first_in_sendgrids_form(client: Any, inbox: Inbox) -> None:
    second, first = find(client, query=QUERY)
    assert (first["to_email"], second["to_email"]) == ("ann@example.com", "bob@example.com")
    assert first == {
        "from_email": "reports@example.com",
        "msg_id": f"{inbox.mails[0].id}.recvd-local-cloud-0.0",
        "subject": "To ann@example.com",
        "to_email": "ann@example.com",
        "status": "delivered",
        "opens_count": 0,
        "clicks_count": 0,
        "last_event_time": f"{inbox.mails[0].received_at:%Y-%m-%dT%H:%M:%SZ}",
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ('to_email="ann@example.com"', 1),
        ('to_email!="ann@example.com"', 1),
        (f'{QUERY} AND (to_email="bob@example.com")', 1),
        ('to_email="ann@example.com" OR to_email="bob@example.com"', 2),
        ("unique_args['delivery_id']=\"another\"", 0),
        ("unique_args['run_id']=\"u1-20261124T1300Z\"", 0),
    ],
)
def test_queries(client: Any, query: str, found: int) -> None:
    assert len(find(client, query=query)) == found


def test_a_limit(client: Any) -> None:
    assert len(find(client, query=QUERY, limit=1)) == 1
    assert refusal(client, query=QUERY, limit=0)[0] == 400
    assert refusal(client, query=QUERY, limit=1001)[0] == 400


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ('bad_field="x"', "invalid syntax: 'bad_field' is not a known field"),
        ("", "a field is missing"),
        ("to_email", "= or != is missing"),
        ("to_email='x'", "unexpected"),
        ('(to_email="x"', "a parenthesis is not closed"),
        ('to_email="x" to_email="y"', "unexpected 'to_email'"),
        ('unique_args="x"', "the name of an argument is missing"),
        ('template_id="x"', "SendGrid itself can"),
    ],
)
def test_a_query_that_is_none(client: Any, query: str, named: str) -> None:
    status, message = refusal(client, query=query)
    assert status == 400
    assert named in message


def test_a_mail_does_not_show_at_once(inbox: Inbox, clock: Clock) -> None:
    client = SendGridAPIClient(API_KEY, inbox.url)
    client.send(report())
    assert find(client.client, query=QUERY) == []
    clock.advance(inbox.activity_delay)
    assert len(find(client.client, query=QUERY)) == 1


def test_six_requests_a_minute(background: Background, clock: Clock) -> None:
    inbox = Inbox(host="127.0.0.1", port=0, clock=clock, sendgrid_api_key=API_KEY, activity_rate_limit=True)
    background.run(inbox.start())
    client = SendGridAPIClient(API_KEY, inbox.url).client
    for _ in range(6):
        assert find(client, query=QUERY) == []
    assert refusal(client, query=QUERY) == (429, "too many requests")
    clock.advance(timedelta(minutes=1))
    assert find(client, query=QUERY) == []
    background.run(inbox.stop())


def test_who_may_not_ask(client: Any, inbox: Inbox) -> None:
    inbox.sendgrid_scopes.discard(EMAIL_ACTIVITY_SCOPE)
    assert refusal(client, query=QUERY) == (403, "access forbidden")
