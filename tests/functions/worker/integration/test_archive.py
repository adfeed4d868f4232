"""Copies of the emails: written before they are handed over, named by the delivery, and what their links lead to."""

import gzip
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from functions.shared.mail.recipient_token import TokenKeys
from functions.shared.records.archived_copy import ArchivedCopy, CopyName
from local_cloud.storage.server import StorageEmulator
from local_pipeline.function_process import FunctionProcess
from local_pipeline.inbox.faults import Fault
from local_pipeline.inbox.server import RESEND_API_KEY
from tests.functions.worker.integration import test_destinations as destinations
from tests.functions.worker.integration.conftest import DUE, Cloud
from tests.functions.worker.integration.test_doubt import replayed
from tests.functions.worker.integration.test_repeats import accept_and_cut, answering, lease_ends
from tests.storage import BUCKET, storage_running

KEY = "a-key-of-at-least-thirty-two-letters"
PAGE = "https://reports.example.com/mails"
_faults: list[int] = []
_manifests: list[str] = []
"""Those that are not answered: `lost` before they arrive, `taken`, or `late`: each of these arrives right before the
next one."""
_late: list[tuple[str, bytes, str]] = []


@web.middleware
async def fail(request: web.Request, handler: Any) -> web.StreamResponse:
    if _faults:
        return web.Response(status=_faults[0])
    if _manifests and b"manifest.json" in (await request.read()).partition(b"\r\n--")[0]:
        match _manifests.pop():
            case "taken":
                await handler(request)
            case "late":
                _late.append((str(request.url), await request.read(), request.headers["Content-Type"]))
        return web.Response(status=HTTPStatus.CONFLICT)
    if _late and b"manifest.json" in (await request.read()).partition(b"\r\n--")[0]:
        url, body, content_type = _late.pop(0)
        async with aiohttp.ClientSession() as session:
            await session.post(url, data=body, headers={"Content-Type": content_type})
    answer: web.StreamResponse = await handler(request)
    return answer


@pytest.fixture(scope="module")
def storage(_surroundings: Cloud) -> Iterator[StorageEmulator]:
    with storage_running(_surroundings.background, middlewares=[fail]) as storage:
        yield storage


@pytest.fixture
def worker(cloud: Cloud, storage: StorageEmulator) -> FunctionProcess:
    storage.buckets[BUCKET].clear()
    _faults.clear()
    _manifests.clear()
    _late.clear()
    return cloud.worker(
        MAIL_PROVIDER="resend",
        RESEND_API_KEY=RESEND_API_KEY,
        RESEND_HOST=cloud.inbox.url,
        PREFERENCES_URL=PAGE,
        PREFERENCES_KEY=KEY,
        STORAGE_EMULATOR_HOST=storage.url,
        ARCHIVE=BUCKET,
        ARCHIVE_DAYS="30",
        **destinations.settings(cloud),
    )


def copies(storage: StorageEmulator) -> dict[str, ArchivedCopy]:
    return {
        name: ArchivedCopy.from_bytes(gzip.decompress(stored.content))
        for name, stored in storage.buckets[BUCKET].items()
    }


def test_the_copy_is_the_email_to_the_letter_and_its_link_names_it(
    cloud: Cloud, worker: FunctionProcess, storage: StorageEmulator
) -> None:
    user = cloud.user()
    cloud.put_delivery(user, state="pending")
    cloud.firestore.usage.reset()
    assert cloud.deliver(user, worker=worker).json()["result"] == "sent"
    # As many as without copies.
    assert cloud.firestore.usage.writes == 3
    ((name, copy),) = copies(storage).items()
    delivery = cloud.delivery_of(user)
    assert (delivery["state"], delivery["archived_as"], delivery.get("archive_error")) == ("sent", name, None)
    (mail,) = cloud.mails_to(user)
    link = re.search(rf"{PAGE}/([\w-]+)/copies/([\w-]+)", str(mail.text))
    assert link is not None
    own = f"{PAGE}/{link[1]}"
    assert copy.plain_text(own) == mail.text
    assert copy.html.replace(copy.html_tag, own) == mail.html
    assert (copy.subject, copy.user_id, copy.delivery_id) == (mail.envelope.subject, user, cloud.delivery(user).id)
    keys, parsed = TokenKeys([KEY]), CopyName.parse(name)
    assert parsed is not None
    assert keys.read_copy(link[2]) == parsed.own_part
    # A link is no other sort of token.
    assert (keys.read(link[2]), keys.unseal(link[2]), keys.read_copy(link[1])) == (None, None, None)
    until = datetime.fromisoformat(storage.buckets[BUCKET][name].fields["customTime"])
    assert timedelta(days=30) < until - datetime.now(UTC) <= timedelta(days=31)


