"""The inbox says what becomes of its emails, as SendGrid's Event Webhook does; SendGrid's own helper verifies it."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from python_http_client import exceptions
from sendgrid import SendGridAPIClient
from sendgrid.helpers.eventwebhook import EventWebhook as Verifier
from sendgrid.helpers.eventwebhook import EventWebhookHeader

from local_cloud.clock import Clock
from local_pipeline.inbox.event_webhook import EventWebhook
from local_pipeline.inbox.server import STATS_SCOPE, Inbox
from tests.local_pipeline.inbox.integration.conftest import API_KEY, Receiver, pass_time
from tests.local_pipeline.inbox.integration.test_sendgrid_client import report
from tests.support import PATIENCE_SECONDS, Background


def events(receiver: Receiver) -> list[dict[str, Any]]:
    """What came, each event once."""
    every = [event for call in receiver.calls for event in json.loads(call.body)]
    return sorted(
        {(each["email"], each["event"], each.get("attempt")): each for each in every}.values(),
        key=lambda each: (each["email"], each["timestamp"]),
    )


def kinds(receiver: Receiver, address: str) -> Counter[str]:
    return Counter(each["event"] for each in events(receiver) if each["email"] == address)


@pytest.fixture
def inbox(background: Background, clock: Clock, receiver: Receiver) -> Iterator[Inbox]:
    webhook = EventWebhook(clock, url=receiver.url)
    inbox = Inbox(host="127.0.0.1", port=0, clock=clock, sendgrid_api_key=API_KEY, webhook=webhook)
    background.run(inbox.start())
    yield inbox
    background.run(inbox.stop())


def send(inbox: Inbox, *addresses: str) -> None:
    client = SendGridAPIClient(API_KEY, inbox.url)
    for address in addresses:
        assert client.send(report(address, f"To {address}")).status_code == 202


def let_all_happen(background: Background, inbox: Inbox, clock: Clock) -> None:
    pass_time(background, clock, inbox.webhook.all_taken)


def test_each_address_has_the_events_of_its_local_part(
    background: Background, clock: Clock, inbox: Inbox, receiver: Receiver
) -> None:
    wanted = {
        "ann@example.com": ["processed", "delivered"],
        "bounce@example.com": ["processed", "bounce"],
        "spam+ann@example.com": ["processed", "delivered", "spamreport"],
        "blocked@example.com": ["processed", "bounce"],
        "deferred@example.com": ["processed", "deferred", "deferred", "delivered"],
    }
    send(inbox, *wanted)
    let_all_happen(background, inbox, clock)
    assert {address: kinds(receiver, address) for address in wanted} == {
        name: Counter(each) for name, each in wanted.items()
    }
    types = {each["email"]: each.get("type") for each in events(receiver) if each["event"] == "bounce"}
    assert types == {"bounce@example.com": "bounce", "blocked@example.com": "blocked"}
    assert {each["delivery_id"] for each in events(receiver)} == {"u1-20261124T1300Z"}
    verifier = Verifier(inbox.webhook.key.public)
    for _, headers, raw in receiver.calls:
        body = raw.decode()
        signature, timestamp = (headers[name] for name in (EventWebhookHeader.SIGNATURE, EventWebhookHeader.TIMESTAMP))
        assert verifier.verify_signature(body, signature, timestamp)
        assert not verifier.verify_signature(body + " ", signature, timestamp)


def test_a_further_mail_to_an_address_that_bounced_is_dropped(
    background: Background, clock: Clock, inbox: Inbox, receiver: Receiver
) -> None:
    send(inbox, "bounce@example.com", "spam@example.com")
    let_all_happen(background, inbox, clock)
    send(inbox, "Bounce@example.com", "spam@example.com", "ann@example.com")
    let_all_happen(background, inbox, clock)
    reasons = [each["reason"] for each in events(receiver) if each["event"] == "dropped"]
    assert reasons == ["Bounced Address", "Spam Reporting Address"]
    assert len(inbox.mails) == 3


def test_a_call_is_repeated_until_it_is_taken_and_signed_anew(
    background: Background, clock: Clock, inbox: Inbox, receiver: Receiver
) -> None:
    receiver.refusals = 3
    send(inbox, "ann@example.com")
    let_all_happen(background, inbox, clock)
    assert kinds(receiver, "ann@example.com") == Counter(["processed", "delivered"])
    stamps: dict[bytes, set[str]] = {}
    for _, headers, body in receiver.calls:
        stamps.setdefault(body, set()).add(headers[EventWebhookHeader.TIMESTAMP])
    # Three calls were refused: each came again later.
    assert sum(len(each) - 1 for each in stamps.values()) >= 2
    assert len(receiver.calls) >= 4


def test_some_events_come_twice_and_in_another_order(
    background: Background, clock: Clock, inbox: Inbox, receiver: Receiver
) -> None:
    send(inbox, *(f"user{number}@example.com" for number in range(40)))
    let_all_happen(background, inbox, clock)
    every = [event for call in receiver.calls for event in json.loads(call.body)]
    assert len({each["sg_event_id"] for each in every}) == len(every) > 80 == len(events(receiver))
    order = [(each["timestamp"], each["email"]) for each in every]
    assert order != sorted(order)


def test_the_link_out_of_a_group_is_an_event(
    background: Background, clock: Clock, inbox: Inbox, receiver: Receiver
) -> None:
    send(inbox, "ann@example.com")
    link = f"{inbox.url}/asm/unsubscribe?group=7&email=ann@example.com"
    assert requests.get(link, timeout=PATIENCE_SECONDS).status_code == 200
    let_all_happen(background, inbox, clock)
    assert "group_unsubscribe" not in kinds(receiver, "ann@example.com")
    assert requests.post(link, timeout=PATIENCE_SECONDS).status_code == 200
    let_all_happen(background, inbox, clock)
    assert "group_unsubscribe" in kinds(receiver, "ann@example.com")


def test_statistics(background: Background, clock: Clock, inbox: Inbox) -> None:
    send(inbox, "ann@example.com", "bounce@example.com", "spam@example.com", "deferred@example.com")
    client: Any = SendGridAPIClient(API_KEY, inbox.url).client
    today = clock.now().date()
    answer = client.stats.get(query_params={"start_date": f"{today - timedelta(days=1)}", "aggregated_by": "day"})
    yesterdays, todays = json.loads(answer.body)
    assert (yesterdays["date"], todays["date"]) == (f"{today - timedelta(days=1)}", f"{today}")
    metrics = todays["stats"][0]["metrics"]
    shown = {name: count for name, count in metrics.items() if count}
    assert shown == {"requests": 4, "processed": 4, "delivered": 3, "bounces": 1, "spam_reports": 1, "deferred": 2}
    assert set(yesterdays["stats"][0]["metrics"].values()) == {0}
    for wrong in ({}, {"start_date": "yesterday"}):
        with pytest.raises(exceptions.BadRequestsError):
            client.stats.get(query_params=wrong)
    inbox.sendgrid_scopes.remove(STATS_SCOPE)
    with pytest.raises(exceptions.ForbiddenError):
        client.stats.get(query_params={"start_date": f"{today}"})


def test_without_a_webhook_nothing_becomes_of_a_mail(background: Background, clock: Clock) -> None:
    webhook = EventWebhook(clock)
    inbox = Inbox(host="127.0.0.1", port=0, clock=clock, sendgrid_api_key=API_KEY, webhook=webhook)
    background.run(inbox.start())
    send(inbox, "bounce@example.com", "bounce@example.com")
    background.run(webhook.all_taken())
    assert len(inbox.mails) == 2
    background.run(inbox.stop())
