"""Reports that do not go by email: what claims, records, repeats and gives up emails does so with them."""

import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import pytest
from aiohttp import web

from local_cloud.storage.server import StorageEmulator
from local_pipeline.function_process import FunctionProcess
from local_pipeline.inbox import elsewhere
from local_pipeline.inbox.elsewhere import Received
from local_pipeline.inbox.faults import Answer, Call, CutConnection
from local_pipeline.local_destination import BUCKET, LocalDestination, deliver_of
from operations.kinds.kind_pausing import KindPausing
from tests.functions.worker.integration.conftest import DUE, HOUR, MAX_ATTEMPTS, Cloud
from tests.storage import storage_running

CarryOn = Callable[[], Awaitable[Answer]]

KEYED, OTHERS = ("webhook", "chat"), ("slack", "teams")


def settings(cloud: Cloud) -> dict[str, str]:
    return {
        "DESTINATION_SECRETS": json.dumps(elsewhere.secrets_at(cloud.inbox.url)),
        "WEBHOOK_PRIVATE_ADDRESSES": "true",
        "SLACK_API_URL": cloud.inbox.url + elsewhere.SLACK_PATH,
        "PROVIDER_PAUSE": "0",
    }


def worker(cloud: Cloud) -> FunctionProcess:
    return cloud.worker(**settings(cloud))


def user(cloud: Cloud, destination: str, **subscription: Any) -> str:
    """A user without an address, whose report goes to a destination."""
    deliver = deliver_of(LocalDestination(destination), cloud.inbox.url)
    return cloud.user(email=..., subscription={"deliver": deliver, "skip_empty": False, **subscription})


def came(cloud: Cloud, user_id: str) -> list[Received]:
    delivery_id = cloud.delivery(user_id).id
    return [each for each in cloud.inbox.elsewhere.received if each.delivery_id == delivery_id]


async def accept_and_cut(call: Call, carry_on: CarryOn) -> Answer:
    answer = await carry_on()
    if elsewhere.delivery_in_report(call.service, call.body):
        raise CutConnection
    return answer


def end_the_lease(cloud: Cloud, user_id: str) -> None:
    cloud.delivery(user_id).update({"lease_expires_at": datetime.now(UTC) - timedelta(minutes=1)})


@pytest.mark.parametrize("destination", [*KEYED, *OTHERS])
def test_a_report_needs_no_address_and_comes_once(cloud: Cloud, destination: str) -> None:
    user_id = user(cloud, destination)
    for result in ("sent", "already-final"):
        answer = cloud.deliver(user_id, worker=worker(cloud))
        assert (answer.status_code, answer.json()["result"]) == (200, result)
    [report] = came(cloud, user_id)
    assert (report.destination, cloud.delivery_of(user_id)["provider"]) == (destination, destination)
    assert cloud.mails_to(user_id) == []


@pytest.mark.parametrize("destination", KEYED)
def test_a_lost_answer_is_repeated_with_the_same_bytes(cloud: Cloud, destination: str) -> None:
    user_id = user(cloud, destination)
    cloud.inbox.fault = accept_and_cut
    answer = cloud.deliver(user_id, worker=worker(cloud))
    assert (answer.status_code, answer.json()["cause"]) == (500, "unknown-outcome")
    cloud.inbox.fault = None
    end_the_lease(cloud, user_id)
    cloud.event(user_id, "e1", at=datetime(2026, 11, 24, 12, 30, tzinfo=UTC), type="order.placed")
    assert cloud.deliver(user_id, worker=worker(cloud), retry_count=1).json()["result"] == "sent"
    assert len(came(cloud, user_id)) == 1


