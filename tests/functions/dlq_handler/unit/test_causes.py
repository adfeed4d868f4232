import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.dlq_handler.intake.received_dead_letter import cause_id, normalized_error


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("no user u42", "no user u43"),
        ("SendGrid answered 500: id 81234", "SendGrid answered 500: id 9"),
        ("550 <ada@example.com>: no such mailbox", "551 <bob@example.org>: no such mailbox"),
        ('field "a": wrong', 'field "b": wrong'),
        ("see https://example.com/a?b=c", "see https://example.org/"),
        ("lock 3f2c7d1e-8f5b-4a57-9a0e-6f6f0f9a7b11 is held", "lock 00000000-0000-4000-8000-000000000000 is held"),
        ("at 2026-11-24T13:00:00Z", "at 2026-11-24T14:00:00Z"),
        ("Out  of\nmemory", "out of memory"),
    ],
)
def test_what_differs_from_report_to_report_does_not_part_causes(one: str, other: str) -> None:
    assert cause_id("lost", one) == cause_id("lost", other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SendGrid answered 400: x", "SendGrid answered 500: x"),
        ("HTTP 429", "HTTP 503"),
        ("the template is broken", "the user is gone"),
    ],
)
def test_what_is_another_error_is_another_cause(one: str, other: str) -> None:
    assert cause_id("lost", one) != cause_id("lost", other)


def test_another_reason_is_another_cause() -> None:
    assert cause_id("lost", "e") != cause_id("invalid-task", "e")


@given(st.text())
def test_any_error_has_a_cause(error: str) -> None:
    assert len(normalized_error(error)) <= 300
    assert len(cause_id("lost", error)) == 32


def test_a_huge_error_is_read_in_part() -> None:
    assert cause_id("lost", "a " * 1_000_000) == cause_id("lost", "a " * 1001)
