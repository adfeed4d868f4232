"""The harness reads a message as people do, and counts the records that it covers."""

import json
from datetime import UTC, datetime

from functions.dlq_handler.channels.alert import Alert, Link
from functions.dlq_handler.channels.slack_blocks import to_blocks
from proof.faults.slack import Told, read_message


def payload(*, others: int, letter: bool, error: str = "SendGrid answered 400") -> dict[str, object]:
    facts = (("Reason", "permanent-error"), ("Dead letter", "u1-20261124T1200Z")) if letter else (("Run", "r"),)
    alert = Alert(
        title="Something happened",
        facts=facts,
        error=error,
        others=others,
        since=datetime(2026, 11, 24, tzinfo=UTC),
        commands=("reports",),
        links=(Link("Logs", "https://example.com"),),
        relation="of the same cause",
    )
    blocks = json.loads(json.dumps([block.to_dict() for block in to_blocks(alert)]))
    return {"blocks": blocks}


def test_a_dead_letter() -> None:
    assert read_message(payload(others=0, letter=True)) == Told("Something happened", "permanent-error", 1)


def test_many() -> None:
    assert read_message(payload(others=41, letter=True)).count == 42


def test_an_error_that_looks_like_a_count() -> None:
    assert read_message(payload(others=0, letter=True, error="And 7 more")).count == 1


def test_the_system_itself() -> None:
    told = read_message(payload(others=1, letter=False))
    assert told == Told("Something happened", "", 2)
    assert not told.is_of_dead_letter
