"""The methods of queues, by Google's own client."""

from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import tasks_v2
from google.cloud.location import locations_pb2
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.protobuf.field_mask_pb2 import FieldMask

from local_cloud_tests.tasks.integration.worker import LOCATION, QUEUE, Tasks

OTHER = f"{LOCATION}/queues/other"


def test_a_new_queue_has_the_services_defaults(tasks: Tasks) -> None:
    queue = tasks.client.create_queue(parent=LOCATION, queue={"name": OTHER})

    assert queue.name == OTHER
    assert queue.state == tasks_v2.Queue.State.RUNNING
    assert queue.rate_limits.max_dispatches_per_second == 500
    assert queue.rate_limits.max_concurrent_dispatches == 1000
    assert queue.retry_config.max_attempts == 100
    assert tasks.client.get_queue(name=OTHER) == queue


def test_queues_are_listed_by_location_in_pages(tasks: Tasks) -> None:
    made = [f"{LOCATION}/queues/q{number:02}" for number in range(10)]
    for name in reversed(made):
        tasks.client.create_queue(parent=LOCATION, queue={"name": name})
    elsewhere = f"{LOCATION}-b"
    tasks.client.create_queue(parent=elsewhere, queue={"name": f"{elsewhere}/queues/q"})

    pages = list(tasks.client.list_queues(tasks_v2.ListQueuesRequest(parent=LOCATION, page_size=4)).pages)
    assert [len(page.queues) for page in pages] == [4, 4, 3]
    assert [queue.name for page in pages for queue in page.queues] == [*made, QUEUE]
    assert [queue.name for queue in tasks.client.list_queues(parent=elsewhere)] == [f"{elsewhere}/queues/q"]


def test_queues_are_listed_by_a_filter(tasks: Tasks) -> None:
    tasks.client.create_queue(parent=LOCATION, queue={"name": OTHER})
    tasks.client.pause_queue(name=OTHER)

    request = tasks_v2.ListQueuesRequest(parent=LOCATION, filter="state: PAUSED")
    assert [queue.name for queue in tasks.client.list_queues(request)] == [OTHER]


def test_update_changes_what_its_mask_names(tasks: Tasks) -> None:
    changed = tasks.client.update_queue(
        queue={"name": QUEUE, "rate_limits": {"max_dispatches_per_second": 7}, "retry_config": {"max_attempts": 2}},
        update_mask=FieldMask(paths=["rate_limits.max_dispatches_per_second", "state"]),
    )

    assert changed.rate_limits.max_dispatches_per_second == 7
    assert changed.rate_limits.max_burst_size == 10
    assert changed.retry_config.max_attempts == 8
    assert changed.state == tasks_v2.Queue.State.RUNNING


def test_update_without_a_mask_changes_everything(tasks: Tasks) -> None:
    changed = tasks.client.update_queue(queue={"name": QUEUE, "retry_config": {"max_attempts": 2}})

    assert changed.retry_config.max_attempts == 2
    assert changed.retry_config.max_doublings == 16


def test_update_makes_a_queue_that_is_not_there(tasks: Tasks) -> None:
    tasks.client.update_queue(queue={"name": OTHER, "retry_config": {"max_attempts": 2}})

    assert tasks.client.get_queue(name=OTHER).retry_config.max_attempts == 2


def test_a_mask_with_an_unknown_field_is_refused(tasks: Tasks) -> None:
    with pytest.raises(exceptions.InvalidArgument, match="'rate_limit'"):
        tasks.client.update_queue(queue={"name": QUEUE}, update_mask=FieldMask(paths=["rate_limit"]))


def test_pause_and_resume(tasks: Tasks) -> None:
    assert tasks.client.pause_queue(name=QUEUE).state == tasks_v2.Queue.State.PAUSED
    tasks.create("t")
    assert tasks.client.get_queue(name=QUEUE).state == tasks_v2.Queue.State.PAUSED
    tasks.advance(hours=1)
    assert tasks.get("t").dispatch_count == 0

    assert tasks.client.resume_queue(name=QUEUE).state == tasks_v2.Queue.State.RUNNING
    tasks.idle()
    assert [received.task for received in tasks.worker.received] == ["t"]


def test_purge(tasks: Tasks) -> None:
    tasks.client.pause_queue(name=QUEUE)
    for _ in range(3):
        tasks.create()

    assert tasks.client.purge_queue(name=QUEUE).purge_time is not None
    assert list(tasks.client.list_tasks(parent=QUEUE)) == []
    assert tasks.client.get_queue(name=QUEUE).state == tasks_v2.Queue.State.PAUSED


def test_a_deleted_queues_name_is_refused_for_three_days(tasks: Tasks) -> None:
    tasks.create("t")
    tasks.client.delete_queue(name=QUEUE)

    with pytest.raises(exceptions.NotFound, match="Queue does not exist"):
        tasks.client.get_queue(name=QUEUE)
    with pytest.raises(exceptions.NotFound, match="Queue does not exist"):
        tasks.create("t")
    for _ in range(2):
        with pytest.raises(exceptions.FailedPrecondition, match="a queue with this name existed too recently"):
            tasks.client.create_queue(parent=LOCATION, queue={"name": QUEUE})
        tasks.advance(hours=35)
    tasks.advance(hours=2)
    tasks.client.create_queue(parent=LOCATION, queue={"name": QUEUE})
    assert list(tasks.client.list_tasks(parent=QUEUE)) == []
    tasks.create("t")


