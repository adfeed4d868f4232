"""The paths under which methods are called over HTTP, beside those that Google's client library calls."""

from typing import Any

import pytest
from google.cloud.tasks_v2.services.cloud_tasks.transports import rest_base
from google.cloud.tasks_v2beta3.services.cloud_tasks.transports import rest_base as beta_rest_base

from local_cloud.tasks import methods
from local_cloud.transcoding import bindings

Rule = tuple[str, str, str, str]
METHODS = [*methods.METHODS, *methods.OPERATION_METHODS, *methods.LOCATION_METHODS]


def served(version: str) -> set[Rule]:
    return {
        (method.name, binding.http_method, binding.path, binding.body)
        for method in METHODS
        if method.http is not None
        for binding in bindings(method.http)
        if binding.path.startswith(f"/{version}/")
    }


def called(transport: Any) -> set[Rule]:
    """What a client's transport knows of its methods."""
    return {
        (name.removeprefix("_Base"), option["method"].upper(), option["uri"], option.get("body", ""))
        for name, method in vars(transport).items()
        if hasattr(method, "_get_http_options")
        for option in method._get_http_options()
    }


def test_every_method_of_v2_is_served() -> None:
    assert served("v2") == called(rest_base._BaseCloudTasksRestTransport)


def test_the_methods_of_single_tasks_are_served_in_v2beta3() -> None:
    assert served("v2beta3") < called(beta_rest_base._BaseCloudTasksRestTransport)
    assert {name for name, *_ in served("v2beta3")} == {"ListTasks", "GetTask", "CreateTask", "DeleteTask", "RunTask"}


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_rules_name_fields_of_their_request(method: Any) -> None:
    if method.http is None:
        return
    for binding in bindings(method.http):
        if binding.body not in {"", "*"}:
            assert binding.body in method.request.DESCRIPTOR.fields_by_name
