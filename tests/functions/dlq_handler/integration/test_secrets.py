"""Secrets of channels are in no log, answer, record or alert, and texts from outside mention no one."""

import json
from collections.abc import Awaitable, Callable, Iterator

import pytest
import requests

from local_pipeline.inbox.faults import Answer, Call, CutConnection
from tests.functions.dlq_handler.integration.conftest import Cloud, Handler, letter

CarryOn = Callable[[], Awaitable[Answer]]
SECRET = "s3cr3t-t0k3n"


@pytest.fixture
def handler(around: Cloud) -> Iterator[Handler]:
    """A handler with a secret in each URL, logging all that it can."""
    before = around.pager.url
    around.pager.url = f"{before.replace('://', f'://user:{SECRET}@')}?+X-Token={SECRET}"
    yield around.handler(pager=True, LOG_LEVEL="DEBUG")
    around.pager.url = before


async def cut(call: Call, carry_on: CarryOn) -> Answer:
    raise CutConnection


async def refuse(call: Call, carry_on: CarryOn) -> Answer:
    return Answer(status=403, body=b"invalid_token")


@pytest.mark.parametrize("fault", [cut, refuse])
def test_channels_that_fail_keep_their_secrets(
    around: Cloud, handler: Handler, fault: Callable[[Call, CarryOn], Awaitable[Answer]]
) -> None:
    around.inbox.fault = fault
    around.pager.status = 500
    answer = handler.receives(letter("u1"))
    assert answer.status_code == 409
    around.inbox.fault = None
    around.pager.status = 200
    around.let_channels_rest()
    assert handler.receives(letter("u1")).status_code == 200

    documents = [
        found.to_dict() for name in ("alerts", "dead_letters") for found in around.database.collection(name).stream()
    ]
    for text in (answer.text, handler.log_file.read_text(), str(documents), json.dumps(around.slack)):
        assert SECRET not in text
        assert around.inbox.slack_webhook_url.rpartition("/")[2] not in text
    assert SECRET not in json.dumps(around.pager.posts)


def test_a_pager_that_nobody_answers_for_keeps_its_secret(around: Cloud) -> None:
    before, around.pager.url = around.pager.url, f"json://user:{SECRET}@127.0.0.1:1/{SECRET}"
    handler = around.handler(pager=True, LOG_LEVEL="DEBUG")
    around.pager.url = before
    assert handler.receives(letter("u1")).status_code == 409
    assert len(around.slack) == 1
    assert SECRET not in handler.log_file.read_text()


def test_nobody_is_called_by_anothers_text(around: Cloud) -> None:
    around.handler(pager=True).receives(letter("u1", error="@everyone <@U1> <!channel> @here it failed"))

    shown = around.pager.posts[0]["message"]
    assert "it failed" in shown
    for mention in ("@everyone", "<@U1>", "<!channel>", "@here"):
        assert mention not in shown


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/cloudevents+json", "application/cloudevents-batch+json", "text/plain"],
)
@pytest.mark.parametrize(
    "body",
    [
        *(f'{{"text": "{SECRET}"}}', f'["{SECRET}"]', f'"{SECRET}"', SECRET, f"{{{SECRET}", "", "null", "[]"),
        *(f'{{"message": "{SECRET}"}}', f'{{"message": {{"data": "{SECRET}"}}}}'),
        f'{{"specversion": "9.0", "id": "{SECRET}", "type": "t", "source": "s"}}',
        f'{{"context": {{"eventType": "{SECRET}"}}, "data": {{}}}}',
        "[" * 10_000 + SECRET,
    ],
)
@pytest.mark.parametrize("headers", [{}, {"ce-id": "1", "ce-type": "t", "ce-source": SECRET, "ce-specversion": "0"}])
def test_a_request_that_is_no_push_is_not_repeated(
    around: Cloud, handler: Handler, headers: dict[str, str], body: str, content_type: str
) -> None:
    """functions-framework answers such a request with its headers and its body."""
    own = handler.headers
    answer = requests.post(
        handler.url, data=body, headers={**own, **headers, "Content-Type": content_type, "X-Own": SECRET}, timeout=30
    )
    assert answer.status_code in {400, 500}
    assert SECRET not in answer.text + str(answer.headers)
    assert "Traceback" not in answer.text
    assert own["Authorization"] not in answer.text + handler.log_file.read_text()
    assert "127.0.0.1" not in answer.text
    assert SECRET not in handler.log_file.read_text()
    assert around.records() == {}


@pytest.mark.parametrize("depth", [100, 300, 600, 900, 950, 1_000, 2_000, 100_000])
@pytest.mark.parametrize(
    "body",
    ["@", '{"message": @}', '{"message": {"data": @}}', '{"message": {"data": "", "attributes": {"a": @}}}'],
)
def test_brackets_in_brackets_are_kept_or_refused(around: Cloud, handler: Handler, body: str, depth: int) -> None:
    before, logged = len(around.records()), len(handler.log_file.read_text())
    pushed = body.replace("@", "[" * depth + "]" * depth)
    answer = requests.post(
        handler.url, data=pushed, headers={**handler.headers, "Content-Type": "application/json"}, timeout=30
    )
    kept = len(around.records()) - before
    assert (answer.status_code, kept) in {(400, 0), (200, 1), (204, 1)}
    assert "RecursionError" not in handler.log_file.read_text()[logged:]


def test_a_request_that_is_no_push_is_told_so(handler: Handler) -> None:
    answer = handler.receives_body({})
    assert (answer.status_code, answer.text) == (400, "The request is no push of a Pub/Sub message.\n")
