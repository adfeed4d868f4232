"""What a task must be like, and the form in which it is stored."""

import re
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from local_cloud.rpc import RpcError
from local_cloud.tasks.messages import Queue, Task
from local_cloud.tasks.moments import SECOND
from local_cloud.tasks.new_task import MAX_STORED_BYTES, check_size, prepare

NOW = 1_800_000_000 * SECOND + 123_456
QUEUE = Queue(name="projects/p/locations/l/queues/q")
URL = "https://worker.example/tasks"


def task(**request: Any) -> Any:
    return Task(http_request={"url": URL, **request})


def refusal(message: Any) -> RpcError:
    with pytest.raises(RpcError) as refused:
        prepare(message, queue=QUEUE, now=NOW)
    return refused.value


def test_the_services_defaults() -> None:
    message = task(body=b"{}")
    task_id, due = prepare(message, queue=QUEUE, now=NOW)

    assert due == NOW
    assert re.fullmatch(r"\d+", task_id)
    assert message.name == f"{QUEUE.name}/tasks/{task_id}"
    assert message.http_request.http_method == 1
    assert message.http_request.headers == {"User-Agent": "Google-Cloud-Tasks"}
    assert message.schedule_time == Timestamp(seconds=1_800_000_000, nanos=123_456_000)
    assert message.create_time == Timestamp(seconds=1_800_000_000)
    assert message.dispatch_deadline == Duration(seconds=600)


def test_no_two_ids_are_the_same() -> None:
    assert len({prepare(task(), queue=QUEUE, now=NOW)[0] for _ in range(1000)}) == 1000


def test_tasks_that_differ_only_in_the_body_keep_their_own() -> None:
    messages = [task(body=body) for body in (b"1", b"2", b"")]
    for message in messages:
        prepare(message, queue=QUEUE, now=NOW)

    assert [message.http_request.body for message in messages] == [b"1", b"2", b""]
    for message in messages:
        message.http_request.ClearField("body")
    assert messages[0].http_request == messages[1].http_request == messages[2].http_request


def test_a_request_is_refused_each_time() -> None:
    assert refusal(task(http_method=99)).message == refusal(task(http_method=99)).message


def test_a_schedule_time_in_the_past_becomes_the_present() -> None:
    message = task()
    message.schedule_time.seconds = 1
    prepare(message, queue=QUEUE, now=NOW)

    assert message.schedule_time == Timestamp(seconds=1_800_000_000, nanos=123_456_000)


def test_what_is_finer_than_a_microsecond_is_cut_off() -> None:
    message = task()
    message.schedule_time.CopyFrom(Timestamp(seconds=1_800_000_001, nanos=123_456_789))
    prepare(message, queue=QUEUE, now=NOW)

    assert message.schedule_time.nanos == 123_456_000


def test_output_only_fields_are_ignored() -> None:
    message = task()
    message.dispatch_count = 5
    message.last_attempt.response_status.code = 13
    prepare(message, queue=QUEUE, now=NOW)

    assert message.dispatch_count == 0
    assert not message.HasField("last_attempt")


def test_a_user_agent_of_the_clients_is_replaced() -> None:
    message = task(headers={"user-agent": "me", "X-Mixed-Case": "kept"})
    prepare(message, queue=QUEUE, now=NOW)

    assert message.http_request.headers == {"User-Agent": "Google-Cloud-Tasks", "X-Mixed-Case": "kept"}


