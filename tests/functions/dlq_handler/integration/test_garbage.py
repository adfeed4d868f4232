"""Anything at all in a message, and in the documents that the handler reads: kept, told of once, and never for ever."""

import base64
import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.cloud.firestore import GeoPoint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.dlq_handler.intake.received_dead_letter import cause_id
from functions.shared.records.dead_letter import DeadLetterReason
from functions.shared.records.system_alert import AlertKind, SystemAlert
from local_cloud.rpc import RpcError
from tests.functions.dlq_handler.integration.conftest import DIED, Cloud, Handler, letter
from tests.functions.dlq_handler.integration.test_alerts import texts

MOST_DELIVERIES = 6
LETTER = "u1:default:20261124T1300Z"
ERROR = "it is on fire"
CAUSE = cause_id(DeadLetterReason.LOST, ERROR)
KNOWN_CAUSES = [CAUSE, "various", "system-no-run"]

moments = st.one_of(
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from([datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), DIED]),
    # Around the present: what the handler itself may have written.
    st.integers(-3600, 36000).map(lambda seconds: datetime.now(UTC) + timedelta(seconds=seconds)),
)
names = st.one_of(st.text(min_size=1, max_size=20), st.sampled_from(["slack", "a.b", "`", "ö", "x" * 300])).filter(
    lambda name: not (name.startswith("__") and name.endswith("__"))
)
"""Of fields: what Firestore takes."""

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(max_size=50),
    st.sampled_from(["", "open", "a/b", "..", "__x__", "x" * 5000, "[x](https://evil.example)", "\x00", "\u202e"]),
    st.binary(max_size=20),
    moments,
    st.builds(GeoPoint, st.floats(-90, 90), st.floats(-180, 180)),
)
stored_values = st.recursive(
    leaves, lambda inner: st.lists(leaves, max_size=4) | st.dictionaries(names, inner, max_size=4), max_leaves=12
)
"""Every type of Firestore's but references."""

