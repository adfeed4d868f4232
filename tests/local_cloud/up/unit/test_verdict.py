"""The exit status of `make run` rests on this."""

from typing import Any

import pytest

from local_cloud.ledger_view import DeadLetter, Delivery
from local_cloud.verdict import problems

GOOD: dict[str, Any] = {
    "expected": {"u1": "sent", "u2": "dead"},
    "deliveries": [
        Delivery(id="u1-t", user_id="u1", state="sent"),
        Delivery(id="u2-t", user_id="u2", state="dead"),
    ],
    "dead_letters": [DeadLetter(id="u2-t", reason="permanent-error", error="refused", alerted=True)],
    "mailed": ["u1-t"],
    "errors": 0,
}


def test_a_run_as_it_should_be() -> None:
    assert problems(**GOOD) == []


def test_mails_that_somebody_else_took_are_not_counted() -> None:
    assert problems(**{**GOOD, "mailed": None}) == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"errors": 2}, "2 errors"),
        ({"deliveries": GOOD["deliveries"][:1]}, "u2 should be dead, but is not in the ledger"),
        ({"expected": {"u1": "sent", "u2": "sent"}}, "u2 should be sent, but is dead"),
        ({"expected": {"u2": "dead"}}, "u1 should have got no report"),
        ({"dead_letters": []}, "no dead letter was kept"),
        ({"dead_letters": [DeadLetter(id="u2-t", reason="", error="", alerted=False)]}, "nobody was told"),
        ({"mailed": []}, "no mail came"),
        ({"mailed": ["u1-t", "u1-t"]}, "u1-t was mailed 2 times"),
        ({"mailed": ["u1-t", "u2-t"]}, "u2-t was mailed, but is dead"),
        (
            {"deliveries": [*GOOD["deliveries"], Delivery(id="u1-s", user_id="u1", state="sent")]},
            "u1 has 2 deliveries",
        ),
    ],
)
def test_whatever_is_wrong_is_named(change: dict[str, Any], named: str) -> None:
    assert any(named in problem for problem in problems(**{**GOOD, **change}))
