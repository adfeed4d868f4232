"""The names of documents, runs and tasks."""

import re
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from functions.shared.records.ids import (
    SHARDS,
    delivery_id,
    malformed_letter_id,
    run_id,
    shard_of,
    task_id,
    time_of_run,
)

DUE = datetime(2026, 11, 24, 13, tzinfo=UTC)


document_ids = st.text(min_size=1, max_size=1500).filter(lambda text: "/" not in text)


def test_names_are_as_documented() -> None:
    assert run_id(DUE) == "20261124T1300Z"
    assert delivery_id("u42", "default", DUE) == "u42:default:20261124T1300Z"
    assert delivery_id("u42", "default", DUE.astimezone(timezone(timedelta(hours=9)))) == "u42:default:20261124T1300Z"
    assert delivery_id("u42", "default", DUE.replace(second=7)) == "u42:default:20261124T130007Z"
    assert malformed_letter_id("u42") == "u42:malformed"
    assert malformed_letter_id("u42", "default") == "u42:default:malformed"


@given(st.timedeltas(timedelta(0), timedelta(days=10_000)))
def test_the_id_of_a_run_says_when_it_was(since: timedelta) -> None:
    assert time_of_run(run_id(DUE + since)) == DUE + since


def test_another_text_is_the_time_of_no_run() -> None:
    assert [time_of_run(text) for text in ("", "by-hand", "20261324T1300Z", "00010101T0000Z")] == [None] * 4


@given(user_id=document_ids, subscription_id=document_ids)
def test_delivery_and_task_names_are_valid_for_any_ids(user_id: str, subscription_id: str) -> None:
    delivery = delivery_id(user_id, subscription_id, DUE)
    assert len(delivery.encode("utf-8", "surrogatepass")) <= 1500
    assert not (delivery.startswith("__") and delivery.endswith("__"))
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,500}", task_id(delivery, "20261124T1400Z"))
    assert 0 <= shard_of(user_id, subscription_id) < SHARDS


@given(st.lists(st.tuples(*[st.text("a:%3A", min_size=1, max_size=6)] * 2), min_size=2, max_size=2, unique=True))
def test_two_subscriptions_have_no_delivery_in_common(pairs: list[tuple[str, str]]) -> None:
    (first, second) = (delivery_id(*pair, DUE) for pair in pairs)
    assert first != second


def test_subscriptions_spread_over_all_shards_evenly() -> None:
    counts = Counter(shard_of(f"u{number}", "default") for number in range(30_000))
    assert len(counts) == SHARDS
    assert min(counts.values()) > 800


@given(salt=st.text(max_size=600))
def test_a_task_name_is_valid_for_any_salt(salt: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,500}", task_id("u42:default:20261124T1300Z", salt))


def test_a_run_time_with_fractions_of_a_second_makes_a_valid_task_name() -> None:
    salt = run_id(DUE.replace(second=7, microsecond=250_000))
    assert task_id("u42:default:20261124T1300Z", salt).endswith("-u42_default_20261124T1300Z-20261124T130007_250000Z")
    assert task_id("u42:default:20261124T1300Z", salt) != task_id("u42:default:20261124T1300Z", salt.replace(".", "_"))


@given(user_id=document_ids, subscription_id=st.just("") | document_ids)
def test_the_letter_of_a_malformed_document_is_an_id_and_no_delivery(user_id: str, subscription_id: str) -> None:
    letter = malformed_letter_id(user_id, subscription_id)
    assert len(letter.encode()) <= 1500
    assert letter != delivery_id(user_id, subscription_id or "default", DUE)


def test_task_names_have_no_common_prefix() -> None:
    first = {task_id(delivery_id(f"u{number}", "default", DUE))[:2] for number in range(1000)}
    assert len(first) > 200


def test_another_salt_is_another_name() -> None:
    delivery = delivery_id("u42", "default", DUE)
    assert task_id(delivery) == task_id(delivery)
    assert task_id(delivery) != task_id(delivery, "20261124T1400Z")
