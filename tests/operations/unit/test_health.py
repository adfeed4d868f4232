"""What a person should look at."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.shared.records.run import RUN_COUNTERS
from operations.overview.backlog import Backlog
from operations.overview.health import Outcomes, find_concerns

NOW = datetime(2026, 11, 24, 13, 20, tzinfo=UTC)
GOOD_RUN = {
    "run_id": "20261124T1300Z",
    "state": "finished",
    "scheduled_for": NOW - timedelta(minutes=20),
    **dict.fromkeys(RUN_COUNTERS, 0),
}
QUEUE = {"queue": "reports", "state": "running", "rate": 10.0, "more_tasks": False, "failing": 0}
DAILY = NOW - timedelta(hours=23)
WELL: dict[str, Any] = {
    "runs": [GOOD_RUN],
    "last_due": NOW - timedelta(minutes=20),
    "open_letters": 0,
    "backlog": Backlog(),
    "outcomes": Outcomes(sent=100, delivered=95, undelivered=2, complained=1),
    "queues": [{"queue": "reports", "state": "running"}],
    "alerts": [],
    "now": NOW,
}


def concerns(**changed: Any) -> list[tuple[str, str]]:
    return [(each.text, each.path) for each in find_concerns(**{**WELL, **changed})]


def test_all_is_well() -> None:
    assert concerns() == []
    assert concerns(queues=[{"queue": "reports", "state": "running", "tasks": 40, "failing": 1}]) == []
    assert concerns(queues=[{**QUEUE, "tasks": 40, "waiting_since": NOW - timedelta(minutes=10)}]) == []
    assert concerns(queues=[{**QUEUE, "tasks": 40_000, "waiting_since": NOW - timedelta(hours=1)}]) == []
    assert concerns(last_due=NOW - timedelta(minutes=10), runs=[{**GOOD_RUN, "scheduled_for": DAILY}]) == []
    assert concerns(runs=[], outcomes=None) == []
    assert concerns(alerts=[{"alert": "old", "detail": "", "received_at": NOW - timedelta(hours=3)}]) == []


@pytest.mark.parametrize(
    ("changed", "text", "path"),
    [
        (
            {"runs": [{**GOOD_RUN, "scheduled_for": NOW - timedelta(hours=3)}]},
            "The run that was due 20 minutes ago has not begun",
            "/runs",
        ),
        (
            {"outcomes": Outcomes(sent=60, delivered=0, undelivered=60, complained=0)},
            "60 of 60 emails of the last 24 hours do not arrive: 100 %.",
            "/deliveries?mail=undelivered&since=24h",
        ),
        (
            {"outcomes": Outcomes(sent=400, delivered=395, undelivered=5, complained=2)},
            "2 of 400 emails of the last 24 hours were marked as spam: 0.5 %.",
            "/deliveries?mail=complained&since=24h",
        ),
        (
            {"backlog": Backlog(500, NOW - timedelta(hours=30), "pending")},
            "500 reports have waited for more than 2 hours, the oldest for 30 hours.",
            "/deliveries?state=pending&until=2h",
        ),
        (
            {"queues": [{**QUEUE, "tasks": 40, "waiting_since": NOW - timedelta(hours=1)}]},
            "Queue reports does not move: a task has waited for its turn for 60 minutes.",
            "/queues",
        ),
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
