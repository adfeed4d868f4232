"""A run has workers read the queries that name recipients."""

from datetime import timedelta

from functions.shared.records.audience import AUDIENCE_TASK_PATH, AudienceTask
from tests.functions.dispatcher.integration.conftest import HOUR, NOON, WORKER_URL, Cloud

BOTH = {"AUDIENCES": "sales,usage"}


def read(cloud: Cloud) -> list[tuple[str, str]]:
    """The kinds whose queries are to be read, each with the run that says so."""
    bodies = [
        AudienceTask.from_json(task.http_request.body)
        for task in cloud.tasks()
        if task.http_request.url == f"{WORKER_URL}{AUDIENCE_TASK_PATH}"
    ]
    return sorted((body.kind, body.run_id) for body in bodies)


def test_each_query_is_read_once_a_day(cloud: Cloud) -> None:
    first, second, third = "21261124T1200Z", "21261124T1300Z", "21261124T1400Z"
    cloud.call(variables=BOTH)
    cloud.call(variables=BOTH)
    assert read(cloud) == [("sales", first), ("usage", first)]
    # Until a reading of the day was whole, the next run has it read, too.
    for kind, read_at in (("sales", NOON - timedelta(days=1)), ("usage", NOON)):
        cloud.database.document(f"audiences/{kind}").set({"read_at": read_at})
    assert cloud.call(NOON + HOUR, variables=BOTH).status == 200
    assert read(cloud) == [("sales", first), ("sales", second), ("usage", first)]
    # A person has accepted that recipients leave.
    cloud.database.document("audiences/usage").update({"leaving_accepted": 9})
    cloud.database.document("audiences/sales").set({"read_at": NOON})
    cloud.call(NOON + 2 * HOUR, variables=BOTH)
    assert read(cloud) == [("sales", first), ("sales", second), ("usage", first), ("usage", third)]


def test_a_run_without_a_queue_for_them_has_errors(cloud: Cloud) -> None:
    answer = cloud.call(variables={**BOTH, "CONTINUATION_QUEUE": "no-such-queue"})
    assert (answer.status, answer.body["errors"]) == (500, 2)
