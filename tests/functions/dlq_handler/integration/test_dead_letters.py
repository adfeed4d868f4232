"""What is kept of each message, and that nothing is kept twice."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.shared.records.dead_letter import DeadLetterReason
from tests.functions.dlq_handler.integration.conftest import DIED, Cloud, letter

OPERATORS_WORD = datetime(2026, 11, 24, 15, tzinfo=UTC)


def test_a_dead_letter_is_stored_alerted_and_acknowledged(around: Cloud) -> None:
    dead = letter("u42", error="SendGrid answered 503")
    name = "projects/p/locations/l/queues/q/tasks/t"

    answer = around.handler().receives(
        dead, attributes={"CloudTasksTaskName": name, "reason": "retries-exhausted"}, message_id="7"
    )

    assert answer.status_code == 200
    (stored_id,) = around.records()
    stored = around.record("u42:default:20261124T1300Z")
    assert stored_id == "u42:default:20261124T1300Z"
    assert stored["payload"] == {
        "user_id": "u42",
        "subscription_id": "default",
        "delivery_id": "u42:default:20261124T1300Z",
        "due_at": "2026-11-24T13:00:00Z",
        "run_id": "20261124T1300Z",
        "kind": "activity",
    }
    assert stored["reason"] == "retries-exhausted"
    assert stored["error"] == "SendGrid answered 503"
    assert stored["attempts"] == 8
    assert stored["task_name"] == name
    assert stored["failed_at"] == DIED
    assert stored["state"] == "open"
    assert stored["received_at"] <= stored["alerted_at"]
    assert stored["alerts"] == {"slack": stored["alerted_at"]}
    assert len(around.slack) == 1


def test_a_message_that_comes_again_changes_nothing_and_alerts_nobody(around: Cloud) -> None:
    dead = letter()
    handler = around.handler()
    assert handler.receives(dead, message_id="1").status_code == 200
    stored = around.records()

    assert handler.receives(dead, message_id="1").status_code == 200
    assert handler.receives(dead, message_id="2").status_code == 200

    assert around.records() == stored
    assert len(around.slack) == 1


def test_a_later_death_replaces_the_payload_as_a_whole(around: Cloud) -> None:
    handler = around.handler()
    handler.receives(letter("u1"))
    later = letter("u1", run_id=None, kind="other", failed_at=DIED + timedelta(hours=1))

    assert handler.receives(later).status_code == 200

    payload = around.record("u1:default:20261124T1300Z")["payload"]
    assert payload["kind"] == "other"
    assert "run_id" not in payload


def test_a_record_that_was_dealt_with_opens_when_the_delivery_dies_anew(around: Cloud) -> None:
    dead = letter("u1")
    handler = around.handler()
    handler.receives(dead)
    around.database.document("dead_letters/u1:default:20261124T1300Z").update(
        {"state": "replayed", "replayed_at": OPERATORS_WORD}
    )

    # The same death again: the operator's word stands.
    assert handler.receives(dead).status_code == 200
    assert around.record("u1:default:20261124T1300Z")["state"] == "replayed"
    assert len(around.slack) == 1

    around.let_a_minute_pass()
    again = dead.model_copy(update={"failed_at": DIED + timedelta(hours=3)})
    assert handler.receives(again).status_code == 200

    stored = around.record("u1:default:20261124T1300Z")
    assert stored["state"] == "open"
    assert stored["replayed_at"] == OPERATORS_WORD
    assert stored["failed_at"] == DIED + timedelta(hours=3)
    assert stored["alerted_at"] is not None
    assert len(around.slack) == 2


def test_a_letter_without_a_delivery_is_kept_under_its_task(around: Cloud) -> None:
    unread = letter(
        user_id=None,
        subscription_id=None,
        delivery_id=None,
        due_at=None,
        run_id=None,
        kind=None,
        reason=DeadLetterReason.INVALID_TASK,
        body="<task>",
    )
    handler = around.handler()
    attributes = {"CloudTasksTaskName": "projects/p/locations/l/queues/q/tasks/t"}
    for minutes in (0, 1):
        published_again = unread.model_copy(update={"failed_at": DIED + timedelta(minutes=minutes)})
        assert handler.receives(published_again, attributes=attributes).status_code == 200

    ((document_id, stored),) = around.records().items()
    assert document_id.startswith("message-")
    assert stored["payload"] == {"body": "<task>"}
    assert stored["reason"] == "invalid-task"


@pytest.mark.parametrize(
    ("data", "payload", "error"),
    [
        (b"not JSON", {"text": "not JSON", "bytes": 8}, "Invalid JSON"),
        (b"", {"text": "", "bytes": 0}, "Invalid JSON"),
        (b"[]", {"text": "[]", "bytes": 2}, "object"),
        (b"{}", {"text": "{}", "bytes": 2}, "reason: Field required"),
        (b'{"a": "\\ud800"}', {"text": '{"a": "\\ud800"}', "bytes": 15}, "Invalid JSON"),
        (b"\xff\xfe\x00", {"base64": "//4A", "bytes": 3}, "Invalid JSON"),
        (b"[" * 5000, {"text": "[" * 5000, "bytes": 5000}, "JSON"),
    ],
)
def test_what_is_not_a_dead_letter_is_kept_as_it_is_and_alerted(
    around: Cloud, data: bytes, payload: dict[str, Any], error: str
) -> None:
    assert around.handler().receives(data, attributes={"origin": "elsewhere"}).status_code == 200

    ((document_id, stored),) = around.records().items()
    assert document_id.startswith("message-")
    assert stored["payload"] == {**payload, "attributes": [{"key": "origin", "value": "elsewhere"}]}
    assert stored["reason"] == "invalid-task"
    assert error in stored["error"]
    assert stored["state"] == "open"
    assert stored["alerted_at"] is not None
    (message,) = around.slack
    assert "cannot be read" in message["blocks"][0]["text"]["text"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reason", "bad luck"),
        ("attempts", "many"),
        ("failed_at", "yesterday"),
        ("failed_at", "2026-11-24T13:00:00"),
        ("due_at", "noon"),
        ("user_id", {"a": 1}),
        ("subscription_id", 5),
        ("error", None),
        ("due_at", "0001-01-01T00:00:00+14:00"),
    ],
)
def test_a_dead_letter_with_a_wrong_field_is_kept_and_the_field_named(around: Cloud, field: str, value: object) -> None:
    content = json.loads(letter().to_json()) | {field: value}

    assert around.handler().receives(json.dumps(content).encode()).status_code == 200

    (stored,) = around.records().values()
    assert json.loads(stored["payload"]["text"]) == content
    assert field in stored["error"] or "out of range" in stored["error"]
    assert stored["alerted_at"] is not None


@pytest.mark.parametrize(
    "garbage", [b"\x00" * 1_000_000, b"x" * 1_000_000, b"\xff" * 1_000_000, "é".encode() * 499_999]
)
def test_a_megabyte_of_garbage_is_kept_as_far_as_there_is_room(around: Cloud, garbage: bytes) -> None:
    assert around.handler().receives(garbage).status_code == 200

    (stored,) = around.records().values()
    payload = stored["payload"]
    kept = payload["text"].encode() if "text" in payload else base64.b64decode(payload["base64"])
    assert payload["bytes"] == len(garbage)
    assert garbage.startswith(kept)
    assert len(kept) >= 380_000


def test_a_dead_letter_with_huge_texts_is_kept(around: Cloud) -> None:
    huge = letter("u1", error="e" * 400_000, kind="k" * 400_000, attempts=10**30)

    assert around.handler().receives(huge).status_code == 200

    stored = around.record("u1:default:20261124T1300Z")
    assert len(stored["error"]) == len(stored["payload"]["kind"]) == 10_000
    assert stored["attempts"] == 2**31 - 1


def test_attributes_that_cannot_be_fields_are_kept(around: Cloud) -> None:
    attributes = {"__reserved__": "1", "a.b": "2", "": "3", "`": "4", **{f"k{n}": "v" * 5000 for n in range(500)}}

    assert around.handler().receives(b"?", attributes=attributes).status_code == 200

    (stored,) = around.records().values()
    kept = stored["payload"]["attributes"]
    assert kept[:4] == [{"key": key, "value": value} for key, value in list(attributes.items())[:4]]
    assert len(kept) == 100


def test_deliveries_that_fail_for_one_lasting_fact_are_one_dead_letter_and_one_alert(around: Cloud) -> None:
    handler = around.handler()
    for hour in range(3):
        died = letter(
            "u1",
            delivery_id=f"u1:default:20261124T{hour:02}00Z",
            letter_id="u1:default:malformed",
            failed_at=DIED + timedelta(hours=hour),
        )
        assert handler.receives(died).status_code == 200

    ((document_id, stored),) = around.records().items()
    assert document_id == "u1:default:malformed"
    assert stored["payload"]["delivery_id"] == "u1:default:20261124T0200Z"
    assert len(around.slack) == 1


@pytest.mark.parametrize("delivery_id", ["a/b", "..", "__x__", "", "i" * 1501])
def test_a_delivery_that_cannot_be_an_id_is_kept_under_a_hash(around: Cloud, delivery_id: str) -> None:
    assert around.handler().receives(letter(delivery_id=delivery_id)).status_code == 200

    ((document_id, stored),) = around.records().items()
    assert document_id.startswith("message-")
    assert stored["payload"]["delivery_id"] == delivery_id


def test_a_message_of_attributes_alone_is_kept(around: Cloud) -> None:
    assert around.handler().receives(b"", attributes={"reason": "lost"}).status_code == 200

    (stored,) = around.records().values()
    assert stored["payload"]["attributes"] == [{"key": "reason", "value": "lost"}]


def test_a_message_that_an_operator_has_delivered_again_is_the_same(around: Cloud) -> None:
    """It comes from the topic of undeliverable messages, with another id and time, and what Pub/Sub has added."""
    handler = around.handler()
    assert handler.receives(b"not a dead letter", attributes={"reason": "lost"}).status_code == 200
    ((document_id, stored),) = around.records().items()
    around.database.document(f"dead_letters/{document_id}").update({"state": "dismissed"})
    forwarded = {
        "reason": "lost",
        "CloudPubSubDeadLetterSourceDeliveryCount": "100",
        "CloudPubSubDeadLetterSourceSubscription": "report-dead-letters",
        "CloudPubSubDeadLetterSourceSubscriptionProject": "p",
        "CloudPubSubDeadLetterSourceTopicPublishTime": DIED.isoformat(),
    }

    later = DIED + timedelta(days=1)
    answer = handler.receives(b"not a dead letter", attributes=forwarded, message_id="2", published_at=later)

    assert answer.status_code == 200
    assert around.records() == {document_id: {**stored, "state": "dismissed"}}
    assert len(around.slack) == 1


def test_data_that_is_not_base64_is_kept(around: Cloud) -> None:
    push = {"message": {"data": "*not base64*", "messageId": "1", "attributes": "none"}, "subscription": "s"}

    assert around.handler().receives_body(push).status_code == 200

    (stored,) = around.records().values()
    assert stored["payload"]["text"] == "*not base64*"


def test_without_a_channel_it_stores_logs_and_acknowledges(around: Cloud) -> None:
    handler = around.handler(slack=False)

    assert handler.receives(letter("u1")).status_code == 200

    stored = around.record("u1:default:20261124T1300Z")
    assert stored["state"] == "open"
    assert stored["alerted_at"] is None
    assert "no_alert_channel" in handler.log_file.read_text()
