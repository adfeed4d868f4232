"""The request that a task makes, under what its queue overrides."""

from typing import Any

import pytest
from google.cloud.tasks_v2 import types

from local_cloud.tasks.http_target import resolve

Request: Any = types.HttpRequest.pb()
Override: Any = types.HttpTarget.pb()
URL = "https://worker.example:8443/tasks?a=1"


def overridden_url(**uri_override: Any) -> str:
    return resolve(Request(url=URL, http_method="POST"), Override(uri_override=uri_override)).url


def test_a_task_of_a_plain_queue_is_sent_as_it_is() -> None:
    target = resolve(
        Request(url=URL, http_method="PUT", headers={"Content-Type": "application/json", "X-Own": "1"}, body=b"{}"),
        Override(),
    )

    assert (target.method, target.url, target.body) == ("PUT", URL, b"{}")
    assert target.headers == {"Content-Type": "application/json", "X-Own": "1", "User-Agent": "Google-Cloud-Tasks"}
    assert target.oidc is None
    assert target.oauth is None


@pytest.mark.parametrize(
    "name",
    ["Host", "content-length", "USER-AGENT", "X-Google-Trace", "x-appengine-queuename", "X-CloudTasks-TaskName"],
)
def test_headers_that_are_the_services_own(name: str) -> None:
    target = resolve(Request(url=URL, http_method="POST", headers={name: "mine"}), Override())

    assert target.headers == {"User-Agent": "Google-Cloud-Tasks"}


def test_a_queue_overrides_method_headers_and_token() -> None:
    target = resolve(
        Request(
            url=URL,
            http_method="POST",
            body=b"x",
            headers={"x-own": "task", "X-Other": "task"},
            oauth_token={"service_account_email": "task@p"},
        ),
        Override(
            http_method="GET",
            header_overrides=[{"header": {"key": "X-Own", "value": "queue"}}],
            oidc_token={"service_account_email": "queue@p", "audience": "a"},
        ),
    )

    assert (target.method, target.body) == ("GET", b"")
    assert target.headers == {"X-Own": "queue", "X-Other": "task", "User-Agent": "Google-Cloud-Tasks"}
    assert target.oidc.service_account_email == "queue@p"
    assert target.oauth is None


def test_a_queue_overrides_parts_of_the_url() -> None:
    assert overridden_url(host="other.example") == "https://other.example:8443/tasks?a=1"
    assert overridden_url(scheme="HTTP") == "http://worker.example:8443/tasks?a=1"
    assert overridden_url(port=9) == "https://worker.example:9/tasks?a=1"
    assert overridden_url(port=0) == "https://worker.example/tasks?a=1"
    assert overridden_url(path_override={"path": "/else"}) == "https://worker.example:8443/else?a=1"
    assert overridden_url(query_override={"query_params": ""}) == "https://worker.example:8443/tasks"
    assert overridden_url(host="other.example", port=9) == "https://other.example:9/tasks?a=1"


def test_a_queue_may_fill_in_only_what_a_task_lacks() -> None:
    override = Override(
        uri_override={
            "uri_override_enforce_mode": "IF_NOT_EXISTS",
            "host": "other.example",
            "port": 9,
            "path_override": {"path": "/queue"},
            "query_override": {"query_params": "q=1"},
        }
    )

    assert resolve(Request(url=URL, http_method="POST"), override).url == URL
    assert resolve(Request(url="https://[::1]", http_method="POST"), override).url == "https://[::1]:9/queue?q=1"
