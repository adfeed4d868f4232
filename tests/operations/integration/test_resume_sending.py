"""The breaker, as the operator sees it and lets the runs go on."""

import getpass
import json
from typing import Any

from tests.operations.integration.conftest import BECAUSE, FIGURES, NOON, Dispatcher, Project


def breaker(project: Project) -> dict[str, Any]:
    fields: dict[str, Any] = project.database.collection("mail_breaker").document("state").get().to_dict()
    return fields


def test_it_lets_the_runs_go_on_and_keeps_who_and_why(project: Project) -> None:
    project.put_breaker()
    answer = project.reports("resume-sending", "--yes", "--note", "the list is mended")
    assert answer.status == 0
    assert BECAUSE in answer.out
    assert "complaint_percent" in answer.out
    assert "Sending is resumed" in answer.out
    left = breaker(project)
    assert (left["stopped_at"], left["because"], left["baseline"]) == (None, "", None)
    assert (left["resumed_by"], left["note"]) == (getpass.getuser(), "the list is mended")
    assert left["resumed_at"] > NOON
    assert left["figures"]["complaints"] == 70


def test_without_a_terminal_or_yes_nothing_is_resumed(project: Project) -> None:
    project.put_breaker()
    answer = project.reports("resume-sending")
    assert answer.status == 1
    assert "--yes" in answer.err
    assert breaker(project)["stopped_at"] == NOON


def test_as_json(project: Project) -> None:
    project.put_breaker()
    row = project.reports("resume-sending", "--yes", "--json").json
    assert (row["state"], row["because"], row["note"]) == ("sending", None, None)
    assert row["figures"] == {
        "delivered": 20_000,
        "complaints": 70,
        "bounces": 100,
        "complaint_percent": 0.35,
        "bounce_percent": 0.498,
    }


def test_where_nothing_is_stopped_it_shows_the_figures_and_changes_nothing(project: Project) -> None:
    project.put_breaker(stopped_at=None, because="", note="write to someone@customer.example")
    before = breaker(project)
    answer = project.reports("resume-sending")
    assert answer.status == 0
    assert "Sending is not stopped." in answer.out
    assert "20000" in answer.out
    assert breaker(project) == before


def test_where_no_run_has_asked_for_statistics(project: Project) -> None:
    row = project.reports("resume-sending", "--json").json
    assert (row["state"], row["figures"], row["read_at"]) == ("sending", {}, None)


def test_the_runs_say_that_sending_is_stopped(project: Project) -> None:
    run = {"scheduled_for": NOON, "attempt": "a", "state": "stopped", "started_at": NOON, "finished_at": NOON}
    project.database.collection("runs").document("20261124T1200Z").set({**run, "stopped_because": BECAUSE})
    assert "resume-sending" not in project.reports("runs").err
    project.put_breaker()
    answer = project.reports("runs")
    assert "stopped" in answer.out
    assert BECAUSE in answer.err
    assert "reports resume-sending" in answer.err
    assert project.reports("runs", "--json").json[0]["state"] == "stopped"
    assert project.reports("runs", "show", "20261124T1200Z", "--json").json["stopped_because"] == BECAUSE


def test_a_run_shows_what_it_learned(project: Project) -> None:
    run = {"scheduled_for": NOON, "attempt": "a", "state": "finished", "statistics": {"unavailable": "no key"}}
    document = project.database.collection("runs").document("20261124T1200Z")
    document.set(run)
    assert project.reports("runs", "show", "20261124T1200Z", "--json").json["statistics"] == {"unavailable": "no key"}
    figures = {"delivered": 7, "complaints": 0, "bounces": 1}
    document.set({**run, "statistics": figures})
    assert project.reports("runs", "show", "20261124T1200Z", "--json").json["statistics"] == figures


def test_a_run_by_hand_says_that_it_sent_nothing(project: Project, dispatcher: Dispatcher) -> None:
    dispatcher.body = json.dumps({**FIGURES, "stopped": True})
    answer = project.reports("dispatch", DISPATCHER_URL=dispatcher.url)
    assert answer.status == 0
    assert "reports resume-sending" in answer.err
