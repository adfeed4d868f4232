"""What a delivery keeps of the requests of its email."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.records.stored_request import (
    KEY_MARGIN,
    MOST_STORED_BYTES,
    KeptRequest,
    StoredRequest,
    request_key,
)

NOW = datetime(2026, 11, 24, 13, tzinfo=UTC)
DAY = timedelta(hours=24)
REQUESTS = st.lists(st.builds(KeptRequest, address=st.text(), content=st.binary()), min_size=1)


def stored(requests: list[KeptRequest]) -> StoredRequest:
    return StoredRequest.of(requests, provider="p", key="k", made_at=NOW)


@given(requests=REQUESTS)
def test_the_requests_come_back_to_the_byte(requests: list[KeptRequest]) -> None:
    found = StoredRequest.from_field(stored(requests).to_field())
    assert found == stored(requests)
    assert found is not None
    assert found.requests() == requests
    assert found.is_same(requests)


@given(requests=REQUESTS, others=REQUESTS)
def test_only_the_same_requests_are_the_same(requests: list[KeptRequest], others: list[KeptRequest]) -> None:
    assert stored(requests).is_same(others) is (requests == others)


def test_requests_that_are_too_large_leave_their_digest_alone() -> None:
    large = [KeptRequest(address="a@example.com", content=secrets.token_bytes(MOST_STORED_BYTES))]
    found = StoredRequest.from_field(stored(large).to_field())
    assert found is not None
    assert found.packed is None
    assert found.requests() == []
    assert found.is_same(large)


def test_many_recipients_take_hardly_more_room_than_one() -> None:
    picture = secrets.token_bytes(20_000)
    one, ten = (
        stored([KeptRequest(address="a", content=picture)] * recipients).packed or b"" for recipients in (1, 10)
    )
    assert len(ten) < len(one) * 1.1


@pytest.mark.parametrize("packed", [b"", b"other bytes", stored([KeptRequest(address="a", content=b"x")]).packed])
def test_requests_that_something_has_changed_are_none(packed: bytes) -> None:
    field = {**stored([KeptRequest(address="a", content=b"y")]).to_field(), "packed": packed}
    found = StoredRequest.from_field(field)
    assert found is not None
    assert found.requests() == []


@given(
    value=st.none()
    | st.text()
    | st.dictionaries(
        st.sampled_from(["provider", "key", "made_at", "digest", "packed"]),
        st.none() | st.text() | st.binary() | st.datetimes(timezones=st.just(UTC)),
    )
)
def test_any_field_can_be_read(value: Any) -> None:
    found = StoredRequest.from_field(value)
    assert found is None or found.requests() == []


def test_a_key_is_used_until_an_hour_before_its_end() -> None:
    made = stored([])
    last = NOW + DAY - KEY_MARGIN
    assert made.may_be_repeated("p", keys_hold=DAY, now=last - timedelta(seconds=1))
    assert not made.may_be_repeated("p", keys_hold=DAY, now=last)
    assert not made.may_be_repeated("another", keys_hold=DAY, now=NOW)


@given(
    delivery_id=st.text(min_size=1),
    one=st.tuples(st.text(), st.integers()),
    other=st.tuples(st.text(), st.integers()),
)
def test_each_mail_that_is_wanted_has_a_key_of_its_own(
    delivery_id: str, one: tuple[str, int], other: tuple[str, int]
) -> None:
    key, another = (request_key(delivery_id, task=task, attempt=attempt) for task, attempt in (one, other))
    assert (key == another) is (one == other)
    assert key.isascii()
    assert key.isprintable()
    assert len(key) <= 200


def test_two_deliveries_never_share_a_key() -> None:
    long = "x" * 300
    keys = {request_key(name, task="", attempt=0) for name in ("ä", "ö", "_", long + "a", long + "b")}
    assert len(keys) == 5
