"""The rates that a run gives the queues while a new domain is ramped up."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from google.cloud.tasks_v2 import Queue, RateLimits
from google.protobuf.field_mask_pb2 import FieldMask

from functions.shared.records.ids import delivery_id, run_id
from functions.shared.records.subscription import DEFAULT_SUBSCRIPTION
from tests.functions.dispatcher.integration.conftest import HOUR, NOON, Cloud
from tests.functions.dispatcher.integration.faults import failing
from tests.functions.dispatcher.integration.test_run_alerts import told

DAY = timedelta(days=1)
FULL = 500.0
RAMP = {"RAMP_START": "2126-11-24", "RAMP_FIRST_DAY": "864", "RAMP_GROWTH": "1.5", "QUEUE_RATE": "500"}
FIRST, SECOND, THIRD = 0.01, 0.015, 0.0225


@pytest.fixture(autouse=True)
def full_rate(cloud: Cloud) -> Iterator[None]:
    """Leave the queues as they were."""
    yield
    cloud.tasks_faults.middleware = None
    for queue in ("reports", "reports-2"):
        set_rate(cloud, FULL, queue)


def set_rate(cloud: Cloud, rate: float, queue: str = "reports") -> None:
    """What an operator does."""
    changed = Queue(name=cloud.queue_path(queue), rate_limits=RateLimits(max_dispatches_per_second=rate))
    cloud.queues.update_queue(queue=changed, update_mask=FieldMask(paths=["rate_limits.max_dispatches_per_second"]))


def rate(cloud: Cloud, queue: str = "reports") -> float:
    return cloud.queues.get_queue(name=cloud.queue_path(queue)).rate_limits.max_dispatches_per_second


def test_each_day_has_its_rate_and_nothing_else_of_the_queue_changes(cloud: Cloud) -> None:
    before = cloud.queues.get_queue(name=cloud.queue_path())
    for days, expected in ((0, FIRST), (0.4, FIRST), (1, SECOND), (2, THIRD)):
        assert cloud.call(NOON + days * DAY, variables=RAMP).status == 200
        assert rate(cloud) == pytest.approx(expected, rel=1e-9)
    after = cloud.queues.get_queue(name=cloud.queue_path())
    assert after.retry_config == before.retry_config
    assert after.rate_limits.max_concurrent_dispatches == before.rate_limits.max_concurrent_dispatches


def test_the_queues_share_a_days_allowance(cloud: Cloud) -> None:
    cloud.call(variables={**RAMP, "REPORT_QUEUES": "reports,reports-2"})
    assert rate(cloud) == rate(cloud, "reports-2") == FIRST / 2


def test_the_full_rate_comes_once_and_then_the_queue_is_the_operators(cloud: Cloud) -> None:
    cloud.call(variables=RAMP)
    cloud.call(NOON + 60 * DAY, variables=RAMP)
    assert rate(cloud) == FULL
    set_rate(cloud, 3)
    cloud.call(NOON + 60 * DAY + HOUR, variables=RAMP)
    assert rate(cloud) == 3


def test_a_queue_that_an_operator_has_slowed_down_stays_slow(cloud: Cloud) -> None:
    cloud.call(variables=RAMP)
    set_rate(cloud, 0.002)
    cloud.call(NOON + DAY, variables=RAMP)
    assert rate(cloud) == 0.002


def test_without_a_ramp_a_run_sets_no_rate(cloud: Cloud) -> None:
    set_rate(cloud, 7)
    cloud.call()
    assert rate(cloud) == 7


def test_the_rate_is_there_before_the_first_task_is(cloud: Cloud) -> None:
    cloud.subscribed_user()
    cloud.tasks_faults.middleware = failing("CreateTask", "PERMISSION_DENIED")
    assert cloud.call(variables=RAMP).body["errors"] == 1
    assert rate(cloud) == FIRST


def test_a_run_whose_rate_cannot_be_set_goes_on_and_people_are_told_once_a_day(cloud: Cloud) -> None:
    user = cloud.subscribed_user()
    cloud.tasks_faults.middleware = failing("UpdateQueue", "PERMISSION_DENIED")

    answer = cloud.call(variables=RAMP)

    assert (answer.status, answer.body["dispatched"], answer.body["errors"]) == (200, 1, 0)
    assert [report.user_id for report in cloud.reports()] == [user]
    cloud.dead_letters()
    (alert,) = cloud.system_alerts
    assert (alert["alert"], alert["run_id"]) == ("ramp-rate-not-set", "21261124T0000Z")
    assert "reports has 500 reports a second, and the ramp wants 0.01: PermissionDenied" in alert["detail"]
    cloud.system_alerts.clear()

    # The DLQ handler tells each kind and run once: the second of the same day is no news.
    cloud.call(NOON + HOUR, variables=RAMP)
    assert told(cloud) == [("ramp-rate-not-set", "21261124T0000Z")]
    cloud.call(NOON + 13 * HOUR, variables=RAMP)
    assert ("ramp-rate-not-set", "21261125T0000Z") in told(cloud)


def test_what_waits_for_days_is_neither_overdue_nor_lost_and_gets_no_second_task(cloud: Cloud) -> None:
    """One report was tried and waits for its retry, one was never tried; the rate rises each day."""
    tried, untried = cloud.subscribed_user(), cloud.subscribed_user()
    begun = {"state": "pending", "created_at": NOON, "attempts": 1}
    cloud.database.collection("deliveries").document(delivery_id(tried, DEFAULT_SUBSCRIPTION, NOON)).set(begun)
    for hours in range(0, 80, 8):
        answer = cloud.call(NOON + hours * HOUR, variables=RAMP)
        counted = (answer.body["due"], answer.body["dispatched"], answer.body["already_dispatched"])
        assert counted == ((2, 2, 0) if hours == 0 else (2, 0, 2))
        assert (answer.body["overdue"], answer.body["lost"]) == (0, 0)

    assert len(cloud.tasks()) == 2
    assert {report.user_id for report in cloud.reports()} == {tried, untried}
    assert cloud.record(run_id(NOON + 8 * HOUR))["queues"] == "behind"


def test_a_task_that_dies_while_others_are_held_back_is_replaced(cloud: Cloud) -> None:
    held, dead = cloud.subscribed_user(), cloud.subscribed_user()
    cloud.call(variables=RAMP)
    for hours in (1, 2, 3):
        cloud.call(NOON + hours * HOUR, variables=RAMP)
    for task in cloud.tasks():
        if dead in task.name:
            cloud.queues.delete_task(name=task.name)

    answer = cloud.call(NOON + 4 * HOUR, variables=RAMP)

    assert (answer.body["overdue"], answer.body["dispatched"], answer.body["already_dispatched"]) == (1, 1, 1)
    assert sorted(report.user_id for report in cloud.reports()) == sorted([held, dead])
