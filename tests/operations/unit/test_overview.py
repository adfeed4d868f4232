"""What the overview says of emails of which little is known."""

from datetime import UTC, datetime

import pytest

from operations.overview.overview import Span, unknown_mails

NOW = datetime(2026, 11, 24, 13, tzinfo=UTC)


def span(**counts: int) -> Span:
    return Span(start=NOW, counts=counts)


@pytest.mark.parametrize(
    ("sent", "delivered", "undelivered", "says"),
    [
        (5, 4, 0, ""),
        (0, 0, 0, ""),
        # Emails of the time before.
        (0, 2, 1, ""),
        (5, 0, 0, "has reported nothing"),
        (5, 0, 1, "failures only"),
        (0, 0, 1, "failures only"),
    ],
)
def test_what_no_event_says_is_not_known(sent: int, delivered: int, undelivered: int, says: str) -> None:
    reports = [span(sent=0, dead=1), span(sent=sent, dead=3)]
    mails = [span(delivered=delivered, undelivered=0), span(delivered=0, undelivered=undelivered)]
    found = unknown_mails(reports, mails)
    assert (says in found) if says else not found


def test_what_cannot_be_counted_says_nothing() -> None:
    assert unknown_mails([], []) == ""
