"""What a person should look at."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.shared.records.run import RUN_COUNTERS
from operations.overview.health import find_concerns

NOW = datetime(2026, 11, 24, 13, 20, tzinfo=UTC)
GOOD_RUN = {
    "run_id": "20261124T1300Z",
    "state": "finished",
    "scheduled_for": NOW - timedelta(minutes=20),
    **dict.fromkeys(RUN_COUNTERS, 0),
}
WELL: dict[str, Any] = {
    "runs": [GOOD_RUN],
    "open_letters": 0,
    "queues": [{"queue": "reports", "state": "running"}],
    "alerts": [],
    "now": NOW,
}


def concerns(**changed: Any) -> list[tuple[str, str]]:
    return [(each.text, each.path) for each in find_concerns(**{**WELL, **changed})]


def test_all_is_well() -> None:
    assert concerns() == []
    assert concerns(queues=[{"queue": "reports", "state": "running", "tasks": 40, "failing": 1}]) == []
    assert concerns(alerts=[{"alert": "old", "detail": "", "received_at": NOW - timedelta(hours=3)}]) == []


@pytest.mark.parametrize(
    ("changed", "text", "path"),
    [
        ({"runs": []}, "There was no run yet.", "/runs"),
        ({"runs": [{**GOOD_RUN, "scheduled_for": NOW - timedelta(hours=3)}]}, "more than two hours ago", "/runs"),
        ({"runs": [{**GOOD_RUN, "state": "failed", "errors": 2}]}, "failed: 2 errors", "/runs/20261124T1300Z"),
        ({"runs": [{**GOOD_RUN, "lost": 1}]}, "gave 1 reports up", "/runs/20261124T1300Z"),
        ({"runs": [{**GOOD_RUN, "malformed": 3}]}, "3 subscriptions", "/runs/20261124T1300Z"),
        ({"queues": [{"queue": "reports", "state": "paused"}]}, "Queue reports: paused.", "/queues"),
        ({"queues": [{"queue": "reports", "error": "gone"}]}, "Queue reports: gone.", "/queues"),
        (
            {"queues": [{"queue": "reports", "state": "running", "tasks": 40, "failing": 2}]},
            "2 of 40 reports that wait have failed",
            "/deliveries?state=pending",
        ),
        ({"open_letters": 1200}, "1,200 reports could not be sent.", "/dead-letters"),
        ({"stopped_because": "complaints: 0.4 %"}, "Sending is stopped: complaints: 0.4 %.", "/#mails"),
        ({"alerts": [{"alert": "a", "detail": "d", "received_at": NOW}]}, "System alert: a: d", "/#alerts"),
    ],
)
def test_it_names_what_is_not(changed: dict[str, Any], text: str, path: str) -> None:
    [(found, where)] = concerns(**changed)
    assert text in found
    assert where == path


def test_the_breaker_comes_first_and_what_cannot_be_read_is_no_sign() -> None:
    found = concerns(runs=None, open_letters=1, stopped_because="bounces")
    assert [path for _, path in found] == ["/#mails", "/dead-letters"]
