"""HTTP requests and the messages that they stand for."""

import json
from typing import Any

import pytest
from google.api.http_pb2 import CustomHttpPattern, HttpRule
from google.cloud.tasks_v2 import types
from hypothesis import given
from hypothesis import strategies as st

from local_cloud.rpc import RpcError
from local_cloud.transcoding import Binding, bindings, read_parameters, read_request

QUEUE = "projects/*/locations/*/queues/*"
UPDATE = Binding(HttpRule(patch=f"/v2/{{queue.name={QUEUE}}}", body="queue"))
LIST = Binding(HttpRule(get="/v2/{parent=projects/*}/tasks"))
CREATE = Binding(HttpRule(post="/v2/{parent=projects/*}/tasks", body="*"))


def read(binding: Binding, request: Any, body: bytes = b"", *fields: tuple[str, str], **variables: str) -> Any:
    message = request.pb()()
    variables = {name.replace("__", "."): value for name, value in variables.items()}
    read_request(binding, message, variables=variables, fields=fields, body=body)
    return message


@pytest.mark.parametrize(
    ("template", "path", "variables"),
    [
        ("/v1/{name}", "/v1/a", {"name": "a"}),
        ("/v1/{name}", "/v1/a/b", None),
        ("/v1/{name}", "/v1/a%2Fb%20c", {"name": "a/b c"}),
        ("/v1/{name=shelves/*}", "/v1/shelves/a", {"name": "shelves/a"}),
        ("/v1/{name=shelves/*}", "/v1/shelves/a%2fb%25", {"name": "shelves/a%2fb%"}),
        ("/v1/{name=shelves/*}", "/v1/shelves/", None),
        ("/v1/{name=shelves/*}", "/v1/shelves/a/", None),
        ("/v1/{name=shelves/**}:read", "/v1/shelves/a/b:read", {"name": "shelves/a/b"}),
        ("/v1/{name=shelves/*}:read", "/v1/shelves/a:b:read", {"name": "shelves/a:b"}),
        ("/v1/{name=shelves/*}:read", "/v1/shelves/a:write", None),
        ("/v1/{shelf}/books/{book.id}", "/v1/1/books/2", {"shelf": "1", "book.id": "2"}),
        ("/v1/*/books", "/v1/1/books", {}),
        ("/v1/a.b", "/v1/axb", None),
    ],
)
def test_paths(template: str, path: str, variables: dict[str, str] | None) -> None:
    assert Binding(HttpRule(get=template)).match(path) == variables


def test_a_verb_is_told_from_a_colon_in_a_pattern() -> None:
    assert Binding(HttpRule(post="/v1/{name=a/*}:read")).has_verb
    assert Binding(HttpRule(post="/v1/{name=a/*}/tasks:create")).has_verb
    assert not Binding(HttpRule(post="/v1:x/{name=a:b/*}")).has_verb


def test_further_bindings_and_methods_of_ones_own() -> None:
    rule = HttpRule(get="/a", additional_bindings=[HttpRule(custom=CustomHttpPattern(kind="head", path="/b"))])
    assert [(binding.http_method, binding.path) for binding in bindings(rule)] == [("GET", "/a"), ("HEAD", "/b")]


def test_path_parameters_and_body_make_one_request() -> None:
    request = read(
        UPDATE,
        types.UpdateQueueRequest,
        b'{"name": "other", "rateLimits": {"maxBurstSize": 5}}',
        ("updateMask", "rateLimits.maxBurstSize,retryConfig"),
        queue__name="the one in the path",
    )

    assert request.queue.name == "the one in the path"
    assert request.queue.rate_limits.max_burst_size == 5
    assert request.update_mask.paths == ["rate_limits.max_burst_size", "retry_config"]


def test_parameters_reach_into_messages_and_repeat() -> None:
    binding = Binding(HttpRule(get="/v2/x"))
    request = read(binding, types.UpdateQueueRequest, b"", ("queue.rateLimits.max_burst_size", "5"))
    assert request.queue.rate_limits.max_burst_size == 5

    names = read(binding, types.BatchDeleteTasksRequest, b"", ("names", "a"), ("names", "b"))
    assert names.names == ["a", "b"]


@pytest.mark.parametrize(
    "fields",
    [
        [("queue", "a")],
        [("queue", "a"), ("queue.name", "b")],
        [("queue.name.more", "b")],
        [("queue.", "b")],
        [("", "b")],
        [("queue.rateLimits.maxBurstSize", "1e400")],
        [("updateMask.paths", "a")],
    ],
)
def test_parameters_that_have_no_place(fields: list[tuple[str, str]]) -> None:
    with pytest.raises(RpcError, match="Invalid"):
        read(LIST, types.UpdateQueueRequest, b"", *fields)


def test_where_the_body_is_everything_there_are_no_parameters() -> None:
    with pytest.raises(RpcError, match="Cannot bind query parameter"):
        read(CREATE, types.CreateTaskRequest, b"{}", ("responseView", "FULL"))


@pytest.mark.parametrize(
    ("text", "value"), [("YQ==", b"a"), ("YQ=", b"a"), ("YQ", b"a"), ("-_8=", b"\xfb\xff"), ("+/8", b"\xfb\xff")]
)
def test_base64_of_both_alphabets_padded_or_not(text: str, value: bytes) -> None:
    body = json.dumps({"task": {"httpRequest": {"body": text}}}).encode()
    assert read(CREATE, types.CreateTaskRequest, body).task.http_request.body == value


@pytest.mark.parametrize("value", ["a", "Y Q=", "é", 5, ["YQ=="], {"a": 1}])
def test_what_is_no_base64(value: Any) -> None:
    body = json.dumps({"requests": [{}, {"task": {"httpRequest": {"body": value}}}]}).encode()
    with pytest.raises(RpcError, match=r"^Invalid value at 'requests\[1\].task.http_request.body' \(TYPE_BYTES\)"):
        read(CREATE, types.BatchCreateTasksRequest, body)


def test_enums_are_numbers_where_the_client_wants_them() -> None:
    assert read_parameters([("$alt", "json;enum-encoding=int")]).numeric_enums
    assert not read_parameters([("alt", "json"), ("prettyPrint", "true")]).numeric_enums
    assert read_parameters([("$.xgafv", "2"), ("pageSize", "1")]).fields == [("pageSize", "1")]


_NAMES = st.sampled_from(
    ["task", "name", "httpRequest", "http_request", "body", "headers", "scheduleTime", "dispatchDeadline", "view"]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["1s", "YQ=="]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=15,
)


@given(_VALUES)
def test_any_json_is_read_or_refused(value: Any) -> None:
    for body in (value, {"task": value}, {"task": {"httpRequest": value}}):
        try:
            read(CREATE, types.CreateTaskRequest, json.dumps(body).encode())
        except RpcError as error:
            assert error.code.name == "INVALID_ARGUMENT"  # noqa: PT017  whether it is raised is open


@given(st.binary(max_size=50))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        read(CREATE, types.CreateTaskRequest, body)
    except RpcError as error:
        assert error.code.name == "INVALID_ARGUMENT"  # noqa: PT017  whether it is raised is open
