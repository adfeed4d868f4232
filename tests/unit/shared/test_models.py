"""The contracts' names and validation."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.models import (
    DeliveryState,
    InvalidContract,
    ReportTask,
    delivery_id,
    malformed_user_letter_id,
    run_id,
    task_id,
)

DUE = datetime(2026, 11, 24, 13, tzinfo=UTC)


def test_names_are_as_documented() -> None:
    assert run_id(DUE) == "20261124T1300Z"
    assert delivery_id("u42", DUE) == "u42-20261124T1300Z"
    assert delivery_id("u42", DUE.astimezone(timezone(timedelta(hours=9)))) == "u42-20261124T1300Z"
    assert delivery_id("u42", DUE.replace(second=7)) == "u42-20261124T130007Z"


@given(user_id=st.text(min_size=1, max_size=1500).filter(lambda text: "/" not in text))
def test_delivery_and_task_names_are_valid_for_any_user_id(user_id: str) -> None:
    delivery = delivery_id(user_id, DUE)
    assert len(delivery.encode("utf-8", "surrogatepass")) <= 1500
    assert not (delivery.startswith("__") and delivery.endswith("__"))
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,500}", task_id(delivery, "20261124T1400Z"))


@given(salt=st.text(max_size=600))
def test_a_task_name_is_valid_for_any_salt(salt: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,500}", task_id("u42-20261124T1300Z", salt))


def test_a_run_time_with_fractions_of_a_second_makes_a_valid_task_name() -> None:
    salt = run_id(DUE.replace(second=7, microsecond=250_000))
    assert task_id("u42-20261124T1300Z", salt).endswith("-u42-20261124T1300Z-20261124T130007_250000Z")
    assert task_id("u42-20261124T1300Z", salt) != task_id("u42-20261124T1300Z", salt.replace(".", "_"))


@given(user_id=st.text(min_size=1, max_size=1500).filter(lambda text: "/" not in text))
def test_the_letter_of_a_malformed_user_is_an_id_and_no_delivery(user_id: str) -> None:
    letter = malformed_user_letter_id(user_id)
    assert len(letter.encode()) <= 1500
    assert letter != delivery_id(user_id, DUE)


def test_task_names_have_no_common_prefix() -> None:
    first = {task_id(delivery_id(f"u{number}", DUE))[:2] for number in range(1000)}
    assert len(first) > 200


def test_another_salt_is_another_name() -> None:
    delivery = delivery_id("u42", DUE)
    assert task_id(delivery) == task_id(delivery)
    assert task_id(delivery) != task_id(delivery, "20261124T1400Z")


def test_a_task_survives_the_way_through_json() -> None:
    task = ReportTask(
        user_id="u42", delivery_id="u42-20261124T1300Z", due_at=DUE, run_id="20261124T1300Z", kind="activity"
    )
    assert b'"due_at":"2026-11-24T13:00:00Z"' in task.to_json()
    assert ReportTask.from_json(task.to_json()) == task


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b'{"user_id": "u", "delivery_id": "d", "due_at": "0001-01-01T00:00:00+14:00", "run_id": "r"}', "due_at"),
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"not json", "body"),
        (b"[1]", "body"),
        (b'"text"', "body"),
        (b"\xff\xfe", "body"),
        (b"{}", "user_id"),
        (b'{"user_id": 3}', "user_id"),
        (b'{"user_id": "a/b", "delivery_id": "x"}', "user_id"),
        (b'{"user_id": "__a__"}', "user_id"),
        (b'{"user_id": "a", "delivery_id": "x", "run_id": "r", "due_at": "2026-11-24T13:00:00"}', "due_at"),
        (b'{"user_id": "a", "delivery_id": "x", "run_id": "r", "due_at": "never"}', "due_at"),
        (b'{"user_id": "a", "delivery_id": "x", "run_id": "r", "due_at": "0001-01-01T00:00:00Z"}', "due_at"),
        (b'{"user_id": "a", "delivery_id": "x", "run_id": "r", "due_at": "9999-12-31T23:00:00Z"}', "due_at"),
        (b'{"user_id": "a", "delivery_id": "x", "due_at": "2026-11-24T13:00:00Z", "run_id": ""}', "run_id"),
        (
            b'{"user_id": "a", "delivery_id": "x", "due_at": "2026-11-24T13:00:00Z", "run_id": "r", "kind": "../x"}',
            "kind",
        ),
    ],
)
def test_a_bad_body_is_refused_by_naming_the_field_in_one_line(body: bytes, named: str) -> None:
    with pytest.raises(InvalidContract, match=named) as caught:
        ReportTask.from_json(body)
    assert "\n" not in str(caught.value)


def test_the_message_does_not_repeat_what_was_sent() -> None:
    with pytest.raises(InvalidContract) as caught:
        ReportTask.from_json(b'{"user_id": "ada@example.com/x", "delivery_id": 5}')
    assert "ada" not in str(caught.value)


def test_final_states() -> None:
    assert {state for state in DeliveryState if state.is_final} == {"sent", "skipped", "dead"}