@pytest.mark.parametrize(
    ("request_fields", "message"),
    [
        ({"url": ""}, "HttpRequest.url is required."),
        ({"url": "example.com/path"}, "HttpTarget.url must start with 'http://' or 'https://'."),
        ({"url": "ftp://example.com/"}, "HttpTarget.url must start with 'http://' or 'https://'."),
        ({"url": "https://example.com/" + "a" * 2083}, "HttpRequest.url cannot be longer than 2083 characters."),
        ({"http_method": 2, "body": b"x"}, "HttpRequest.body is only allowed"),
        ({"url": "https://example.com/" + "é" * 400}, "HttpRequest.url cannot be longer than 2083 characters."),
        ({"url": "https://"}, "HttpRequest.url is not a valid URL."),
        ({"url": "http://[/"}, "HttpRequest.url is not a valid URL."),
        ({"url": "http://worker:port/"}, "HttpRequest.url is not a valid URL."),
        ({"url": "http://my worker/"}, "HttpRequest.url is not a valid URL."),
        ({"url": "http://worker/a\nb"}, "HttpRequest.url is not a valid URL."),
        ({"http_method": 99}, "HttpRequest.httpMethod 99 is unknown."),
        ({"headers": {"": "x"}}, "HttpRequest.headers: '' is not a valid header name."),
        ({"headers": {"a b": "x"}}, "HttpRequest.headers: 'a b' is not a valid header name."),
        ({"headers": {"a": "b\r\nX: c"}}, "HttpRequest.headers: the value of 'a' has a control character."),
        ({"headers": {"X-Large": "x" * 81_920}}, "HttpRequest.headers must be less than 80KB"),
        ({"oidc_token": {"audience": "a"}}, "HttpRequest.oidcToken.serviceAccountEmail is required."),
        ({"oauth_token": {"scope": "s"}}, "HttpRequest.oauthToken.serviceAccountEmail is required."),
    ],
)
def test_requests_that_are_refused(request_fields: dict[str, Any], message: str) -> None:
    refused = refusal(task(**request_fields))

    assert refused.code == grpc.StatusCode.INVALID_ARGUMENT
    assert refused.message.startswith(message)


@pytest.mark.parametrize("url", ["http://worker.example/", "http://8.8.8.8/"])
def test_a_token_needs_tls_on_the_way_to_the_world(url: str) -> None:
    refused = refusal(task(url=url, oidc_token={"service_account_email": "a@b"}))

    assert (
        refused.message
        == "HttpRequest.url must start with 'https://' for request with HttpRequest.authorization_header"
    )


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8080/", "http://localhost/", "http://[::1]:80/", "http://worker:80/", "http://192.168.1.2/"],
)
def test_a_token_needs_no_tls_on_this_machine(url: str) -> None:
    prepare(task(url=url, oidc_token={"service_account_email": "a@b"}), queue=QUEUE, now=NOW)


@pytest.mark.parametrize("seconds", [0, 14, 1801])
def test_deadlines_that_are_refused(seconds: int) -> None:
    message = task()
    message.dispatch_deadline.seconds = seconds

    assert refusal(message).message == "Task.dispatchDeadline must be between [15s, 30m]."


@pytest.mark.parametrize("seconds", [15, 1800])
def test_deadlines_at_the_bounds(seconds: int) -> None:
    message = task()
    message.dispatch_deadline.seconds = seconds
    prepare(message, queue=QUEUE, now=NOW)

    assert message.dispatch_deadline.seconds == seconds


def test_a_schedule_time_may_be_30_days_ahead_and_no_more() -> None:
    message = task()
    message.schedule_time.seconds = 1_800_000_000 + 30 * 86_400
    prepare(message, queue=QUEUE, now=NOW)

    message.schedule_time.seconds += 1
    assert refusal(message).message == (
        "The Task.scheduleTime, 2027-02-14T08:00:01+00:00, is too far in the future. "
        "Schedule time must be no more than 720h in the future."
    )


@pytest.mark.parametrize("schedule", [Timestamp(seconds=2**62), Timestamp(seconds=1, nanos=-1)])
def test_a_schedule_time_that_is_none(schedule: Timestamp) -> None:
    message = task()
    message.schedule_time.CopyFrom(schedule)

    assert refusal(message).message == "Task.scheduleTime is not a valid timestamp."


def test_app_engine_tasks_are_refused_clearly() -> None:
    refused = refusal(Task(app_engine_http_request={"relative_uri": "/"}))

    assert refused.code == grpc.StatusCode.UNIMPLEMENTED
    assert "App Engine" in refused.message


def test_a_task_without_a_request_is_refused() -> None:
    assert refusal(Task()).message == "Task.httpRequest is required."


def test_the_largest_task() -> None:
    check_size(b"x" * MAX_STORED_BYTES)
    with pytest.raises(RpcError, match="Task size too large"):
        check_size(b"x" * (MAX_STORED_BYTES + 1))
