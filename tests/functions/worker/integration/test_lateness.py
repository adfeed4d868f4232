"""What the worker logs about how late a report is."""

from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.functions.worker.integration.conftest import DUE, Cloud, Letters, an_attempt, in_this_process, task

IN_TIME = timedelta(minutes=20)


@pytest.mark.parametrize(
    ("user", "subscription", "delivery", "result", "seconds"),
    [
        ({}, {}, None, "sent", 1200),
        ({"active": False}, {}, None, "skipped", 1200),
        ({}, {"kind": "no_such_kind"}, None, "dead", 1200),
        ({}, {}, {"state": "pending", "by_hand": True}, "sent", None),
        ({}, {}, {"state": "sent"}, "already-final", None),
    ],
    ids=["sent", "skipped", "dead", "sent by hand", "final before"],
)
def test_the_attempt_that_makes_a_report_final_says_how_late_it_is(
    cloud: Cloud, user: Any, subscription: Any, delivery: Any, result: str, seconds: int | None
) -> None:
    user_id = cloud.user(subscription=subscription, **user)
    if delivery:
        cloud.put_delivery(user_id, **delivery)
    send_report = in_this_process(cloud, Letters(), now=lambda: DUE + IN_TIME)
    with capture_logs() as lines:
        send_report(task(user_id, kind=subscription.get("kind", "activity")), an_attempt(1, last=False))
    [line] = [line for line in lines if line["event"] == "report_attempted"]
    assert (line["result"], line.get("lateness_seconds")) == (result, seconds)