def test_what_may_have_come_waits_while_its_kind_is_paused_or_goes_to_a_person(cloud: Cloud) -> None:
    waits, too_late = user(cloud, "webhook"), user(cloud, "webhook")
    cloud.inbox.fault = accept_and_cut
    for user_id in (waits, too_late):
        assert cloud.deliver(user_id, worker=worker(cloud)).json()["cause"] == "unknown-outcome"
        end_the_lease(cloud, user_id)
    called: list[Call] = []

    async def note(call: Call, carry_on: CarryOn) -> Answer:
        called.append(call)
        return await carry_on()

    cloud.inbox.fault, kinds = note, KindPausing(cloud.door)
    kinds.pause("activity", by="ada", now=datetime.now(UTC))
    # Processes that have read of no pause yet.
    paused, resumed = (cloud.worker(**settings(cloud), LOG_LEVEL=level) for level in ("WARNING", "ERROR"))
    assert cloud.deliver(waits, worker=paused, retry_count=1).json()["result"] == "held"
    cloud.delivery(too_late).update({"request.made_at": datetime.now(UTC) - timedelta(hours=24)})
    assert cloud.deliver(too_late, worker=paused, retry_count=1).json()["reason"] == "unknown-outcome"
    assert called == []
    kinds.resume("activity", by="ada", now=datetime.now(UTC))
    assert cloud.deliver(waits, worker=resumed, retry_count=2).json()["result"] == "sent"
    cloud.inbox.fault = None
    assert (len(came(cloud, waits)), len(called)) == (1, 1)


@pytest.fixture(scope="module")
def storage(_surroundings: Cloud) -> Iterator[StorageEmulator]:
    """Cloud Storage, which is unclear about each manifest while the other destinations are."""

    @web.middleware
    async def be_unclear(request: web.Request, handler: Callable[..., Any]) -> web.StreamResponse:
        answer: web.StreamResponse = await handler(request)
        is_manifest = b"manifest.json" in (await request.read()).partition(b"\r\n--")[0]
        is_unclear = _surroundings.inbox.fault and is_manifest
        return web.Response(status=HTTPStatus.CONFLICT) if is_unclear else answer

    with storage_running(_surroundings.background, middlewares=[be_unclear]) as storage:
        yield storage


WEBHOOK, BUCKET_OF_OURS, SLACK = (
    deliver_of(each, "http://localhost")
    for each in (LocalDestination.WEBHOOK, LocalDestination.GCS, LocalDestination.SLACK)
)


@pytest.mark.parametrize(
    ("destination", "changed", "result"),
    [
        ("webhook", {**WEBHOOK, "secret": "other"}, "sent"),
        ("webhook", SLACK, "sent"),
        ("gcs", {**BUCKET_OF_OURS, "bucket": "others", "prefix": "theirs/"}, "sent"),
        ("gcs", SLACK, "sent"),
        # An email has no files for a bucket, which has the report all the same.
        ("gcs", {"destination": "email"}, "sent"),
    ],
)
def test_a_repeat_goes_where_the_first_request_went(
    cloud: Cloud, storage: StorageEmulator, destination: str, changed: dict[str, str], result: str
) -> None:
    storage.buckets |= {BUCKET: {}, "others": {}}
    secrets = {**elsewhere.secrets_at(cloud.inbox.url), "other": f"whsec_{'QUJD' * 8}"}
    variables = {"DESTINATION_SECRETS": json.dumps(secrets), "STORAGE_EMULATOR_HOST": storage.url}
    changing = cloud.worker(**{**settings(cloud), **variables})
    user_id = user(cloud, destination)
    cloud.inbox.fault = accept_and_cut
    assert cloud.deliver(user_id, worker=changing).json()["cause"] == "unknown-outcome"
    cloud.inbox.fault = None
    end_the_lease(cloud, user_id)
    cloud.subscription(user_id).update({"deliver": changed})
    cloud.users.document(user_id).update({"email": f"{user_id}@example.com"})
    assert cloud.deliver(user_id, worker=changing, retry_count=1).json()["result"] == result
    manifests = [name for bucket in storage.buckets.values() for name in bucket if name.endswith("manifest.json")]
    assert len(came(cloud, user_id)) + len(manifests) + len(cloud.mails_to(user_id)) == 1
    cloud.letters()


