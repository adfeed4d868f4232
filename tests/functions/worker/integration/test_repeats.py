"""A provider with idempotency keys takes a report once, and no outcome stays unknown while it knows the key."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import grpc
import pytest

from functions.shared.records.mail_event import MAIL_EVENTS, MailEvent, MailRecord, MailStatus
from local_cloud.rpc import RpcError
from local_pipeline.function_process import FunctionProcess
from local_pipeline.inbox.faults import Answer, Call, CutConnection, Fault
from local_pipeline.inbox.server import RESEND_API_KEY
from tests.functions.worker.integration.conftest import DUE, HOUR, MAX_ATTEMPTS, Cloud

LAST = MAX_ATTEMPTS - 1

CarryOn = Callable[[], Awaitable[Answer]]
CarryOut = Callable[[], Awaitable[Any]]


def resend(cloud: Cloud, **variables: str) -> FunctionProcess:
    given = {"MAIL_PROVIDER": "resend", "RESEND_API_KEY": RESEND_API_KEY, "RESEND_HOST": cloud.inbox.url}
    return cloud.worker(**given, PROVIDER_PAUSE="0", **variables)


async def accept_and_cut(_call: Call, carry_on: CarryOn) -> Answer:
    await carry_on()
    raise CutConnection


async def cut(_call: Call, _carry_on: CarryOn) -> Answer:
    raise CutConnection


def answering(status: HTTPStatus) -> Fault:
    async def answer(_call: Call, carry_on: CarryOn) -> Answer:
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            await carry_on()
        return Answer(status=status, body=b"{}")

    return answer


def lease_ends(cloud: Cloud, user: str, **fields: Any) -> None:
    cloud.delivery(user).update({"lease_expires_at": datetime.now(UTC) - timedelta(minutes=1), **fields})


def mails(cloud: Cloud, user: str) -> int:
    name = cloud.delivery(user).id
    return sum(mail.custom_args.get("delivery_id") == name for mail in cloud.inbox.mails)


@pytest.fixture
def unclear(cloud: Cloud) -> Iterator[Callable[..., str]]:
    """Makes a user whose report the provider has accepted, or not, and whose lease is over."""

    def make(fault: Fault = accept_and_cut, **subscription: Any) -> str:
        user = cloud.user(subscription=subscription)
        cloud.inbox.fault = fault
        answer = cloud.deliver(user, worker=resend(cloud))
        cloud.inbox.fault = None
        assert (answer.status_code, answer.json()["cause"]) == (500, "unknown-outcome")
        lease_ends(cloud, user)
        return user

    yield make
    assert not cloud.letters()


@pytest.mark.parametrize(
    ("fault", "taken"),
    [
        (accept_and_cut, 1),
        (cut, 0),
        (answering(HTTPStatus.INTERNAL_SERVER_ERROR), 1),
        (answering(HTTPStatus.BAD_GATEWAY), 1),
        (answering(HTTPStatus.SERVICE_UNAVAILABLE), 1),
    ],
)
def test_a_lost_answer_is_asked_for_again(cloud: Cloud, unclear: Callable[..., str], fault: Fault, taken: int) -> None:
    user = unclear(fault)
    assert mails(cloud, user) == taken
    # What the report is made of may change, and the code that makes it: the provider gets the same bytes.
    cloud.users.document(user).update({"name": "Grace", "locale": "de"})
    answer = cloud.deliver(user, worker=resend(cloud, BRAND_COLOR="#aa0000"), retry_count=1)
    assert answer.json()["result"] == "sent"
    assert mails(cloud, user) == 1
    found = cloud.delivery_of(user)
    assert (found["state"], found["provider"], found["request"]) == ("sent", "resend", None)
    assert found["message_id"] == answer.json()["message_id"] != ""
    assert cloud.subscription_of(user)["next_report_at"] == DUE + HOUR


def test_the_price_is_the_same_with_the_requests_kept(cloud: Cloud) -> None:
    user = cloud.user()
    cloud.put_delivery(user, state="pending")
    cloud.firestore.usage.reset()
    assert cloud.deliver(user, worker=resend(cloud)).json()["result"] == "sent"
    assert (cloud.firestore.usage.writes, cloud.firestore.usage.deletes) == (3, 0)


def test_after_the_last_attempt_the_report_waits_for_the_next_run(cloud: Cloud) -> None:
    user, worker = cloud.user(), resend(cloud)
    cloud.inbox.fault = accept_and_cut
    assert cloud.deliver(user, worker=worker, retry_count=LAST).status_code == 500
    lease_ends(cloud, user)
    assert cloud.deliver(user, worker=worker, retry_count=LAST).status_code == 500
    assert cloud.delivery_of(user)["state"] == "sending"
    assert not cloud.letters()
    cloud.inbox.fault = None
    lease_ends(cloud, user)
    assert cloud.deliver(user, worker=worker, **{"X-CloudTasks-TaskName": "of-the-next-run"}).json()["result"] == "sent"
    assert mails(cloud, user) == 1


@pytest.mark.parametrize("status", [HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.UNAUTHORIZED])
def test_a_refusal_says_nothing_about_the_request_before(
    cloud: Cloud, unclear: Callable[..., str], status: HTTPStatus
) -> None:
    user = unclear()
    cloud.inbox.fault = answering(status)
    assert cloud.deliver(user, worker=resend(cloud), retry_count=LAST).status_code in {429, 503}
    assert cloud.delivery_of(user)["state"] == "sending"
    cloud.inbox.fault = None
    lease_ends(cloud, user)
    assert cloud.deliver(user, worker=resend(cloud), retry_count=LAST).json()["result"] == "sent"
    assert mails(cloud, user) == 1


def test_the_account_of_the_first_request_makes_it_again_and_no_other(cloud: Cloud) -> None:
    brands = {"acme": {"from": "reports@mail.acme.example", "account": "acme"}}
    worker = resend(cloud, BRANDS=json.dumps(brands), MAIL_ACCOUNTS='{"acme": "re_acme"}')
    moved, gone = (cloud.user(brand="acme") for _ in range(2))
    cloud.inbox.fault = accept_and_cut
    for user in (moved, gone):
        assert cloud.deliver(user, worker=worker).json()["cause"] == "unknown-outcome"
        cloud.users.document(user).update({"brand": None})
        lease_ends(cloud, user)
    cloud.inbox.fault = answering(HTTPStatus.TOO_MANY_REQUESTS)
    # What holds up this account alone does not slow the whole queue down.
    assert cloud.deliver(moved, worker=worker, retry_count=1).status_code == 500
    cloud.inbox.fault = None
    lease_ends(cloud, moved)
    assert cloud.deliver(moved, worker=worker, retry_count=1).json()["result"] == "sent"
    # A worker that no longer knows the account.
    assert cloud.deliver(gone, worker=resend(cloud), retry_count=1).json()["reason"] == "unknown-outcome"
    assert [mails(cloud, user) for user in (moved, gone)] == [1, 1]
    assert len(cloud.letters()) == 1


def test_what_the_provider_refuses_clearly_is_built_again_with_a_key_of_its_own(cloud: Cloud) -> None:
    user, worker = cloud.user(), resend(cloud)
    cloud.inbox.fault = answering(HTTPStatus.TOO_MANY_REQUESTS)
    assert cloud.deliver(user, worker=worker).status_code == 429
    assert (cloud.delivery_of(user)["state"], cloud.delivery_of(user)["request"]) == ("pending", None)
    cloud.inbox.fault = None
    cloud.users.document(user).update({"name": "Grace"})
    assert cloud.deliver(user, worker=worker, retry_count=1).json()["result"] == "sent"
    assert mails(cloud, user) == 1


def test_when_the_provider_has_forgotten_the_key_a_person_decides(cloud: Cloud, unclear: Callable[..., str]) -> None:
    user = unclear()
    long_ago = datetime.now(UTC) - timedelta(hours=23)
    lease_ends(cloud, user, **{"request.made_at": long_ago})
    assert cloud.deliver(user, worker=resend(cloud), retry_count=1).json()["reason"] == "unknown-outcome"
    assert mails(cloud, user) == 1
    assert cloud.delivery_of(user)["request"] is None
    ((letter, _),) = cloud.letters()
    assert letter["reason"] == "unknown-outcome"


def test_another_provider_is_not_handed_the_mail(cloud: Cloud, unclear: Callable[..., str]) -> None:
    user = unclear()
    assert cloud.deliver(user, retry_count=1).json()["reason"] == "unknown-outcome"
    assert mails(cloud, user) == 1
    cloud.letters()


def test_a_repeat_that_claims_and_then_cannot_read_leaves_the_requests_to_the_next(
    cloud: Cloud, unclear: Callable[..., str]
) -> None:
    user, claimed = unclear(), False

    async def unreadable_from_then_on(called: str, carry_out: CarryOut) -> Any:
        nonlocal claimed
        if called.endswith("/Commit"):
            claimed = True
        elif claimed:
            raise RpcError(grpc.StatusCode.PERMISSION_DENIED, "made to fail")
        return await carry_out()

    cloud.firestore_faults.middleware = unreadable_from_then_on
    assert cloud.deliver(user, worker=resend(cloud), retry_count=1).json()["cause"] == "firestore"
    cloud.firestore_faults.middleware = None
    assert claimed
    lease_ends(cloud, user)
    # A report that was built anew would be another request, which the provider takes as well.
    cloud.users.document(user).update({"name": "Grace"})
    assert cloud.deliver(user, worker=resend(cloud), retry_count=2).json()["result"] == "sent"
    assert mails(cloud, user) == 1


def test_a_recipient_who_has_left_gets_no_repeat(cloud: Cloud, unclear: Callable[..., str]) -> None:
    user = unclear(cut)
    cloud.subscription(user).update({"active": False, "paused_because": "unsubscribed"})
    answer = cloud.deliver(user, worker=resend(cloud), retry_count=1).json()
    assert (answer["result"], answer["note"]) == ("skipped", "an earlier attempt may have sent it")
    assert mails(cloud, user) == 0


def test_a_mail_that_has_bounced_by_then_was_sent(cloud: Cloud, unclear: Callable[..., str]) -> None:
    user = unclear()
    name = cloud.delivery(user).id
    event = MailEvent(delivery_id=name, recipient="r", status=MailStatus.BOUNCED, at=datetime.now(UTC))
    record = MailRecord(id=name, user_id=user, subscription_id="default").folded([event])
    cloud.database.collection(MAIL_EVENTS).document(name).set(record.to_fields())
    cloud.subscription(user).update({"active": False, "paused_because": "bounced"})
    assert cloud.deliver(user, worker=resend(cloud), retry_count=1).json()["result"] == "sent"
    assert cloud.delivery_of(user)["state"] == "sent"
    assert mails(cloud, user) == 1


def test_a_repeat_goes_to_the_address_that_the_first_request_had(cloud: Cloud, unclear: Callable[..., str]) -> None:
    user = unclear()
    cloud.users.document(user).update({"email": "moved@example.com"})
    assert cloud.deliver(user, worker=resend(cloud), retry_count=1).json()["result"] == "sent"
    assert mails(cloud, user) == 1


def test_each_recipient_gets_the_report_once(cloud: Cloud) -> None:
    user, worker = cloud.user(subscription={"cc": ["copy@example.com"]}), resend(cloud)
    calls = 0

    async def only_the_first(_call: Call, carry_on: CarryOn) -> Answer:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise CutConnection
        return await carry_on()

    cloud.inbox.fault = only_the_first
    assert cloud.deliver(user, worker=worker).json()["cause"] == "unknown-outcome"
    assert mails(cloud, user) == 1
    cloud.inbox.fault = None
    lease_ends(cloud, user)
    assert cloud.deliver(user, worker=worker, retry_count=1).json()["result"] == "sent"
    assert mails(cloud, user) == 2


def test_two_workers_with_the_same_key_send_one_mail(cloud: Cloud) -> None:
    """The first one is so slow that its lease is over before Resend answers."""
    user, worker = cloud.user(), resend(cloud)
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_call: Call, carry_on: CarryOn) -> Answer:
        if not arrived.is_set():
            arrived.set()
            await go_on.wait()
        return await carry_on()

    cloud.inbox.fault = slow

    async def first_and_second() -> tuple[Any, Any]:
        first = asyncio.create_task(asyncio.to_thread(cloud.deliver, user, worker=worker))
        while not arrived_in_background():
            await asyncio.sleep(0.01)
        await asyncio.to_thread(lease_ends, cloud, user)
        second = await asyncio.to_thread(cloud.deliver, user, worker=worker, retry_count=1)
        cloud.background.loop.call_soon_threadsafe(go_on.set)
        return await first, second

    def arrived_in_background() -> bool:
        return arrived.is_set()

    first, second = asyncio.run(first_and_second())
    assert second.json()["result"] == "sent"
    assert first.json()["result"] in {"already-final", "sent"}
    assert mails(cloud, user) == 1
    assert cloud.delivery_of(user)["state"] == "sent"