def test_without_storage_the_report_goes_out_without_the_link_and_its_record_says_so(
    cloud: Cloud, worker: FunctionProcess, storage: StorageEmulator
) -> None:
    user = cloud.user()
    _faults.append(403)
    assert cloud.deliver(user, worker=worker).json()["result"] == "sent"
    (mail,) = cloud.mails_to(user)
    shown = f"{mail.text} {mail.html}"
    assert ("/copies/" in shown, "View in browser" in shown, f"{PAGE}/" in shown) == (False, False, True)
    delivery = cloud.delivery_of(user)
    assert "archived_as" not in delivery
    assert delivery["archive_error"].startswith("Forbidden")
    assert not copies(storage)


def test_a_report_that_goes_elsewhere_has_a_link_to_its_copy_alone(
    cloud: Cloud, worker: FunctionProcess, storage: StorageEmulator
) -> None:
    keys = TokenKeys([KEY])
    webhook, slack, without = (destinations.user(cloud, name) for name in ("webhook", "slack", "webhook"))
    for user in (webhook, slack):
        assert cloud.deliver(user, worker=worker).json()["result"] == "sent"
        [report] = destinations.came(cloud, user)
        link = re.search(rf"{PAGE}/copies/([\w-]+)", str(report.payload))
        assert link is not None
        parsed = CopyName.parse(cloud.delivery_of(user)["archived_as"])
        assert parsed is not None
        assert keys.read_shared_copy(link[1]) == (user, "default", parsed.own_part)
        # Those who have it see the copy, and are no recipient.
        assert (keys.read(link[1]), keys.read_copy(link[1])) == (None, None)
    assert {copy.user_id for copy in copies(storage).values()} == {webhook, slack}
    _faults.append(403)
    assert cloud.deliver(without, worker=worker).json()["result"] == "sent"
    [report] = destinations.came(cloud, without)
    assert "/copies/" not in str(report.payload)
    assert cloud.delivery_of(without)["archive_error"].startswith("Forbidden")


def test_a_repeat_sends_the_same_bytes_and_names_the_same_copy(
    cloud: Cloud, worker: FunctionProcess, storage: StorageEmulator
) -> None:
    user = cloud.user()
    cloud.inbox.fault = accept_and_cut
    assert cloud.deliver(user, worker=worker).json()["cause"] == "unknown-outcome"
    cloud.inbox.fault = None
    (name,) = copies(storage)
    cloud.delivery(user).update({"lease_expires_at": datetime.now(UTC) - timedelta(minutes=1)})
    assert cloud.deliver(user, worker=worker, retry_count=1).json()["result"] == "sent"
    assert list(copies(storage)) == [name] == [cloud.delivery_of(user)["archived_as"]]
    assert len(cloud.mails_to(user)) == 1


def test_the_copy_of_an_email_that_is_refused_is_dropped(
    cloud: Cloud, worker: FunctionProcess, storage: StorageEmulator
) -> None:
    user = cloud.user()

    answers = {"pending": HTTPStatus.TOO_MANY_REQUESTS, "dead": HTTPStatus.UNPROCESSABLE_ENTITY}

    for state, status in answers.items():
        cloud.inbox.fault = answering(status)
        cloud.deliver(user, worker=worker)
        delivery = cloud.delivery_of(user)
        assert (delivery["state"], delivery["archived_as"], copies(storage)) == (state, None, {})
    cloud.letters()


