"""What operators did, in the console or by the command, and what the page Actions shows of it."""

import re
from http import HTTPStatus

import pytest

from operations.commands import group
from operations.errors import OperatorError
from operations.session import Session
from tests.operations.integration.browser import running
from tests.operations.integration.conftest import Project
from tests.silent_relay import relaying


def recorded(project: Project) -> dict[str, tuple[str, str]]:
    """What was done to what, and what came of it, by the action."""
    found = [each.to_dict() for each in project.database.collection("operator_actions").stream()]
    assert all(each["who"] and each["ended_at"] for each in found)
    return {each["action"]: (each["subject"], each["outcome"]) for each in found}


def test_the_command_leaves_what_it_did_with_before_and_after(project: Project) -> None:
    project.put_user()
    letter, other = project.dead_letter("u1"), project.dead_letter("u2")
    for command in (
        ("queue", "resume"),
        ("queue", "set", "--rate", "20"),
        ("queue", "pause"),
        ("subscriptions", "set", "u1", "--hour", "9"),
        ("subscriptions", "pause", "u1"),
        ("subscriptions", "resume", "u1"),
        ("dead-letters", "replay", letter),
        ("dead-letters", "dismiss", other, "--note", "not wanted"),
        ("send", "u1"),
    ):
        answer = project.reports(*command)
        assert answer.status == 0, answer.err
    done = recorded(project)
    delivery = done.pop("Send report now")[1]
    assert delivery.startswith("enqueued as u1:default:")
    assert done == {
        "Resume queue": ("reports", "done"),
        "Change queue": ("reports", "The queue is changed: rate 10 to 20"),
        "Pause queue": ("reports", "done"),
        "Change subscription": ("u1/default", "hour 8 to 9"),
        "Pause subscription": ("u1/default", "state scheduled to paused, paused_because none to operator"),
        "Resume subscription": ("u1/default", "state paused to scheduled, paused_because operator to none"),
        "Replay 1 dead letter": (letter, "1 replayed"),
        "Dismiss 1 dead letter": (other, "1 dismissed"),
    }


def test_a_dry_run_leaves_nothing_and_a_failure_says_so(project: Project) -> None:
    project.dead_letter("u1")
    assert project.reports("dead-letters", "replay", "--all", "--dry-run").status == 0
    assert project.reports("queue", "set", "--rate", "20", "--dry-run").status == 0
    assert recorded(project) == {}
    assert project.reports("dead-letters", "replay", "none").status == 1
    assert recorded(project) == {"Replay 0 dead letters": ("none", "1 not-found")}


def test_a_queue_is_held_or_released_also_where_firestore_does_not_answer(project: Project) -> None:
    # The first connection is that by which the command finds out whether Firestore is there.
    with relaying(project.firestore.port, most=1) as relay:
        answer = project.reports("queue", "resume", FIRESTORE_EMULATOR_HOST=f"127.0.0.1:{relay.port}")
    assert (answer.status, answer.out) == (0, "reports is running.\n")
    assert "The page Actions of the console will not have this" in answer.err
    assert project.reports("queue", "show", "--json").json[0]["state"] == "running"


def test_what_was_done_stays_done_where_its_end_is_not_recorded(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(group, "_RECORD_SECONDS", 1.0)
    with relaying(project.firestore.port) as relay:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{relay.port}")
        with group.recorded(Session(None), "Pause queue", "reports"):
            relay.is_silent = True
    assert "will not have how this ended" in capsys.readouterr().err
    with pytest.raises(OperatorError, match="no such queue"), group.recorded(Session(None), "Pause queue", "none"):
        raise OperatorError("no such queue")


@pytest.fixture
def several(project: Project) -> Project:
    for command in (("queue", "resume"), ("queue", "pause")):
        assert project.reports(*command).status == 0
    return project


def test_actions_are_found_by_what_they_say(several: Project) -> None:
    with running() as console:
        assert set(re.findall(r"<td>(\w+ queue)</td>", console.get("/operator-actions").text)) == {
            "Pause queue",
            "Resume queue",
        }
        assert re.findall(r"<td>(\w+ queue)</td>", console.get("/operator-actions?q=PAUSE").text) == ["Pause queue"]
        assert "No action says this." in console.get("/operator-actions?q=nothing").text


@pytest.mark.parametrize(("asked", "found"), [("/queues/", "/queues"), ("/deliveries/?user=u1", "/deliveries?user=u1")])
def test_a_slash_too_many_stays_on_the_host_and_its_scheme(project: Project, asked: str, found: str) -> None:
    with running() as console:
        answer = console.get(asked)
        assert (answer.status_code, answer.headers["Location"]) == (HTTPStatus.PERMANENT_REDIRECT, found)
        assert console.get("//evil.example/").status_code == HTTPStatus.NOT_FOUND
