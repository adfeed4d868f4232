"""SendGrid's own client asks the inbox's Email Logs."""

import json
from datetime import timedelta
from typing import Any

import pytest
from python_http_client import exceptions
from sendgrid import SendGridAPIClient

from local_cloud.clock import Clock
from local_pipeline.inbox.email_logs import LogsDelay
from local_pipeline.inbox.server import EMAIL_LOGS_SCOPE, Inbox
from tests.local_pipeline.inbox.integration.conftest import API_KEY
from tests.local_pipeline.inbox.integration.test_sendgrid_client import report

TO_ANN = "to_email = 'ann@example.com'"


@pytest.fixture
def client(inbox: Inbox, clock: Clock) -> Any:
    """Ann's email is two minutes older than Bob's, and both show."""
    client = SendGridAPIClient(API_KEY, inbox.url)
    for address in ("ann@example.com", "bounce@example.com"):
        client.send(report(address, f"To {address}"))
        clock.advance(timedelta(minutes=2))
    return client.client


def find(client: Any, **body: Any) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = json.loads(client.logs.post(request_body=body).body)["messages"]
    return messages


def refusal(client: Any, **body: Any) -> tuple[int, str]:
    with pytest.raises(exceptions.HTTPError) as caught:
        find(client, **body)
    return caught.value.status_code, json.loads(caught.value.body)["errors"][0]["message"]


def test_the_newest_first_in_sendgrids_form(client: Any, inbox: Inbox) -> None:
    second, first = find(client)
    assert (first["to_email"], second["to_email"]) == ("ann@example.com", "bounce@example.com")
    assert first == {
        "from_email": "reports@example.com",
        "sg_message_id": f"{inbox.mails[0].id}.recvd-local-cloud-0.0",
        "subject": "To ann@example.com",
        "to_email": "ann@example.com",
        "reason": "250 OK",
        "status": "delivered",
        "sg_message_id_created_at": f"{inbox.mails[0].received_at:%Y-%m-%dT%H:%M:%SZ}",
    }


def test_one_message_has_its_arguments_and_events(client: Any) -> None:
    (found,) = find(client, query="status IN ('bounced')")
    message = json.loads(client.logs._(found["sg_message_id"]).get().body)
    assert message["custom_args"] == {"delivery_id": "u1-20261124T1300Z"}
    assert message["category"] == ["report"]
    assert (message["status"], message["to_email"]) == ("bounced", "bounce@example.com")
    assert [event["event"] for event in message["events"]] == ["bounce", "processed"]
    assert all(event["custom_args"] == message["custom_args"] for event in message["events"])


def test_a_message_that_there_is_not(client: Any) -> None:
    with pytest.raises(exceptions.NotFoundError):
        client.logs._("another").get()


def test_queries(client: Any, inbox: Inbox) -> None:
    first = inbox.mails[0].received_at
    between = f"{first + timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}"
    for query, found in {
        "": 2,
        TO_ANN: 1,
        'to_email = "ann@example.com"': 1,
        "to_email = 'Ann@example.com'": 0,
        f"{TO_ANN} AND categories IN ('another', 'report')": 1,
        f"{TO_ANN} AND categories IN ('another')": 0,
        "subject = 'To ann@example.com' AND status IN ('delivered')": 1,
        "status IN ('delivered', 'bounced')": 2,
        "reason = '250 OK'": 1,
        f'sg_message_id_created_at < TIMESTAMP "{between}"': 1,
        f'sg_message_id_created_at >= TIMESTAMP "{between}" AND {TO_ANN}': 0,
        f"sg_message_id = '{inbox.mails[0].id}.recvd-local-cloud-0.0'": 1,
    }.items():
        assert len(find(client, query=query)) == found, query


def test_a_limit(client: Any) -> None:
    assert len(find(client, limit=1)) == 1
    for limit in (0, 1001, "10", True):
        assert refusal(client, limit=limit) == (400, "limit must be between 1 and 1000")


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("bad_field = 'x'", "'bad_field' is not a field"),
        ("unique_args = 'x'", "'unique_args' is not a field"),
        ("to_email", "= expected, found the end"),
        ("to_email != 'x'", "unexpected"),
        ("to_email IN ('x')", "= expected, found 'IN'"),
        ("to_email = x", "a value in quotation marks expected"),
        (f"({TO_ANN})", "a field expected, found '('"),
        (f"{TO_ANN} OR {TO_ANN}", "AND expected, found 'OR'"),
        (f"{TO_ANN} and {TO_ANN}", "AND expected, found 'and'"),
        (f"{TO_ANN} AND", "a field expected, found the end"),
        ("status IN ('lost')", "'lost' is not a status"),
        ("status IN ()", "a value in quotation marks expected"),
        ("categories = 'report'", "IN expected"),
        ("sg_message_id_created_at > '2026-11-24T13:00:00Z'", "TIMESTAMP expected"),
        ("sg_message_id_created_at > TIMESTAMP 'today'", "'today' is not a timestamp"),
        (" AND ".join([TO_ANN] * 161), "more than 160 conditions"),
    ],
)
def test_a_query_that_is_none(client: Any, query: str, named: str) -> None:
    status, message = refusal(client, query=query)
    assert status == 400
    assert named in message


def test_a_mail_does_not_show_at_once(inbox: Inbox, clock: Clock) -> None:
    client = SendGridAPIClient(API_KEY, inbox.url)
    client.send(report())
    assert find(client.client, query=TO_ANN) == []
    clock.advance(inbox.logs_delay.usual)
    assert len(find(client.client, query=TO_ANN)) == 1


def test_some_show_late_in_another_order_and_some_never(inbox: Inbox, clock: Clock) -> None:
    client = SendGridAPIClient(API_KEY, inbox.url)
    for number in range(60):
        client.send(report("ann@example.com", f"Number {number}"))
    inbox.logs_delay = LogsDelay(timedelta(minutes=1), spread=1.0, lost=0.1)
    shown = []
    for minutes in (1, 9, 1440):
        clock.advance(timedelta(minutes=minutes))
        shown.append([each["sg_message_id"] for each in find(client.client, query=TO_ANN, limit=100)])
    assert 15 < len(shown[0]) < 45 < len(shown[1]) <= len(shown[2]) < 60
    # What shows goes on to show, among others that were accepted before and after.
    assert [each for each in shown[2] if each in shown[0]] == shown[0] != shown[2][-len(shown[0]) :]


def test_more_requests_than_a_minute_has(inbox: Inbox, clock: Clock) -> None:
    inbox.logs_limit.requests = 2
    client = SendGridAPIClient(API_KEY, inbox.url).client
    assert client.logs.post(request_body={}).headers["X-RateLimit-Remaining"] == "1"
    find(client)
    with pytest.raises(exceptions.TooManyRequestsError) as caught:
        find(client)
    assert json.loads(caught.value.body)["errors"][0]["message"] == "too many requests"
    assert (caught.value.headers["X-RateLimit-Limit"], caught.value.headers["X-RateLimit-Remaining"]) == ("2", "0")
    reset = int(caught.value.headers["X-RateLimit-Reset"])
    clock.advance(timedelta(seconds=reset - clock.now().timestamp()))
    assert find(client) == []


def test_who_may_not_ask(client: Any, inbox: Inbox) -> None:
    inbox.sendgrid_scopes.discard(EMAIL_LOGS_SCOPE)
    assert refusal(client) == (403, "access forbidden")
