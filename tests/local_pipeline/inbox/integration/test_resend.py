"""The local Resend over its socket: keys, limits, idempotency."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import requests

from local_cloud.clock import Clock
from local_pipeline.inbox.faults import Answer, Call, CutConnection
from local_pipeline.inbox.resend import MOST_BYTES
from local_pipeline.inbox.sendgrid import MOST_BYTES as SENDGRIDS_MOST_BYTES
from local_pipeline.inbox.server import RESEND_API_KEY, Inbox
from local_pipeline.inbox.timed_faults import FaultKind, TimedFaults
from tests.local_pipeline.inbox.integration.conftest import API_KEY
from tests.support import Background

EMAIL = {"from": "reports@example.com", "to": "ann@example.com", "subject": "Your report", "text": "Hi"}
CarryOn = Callable[[], Awaitable[Answer]]


def post(inbox: Inbox, email: Any = EMAIL, key: str | None = None, **headers: str | None) -> requests.Response:
    content = email if isinstance(email, bytes) else json.dumps(email).encode()
    all_headers = {
        "Authorization": f"Bearer {RESEND_API_KEY}",
        "Content-Type": "application/json",
        "Idempotency-Key": key,
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return requests.post(f"{inbox.url}/emails", data=content, headers=all_headers, timeout=10)


async def move(clock: Clock, by: timedelta) -> None:
    """In the loop of the servers, where the clock belongs."""
    clock.advance(by)


def error(response: requests.Response) -> tuple[int, str]:
    body = response.json()
    assert body["statusCode"] == response.status_code
    assert body["message"]
    return response.status_code, body["name"]


def test_an_email_is_taken_and_kept(inbox: Inbox) -> None:
    response = post(inbox)
    assert response.status_code == 200
    assert [each.id for each in inbox.mails] == [response.json()["id"]]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Authorization": None}, (401, "missing_api_key")),
        ({"Authorization": "Bearer re_other"}, (401, "validation_error")),
        ({"Authorization": f"Bearer {API_KEY}"}, (400, "validation_error")),
        ({"Authorization": f"Basic {RESEND_API_KEY}"}, (400, "validation_error")),
    ],
)
def test_the_api_key(inbox: Inbox, headers: dict[str, str | None], expected: tuple[int, str]) -> None:
    assert error(post(inbox, **headers)) == expected
    assert len(inbox.mails) == 0


def test_a_request_without_a_user_agent(inbox: Inbox) -> None:
    response = post(inbox, User_Agent="")
    assert (response.status_code, response.text) == (403, "error code: 1010")


def test_what_is_refused(inbox: Inbox) -> None:
    assert error(post(inbox, b"{")) == (400, "validation_error")
    assert error(post(inbox, {**EMAIL, "to": "ann"})) == (422, "validation_error")
    assert error(requests.put(f"{inbox.url}/emails", headers={"Authorization": f"Bearer {RESEND_API_KEY}"}, timeout=9))
    assert len(inbox.mails) == 0


def test_an_email_that_is_too_large(inbox: Inbox) -> None:
    assert error(post(inbox, b"x" * (MOST_BYTES + 1))) == (413, "validation_error")
    # Read to its end, unlike one for SendGrid of this size.
    assert error(post(inbox, b"x" * (SENDGRIDS_MOST_BYTES + 1))) == (400, "validation_error")


def test_the_rate_limit(background: Background, clock: Clock) -> None:
    inbox = Inbox(host="127.0.0.1", port=0, clock=clock, sendgrid_api_key=API_KEY, resend_rate_limit=True)
    background.run(inbox.start())
    try:
        responses = [post(inbox) for _ in range(6)]
        assert [each.status_code for each in responses] == [200] * 5 + [429]
        assert [each.headers["ratelimit-remaining"] for each in responses] == ["4", "3", "2", "1", "0", "0"]
        assert {each.headers["ratelimit-limit"] for each in responses} == {"5"}
        assert error(responses[-1]) == (429, "rate_limit_exceeded")
        assert responses[-1].headers["retry-after"] == responses[-1].headers["ratelimit-reset"] == "1"
        background.run(move(clock, timedelta(seconds=1)))
        assert post(inbox).status_code == 200
    finally:
        background.run(inbox.stop())


@pytest.mark.parametrize("key", ["", "k" * 257])
def test_a_key_of_the_wrong_length(inbox: Inbox, key: str) -> None:
    assert error(post(inbox, key=key)) == (400, "invalid_idempotency_key")


def test_a_request_that_is_made_again_is_carried_out_once(inbox: Inbox) -> None:
    first, second = post(inbox, key="k" * 256), post(inbox, key="k" * 256)
    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert len(inbox.mails) == 1
    assert post(inbox, key="another").json() != first.json()


def test_a_key_with_other_bytes_is_refused(inbox: Inbox) -> None:
    post(inbox, key="report/1")
    assert error(post(inbox, {**EMAIL, "text": "Hello"}, key="report/1")) == (409, "invalid_idempotent_request")
    assert len(inbox.mails) == 1


def test_a_key_is_forgotten_after_a_day(inbox: Inbox, background: Background, clock: Clock) -> None:
    first = post(inbox, key="report/1").json()
    background.run(move(clock, timedelta(hours=24, seconds=-1)))
    assert post(inbox, key="report/1").json() == first
    background.run(move(clock, timedelta(seconds=1)))
    assert post(inbox, key="report/1").json() != first
    assert len(inbox.mails) == 2


def test_a_request_that_failed_does_not_hold_its_key(inbox: Inbox) -> None:
    inbox.answer_next("resend", Answer(status=500))
    assert post(inbox, key="report/1").status_code == 500
    assert post(inbox, {**EMAIL, "to": "ann"}, key="report/1").status_code == 422
    assert post(inbox, key="report/1").status_code == 200


def test_a_key_whose_answer_was_lost(inbox: Inbox) -> None:
    async def cut(_call: Call, carry_on: CarryOn) -> Answer:
        await carry_on()
        raise CutConnection

    inbox.fault = cut
    with pytest.raises(requests.ConnectionError):
        post(inbox, key="report/1")
    inbox.fault = None
    assert post(inbox, key="report/1").json() == {"id": inbox.mails[0].id}
    assert len(inbox.mails) == 1


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def test_a_key_that_is_in_use(inbox: Inbox, background: Background, clock: Clock, pool: ThreadPoolExecutor) -> None:
    arrived = asyncio.Event()

    async def tell(_call: Call, carry_on: CarryOn) -> Answer:
        arrived.set()
        return await carry_on()

    inbox.resend.takes, inbox.fault = timedelta(seconds=20), tell
    first = pool.submit(post, inbox, key="report/1")
    background.run(asyncio.wait_for(arrived.wait(), 10))
    assert error(post(inbox, key="report/1")) == (409, "concurrent_idempotent_requests")
    background.run(move(clock, timedelta(seconds=20)))
    assert first.result().status_code == 200
    assert post(inbox, key="report/1").json() == first.result().json()
    assert len(inbox.mails) == 1


def test_the_faults_that_a_person_chooses(inbox: Inbox) -> None:
    faults = TimedFaults()
    inbox.fault = faults
    expected = {
        FaultKind.UNAVAILABLE: (503, "application_error"),
        FaultKind.REFUSES_MAILS: (422, "validation_error"),
        FaultKind.THROTTLED: (429, "rate_limit_exceeded"),
        FaultKind.REFUSES_KEY: (401, "validation_error"),
    }
    for kind, answer in expected.items():
        faults.add("resend", kind, timedelta(minutes=5))
        assert error(post(inbox)) == answer
    assert len(inbox.mails) == 0
    faults.add("resend", FaultKind.TAKEN_AND_FAILED, timedelta(minutes=5))
    assert post(inbox, key="report/1").status_code == 502
    faults.clear()
    assert post(inbox, key="report/1").json() == {"id": inbox.mails[0].id}
    assert len(inbox.mails) == 1
