"""A run by hand: the dispatcher is called as the scheduler calls it."""

import json
from typing import Any

import pytest

from functions.shared.serving.identity import TokenVerifier
from tests.operations.integration.conftest import FIGURES, Dispatcher, Project
from tests.support import free_ports, now


def dispatch(project: Project, dispatcher: Dispatcher, *arguments: str, **variables: str | None) -> Any:
    return project.reports("dispatch", *arguments, **{"DISPATCHER_URL": dispatcher.url, **variables})


def test_the_dispatcher_gets_the_schedulers_token(project: Project, dispatcher: Dispatcher) -> None:
    answer = dispatch(project, dispatcher, "--json")
    assert (answer.status, answer.json) == (0, FIGURES)
    [headers] = dispatcher.calls
    verifier = TokenVerifier(
        certs_url=project.identity.certs_url,
        issuer=project.identity.issuer,
        audience=dispatcher.url,
        invokers=[project.variables["SCHEDULER_INVOKER"]],
    )
    verifier.verify(headers, now=now())
    assert "X-CloudScheduler-ScheduleTime" not in headers


def test_a_run_for_a_time(project: Project, dispatcher: Dispatcher) -> None:
    dispatch(project, dispatcher, "--at", "2026-11-24T22:00+09:00")
    assert dispatcher.calls[0]["X-CloudScheduler-ScheduleTime"] == "2026-11-24T13:00:00Z"
    assert dispatch(project, dispatcher, "--at", "2100-01-01").status == 2


def test_figures_are_shown_and_where_to_look_next(project: Project, dispatcher: Dispatcher) -> None:
    out = dispatch(project, dispatcher).out
    assert "already_dispatched" in out
    assert "reports runs show 20261124T1300Z" in out


def test_a_run_with_errors_fails_with_its_figures(project: Project, dispatcher: Dispatcher) -> None:
    dispatcher.status = 500
    dispatcher.body = json.dumps({**FIGURES, "errors": 2})
    answer = dispatch(project, dispatcher, "--json")
    assert (answer.status, answer.json["errors"]) == (1, 2)


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        (403, '{"error": "the token is another account\'s"}', "another account's"),
        (500, '{"error": "the run failed: ServiceUnavailable"}', "ServiceUnavailable"),
        (502, "<html>", "502"),
        (200, "[]", "200"),
    ],
)
def test_a_refusal_is_one_line(project: Project, dispatcher: Dispatcher, status: int, body: str, word: str) -> None:
    dispatcher.status, dispatcher.body = status, body
    answer = dispatch(project, dispatcher)
    assert answer.status == 1
    assert word in answer.err
    assert answer.err.count("\n") == 1


def test_a_dispatcher_that_does_not_answer_is_named(project: Project, dispatcher: Dispatcher) -> None:
    no_server = f"http://127.0.0.1:{free_ports(1)}"
    answer = dispatch(project, dispatcher, DISPATCHER_URL=no_server)
    assert (answer.status, no_server in answer.err) == (3, True)
    answer = dispatch(project, dispatcher, OIDC_ISSUER=no_server)
    assert (answer.status, "OIDC_ISSUER" in answer.err) == (3, True)
    assert dispatcher.calls == []


def test_what_is_not_set_is_named(project: Project, dispatcher: Dispatcher) -> None:
    for variable in ("DISPATCHER_URL", "SCHEDULER_INVOKER"):
        answer = dispatch(project, dispatcher, **{variable: None})
        assert (answer.status, answer.err.startswith(f"{variable} is not set")) == (3, True)