def test_after_a_restore_the_bucket_is_asked_for_its_manifest(cloud: Cloud, storage: StorageEmulator) -> None:
    storage.buckets |= {BUCKET: {}}
    variables = {**settings(cloud), "STORAGE_EMULATOR_HOST": storage.url}
    restored = cloud.worker(**variables, RESTORED_AT=(DUE + HOUR / 2).isoformat())
    there, absent = user(cloud, "gcs"), user(cloud, "gcs")
    assert cloud.deliver(there, worker=cloud.worker(**variables)).json()["result"] == "sent"
    kept = dict(storage.buckets[BUCKET])
    # As in the copy, which knows nothing of the report.
    cloud.delivery(there).delete()
    cloud.subscription(there).update({"next_report_at": DUE, "reported_until": DUE - HOUR})
    assert cloud.deliver(there, worker=restored).json()["result"] == "sent"
    assert cloud.deliver(absent, worker=restored).json()["reason"] == "unknown-outcome"
    assert storage.buckets[BUCKET] == kept
    [(letter, _)] = cloud.letters()
    assert "the destination gcs may have the report" in letter["error"]
    assert "its bucket shows no manifest" in letter["error"]


@pytest.mark.parametrize("destination", OTHERS)
def test_without_a_key_a_lost_answer_is_a_persons_to_settle(cloud: Cloud, destination: str) -> None:
    user_id = user(cloud, destination)
    cloud.inbox.fault = accept_and_cut
    assert cloud.deliver(user_id, worker=worker(cloud)).json()["cause"] == "unknown-outcome"
    cloud.inbox.fault = None
    end_the_lease(cloud, user_id)
    answer = cloud.deliver(user_id, worker=worker(cloud), retry_count=1)
    assert (answer.json()["result"], answer.json()["reason"]) == ("dead", "unknown-outcome")
    assert len(came(cloud, user_id)) == 1
    [(letter, _)] = cloud.letters()
    assert f"the destination {destination} may have the report, or not" in letter["error"]


@pytest.mark.parametrize("status", [HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE])
def test_a_webhook_that_cannot_keep_up_slows_no_other_report_down(cloud: Cloud, status: HTTPStatus) -> None:
    async def refuse(_call: Call, _carry_on: CarryOn) -> Answer:
        return Answer(status=status, headers={"Retry-After": "60"})

    user_id = user(cloud, "webhook")
    cloud.inbox.fault = refuse
    answer = cloud.deliver(user_id, worker=worker(cloud))
    assert (answer.status_code, answer.headers.get("Retry-After")) == (500, None)
    cloud.inbox.fault = None


def test_what_a_webhook_refuses_is_a_dead_letter(cloud: Cloud) -> None:
    async def refuse(_call: Call, _carry_on: CarryOn) -> Answer:
        return Answer(status=HTTPStatus.GONE)

    user_id = user(cloud, "webhook")
    cloud.inbox.fault = refuse
    answer = cloud.deliver(user_id, worker=worker(cloud))
    cloud.inbox.fault = None
    assert (answer.json()["result"], answer.json()["reason"]) == ("dead", "permanent-error")
    [(letter, _)] = cloud.letters()
    assert letter["error"].startswith("the webhook answered 410")


def test_a_sandbox_report_reaches_nobody(cloud: Cloud) -> None:
    user_id = user(cloud, "slack", sandbox=True)
    assert cloud.deliver(user_id, worker=worker(cloud), retry_count=MAX_ATTEMPTS - 1).json()["result"] == "sent"
    assert came(cloud, user_id) == []


def test_a_malformed_address_is_a_dead_letter_that_names_the_field(cloud: Cloud) -> None:
    user_id = cloud.user(subscription={"deliver": {"destination": "webhook", "url": "http://acme.example"}})
    assert cloud.deliver(user_id, worker=worker(cloud)).json()["result"] == "dead"
    [(letter, _)] = cloud.letters()
    assert letter["error"].startswith("the subscription's document: deliver: must be a map with destination")
