"""What the calls of the webhook leave in `mail_events`."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import grpc
import pytest

from functions.shared.records.address_hash import address_hash
from functions.shared.records.ids import shard_of
from tests.functions.mail_events.integration.conftest import SENT_AT, Provider, event, failing
from tests.functions.mail_events.signing import sendgrid_event, to_body

D1 = "u1:default:20261124T1300Z"


def test_a_mail_that_is_delivered(provider: Provider) -> None:
    provider.deliver(D1)
    provider.send(event("processed"), event("delivered", 1, response="250 OK"))
    delivered = {"at": SENT_AT + timedelta(minutes=1), "reason": "250 OK"}
    assert provider.record(D1) == {
        "user_id": "u1",
        "subscription_id": "default",
        "shard": shard_of("u1", "default"),
        "status": "delivered",
        "reason": "250 OK",
        "classification": None,
        "first_at": {"processed": SENT_AT, "delivered": SENT_AT + timedelta(minutes=1)},
        "undelivered_at": None,
        "recipients": {address_hash("ada@example.com"): {"processed": {"at": SENT_AT}, "delivered": delivered}},
        "message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
        "unfinished": False,
        "expire_at": SENT_AT + timedelta(days=90, minutes=1),
    }


LIFE = [
    event("processed"),
    event("deferred", 1, response="421 later"),
    event("deferred", 5, response="421 later still"),
    event("delivered", 9),
    event("spamreport", 24 * 60),
    event("delivered", 2, email="bob@example.com"),
]


def test_what_is_known_is_not_written_again(provider: Provider) -> None:
    provider.deliver(D1)
    provider.send(*LIFE)
    assert provider.count("BatchWrite") == 1
    provider.send(*reversed(LIFE))
    assert provider.count("BatchWrite") == 1


def test_a_delivery_that_is_gone_or_never_was(provider: Provider) -> None:
    provider.send(event("delivered"), event("bounce", delivery_id="not-ours"), sendgrid_event("open"), {}, 7)
    assert list(provider.database.collection("mail_events").stream()) == []


def test_a_record_outlives_its_delivery(provider: Provider) -> None:
    provider.deliver(D1)
    provider.send(event("processed"))
    provider.database.document(f"deliveries/{D1}").delete()
    provider.send(event("delivered", 1))
    assert provider.record(D1)["status"] == "delivered"


def test_ten_thousand_events_cost_one_write_a_delivery_and_batch(provider: Provider) -> None:
    """In batches of 1,000: ten events each of 100 deliveries' emails, to a recipient a batch."""
    ids = [f"u{number}:default:20261124T1300Z" for number in range(100)]
    batch = provider.database.batch()
    for delivery_id in ids:
        fields = {"user_id": delivery_id.partition(":")[0], "subscription_id": "default", "state": "sent"}
        batch.set(provider.database.document(f"deliveries/{delivery_id}"), fields)
    batch.commit()
    provider.methods.clear()
    kinds = ("processed", *["deferred"] * 7, "delivered", "delivered")
    for number in range(10):
        to = f"r{number}@example.com"
        provider.send(*(event(kind, at, delivery_id=each, email=to) for each in ids for at, kind in enumerate(kinds)))
    assert provider.count("BatchWrite") == 10
    # The deliveries are read once only.
    assert provider.count("BatchGetDocuments") == 11
    found = [each.to_dict() for each in provider.database.collection("mail_events").stream()]
    assert [(each["status"], len(each["recipients"])) for each in found] == [("delivered", 10)] * len(ids)


def test_calls_at_the_same_time_lose_nothing(provider: Provider) -> None:
    provider.deliver(D1)
    start = threading.Barrier(8)
    recipients = [f"r{number}@example.com" for number in range(8)]

    def call(address: str) -> int:
        start.wait()
        while (status := provider.post(to_body(event("delivered", email=address))).status_code) == 503:
            pass
        return status

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(call, recipients)) == {200}
    assert provider.record(D1)["recipients"].keys() == {address_hash(each) for each in recipients}


@pytest.mark.parametrize("method", ["BatchGetDocuments", "BatchWrite"])
def test_a_short_failure_is_waited_out(provider: Provider, method: str) -> None:
    provider.deliver(D1)
    provider.faults.middleware = failing(method, grpc.StatusCode.UNAVAILABLE, times=1)
    provider.send(event("delivered"))
    assert provider.record(D1)["status"] == "delivered"


def test_one_write_that_fails_holds_up_no_other(provider: Provider) -> None:
    ids = ["d1", "d2", "d3"]
    for each in ids:
        provider.deliver(each)

    async def fail_one(called: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        answer = await carry_out()
        if called.endswith("/BatchWrite"):
            await asyncio.to_thread(provider.database.document("mail_events/d2").delete)
            answer.status[1].code = grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
        return answer

    provider.faults.middleware = fail_one
    events = [event("delivered", delivery_id=each) for each in ids]
    assert provider.post(to_body(*events)).status_code == 503
    provider.faults.middleware = None
    assert [provider.record(each) is not None for each in ids] == [True, False, True]
    provider.send(*events)
    assert provider.record("d2")["status"] == "delivered"


def test_counts_are_logged_and_no_address(provider: Provider) -> None:
    provider.deliver(D1)
    reason = "550 <ada@example.com> no such user"
    provider.send(event("bounce", reason=reason), event("open"), {}, event("delivered", delivery_id=None))
    provider.send(event("delivered", delivery_id="gone"))
    lines = [json.loads(line) for line in provider.log.read_text().splitlines() if "events_taken" in line][-2:]
    names = ("events", "stored", "unknown_delivery", "failed", "ignored", "malformed", "without_delivery")
    assert [[line.get(name) for name in names] for line in lines] == [
        [1, 1, 0, 0, 1, 1, 1],
        [1, 0, 1, 0, None, None, None],
    ]
    assert "ada@" not in provider.log.read_text()
    assert "ada@" not in str(provider.record(D1))
