"""What becomes of an unknown outcome by the provider's answer, and what SendGrid's answers mean."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from functions.worker.mail.delivery_lookup import LookupAnswer, LookupUnavailable, MailFound, MailNotFound
from functions.worker.mail.sendgrid.activity import SendGridActivity, read_answer
from functions.worker.outcome_inquiry import RECORDED_WITHIN, StillUnknown, after_lookup
from functions.worker.transitions import Retry, Sent

OVER = datetime(2026, 11, 24, 13, tzinfo=UTC)
EARLY = OVER + timedelta(minutes=1)
LATE = OVER + RECORDED_WITHIN

PASSING = LookupUnavailable(error="busy", lasting=False)
LASTING = LookupUnavailable(error="not bought", lasting=True)


@pytest.mark.parametrize("last_attempt", [True, False])
@pytest.mark.parametrize("now", [EARLY, LATE])
def test_a_mail_that_the_provider_has_was_sent(now: datetime, last_attempt: bool) -> None:
    answer = MailFound(message_id="m")
    assert after_lookup(answer, lease_expired_at=OVER, now=now, last_attempt=last_attempt) == Sent(message_id="m")


@pytest.mark.parametrize("answer", [MailNotFound(), PASSING])
def test_what_may_still_appear_is_waited_for(answer: LookupAnswer) -> None:
    decided = after_lookup(answer, lease_expired_at=OVER, now=EARLY, last_attempt=False)
    # 500: this one failed. Anything else would slow the whole queue down, or be the end of the task.
    assert isinstance(decided, Retry)
    assert (decided.status, decided.cause, decided.retry_after_seconds) == (500, "unknown-outcome", None)


@pytest.mark.parametrize(
    ("answer", "now", "last_attempt", "expired_at"),
    [
        pytest.param(MailNotFound(), LATE, False, OVER, id="it had the time"),
        pytest.param(MailNotFound(), EARLY, True, OVER, id="the queue calls no more"),
        pytest.param(MailNotFound(), EARLY, False, None, id="since when is not known"),
        pytest.param(PASSING, LATE, False, OVER, id="no answer in all the time"),
        pytest.param(PASSING, EARLY, True, OVER, id="no answer on the last attempt"),
        pytest.param(LASTING, EARLY, False, OVER, id="there will be no answer"),
    ],
)
def test_otherwise_it_stays_unknown(
    answer: LookupAnswer, now: datetime, last_attempt: bool, expired_at: datetime | None
) -> None:
    decided = after_lookup(answer, lease_expired_at=expired_at, now=now, last_attempt=last_attempt)
    assert isinstance(decided, StillUnknown)
    assert (answer.error if isinstance(answer, LookupUnavailable) else "no record") in decided.note


def test_a_message_is_found() -> None:
    body = json.dumps({"messages": [{"msg_id": "abc.recvd-1-0.0", "status": "delivered"}, {"msg_id": "later"}]})
    assert read_answer(200, body.encode()) == MailFound(message_id="abc.recvd-1-0.0")


def test_no_message_is_found() -> None:
    assert read_answer(200, b'{"messages": []}') == MailNotFound()


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"{}", b'{"messages": null}', b'{"messages": [{}]}', b'{"messages": ["m"]}', b"[" * 9999],
)
def test_an_answer_that_cannot_be_read_is_no_word(body: bytes) -> None:
    answer = read_answer(200, body)
    assert isinstance(answer, LookupUnavailable)
    assert not answer.lasting


@pytest.mark.parametrize(
    ("status", "lasting"),
    [(400, True), (401, True), (403, True), (404, True), (429, False), (500, False), (503, False), (302, False)],
)
def test_a_refusal_is_lasting_where_it_is_one_of_ours(status: int, lasting: bool) -> None:
    answer = read_answer(status, b'{"errors": [{"message": "of ada@example.com"}]}')
    assert isinstance(answer, LookupUnavailable)
    assert answer.lasting is lasting
    assert f"SendGrid answered {status}" in answer.error
    assert "ada@" not in answer.error


@pytest.mark.parametrize("delivery_id", ['u"1', "u'1", "u\\1", "u 1", "u)1", "ü1", ""])
def test_a_delivery_that_a_query_cannot_name_is_not_asked_about(delivery_id: str) -> None:
    # Nothing listens there: the answer is none of a connection.
    answer = SendGridActivity(api_key="k", host="http://127.0.0.1:9").find(delivery_id, seconds=1)
    assert answer == LookupUnavailable(error="the delivery's id has characters that a query cannot have", lasting=True)
