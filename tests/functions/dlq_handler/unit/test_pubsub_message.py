from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.dlq_handler.intake.pubsub_message import read_pubsub_message

NOW = datetime(2026, 11, 24, 13, tzinfo=UTC)


def test_a_message_is_read_as_it_was_published() -> None:
    data = {
        "message": {
            "data": "aGVsbG8=",
            "attributes": {"reason": "lost"},
            "messageId": "7",
            "message_id": "7",
            "publishTime": "2021-02-05T04:06:14.109Z",
            "publish_time": "2021-02-05T04:06:14.109Z",
        },
        "subscription": "projects/p/subscriptions/s",
    }
    message = read_pubsub_message(data, event_id="8", now=NOW)
    assert message.data == b"hello"
    assert message.attributes == {"reason": "lost"}
    assert message.message_id == "7"
    assert message.published_at == datetime(2021, 2, 5, 4, 6, 14, 109_000, tzinfo=UTC)


@pytest.mark.parametrize(
    "publish_time", [None, 5, "", "noon", "2021-02-05T04:06:14", "0001-01-01T00:00:00+14:00", {"seconds": 1}]
)
def test_without_a_usable_time_it_is_the_present(publish_time: object) -> None:
    assert read_pubsub_message({"message": {"publishTime": publish_time}}, event_id="8", now=NOW).published_at == NOW


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        (None, b""),
        (b"raw", b"raw"),
        ([1], b"[1]"),
        ({"message": "m"}, b'{"message": "m"}'),
        ({"message": {"data": "*"}}, b"*"),
        ({"message": {"data": {"a": 1}}}, b'{"a": 1}'),
        ({"message": {}}, b""),
    ],
)
def test_whatever_came_is_kept(data: object, kept: bytes) -> None:
    message = read_pubsub_message(data, event_id="8", now=NOW)
    assert message.data == kept
    assert message.message_id == "8"


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["message", "data"]), inner),
    max_leaves=10,
)


@given(JSON)
def test_any_event_can_be_read(data: object) -> None:
    read_pubsub_message(data, event_id="8", now=NOW)