json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.sampled_from([2**63, -(2**63) - 1, 10**400, 1e308, math.inf, math.nan]),
        st.floats(),
        st.text(max_size=50),
        st.sampled_from(
            ["", "\ud800", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "x" * 70_000, "../..", "a/b"]
        ),
    ),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=10) | st.sampled_from(["", "__x__", "\ud800"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@st.composite
def contents(draw: st.DrawFn) -> bytes:
    """What may be published: bytes, JSON, or one of the two contracts with some fields replaced, added or left out."""
    contract: dict[str, Any] = draw(
        st.sampled_from(
            [
                json.loads(letter("u1", error=ERROR, reason=DeadLetterReason.LOST).to_json()),
                json.loads(SystemAlert(alert=AlertKind.NO_RUN, run_id="r", at=DIED, detail="d").to_json()),
            ]
        )
    )
    changed = draw(
        st.dictionaries(st.sampled_from([*contract, "figures", "letter_id", "body"]), json_values, max_size=3)
    )
    missing = draw(st.sets(st.sampled_from(sorted(contract)), max_size=1))
    fields = {name: value for name, value in {**contract, **changed}.items() if name not in missing}
    whole = draw(st.sampled_from([fields, fields, fields, draw(json_values)]))
    return draw(st.sampled_from([json.dumps(whole).encode(), json.dumps(whole).encode(), draw(st.binary(max_size=60))]))


@st.composite
def pushes(draw: st.DrawFn) -> Any:
    """What the holder of a token may push."""
    message: dict[str, Any] = {
        "messageId": draw(st.one_of(st.just("1"), json_values)),
        "publishTime": draw(st.one_of(st.just(DIED.isoformat()), json_values)),
        "data": draw(st.one_of(contents().map(encoded), contents().map(encoded), json_values)),
        "attributes": draw(
            st.one_of(
                st.just({"alert": "no-run"}),
                st.just({}),
                st.dictionaries(st.text(max_size=10) | st.just("\ud800"), json_values, max_size=3),
                json_values,
            )
        ),
    }
    return {"message": message, "subscription": "s"}


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def documents_of(path: str, fields: list[str]) -> st.SearchStrategy[dict[str, dict[str, Any]]]:
    return st.dictionaries(st.sampled_from(fields) | names, stored_values, max_size=8).map(lambda found: {path: found})


stored_documents = st.lists(
    st.one_of(
        documents_of(
            f"dead_letters/{LETTER}",
            [
                *("payload", "reason", "error", "attempts", "task_name", "failed_at", "message_id", "cause", "state"),
                *("received_at", "alerted_at", "alerts", "in_replay", "replays", "expire_at"),
            ],
        ),
        documents_of(
            "system_alerts/no-run-r",
            [*("alert", "run_id", "detail", "figures", "at", "cause", "state", "received_at", "alerted_at", "alerts")],
        ),
        *(
            documents_of(
                f"alerts/{cause}",
                [
                    *("told_at", "claimed_by", "claimed_until", "claimant", "leader", "leader_due_at", "collection"),
                    "expire_at",
                ],
            )
            for cause in KNOWN_CAUSES
        ),
        documents_of("alerts/channel-slack", ["next_turn_at", "failures", "failed_at", "expire_at"]),
    ),
    max_size=4,
)


def deliver_until_acknowledged(around: Cloud, handler: Handler, push: Any) -> None:
    answers = []
    for _ in range(MOST_DELIVERIES):
        answers.append(handler.receives_body(push).status_code)
        if answers[-1] == 200:
            return
        around.let_a_minute_pass()
    raise AssertionError(f"it comes for ever: {answers}; {handler.log_file.read_text()[-3000:]}")


@pytest.mark.thorough
@pytest.mark.timeout(900)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(push=pushes(), stored=stored_documents)
def test_whatever_is_delivered_is_kept_and_told_of_and_does_not_come_for_ever(
    surroundings: Cloud, push: Any, stored: list[dict[str, dict[str, Any]]]
) -> None:
    surroundings.clear()
    for document in stored:
        for path, fields in document.items():
            surroundings.database.document(path).set(fields)
    handler = surroundings.handler()

    deliver_until_acknowledged(surroundings, handler, push)

    kept = [*surroundings.records().values(), *surroundings.system_records().values()]
    assert any(told.get("state") != "open" or told.get("alerted_at") for told in kept)
    # And others are served as ever.
    surroundings.let_a_minute_pass()
    other = letter("other", error=ERROR, reason=DeadLetterReason.LOST)
    deliver_until_acknowledged(surroundings, handler, handler.body_of(other))
    assert surroundings.record("other:default:20261124T1300Z")["alerted_at"]


@pytest.mark.parametrize(
    ("figures", "kept"),
    [
        ({"due": 2**63}, {"due": 2**63 - 1}),
        ({"due": -(10**400)}, {"due": -(2**63) + 1}),
        ({"": 1}, {"unnamed": 1}),
        ({"__due__": 1}, {"due": 1}),
        ({"____": 1}, {"unnamed": 1}),
        ({"d" * 5000: 1}, {"d" * 100: 1}),
    ],
)
def test_figures_that_firestore_cannot_hold_are_kept_as_it_can(
    around: Cloud, figures: dict[str, int], kept: dict[str, int]
) -> None:
    told = SystemAlert(alert=AlertKind.NO_RUN, run_id="r", at=DIED, detail="d", figures=figures)

    assert around.handler().receives(told.to_json(), attributes={"alert": "no-run"}).status_code == 200

    ((_, stored),) = around.system_records().items()
    assert stored["figures"] == kept
    assert len(around.slack) == 1


def test_half_a_character_in_an_attribute_or_an_id_is_replaced(around: Cloud) -> None:
    message = {
        "data": "",
        "messageId": "\ud800",
        "attributes": {"\ud800": "\udfff", "CloudTasksTaskName": "\ud800"},
    }

    assert around.handler().receives_body({"message": message, "subscription": "s"}).status_code == 200

    (stored,) = around.records().values()
    assert {"key": "?", "value": "?"} in stored["payload"]["attributes"]


def test_a_hundred_attributes_of_long_characters_fit_beside_half_a_megabyte(around: Cloud) -> None:
    attributes = {f"{number:03}{'𝄞' * 2000}": "𝄞" * 2000 for number in range(100)}

    assert around.handler().receives(b"x" * 600_000, attributes=attributes).status_code == 200

    (stored,) = around.records().values()
    assert len(stored["payload"]["attributes"]) == 100


@pytest.mark.parametrize("attributes", [{}, {"alert": "no-run"}])
def test_what_firestore_refuses_is_kept_as_it_came(around: Cloud, attributes: dict[str, str]) -> None:
    told = SystemAlert(alert=AlertKind.NO_RUN, run_id="r", at=DIED, detail="d")
    data = told.to_json() if attributes else letter("u1").to_json()
    refused: list[str] = []

    async def refuse(method: str, carry_out: Any) -> Any:
        if method.endswith("/Commit") and not refused:
            refused.append(method)
            raise RpcError(grpc.StatusCode.INVALID_ARGUMENT, "there is something that Firestore does not take")
        return await carry_out()

    around.firestore_faults.middleware = refuse
    assert around.handler().receives(data, attributes=attributes).status_code == 200

    ((document_id, stored),) = around.records().items()
    assert document_id.startswith("message-")
    assert stored["payload"]["text"].encode() == data
    assert "cannot be stored" in stored["error"]
    assert "cannot be read" in texts(around.slack[0])