@pytest.mark.parametrize(
    "manifests",
    [each.split() for each in ["lost", "taken", "lost taken", "lost lost", "late", "lost late", "late lost"]],
)
def test_the_copy_is_of_the_build_that_a_bucket_has(
    cloud: Cloud, worker: FunctionProcess, storage: StorageEmulator, manifests: list[str]
) -> None:
    user = destinations.user(cloud, "gcs")
    ours = destinations.BUCKET_OF_OURS["bucket"]
    storage.buckets.setdefault(ours, {})
    _manifests.extend(reversed(manifests))
    for number, _ in enumerate(manifests):
        assert cloud.deliver(user, worker=worker, retry_count=number).json()["cause"] == "unknown-outcome"
        cloud.event(user, f"e{number}", at=DUE - timedelta(minutes=5 + number), type="order.placed")
        lease_ends(cloud, user)
    assert cloud.deliver(user, worker=worker, retry_count=len(manifests)).json()["result"] == "sent"
    [manifest] = [
        json.loads(stored.content)
        for name, stored in storage.buckets[ours].items()
        if cloud.delivery(user).id in name and name.endswith("manifest.json")
    ]
    named = cloud.delivery_of(user)["archived_as"]
    kept = ArchivedCopy.from_bytes(gzip.decompress(storage.buckets[BUCKET][named].content))
    link, name = re.search(rf"{PAGE}/copies/([\w-]+)", str(manifest)), CopyName.parse(named)
    assert link is not None
    assert name is not None
    assert TokenKeys([KEY]).read_shared_copy(link[1]) == (user, "default", name.own_part)
    [text] = [storage.buckets[ours][each["name"]] for each in manifest["files"] if each["filename"] == "report.txt"]
    assert kept.text == text.content.decode()


def _of_another(_: str) -> str:
    return str(CopyName.of("another", "delivery", "claim", days=9, now=DUE))


@pytest.mark.parametrize(
    "forge", [_of_another, lambda name: f"{name}/..", lambda _: "\ud800", lambda _: [1], lambda _: None]
)
def test_a_manifest_that_others_have_written_names_no_copy_of_anyone_else(
    cloud: Cloud, worker: FunctionProcess, storage: StorageEmulator, forge: Callable[[str], Any]
) -> None:
    user = destinations.user(cloud, "gcs")
    bucket = storage.buckets.setdefault(destinations.BUCKET_OF_OURS["bucket"], {})
    _manifests.append("taken")
    assert cloud.deliver(user, worker=worker).json()["cause"] == "unknown-outcome"
    [name] = [each for each in bucket if cloud.delivery(user).id in each and each.endswith("manifest.json")]
    ours = cloud.delivery_of(user)["archived_as"]
    manifest = json.loads(bucket[name].content)
    assert manifest["archived_as"] == ours
    forged = {**manifest, "archived_as": forge(ours)}
    bucket[name] = replace(bucket[name], content=json.dumps(forged).encode())
    lease_ends(cloud, user)
    assert cloud.deliver(user, worker=worker, retry_count=1).json()["result"] == "sent"
    assert cloud.delivery_of(user)["archived_as"] == (ours if forged["archived_as"] else None)


@pytest.mark.parametrize(
    ("fault", "result"),
    [
        (None, "sent"),
        (answering(HTTPStatus.TOO_MANY_REQUESTS), "retry"),
        (answering(HTTPStatus.UNPROCESSABLE_ENTITY), "dead"),
        (accept_and_cut, "retry"),
    ],
)
def test_a_replay_keeps_the_copy_in_doubt_until_another_email_is_accepted(
    cloud: Cloud, worker: FunctionProcess, storage: StorageEmulator, fault: Fault | None, result: str
) -> None:
    user = cloud.user()
    cloud.inbox.fault = accept_and_cut
    cloud.deliver(user, worker=worker)
    (first,) = copies(storage)
    cloud.inbox.fault = fault
    cloud.delivery(user).update(
        {"state": "dead", "reason": "unknown-outcome", "failed_at": datetime.now(UTC), "may_have_been_sent": True}
        | {"lease_expires_at": None}
    )
    replayed(cloud, user)
    assert cloud.deliver(user, worker=worker, retry_count=1).json()["result"] == result
    others = copies(storage).keys() - {first}
    named = cloud.delivery_of(user)["archived_as"]
    assert first in copies(storage)
    if result == "sent":
        assert [named] == list(others)
    else:
        assert named == first
    if fault is accept_and_cut:
        # Its own request, made again, proves that the replay's email was accepted.
        cloud.inbox.fault = None
        lease_ends(cloud, user)
        assert cloud.deliver(user, worker=worker, retry_count=2).json()["result"] == "sent"
        assert [cloud.delivery_of(user)["archived_as"]] == list(others)
    cloud.letters()
