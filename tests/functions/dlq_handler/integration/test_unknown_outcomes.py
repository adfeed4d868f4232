"""A dead letter of unknown outcome whose report was sent after all alerts no one, and who was alerted is told."""

import json
from typing import Any

import pytest

from functions.shared.records.dead_letter import DeadLetter, DeadLetterReason
from functions.shared.records.delivery_table import MAY_HAVE_BEEN_SENT
from functions.shared.records.report_task import ReportTask
from functions.shared.records.system_alert import AlertKind, SystemAlert
from tests.functions.dlq_handler.integration.conftest import DIED, Cloud, Handler, letter

UNKNOWN = DeadLetterReason.UNKNOWN_OUTCOME


def unclear(user: str = "", **fields: Any) -> DeadLetter:
    return letter(user, **{"reason": UNKNOWN, **fields})


def record(around: Cloud, of: DeadLetter) -> None:
    """An event has come about the delivery."""
    sighting = {"delivered": {"at": DIED}}
    fields = {"user_id": of.user_id, "subscription_id": of.subscription_id, "recipients": {"r": sighting}}
    around.database.document(f"mail_events/{of.delivery_id}").set({**fields, "message_id": "m1"})


def put_delivery(around: Cloud, of: DeadLetter, state: str) -> Any:
    delivery = around.database.document(f"deliveries/{of.delivery_id}")
    delivery.set({"state": state, "reason": UNKNOWN.value, "failed_at": DIED, "user_id": of.user_id})
    return delivery


def state_of(around: Cloud, of: DeadLetter) -> str:
    state: str = around.record(str(of.delivery_id))["state"]
    return state


def settled(of: DeadLetter) -> SystemAlert:
    """What the mail events publish."""
    task = ReportTask.model_validate(of.model_dump())
    detail = "the email provider accepted it, and reports: delivered"
    return SystemAlert(alert=AlertKind.OUTCOME_SETTLED, run_id=task.run_id, at=DIED, detail=detail, report=task)


def receives(handler: Handler, told: SystemAlert) -> int:
    return handler.receives(told.to_json(), attributes={"alert": told.alert.value}).status_code


@pytest.mark.parametrize("state", ["dead", "sending"])
def test_the_event_came_first(around: Cloud, state: str) -> None:
    """Also where the worker has published the dead letter and not yet marked the delivery."""
    died = unclear()
    delivery = put_delivery(around, died, state)
    record(around, died)
    assert around.handler().receives(died).status_code == 200
    assert around.slack == []
    assert state_of(around, died) == "settled"
    assert around.record(str(died.delivery_id))["settled_at"] is not None
    found = delivery.get().to_dict()
    assert (found["state"], found["message_id"], found["reason"]) == ("sent", "m1", None)


def test_after_the_last_retry_an_earlier_attempt_may_have_gone_through(around: Cloud) -> None:
    died = letter(reason=DeadLetterReason.RETRIES_EXHAUSTED)
    delivery = put_delivery(around, died, "dead")
    delivery.update({"reason": "retries-exhausted"})
    record(around, died)
    assert around.handler().receives(died).status_code == 200
    assert around.slack == []
    assert state_of(around, died) == "settled"
    assert delivery.get().to_dict()["state"] == "sent"


@pytest.mark.parametrize("reason", [each for each in DeadLetterReason if each not in MAY_HAVE_BEEN_SENT])
def test_of_another_reason_it_stays_open(around: Cloud, reason: DeadLetterReason) -> None:
    died = letter(reason=reason)
    put_delivery(around, died, "dead")
    record(around, died)
    assert around.handler().receives(died).status_code == 200
    assert len(around.slack) == 1
    assert state_of(around, died) == "open"


def test_slack_is_down_while_people_are_told(around: Cloud) -> None:
    handler, died = around.handler(), unclear()
    put_delivery(around, died, "dead")
    assert handler.receives(died).status_code == 200
    record(around, died)
    around.close_slack()
    assert handler.receives(died).status_code == 409
    around.let_a_minute_pass()
    assert handler.receives(died).status_code == 200
    assert len(around.slack) == 2
    assert state_of(around, died) == "settled"


def test_the_message_names_the_report(around: Cloud) -> None:
    died = unclear("u1")
    assert receives(around.handler(pager=True), settled(died)) == 200
    shown = json.dumps(around.slack)
    for part in ("nothing to do", "u1", "default", "activity", "20261124T1300Z", "delivered", "dead-letters show"):
        assert part in shown
    assert f"reports dead-letters show {died.delivery_id}" in shown
    assert "nothing to do" in around.pager.posts[0]["title"]
    (stored,) = around.system_records().values()
    assert stored["report"]["delivery_id"] == died.delivery_id


def test_an_address_in_an_id_is_not_shown(around: Cloud) -> None:
    assert receives(around.handler(), settled(unclear("ada@example.com"))) == 200
    shown = json.dumps(around.slack)
    assert "ada@" not in shown
    assert "reports dead-letters list --state settled" in shown
    assert not any("ada" in name for name in around.system_records())


def test_each_is_told_once(around: Cloud) -> None:
    handler = around.handler()
    ada, bob = settled(unclear("ada")), settled(unclear("bob"))
    assert receives(handler, ada) == 200
    assert receives(handler, ada.model_copy(update={"detail": "again"})) == 200
    around.let_a_minute_pass()
    assert receives(handler, bob) == 200
    assert [name in json.dumps(each) for name, each in zip(["ada", "bob"], around.slack, strict=True)] == [True, True]


def test_hundreds_at_once_are_one_message_and_a_count_that_follows(around: Cloud) -> None:
    handler = around.handler()
    told = [settled(unclear(f"u{number}")) for number in range(200)]
    assert receives(handler, told[0]) == 200
    around.close_slack()
    assert [receives(handler, each) for each in told[1:]] == [409] + [200] * 198
    around.let_a_minute_pass()
    assert receives(handler, told[1]) == 200
    assert len(around.slack) == 2
    assert "And 198 more of the same kind since" in json.dumps(around.slack[1])
    assert len(around.system_records()) == 200
