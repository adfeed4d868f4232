"""A run that version 0.2.0 has divided into shares, which this version takes over."""

import json
from collections import Counter
from datetime import timedelta
from typing import Any

from functions.shared.records.ids import shard_of
from functions.shared.records.subscription import DEFAULT_SUBSCRIPTION
from tests.functions.dispatcher.integration.conftest import HOUR, NOON, Cloud
from tests.functions.dispatcher.integration.test_run_parts import NO_TIME, carry_on, take_parts

RUN = "21261124T1200Z"
ATTEMPT = "0123456789abcdef"
SHARES = 3


def divided(cloud: Cloud) -> list[bytes]:
    """A run as 0.2.0 leaves it when all its shares are handed out. Returns the bodies of their tasks."""
    shares = {f"{share}": {"state": "running"} for share in range(SHARES)}
    cloud.database.document(f"runs/{RUN}").set(
        {
            "scheduled_for": NOON,
            "attempt": ATTEMPT,
            "attempts": 1,
            "state": "running",
            "started_at": NOON,
            "finished_at": None,
            "earlier_attempts": [],
            "shares": shares,
            "expire_at": NOON + timedelta(days=90),
        }
    )
    body: dict[str, Any] = {"run_id": RUN, "scheduled_for": NOON.isoformat(), "attempt": ATTEMPT, "part": 1}
    body |= {"stage": "due", "cursor": None, "new_cursor": None, "counters": {}, "shares": SHARES}
    return [json.dumps({**body, "share": share}).encode() for share in range(SHARES)]


def test_a_divided_run_loses_and_doubles_nothing(cloud: Cloud) -> None:
    """Each of its tasks comes twice, and one runs out of time. The next run enrolls who is new."""
    users = [cloud.subscribed_user() for _ in range(20)]
    new_user = cloud.user(enrolled_at=None)
    bodies = divided(cloud)

    assert carry_on(cloud, bodies[0], variables=NO_TIME).body["continued"]
    assert cloud.record(RUN)["state"] == "running"
    for body in (*take_parts(cloud), *bodies[1:]):
        answer = carry_on(cloud, body)
        assert (answer.status, answer.body["continued"]) == (200, False)
    record = cloud.record(RUN)
    assert (record["state"], record["due"], record["dispatched"]) == ("finished", len(users), len(users))
    due = {int(share): counted["due"] for share, counted in record["shares"].items()}
    assert due == Counter(shard_of(user, DEFAULT_SUBSCRIPTION) % SHARES for user in users)

    for body in bodies:
        assert carry_on(cloud, body).body["dispatched"] == 0
    assert cloud.record(RUN) == record
    assert cloud.fields_of(new_user)["enrolled_at"] is None
    assert cloud.call(NOON + HOUR).body["enrolled"] == 1
    assert Counter(report.user_id for report in cloud.reports()) == Counter([*users, new_user])


def test_a_share_that_fails_leaves_the_run_failed(cloud: Cloud) -> None:
    for _ in range(8):
        cloud.subscribed_user()
    first, *others = divided(cloud)
    assert carry_on(cloud, first, variables={"REPORT_QUEUES": "reports,no-such-queue"}).status == 500
    for body in others:
        assert carry_on(cloud, body).status == 200
    assert cloud.record(RUN)["state"] == "failed"
    cloud.call()
    assert len(cloud.reports()) == 8
    assert cloud.record(RUN)["state"] == "finished"
