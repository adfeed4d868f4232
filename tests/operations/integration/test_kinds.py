"""`reports kinds`: the kinds, and how each version of one does."""

import getpass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from functions.shared.needs import Needs, NextVersion
from functions.shared.records.ids import held_shard
from operations.kinds.kind_pausing import KindPausing
from operations.operator_actions import OperatorActions
from operations.previews import preview
from tests.operations.integration.conftest import Project
from tests.seeding import seed
from tests.support import now

NOW = datetime.now(UTC)


def seed_deliveries(project: Project, *, kind: str, variant: str | None, at: datetime = NOW, **counts: int) -> None:
    batch = project.database.batch()
    for state, count in counts.items():
        for number in range(count):
            fields = {
                "shard": number,
                "kind": kind,
                "state": state,
                "due_at": at,
                **({"variant": variant} if variant else {}),
            }
            batch.set(project.database.collection("deliveries").document(), fields)
    batch.commit()


@pytest.fixture
def needs(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = {
        "sales": Needs(owner="team@corp.example", next=NextVersion(percent=5, chosen=frozenset({"u7"}))),
        "usage": Needs(owner="USAGE_SLACK"),
    }
    monkeypatch.setattr(preview, "known_kinds", lambda: ("activity", "sales", "usage"))
    monkeypatch.setattr(preview, "known_needs", lambda: declared)


@pytest.mark.usefixtures("needs")
def test_both_versions_are_counted_side_by_side(project: Project) -> None:
    seed_deliveries(project, kind="sales", variant="current", sent=9, skipped=2, dead=1, pending=4)
    seed_deliveries(project, kind="sales", variant="next", sent=1, dead=1, sending=1)
    seed_deliveries(project, kind="sales", variant="next", at=NOW - timedelta(days=8), dead=5)
    seed_deliveries(project, kind="sales", variant=None, sent=3)
    seed_deliveries(project, kind="activity", variant="next", sent=7)
    answer = project.reports("kinds", "--json")
    assert (answer.status, answer.err) == (0, "")
    plain = dict.fromkeys(("owner", "paused_at", "held", "next_percent", "next_for"))
    plain |= dict.fromkeys(("variant", "sent", "skipped", "dead", "failure_rate"))
    sales = {**plain, "kind": "sales", "owner": "[address]", "next_percent": 5, "next_for": 1}
    assert answer.json == [
        {"kind": "activity", **plain},
        {**sales, "variant": "current", "sent": 9, "skipped": 2, "dead": 1, "failure_rate": 0.1},
        {**sales, "variant": "next", "sent": 1, "skipped": 0, "dead": 1, "failure_rate": 0.5},
        {**plain, "kind": "usage", "owner": "USAGE_SLACK"},
    ]
    assert "50.0%" in project.reports("kinds").out
    assert "team@corp.example" in project.reports("kinds", "--with-addresses").out
    assert project.reports("kinds", "--since", "9d", "--json").json[2]["dead"] == 6


@pytest.mark.usefixtures("needs")
def test_a_kind_is_paused_and_resumed_and_what_waits_is_counted(project: Project) -> None:
    for number in range(3):
        seed(project.database, f"u{number}", next_report_at=NOW, kind="sales", shard=held_shard("sales", number))

    answer = project.reports("kinds", "pause", "sales", "--note", "for ada@example.com")

    assert (answer.status, answer.out.startswith("The kind is paused")) == (0, True)
    assert "paused already" in project.reports("kinds", "pause", "sales").out
    kept = KindPausing(project.door).pauses().pause_of("sales")
    assert (kept.is_on, kept.paused_by, kept.note) == (True, getpass.getuser(), "for [address]")
    # Another checkout has it, or had.
    assert KindPausing(project.door).pause("old", by="ada", now=now())
    rows = {row["kind"]: (row["paused_at"] is not None, row["held"]) for row in project.reports("kinds", "--json").json}
    assert rows == {"activity": (False, None), "sales": (True, 3), "usage": (False, None), "old": (True, 0)}
    assert "Subscriptions that wait: 3" in project.reports("kinds", "resume", "sales").out
    assert "was not paused" in project.reports("kinds", "resume", "sales").out
    assert KindPausing(project.door).pauses().pause_of("sales").is_on is False
    actions = OperatorActions(project.door).page(after=None, limit=9).rows
    assert [(each.action, each.subject) for each in actions] == [("Resume kind", "sales")] * 2 + [
        ("Pause kind", "sales")
    ] * 2
    answer = project.reports("kinds", "pause", "nope")
    assert (answer.status, answer.err) == (1, "There is no kind nope. There are: activity, sales, usage.\n")


def test_kinds_without_a_next_version_need_no_connection(project: Project) -> None:
    answer = project.reports("kinds", "--json", GOOGLE_CLOUD_PROJECT=None, FIRESTORE_EMULATOR_HOST=None)
    assert answer.status == 0
    assert {"activity", "usage"} <= {row["kind"] for row in answer.json}


def test_a_preview_is_of_the_version_that_the_subscription_gets(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed(project.database, "u1", next_report_at=NOW + timedelta(days=1))
    assert project.reports("preview", "u1", "--to", str(tmp_path)).status == 0
    monkeypatch.setattr(
        preview, "known_needs", lambda: {"activity": Needs(next=NextVersion(chosen=frozenset({"U1@example.com"})))}
    )
    # There is no next version of this kind, so the attempt to use it fails.
    assert "activity has no next version" in project.reports("preview", "u1").err