@pytest.mark.parametrize("method", ["get_queue", "pause_queue", "resume_queue", "purge_queue"])
def test_a_queue_that_is_not_there(tasks: Tasks, method: str) -> None:
    with pytest.raises(exceptions.NotFound, match=r"Queue does not exist\. If you just created the queue, wait"):
        getattr(tasks.client, method)(name=OTHER)


def test_a_queue_to_delete_that_is_not_there(tasks: Tasks) -> None:
    with pytest.raises(exceptions.NotFound, match=r"Requested entity was not found\."):
        tasks.client.delete_queue(name=OTHER)


@pytest.mark.parametrize(
    ("parent", "queue", "error", "message"),
    [
        (LOCATION, {"name": QUEUE}, exceptions.AlreadyExists, "Queue already exists"),
        (LOCATION, {"name": "not-a-valid-queue-name"}, exceptions.InvalidArgument, "Queue name must be formatted"),
        (LOCATION, {"name": f"{LOCATION}/queues/under_score"}, exceptions.InvalidArgument, "Queue ID"),
        ("somewhere", {"name": OTHER}, exceptions.InvalidArgument, "Location name must be formatted"),
        (f"{LOCATION}-b", {"name": OTHER}, exceptions.InvalidArgument, "must be the same as the location"),
        (
            LOCATION,
            {"name": OTHER, "rate_limits": {"max_dispatches_per_second": 501}},
            exceptions.InvalidArgument,
            "RateLimits.maxDispatchesPerSecond must be less than or equal to 500.",
        ),
        (
            LOCATION,
            {"name": OTHER, "http_target": {"oidc_token": {"service_account_email": "a@b"}}},
            exceptions.InvalidArgument,
            "HttpTarget.oidcToken.audience are required",
        ),
        (
            LOCATION,
            {"name": OTHER, "http_target": {"http_method": 99}},
            exceptions.InvalidArgument,
            "HttpTarget.httpMethod 99 is unknown",
        ),
        (
            LOCATION,
            {"name": OTHER, "http_target": {"uri_override": {"scheme": 9}}},
            exceptions.InvalidArgument,
            "UriOverride.scheme 9 is unknown",
        ),
        (
            LOCATION,
            {"name": OTHER, "http_target": {"oauth_token": {"scope": "all"}}},
            exceptions.InvalidArgument,
            "HttpTarget.oauthToken.serviceAccountEmail and",
        ),
        (
            LOCATION,
            {"name": OTHER, "http_target": {"header_overrides": [{"header": {"key": "a", "value": "x" * 81_920}}]}},
            exceptions.InvalidArgument,
            "HttpTarget.headerOverrides must be less than 80KB",
        ),
    ],
)
def test_queues_that_are_refused(
    tasks: Tasks, parent: str, queue: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        tasks.client.create_queue(parent=parent, queue=queue)


def test_an_error_points_to_the_documentation(tasks: Tasks) -> None:
    with pytest.raises(exceptions.InvalidArgument) as refused:
        tasks.client.get_queue(name="not-a-valid-queue-name")

    assert refused.value.details[0].links[0].description == "Definition of queue name"


def test_iam_policies_are_kept_and_guarded_by_their_etag(tasks: Tasks) -> None:
    binding = policy_pb2.Binding(role="roles/cloudtasks.enqueuer", members=["user:a@example.com"])
    stored = tasks.client.set_iam_policy(
        iam_policy_pb2.SetIamPolicyRequest(resource=QUEUE, policy=policy_pb2.Policy(bindings=[binding]))
    )
    assert tasks.client.get_iam_policy(iam_policy_pb2.GetIamPolicyRequest(resource=QUEUE)) == stored

    tasks.client.set_iam_policy(iam_policy_pb2.SetIamPolicyRequest(resource=QUEUE, policy=policy_pb2.Policy()))
    with pytest.raises(exceptions.Aborted, match="concurrent policy changes"):
        tasks.client.set_iam_policy(iam_policy_pb2.SetIamPolicyRequest(resource=QUEUE, policy=stored))
    tested = tasks.client.test_iam_permissions(
        iam_policy_pb2.TestIamPermissionsRequest(resource=QUEUE, permissions=["cloudtasks.tasks.create"])
    )
    assert list(tested.permissions) == ["cloudtasks.tasks.create"]


def test_there_are_no_permissions_on_a_queue_that_is_not_there(tasks: Tasks) -> None:
    tested = tasks.client.test_iam_permissions(
        iam_policy_pb2.TestIamPermissionsRequest(resource=OTHER, permissions=["cloudtasks.tasks.create"])
    )
    assert not tested.permissions


def test_locations(tasks: Tasks) -> None:
    listed = tasks.client.list_locations(locations_pb2.ListLocationsRequest(name="projects/my-project"))
    got = tasks.client.get_location(locations_pb2.GetLocationRequest(name=LOCATION))

    assert [location.name for location in listed.locations] == [LOCATION]
    assert got.location_id == "europe-west1"
