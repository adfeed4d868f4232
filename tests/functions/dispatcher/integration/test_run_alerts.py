"""What people are told of a run, beside its dead letters."""

from tests.functions.dispatcher.integration.conftest import HOUR, NOON, Cloud
from tests.functions.dispatcher.integration.faults import failing


def told(cloud: Cloud) -> list[tuple[str, str]]:
    """What came on the topic since the last look: kinds and runs."""
    assert cloud.dead_letters() == []
    alerts = [(alert["alert"], alert["run_id"]) for alert in cloud.system_alerts]
    cloud.system_alerts.clear()
    return alerts


def test_of_a_good_run_nothing_is_told(cloud: Cloud) -> None:
    cloud.subscribed_user()
    cloud.call()
    cloud.call(NOON + HOUR / 2)
    assert told(cloud) == []


def test_overdue_reports_are_told_of_with_the_runs_figures(cloud: Cloud) -> None:
    cloud.subscribed_user()
    cloud.call()
    cloud.queues.purge_queue(name=cloud.queue_path())
    cloud.call(NOON + HOUR)
    cloud.dead_letters()
    (alert,) = cloud.system_alerts
    assert (alert["alert"], alert["run_id"], alert["figures"]["overdue"]) == ("overdue-reports", "21261124T1300Z", 1)
    assert "1" in alert["detail"]


def test_a_run_more_than_two_hours_after_the_one_before_tells_of_it(cloud: Cloud) -> None:
    cloud.call()
    cloud.call(NOON + 2 * HOUR)
    assert told(cloud) == []
    cloud.call(NOON + 5 * HOUR)
    assert told(cloud) == [("no-run", "21261124T1700Z")]


def test_errors_of_a_run_are_told_of(cloud: Cloud) -> None:
    cloud.subscribed_user()
    cloud.tasks_faults.middleware = failing("CreateTask", "PERMISSION_DENIED")
    answer = cloud.call()
    assert (answer.status, answer.body["errors"]) == (500, 1)
    assert told(cloud) == [("run-errors", "21261124T1200Z")]


def test_a_run_whose_alert_cannot_be_published_is_none_the_worse(cloud: Cloud) -> None:
    cloud.call()
    cloud.pubsub_faults.middleware = failing("Publish", "PERMISSION_DENIED")
    answer = cloud.call(NOON + 3 * HOUR)
    assert answer.status == 200
    assert any(line.get("alert") == "no-run" for line in cloud.log())


def test_a_run_that_breaks_off_is_told_of(cloud: Cloud) -> None:
    cloud.firestore_faults.middleware = failing("RunQuery", "PERMISSION_DENIED")
    answer = cloud.call()
    cloud.firestore_faults.middleware = None
    assert answer.status == 500
    assert told(cloud) == [("run-errors", "21261124T1200Z")]
