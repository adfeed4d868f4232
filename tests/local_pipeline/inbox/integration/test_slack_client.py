"""Slack's own client posts to the inbox's webhook."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from slack_sdk.models.blocks import ActionsBlock, ButtonElement, DividerBlock, HeaderBlock, SectionBlock
from slack_sdk.webhook import WebhookClient

from local_cloud.clock import Clock
from local_pipeline.inbox.server import SLACK_WEBHOOK_PATH, Inbox
from tests.support import Background


def test_a_text(inbox: Inbox) -> None:
    response = WebhookClient(inbox.slack_webhook_url).send(text="Three reports failed")
    assert (response.status_code, response.body) == (200, "ok")
    [message] = inbox.slack_messages
    assert message.payload["text"] == "Three reports failed"


def test_blocks(inbox: Inbox) -> None:
    blocks = [
        HeaderBlock(text="Three reports failed"),
        SectionBlock(text="*Reason*: retries-exhausted", fields=["*Since*\n13:00", "*How often*\n3"]),
        DividerBlock(),
        ActionsBlock(elements=[ButtonElement(text="Logs", action_id="logs", url="https://example.com/logs")]),
    ]
    response = WebhookClient(inbox.slack_webhook_url).send(text="Three reports failed", blocks=blocks)
    assert response.status_code == 200
    assert [block["type"] for block in inbox.slack_messages[0].payload["blocks"]] == [
        "header",
        "section",
        "divider",
        "actions",
    ]


@pytest.mark.parametrize(
    ("payload", "answer"),
    [
        ({"text": "x", "blocks": [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}]}, "invalid_blocks"),
        ({"text": "x", "blocks": [{"type": "section"}]}, "invalid_blocks"),
        ({"unfurl_links": False}, "no_text"),
    ],
)
def test_what_slack_refuses(inbox: Inbox, payload: dict[str, Any], answer: str) -> None:
    response = WebhookClient(inbox.slack_webhook_url).send_dict(payload)
    assert (response.status_code, response.body) == (400, answer)
    assert inbox.slack_messages == []


@pytest.mark.parametrize("body", ["", "{", "[]", "x"])
def test_what_is_no_json_object(inbox: Inbox, body: str) -> None:
    response = requests.post(inbox.slack_webhook_url, data=body, timeout=60)
    assert (response.status_code, response.text) == (400, "invalid_payload")


def test_a_form(inbox: Inbox) -> None:
    form = urlencode({"payload": json.dumps({"text": "5 > 4 & ü"})})
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    response = requests.post(inbox.slack_webhook_url, data=form, headers=headers, timeout=60)
    assert response.text == "ok"
    assert inbox.slack_messages[0].payload == {"text": "5 > 4 & ü"}
    response = requests.post(inbox.slack_webhook_url, data="x=y", headers=headers, timeout=60)
    assert response.text == "invalid_payload"


@pytest.mark.parametrize(
    ("path", "status", "answer"),
    [
        (SLACK_WEBHOOK_PATH.replace("XXX", "YYY"), 403, "invalid_token"),
        (SLACK_WEBHOOK_PATH.replace("B0", "B1"), 404, "no_service"),
        (SLACK_WEBHOOK_PATH.replace("T0", "T1"), 404, "no_team"),
        ("/services/T00000000", 404, "no_service_id"),
    ],
)
def test_another_webhook(inbox: Inbox, path: str, status: int, answer: str) -> None:
    response = WebhookClient(inbox.url + path).send(text="x")
    assert (response.status_code, response.body) == (status, answer)


def test_another_method(inbox: Inbox) -> None:
    assert requests.get(inbox.slack_webhook_url, timeout=60).status_code == 405


def test_a_message_a_second(background: Background, clock: Clock, tmp_path: Path) -> None:
    async def advance(**by: float) -> None:
        clock.advance(timedelta(**by))

    inbox = Inbox(
        host="127.0.0.1", port=0, clock=clock, sendgrid_api_key="x", directory=tmp_path, slack_rate_limit=True
    )
    background.run(inbox.start())
    try:
        client = WebhookClient(inbox.slack_webhook_url)
        assert client.send(text="1").status_code == 200
        response = client.send(text="2")
        assert (response.status_code, response.headers["Retry-After"]) == (429, "1")
        background.run(advance(seconds=1))
        assert client.send(text="3").status_code == 200
        assert [message.payload["text"] for message in inbox.slack_messages] == ["1", "3"]
    finally:
        background.run(inbox.stop())
