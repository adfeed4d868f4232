"""What tests can do to the inbox: other answers, delays, connections that break."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.error import URLError

import pytest
from python_http_client import exceptions
from slack_sdk.webhook import WebhookClient

from local_cloud.clock import Clock
from local_cloud.errors import PortInUse
from local_pipeline.inbox.faults import Answer, Call, CutConnection
from local_pipeline.inbox.server import Inbox
from tests.local_pipeline.inbox.integration.test_sendgrid_client import report, send
from tests.support import Background

BUSY = Answer(status=429, body=b'{"errors":[]}', headers={"Retry-After": "7"})
CarryOn = Callable[[], Awaitable[Answer]]


def test_the_next_answers(inbox: Inbox) -> None:
    inbox.answer_next("sendgrid", BUSY, times=2)
    inbox.answer_next("sendgrid", Answer(status=503))
    for expected in (429, 429, 503):
        with pytest.raises(exceptions.HTTPError) as raised:
            send(inbox, report())
        assert raised.value.status_code == expected
    assert send(inbox, report()).status_code == 202
    assert len(inbox.mails) == 1


def test_the_next_answers_of_slack_are_slacks_only(inbox: Inbox) -> None:
    inbox.answer_next("slack", Answer(status=500, body=b"rollup_error"))
    assert send(inbox, report()).status_code == 202
    response = WebhookClient(inbox.slack_webhook_url).send(text="x")
    assert (response.status_code, response.body) == (500, "rollup_error")
    assert inbox.slack_messages == []


def test_a_connection_that_is_cut_before_anything_was_accepted(inbox: Inbox) -> None:
    async def cut(_call: Call, _carry_on: CarryOn) -> Answer:
        raise CutConnection

    inbox.fault = cut
    with pytest.raises((URLError, ConnectionError)):
        send(inbox, report())
    assert len(inbox.mails) == 0


def test_a_connection_that_is_cut_after_the_mail_was_accepted(inbox: Inbox) -> None:
    async def cut(_call: Call, carry_on: CarryOn) -> Answer:
        await carry_on()
        raise CutConnection

    inbox.fault = cut
    with pytest.raises((URLError, ConnectionError)):
        send(inbox, report())
    assert len(inbox.mails) == 1
    inbox.fault = None
    assert send(inbox, report()).status_code == 202


def test_a_fault_for_some(inbox: Inbox) -> None:
    async def refuse_bo(call: Call, carry_on: CarryOn) -> Answer:
        return Answer(status=500) if b"bo@example.com" in call.body and call.service == "sendgrid" else await carry_on()

    inbox.fault = refuse_bo
    assert send(inbox, report(to="ann@example.com")).status_code == 202
    with pytest.raises(exceptions.InternalServerError):
        send(inbox, report(to="bo@example.com"))
    assert WebhookClient(inbox.slack_webhook_url).send(text="bo@example.com").status_code == 200


def test_an_answer_that_is_long_in_coming(inbox: Inbox, background: Background) -> None:
    accepted, go_on = threading.Event(), asyncio.Event()

    async def wait(_call: Call, carry_on: CarryOn) -> Answer:
        answer = await carry_on()
        accepted.set()
        await go_on.wait()
        return answer

    async def release() -> None:
        go_on.set()

    inbox.fault = wait
    with ThreadPoolExecutor() as sender:
        response = sender.submit(send, inbox, report())
        assert accepted.wait(60)
        assert len(inbox.mails) == 1
        assert not response.done()
        background.run(release())
        assert response.result(60).status_code == 202


def test_a_port_that_is_taken(inbox: Inbox, background: Background) -> None:
    other = Inbox(host="127.0.0.1", port=inbox.port, clock=Clock(), sendgrid_api_key="x")
    with pytest.raises(PortInUse, match=str(inbox.port)):
        background.run(other.start())
