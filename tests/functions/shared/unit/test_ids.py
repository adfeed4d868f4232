"""The names of documents, runs and tasks."""

import re
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from functions.shared.ids import delivery_id, malformed_user_letter_id, run_id, task_id

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
