"""The inbox says what becomes of emails, as Resend's webhook does."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import requests

from local_cloud.clock import Clock
from local_pipeline.inbox.resend_webhook import ResendWebhook
from local_pipeline.inbox.server import RESEND_API_KEY, Inbox
from tests.local_pipeline.inbox.integration.conftest import API_KEY, Receiver, pass_time
from tests.local_pipeline.inbox.integration.test_resend import EMAIL, post
from tests.support import PATIENCE_SECONDS, Background

TAGS = [{"name": "delivery_id", "value": "dTQyOmRlZmF1bHQ"}]


def events(receiver: Receiver, address: str) -> list[dict[str, Any]]:
    """Those about an address, each once, in their order."""
    every = {call.headers["svix-id"]: json.loads(call.body) for call in receiver.calls}
    return sorted(
        (each for each in every.values() if each["data"]["to"] == [address]), key=lambda each: each["created_at"]
    )


def types(receiver: Receiver, address: str) -> list[str]:
    return [each["type"] for each in events(receiver, address)]


@pytest.fixture
def inbox(background: Background, clock: Clock, receiver: Receiver) -> Iterator[Inbox]:
    webhook = ResendWebhook(clock, url=receiver.url)
    inbox = Inbox(host="127.0.0.1", port=0, clock=clock, sendgrid_api_key=API_KEY, resend_webhook=webhook)
    background.run(inbox.start())
    yield inbox
    background.run(inbox.stop())


def send(inbox: Inbox, *addresses: str) -> list[str]:
    """Returns the emails' ids."""
    answers = [post(inbox, {**EMAIL, "to": address, "tags": TAGS}) for address in addresses]
    return [answer.json()["id"] for answer in answers]


def show(inbox: Inbox, email_id: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {RESEND_API_KEY}"}
    return requests.get(f"{inbox.url}/emails/{email_id}", headers=headers, timeout=PATIENCE_SECONDS)


def let_all_happen(background: Background, inbox: Inbox, clock: Clock, step: timedelta = timedelta(seconds=1)) -> None:
    pass_time(background, clock, inbox.resend.webhook.all_taken, step)


def test_each_address_has_the_events_of_its_local_part(
    background: Background, clock: Clock, inbox: Inbox, receiver: Receiver
) -> None:
    wanted = {
        "ann@example.com": ["email.sent", "email.delivered"],
        "bounce@example.com": ["email.sent", "email.bounced"],
        "spam+ann@example.com": ["email.sent", "email.delivered", "email.complained"],
        "blocked@example.com": ["email.sent", "email.bounced"],
        "deferred@example.com": [
            *("email.sent", "email.delivery_delayed", "email.delivery_delayed", "email.delivered"),
        ],
        "delivered+label@resend.dev": ["email.sent", "email.delivered"],
        "bounced@resend.dev": ["email.sent", "email.bounced"],
        "complained+label@resend.dev": ["email.sent", "email.delivered", "email.complained"],
        "suppressed@resend.dev": ["email.suppressed"],
    }
    send(inbox, *wanted)
    let_all_happen(background, inbox, clock)
    assert {address: types(receiver, address) for address in wanted} == wanted
    bounces = {
        each["data"]["to"][0]: each["data"]["bounce"]["type"]
        for address in wanted
        for each in events(receiver, address)
        if each["type"] == "email.bounced"
    }
    assert bounces == {
        "bounce@example.com": "Permanent",
        "blocked@example.com": "Transient",
        "bounced@resend.dev": "Permanent",
    }
    assert events(receiver, "ann@example.com")[0]["data"]["tags"] == {"delivery_id": "dTQyOmRlZmF1bHQ"}
    # A test address can be used again, another one cannot.
    send(inbox, "bounced@resend.dev", "bounce@example.com", "spam+ann@example.com")
    let_all_happen(background, inbox, clock)
    assert types(receiver, "bounced@resend.dev").count("email.bounced") == 2
    reasons = [
        events(receiver, name)[-1]["data"]["suppressed"]["reason"]
        for name in ("bounce@example.com", "spam+ann@example.com")
    ]
    assert reasons == ["previous_bounce", "previous_complaint"]
    assert len(inbox.mails) == len(wanted) - 1 + 1


def test_each_attempt_of_a_call_is_signed_with_its_own_time(
    background: Background, clock: Clock, inbox: Inbox, receiver: Receiver
) -> None:
    receiver.refusals = 2
    send(inbox, "ann@example.com")
    let_all_happen(background, inbox, clock)
    key = base64.b64decode(inbox.resend.webhook.secret.text.removeprefix("whsec_"))
    stamps: dict[str, set[str]] = {}
    for at, headers, body in receiver.calls:
        stamp = headers["svix-timestamp"]
        signed = f"{headers['svix-id']}.{stamp}.".encode() + body
        expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        assert headers["svix-signature"] == f"v1,{expected}"
        assert abs(at.timestamp() - int(stamp)) < 3
        stamps.setdefault(headers["svix-id"], set()).add(stamp)
    assert max(len(each) for each in stamps.values()) >= 2


def test_a_call_is_repeated_for_some_hours_and_delays_no_other(
    background: Background, clock: Clock, inbox: Inbox, receiver: Receiver
) -> None:
    receiver.refusals = 1000
    begin = clock.now()
    send(inbox, "ann@example.com")
    let_all_happen(background, inbox, clock, step=timedelta(minutes=20))
    attempts = Counter(headers["svix-id"] for _, headers, _ in receiver.calls)
    assert set(attempts.values()) == {8}
    assert timedelta(hours=27) < clock.now() - begin < timedelta(hours=31)

    # One that waits for hours does not keep the next from coming.
    receiver.calls.clear()
    send(inbox, "ann@example.com")

    async def calls(count: int) -> None:
        while len(receiver.calls) < count:
            await asyncio.sleep(0.005)

    pass_time(background, clock, partial(calls, 6), timedelta(minutes=1))
    receiver.refusals = 0
    now = clock.now()
    send(inbox, "bo@example.com")
    pass_time(background, clock, partial(calls, 8))
    assert types(receiver, "bo@example.com")
    assert clock.now() - now < timedelta(minutes=1)


def test_the_latest_event_of_an_email(background: Background, clock: Clock, inbox: Inbox, receiver: Receiver) -> None:
    (email_id,) = send(inbox, "bounce@example.com")
    shown = show(inbox, email_id).json()
    assert (shown["last_event"], shown["tags"], shown["to"]) == ("queued", TAGS, ["bounce@example.com"])
    let_all_happen(background, inbox, clock)
    assert show(inbox, email_id).json()["last_event"] == "bounced"
    assert show(inbox, "4ef9a417-02e9-4d39-ad75-9611e0fcc33c").json()["name"] == "not_found"
    assert requests.get(f"{inbox.url}/emails/{email_id}", timeout=PATIENCE_SECONDS).status_code == 401
