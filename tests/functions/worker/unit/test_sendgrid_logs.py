"""What is asked of SendGrid's Email Logs, and what their answers mean."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.worker.mail.delivery_lookup import LookupAnswer, LookupUnavailable, WantedMail
from functions.worker.mail.sendgrid.logs import (
    CLOCK_MARGIN,
    MOST_ADDRESSES,
    LogsUnavailable,
    SendGridLogs,
    nearest_first,
    read_answer,
    search_queries,
    wait_asked_for,
)

CLAIMED_AT = datetime(2026, 11, 24, 13, 7, 30, tzinfo=UTC)


def wanted(*addresses: str) -> WantedMail:
    return WantedMail(delivery_id="d", addresses=addresses, claimed_at=CLAIMED_AT, category="activity")


def answer_of(read: Callable[[], object]) -> LookupAnswer:
    """What comes of an answer that is none."""
    with pytest.raises(LogsUnavailable) as caught:
        read()
    return caught.value.answer


def test_a_query_names_address_category_and_time() -> None:
    assert timedelta(minutes=5) == CLOCK_MARGIN
    assert list(search_queries(wanted("ada@example.com"))) == [
        "to_email = 'ada@example.com' AND categories IN ('activity')"
        ' AND sg_message_id_created_at >= TIMESTAMP "2026-11-24T13:02:30Z"'
    ]


def asked_for(*addresses: str) -> list[str]:
    return [query.partition(" AND ")[0] for query in search_queries(wanted(*addresses))]


def test_each_recipient_in_each_spelling() -> None:
    assert asked_for("Ada@example.com", "bob@example.com", "ada@example.com") == [
        "to_email = 'Ada@example.com'",
        "to_email = 'ada@example.com'",
        "to_email = 'bob@example.com'",
    ]
    assert len(asked_for(*(f"u{number}@example.com" for number in range(99)))) == MOST_ADDRESSES


def test_an_apostrophe_is_quoted_the_other_way() -> None:
    assert asked_for("o'neill@example.com") == ['to_email = "o\'neill@example.com"']


@pytest.mark.parametrize("address", ['"a b"@example.com', "a\\b@example.com", "a\nb@example.com", ""])
def test_an_address_that_a_query_cannot_name_is_left_out(address: str) -> None:
    assert asked_for(address, "ada@example.com") == ["to_email = 'ada@example.com'"]
    # Nothing listens there: the answer is none of a connection.
    answer = SendGridLogs(api_key="k", host="http://127.0.0.1:9").find(wanted(address), seconds=1)
    assert answer == LookupUnavailable(error="there is no address by which to search", lasting=True)


def test_the_nearest_message_comes_first() -> None:
    times = {
        "before": "2026-11-24T13:03:00Z",
        "it": "2026-11-24T13:07:31Z",
        "later": "2026-11-24T15:00:00+00:00",
        "odd": "yesterday",
    }
    messages = [{"sg_message_id": name, "sg_message_id_created_at": at} for name, at in times.items()]
    assert nearest_first({"messages": messages}, CLAIMED_AT) == ["it", "before", "later", "odd"]
    assert nearest_first({"messages": []}, CLAIMED_AT) == []


@pytest.mark.parametrize("found", [{}, {"messages": None}, {"messages": [{}]}, {"messages": ["m"]}])
def test_a_search_without_messages_is_no_word(found: dict[str, Any]) -> None:
    answer = answer_of(lambda: nearest_first(found, CLAIMED_AT))
    assert answer == LookupUnavailable(error="SendGrid's answer has no messages in it", lasting=False)


def test_an_answer_is_read() -> None:
    assert read_answer(200, json.dumps({"messages": []}).encode(), "") == {"messages": []}


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b"[" * 9999])
def test_an_answer_that_cannot_be_read_is_no_word(body: bytes) -> None:
    answer = answer_of(lambda: read_answer(200, body, "shown"))
    assert isinstance(answer, LookupUnavailable)
    assert not answer.lasting
    assert "shown" in answer.error


@pytest.mark.parametrize(
    ("status", "lasting"),
    [(400, True), (401, True), (403, True), (404, True), (429, False), (500, False), (503, False), (302, False)],
)
def test_a_refusal_is_lasting_where_it_is_one_of_ours(status: int, lasting: bool) -> None:
    answer = answer_of(lambda: read_answer(status, b"{}", "shown"))
    assert answer == LookupUnavailable(error=f"SendGrid answered {status}: shown", lasting=lasting)


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        (str(int(CLAIMED_AT.timestamp()) + 30), 30),
        (str(int(CLAIMED_AT.timestamp()) - 30), 1),
        ("9" * 11, 300),
        ("9" * 99, 1),
        ("soon", 1),
        (None, 1),
    ],
)
def test_how_long_a_limit_lasts(reset: str | None, seconds: int) -> None:
    headers = {} if reset is None else {"X-RateLimit-Reset": reset}
    assert wait_asked_for(headers, CLAIMED_AT) == timedelta(seconds=seconds)
