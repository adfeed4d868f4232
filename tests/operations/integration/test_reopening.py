"""Taking a dismissal back: what was dismissed can be replayed again, and nothing else is changed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.shared.records.dead_letter import CLOSED_LETTER_RETENTION, OPEN_LETTER_RETENTION, DeadLetterReason
from operations.dead_letters.dismissal import DismissalOutcome, Dismissals
from tests.operations.integration.conftest import Project
from tests.support import now


def dismissed_letter(project: Project, user: str = "u1", **fields: Any) -> str:
    return project.dead_letter(user, state="dismissed", dismissed_at=datetime.now(UTC), note="test account", **fields)


def test_a_dismissed_letter_is_opened_again_and_replayed(project: Project) -> None:
    letter = project.dead_letter()
    assert project.reports("dead-letters", "dismiss", letter, "--note", "test account").status == 0
    dismissed = project.letter(letter)
    assert dismissed["expire_at"] - dismissed["dismissed_at"] == CLOSED_LETTER_RETENTION
    refused = project.reports("dead-letters", "replay", letter)
    assert refused.status == 1
    assert "reports dead-letters reopen" in refused.err
    assert f"reports dead-letters reopen {letter}" in project.reports("dead-letters", "show", letter).out

    answer = project.reports("dead-letters", "reopen", letter)
    assert (answer.status, answer.err) == (0, "")
    assert project.queued() == []
    row = project.reports("dead-letters", "show", letter, "--json").json
    assert (row["state"], row["note"]) == ("open", "test account")
    assert row["dismissed_at"] < row["reopened_at"]
    reopened = project.letter(letter)
    assert reopened["expire_at"] - reopened["reopened_at"] == OPEN_LETTER_RETENTION

    assert project.reports("dead-letters", "replay", letter).status == 0
    assert len(project.queued()) == 1
    assert project.letter(letter)["state"] == "replayed"


@pytest.mark.parametrize(
    ("state", "status", "outcome"),
    [("open", 0, "already-open"), ("replayed", 1, "replayed"), ("settled", 1, "settled")],
)
def test_what_is_not_dismissed_is_left_alone(project: Project, state: str, status: int, outcome: str) -> None:
    letter = project.dead_letter(state=state)
    before = project.everything()
    answer = project.reports("dead-letters", "reopen", letter, "--json")
    assert (answer.status, answer.json["outcomes"]) == (status, {outcome: 1})
    assert project.everything() == before


def test_many_are_asked_about_and_can_be_tried(project: Project) -> None:
    now = datetime.now(UTC)
    dismissed_letter(project, "new", reason=DeadLetterReason.LOST)
    dismissed_letter(project, "old", reason=DeadLetterReason.LOST, received_at=now - timedelta(hours=3))
    dismissed_letter(project, "other")
    project.dead_letter("open", reason=DeadLetterReason.LOST)
    before = project.everything()
    asked = project.reports("dead-letters", "reopen", "--reason", "lost")
    assert asked.status == 1
    assert "reopen 2 dead letters" in asked.err
    tried = project.reports("dead-letters", "reopen", "--all", "--dry-run", "--json")
    assert tried.json["outcomes"] == {"reopened": 3}
    assert project.everything() == before

    done = project.reports("dead-letters", "reopen", "--reason", "lost", "--since", "2h", "--yes", "--json")
    assert [row["dead_letter_id"] for row in done.json["dead_letters"]] == ["new:default:20261124T1300Z"]
    assert project.reports("dead-letters", "reopen", "--all", "--yes", "--json").json["outcomes"] == {"reopened": 2}
    assert "no dismissed dead letters" in project.reports("dead-letters", "reopen", "--all").out


def test_what_somebody_has_replayed_meanwhile_stays_replayed(project: Project) -> None:
    """The letter is looked at again in the transaction that writes, whatever the command has read of it."""
    letter = dismissed_letter(project)
    dismissals = Dismissals(database=project.door, now=now)
    assert dismissals.reopen(letter).outcome is DismissalOutcome.REOPENED
    assert project.reports("dead-letters", "replay", letter).status == 0
    assert dismissals.reopen(letter).outcome is DismissalOutcome.REPLAYED
    assert project.letter(letter)["state"] == "replayed"
    assert len(project.queued()) == 1
