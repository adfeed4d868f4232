"""An event of a delivery of unknown outcome: it is sent after all, its dead letter closes, and people are told."""

from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from tests.functions.mail_events.integration.conftest import Provider, event, failing
from tests.functions.mail_events.signing import to_body

D1 = "u1:default:20261124T1300Z"
DUE = datetime(2026, 11, 24, 13, tzinfo=UTC)
GIVEN_UP = {"reason": "unknown-outcome", "failed_at": DUE, "last_error": "cut", "owner": "a worker"}
MESSAGE_ID = "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0"


def task(user_id: str) -> dict[str, Any]:
    return {
        "user_id": user_id,
        "subscription_id": "default",
        "delivery_id": f"{user_id}:default:20261124T1300Z",
        "due_at": "2026-11-24T13:00:00Z",
        "run_id": "20261124T1300Z",
        "kind": "activity",
    }


def deliver(provider: Provider, user_id: str = "u1", *, state: str = "dead", **fields: Any) -> Any:
    delivery_id = task(user_id)["delivery_id"]
    given_up = GIVEN_UP if state == "dead" else {}
    provider.deliver(delivery_id, user_id, due_at=DUE, run_id="20261124T1300Z", state=state, **{**given_up, **fields})
    return provider.database.document(f"deliveries/{delivery_id}")


def store_letter(provider: Provider, user_id: str = "u1", **fields: Any) -> Any:
    reference = provider.database.document(f"dead_letters/{task(user_id)['delivery_id']}")
    document = {"reason": "unknown-outcome", "failed_at": DUE, "received_at": DUE, "payload": task(user_id)}
    reference.set({"state": "open", "alerted_at": None, "alerts": {}, **document, **fields})
    return reference


def state_of(reference: Any) -> str:
    state: str = reference.get().to_dict()["state"]
    return state


def test_the_dead_letter_closes_and_people_are_told(provider: Provider) -> None:
    delivery, letter = deliver(provider), store_letter(provider)
    provider.send(event("processed"))
    found, closed = delivery.get().to_dict(), letter.get().to_dict()
    assert (found["state"], found["message_id"], found["reason"], found["last_error"]) == (
        *("sent", MESSAGE_ID),
        *(None, None),
    )
    assert closed["state"] == "settled"
    assert closed["expire_at"] == closed["settled_at"] + timedelta(days=90)
    (alert,) = provider.alerts()
    assert (alert["alert"], alert["run_id"], alert["report"]) == ("outcome-settled", "20261124T1300Z", task("u1"))
    assert "processed" in alert["detail"]
    assert (provider.record(D1)["status"], provider.record(D1)["unfinished"]) == ("processed", False)


def test_a_record_forgets_that_its_delivery_was_unfinished(provider: Provider) -> None:
    delivery = deliver(provider, state="sending", owner="a worker")
    provider.send(event("processed"))
    delivery.update({"state": "sent"})
    provider.send(event("delivered", 1))
    assert provider.record(D1)["unfinished"] is False
    provider.methods.clear()
    provider.send(event("delivered", 1))
    assert provider.count("BatchGetDocuments") == 1


@pytest.mark.parametrize("method", ["BatchGetDocuments", "Commit", "BatchWrite"])
def test_firestore_fails_in_between_and_the_repeated_call_closes_it(provider: Provider, method: str) -> None:
    delivery, letter = deliver(provider), store_letter(provider)
    provider.faults.middleware = failing(method, grpc.StatusCode.PERMISSION_DENIED, times=1)
    answer = provider.post(to_body(event("delivered")))
    assert (answer.status_code, answer.json()) == (503, {"result": "retry"})
    assert provider.record(D1) is None
    provider.send(event("delivered"))
    assert (state_of(delivery), state_of(letter)) == ("sent", "settled")
    assert {alert["report"]["delivery_id"] for alert in provider.alerts()} == {D1}
    assert "Traceback" not in provider.log.read_text()


def test_one_that_cannot_be_settled_holds_up_no_other(provider: Provider) -> None:
    users = [f"u{number}" for number in range(5)]
    deliveries = [deliver(provider, user) for user in users]
    events = [event("delivered", delivery_id=each.id) for each in deliveries]
    provider.faults.middleware = failing("Commit", grpc.StatusCode.PERMISSION_DENIED, times=1)
    assert provider.post(to_body(*events)).status_code == 503
    assert sorted(map(state_of, deliveries)) == ["dead", "sent", "sent", "sent", "sent"]
    provider.send(*events)
    assert set(map(state_of, deliveries)) == {"sent"}


def test_it_closes_even_if_people_cannot_be_told(provider: Provider) -> None:
    delivery, letter = deliver(provider), store_letter(provider)
    provider.pubsub_faults.middleware = failing("Publish", grpc.StatusCode.PERMISSION_DENIED, times=1)
    provider.send(event("delivered"))
    assert (state_of(delivery), state_of(letter)) == ("sent", "settled")
    assert '"alert": "outcome-settled"' in provider.log.read_text()


def test_hundreds_at_once(provider: Provider) -> None:
    users = [f"u{number}" for number in range(120)]
    letters = [store_letter(provider, user) for user in users if deliver(provider, user)]
    provider.send(*(event("delivered", delivery_id=each.id) for each in letters))
    assert {state_of(each) for each in letters} == {"settled"}
    assert {alert["report"]["user_id"] for alert in provider.alerts()} == set(users)
