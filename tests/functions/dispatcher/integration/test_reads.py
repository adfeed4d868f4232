"""What a run reads follows from what is due and what is new, and not from how many users there are."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from functions.shared.records.run import SWEPT_WITH_EVERY_RUN
from tests.functions.dispatcher.integration.conftest import HOUR, NOON, Cloud
from tests.functions.dispatcher.integration.reads import Reads

DAY = timedelta(days=1)
ENROLLED = 500


@pytest.fixture
def reads(cloud: Cloud) -> Iterator[Reads]:
    """Counts what the dispatcher reads, while there are many enrolled users whose reports are not due."""
    with cloud.one_commit():
        for _ in range(ENROLLED):
            cloud.subscribed_user(next_report_at=NOON + 30 * DAY)
    reads = Reads()
    cloud.firestore_faults.middleware = reads
    yield reads
    cloud.firestore_faults.middleware = None


def new_users(cloud: Cloud, number: int, **fields: Any) -> list[str]:
    """New users."""
    with cloud.one_commit():
        return [cloud.user(**fields) for _ in range(number)]


def billed(cloud: Cloud, at: datetime = NOON) -> tuple[int, dict[str, Any]]:
    """Make a run. Returns how many reads Firestore bills for it, and what it answers."""
    cloud.firestore.usage.reset()
    answer = cloud.call(at)
    assert answer.status == 200
    return cloud.firestore.usage.reads, answer.body


@pytest.mark.parametrize("new", [0, 1, 100])
def test_users_who_say_that_they_are_new_are_all_that_a_run_reads(cloud: Cloud, reads: Reads, new: int) -> None:
    without, _ = billed(cloud)
    assert (reads.users, reads.subscriptions) == (0, 0)
    # Queries that find nothing, counts at a read for each thousand, the records of runs.
    assert without < 50
    new_users(cloud, new, enrolled_at=None)

    with_new, body = billed(cloud, NOON + HOUR)

    assert (body["enrolled"], body["dispatched"]) == (new, new)
    # One is read beside the fan-out, to see whether there are any.
    assert (reads.users, reads.subscriptions) == (new + (new > 0), 0)
    # The user, and the question whether the user has subscriptions. The second run reads the record of the first.
    assert with_new - without <= 2 * new + 5


@pytest.mark.parametrize("new", [0, 1, 100])
def test_subscriptions_that_say_that_they_are_new_are_all_that_a_run_reads(
    cloud: Cloud, reads: Reads, new: int
) -> None:
    without, _ = billed(cloud)
    with cloud.one_commit():
        for _ in range(new):
            cloud.subscribed_user(next_report_at=None, shard=None, hour=8, cadence="daily")

    with_new, body = billed(cloud, NOON + HOUR)

    assert (body["scheduled"], body["dispatched"]) == (new, 0)
    # Of each user the time zone; one subscription to see whether there are any.
    assert (reads.users, reads.subscriptions) == (new, new + (new > 0))
    assert with_new - without <= 2 * new + 5


def test_a_small_collection_is_swept_with_every_run_for_those_that_do_not_say_it(cloud: Cloud, reads: Reads) -> None:
    cloud.call()
    new_user = cloud.user(enrolled_at=...)
    subscribed = cloud.subscribed_user(next_report_at=..., shard=...)

    answer = cloud.call(NOON + HOUR)

    assert (answer.body["enrolled"], answer.body["scheduled"]) == (1, 1)
    assert {report.user_id for report in cloud.reports()} == {new_user, subscribed}
    assert ENROLLED < reads.users <= ENROLLED + 5
    assert ENROLLED < reads.subscriptions <= ENROLLED + 5
    record = cloud.record("21261124T1300Z")["sweeps"]
    assert record["enrollment"] == {"swept_at": NOON + HOUR, "documents": ENROLLED + 2}
    assert record["scheduling"] == {"swept_at": NOON + HOUR, "documents": ENROLLED + 1}


def test_a_large_collection_is_counted_and_swept_once_a_day(cloud: Cloud, reads: Reads) -> None:
    cloud.call()
    # As if there were more of them.
    large = {"swept_at": NOON, "documents": SWEPT_WITH_EVERY_RUN + 1}
    record = cloud.database.collection("runs").document("21261124T1200Z")
    record.update({"sweeps": dict.fromkeys(("enrollment", "scheduling", "address_changes"), large)})
    cloud.user(enrolled_at=...)
    cloud.subscribed_user(next_report_at=..., shard=...)
    counts = 0

    async def counted(method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        nonlocal counts
        counts += method.endswith("/RunAggregationQuery")
        return await reads(method, carry_out)

    cloud.firestore_faults.middleware = counted
    for hour in (1, 12, 23):
        answer = cloud.call(NOON + hour * HOUR)
        assert (answer.body["enrolled"], answer.body["scheduled"]) == (0, 0)
    assert (counts, reads.users, reads.subscriptions) == (0, 0, 0)

    answer = cloud.call(NOON + DAY)

    assert (answer.body["enrolled"], answer.body["scheduled"]) == (1, 1)
    # Three of each collection, one of what waits for a kind, and one of what is paused because email bounced.
    assert counts == 8
    assert reads.users > ENROLLED


def test_a_malformed_subscription_is_swept_up_once(cloud: Cloud, reads: Reads) -> None:
    cloud.subscribed_user(shard=..., cadence="never")
    assert cloud.call().body["malformed"] == 1
    assert reads.subscriptions > ENROLLED
    reads.subscriptions = 0
    assert cloud.call(NOON + HOUR).body["malformed"] == 1
    assert reads.subscriptions == 2
