"""The example that sends transactional email."""

import requests

from local_pipeline.inbox.faults import Answer
from local_pipeline.inbox.server import Inbox
from tests.examples.conftest import Example


def order(number: str, **changes: object) -> dict[str, object]:
    return {
        "message_id": f"order-{number}",
        "to": f"ada{number}@example.com",
        "template": "order-confirmed",
        "values": {"order": number, "arrives": "Thursday"},
        **changes,
    }


def subjects(inbox: Inbox, number: str) -> list[str]:
    return [mail.subject for mail in inbox.mails.to(f"ada{number}@example.com")]


def test_one_mail_for_each_cause_however_often_it_is_asked_for(mail_example: Example, inbox: Inbox) -> None:
    assert mail_example.carry_out(order("1"), order("1"), order("2"), order("1")) == []
    assert subjects(inbox, "1") == ["Your order 1"]
    assert subjects(inbox, "2") == ["Your order 2"]


def test_a_provider_that_fails_is_tried_again_by_the_queues_policy(mail_example: Example, inbox: Inbox) -> None:
    inbox.answer_next("sendgrid", Answer(status=500), times=2)
    assert mail_example.carry_out(order("3")) == []
    assert subjects(inbox, "3") == ["Your order 3"]


def test_what_fails_three_times_is_a_dead_letter_and_can_be_tried_again(mail_example: Example, inbox: Inbox) -> None:
    inbox.answer_next("sendgrid", Answer(status=503), times=3)
    [letter] = mail_example.carry_out(order("4"))
    assert (letter["reason"], letter["attempts"]) == ("retries-exhausted", 3)
    assert mail_example.carry_out(order("4")) == []
    assert subjects(inbox, "4") == ["Your order 4"]


def test_a_provider_with_too_much_to_do_slows_the_queue_down(mail_example: Example, inbox: Inbox) -> None:
    inbox.answer_next("sendgrid", Answer(status=429, headers={"Retry-After": "7"}))
    assert mail_example.carry_out(order("5")) == []
    assert subjects(inbox, "5") == ["Your order 5"]
    assert '"status": 429' in mail_example.log


def test_what_cannot_be_sent_is_given_up_at_once_and_names_the_field(mail_example: Example) -> None:
    wrong = {
        "values.arrives: Field required": order("6", values={"order": "6"}),
        "to: String should match pattern": order("7", to="nobody"),
        "template: Input should be": order("8", template="spam"),
        "personalizations.0.to.0.email": order("9", to="no..one@example.com"),
        "Invalid JSON": b"{",
    }
    letters = mail_example.carry_out(*wrong.values())
    assert {letter["reason"] for letter in letters} == {"permanent-error"}
    assert {letter["attempts"] for letter in letters} == {1}
    errors = " ".join(str(letter["error"]) for letter in letters)
    assert all(said in errors for said in wrong)


def test_values_cannot_add_a_header(mail_example: Example, inbox: Inbox) -> None:
    mail_example.carry_out(order("10", values={"order": "10\r\nBcc: x@example.com", "arrives": "$link ${x}"}))
    assert subjects(inbox, "10") == ["Your order 10 Bcc: x@example.com"]


def test_only_the_queue_may_call(mail_example: Example) -> None:
    url = f"http://127.0.0.1:{mail_example.port}/"
    assert requests.post(url, json=order("11"), timeout=10).status_code == 401
    assert requests.get(url, timeout=10).status_code == 405


def test_no_log_line_has_an_address(mail_example: Example) -> None:
    assert "@example.com" not in mail_example.log
