"""Reading: what is found, in what order, and that programs can rely on the JSON."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.shared.records.address_hash import address_hash
from functions.shared.records.dead_letter import DeadLetterReason
from functions.shared.records.delivery import DeliveryState
from functions.shared.records.ids import run_id
from functions.shared.records.mail_event import MailEvent, MailRecord, MailStatus
from functions.shared.records.subscription import PauseReason
from operations.deliveries.deliveries import Deliveries
from operations.deliveries.delivery_filter import DeliveryFilter
from tests.operations.integration.conftest import Project
from tests.seeding import paused, seed

RUN_KEYS = {
    *("run_id", "state", "scheduled_for", "started_at", "finished_at", "due", "dispatched", "already_dispatched"),
    *("overdue", "lost", "enrolled", "scheduled", "malformed", "held", "errors", "attempts"),
}
DELIVERY_KEYS = {
    *("delivery_id", "user_id", "subscription_id", "run_id", "kind", "variant", "state", "due_at", "period_start"),
    *("period_end", "attempts", "mail", "mail_reason", "mail_at", "mail_recipients", "lease_expires_at", "provider"),
    *("message_id", "archived_as", "archive_error", "reason", "note", "last_error", "problem"),
    *("created_at", "updated_at"),
}
LETTER_KEYS = {
    *("dead_letter_id", "state", "reason", "error", "attempts", "user_id", "subscription_id"),
    *("delivery_id", "due_at", "run_id", "kind", "cause", "task_name", "failed_at", "received_at", "alerted_at"),
    *("replays", "replayed_at", "dismissed_at", "settled_at", "reopened_at", "note"),
}


def put_run(project: Project, hour: int, **fields: Any) -> str:
    begun = datetime(2026, 11, 24, hour, tzinfo=UTC)
    times = {"scheduled_for": begun, "started_at": begun, "finished_at": begun + timedelta(seconds=2)}
    project.put_run(run_id(begun), **times, **{"due": 7, "dispatched": 5, "already_dispatched": 2, **fields})
    return run_id(begun)


def test_runs_are_listed_the_newest_first(project: Project) -> None:
    for hour in (11, 13, 12):
        put_run(project, hour)
    rows = project.reports("runs", "--json").json
    assert [row["run_id"] for row in rows] == ["20261124T1300Z", "20261124T1200Z", "20261124T1100Z"]
    assert rows[0].keys() == RUN_KEYS
    assert rows[0]["finished_at"] == "2026-11-24T13:00:02Z"
    assert rows[0]["dispatched"] == 5
    assert [row["run_id"] for row in project.reports("runs", "--json", "--limit", "1").json] == ["20261124T1300Z"]
    assert "20261124T1100Z" in project.reports("runs").out
    assert project.reports("runs", "--follow", "--csv").status == 2


def test_a_run_is_shown_with_its_deliveries_by_state(project: Project) -> None:
    run = put_run(project, 13)
    project.dead_letter("u1")
    project.dead_letter("u2", delivery=DeliveryState.SENT)
    project.dead_letter("u3", delivery=DeliveryState.SENT)
    row = project.reports("runs", "show", run, "--json").json
    assert row.keys() == RUN_KEYS | {"deliveries", "earlier_attempts"}
    assert (row["attempts"], row["earlier_attempts"]) == (1, [])
    assert row["deliveries"] == {"pending": 0, "sending": 0, "giving-up": 0, "sent": 2, "skipped": 0, "dead": 1}
    assert "deliveries.sent" in project.reports("runs", "show", run).out


def test_a_run_that_was_called_again_is_shown_with_its_earlier_attempts(project: Project) -> None:
    earlier = [
        {"attempt": "a", "state": "failed", "started_at": datetime(2026, 11, 24, 13, tzinfo=UTC), "dispatched": number}
        for number in (40, 50)
    ]
    run = put_run(project, 13, attempts=4, earlier_attempts=[*earlier, "nonsense"])

    row = project.reports("runs", "show", run, "--json").json
    assert (row["attempts"], row["dispatched"]) == (4, 5)
    assert [(each["state"], each["dispatched"], each["due"]) for each in row["earlier_attempts"]] == [
        ("failed", 40, 0),
        ("failed", 50, 0),
    ]
    assert row["earlier_attempts"][0]["started_at"] == "2026-11-24T13:00:00Z"
    assert row["earlier_attempts"][0]["finished_at"] is None

    out = project.reports("runs", "show", run).out
    lines = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
    assert (lines["attempts"], lines["attempt_2.dispatched"], lines["attempt_3.dispatched"]) == (["4"], ["40"], ["50"])
    assert "attempts" in project.reports("runs").out


def test_an_empty_project_has_no_runs(project: Project) -> None:
    assert project.reports("runs").out == "There was no run yet.\n"
    assert project.reports("runs", "--json").json == []


def test_deliveries_of_a_user_are_listed_the_newest_first(project: Project) -> None:
    for hour, state in ((11, "sent"), (13, "dead"), (12, "sent")):
        project.set_delivery(
            f"u1:default:20261124T{hour}00Z",
            user_id="u1",
            due_at=datetime(2026, 11, 24, hour, tzinfo=UTC),
            state=state,
            last_error="refused: someone@customer.example" if state == "dead" else None,
        )
    project.dead_letter("u2")
    rows = project.reports("deliveries", "--user", "u1", "--json").json
    assert [row["due_at"] for row in rows] == ["2026-11-24T13:00:00Z", "2026-11-24T12:00:00Z", "2026-11-24T11:00:00Z"]
    assert rows[0].keys() == DELIVERY_KEYS
    assert rows[0]["last_error"] == "refused: [address]"
    rows = project.reports("deliveries", "--user", "u1", "--state", "sent", "--json").json
    assert [row["due_at"] for row in rows] == ["2026-11-24T12:00:00Z", "2026-11-24T11:00:00Z"]
    rows = project.reports("deliveries", "--user", "u1", "--state", "sent", "--limit", "1", "--json").json
    assert [row["due_at"] for row in rows] == ["2026-11-24T12:00:00Z"]
    assert "u1:default:20261124T1300Z" in project.reports("deliveries", "--user", "u1").out


def test_what_became_of_the_mail_is_shown(project: Project) -> None:
    delivery_id, due = "u1:default:20261124T1300Z", datetime(2026, 11, 24, 13, tzinfo=UTC)
    seed(project.database, "u1", **paused(PauseReason.BOUNCED))
    project.set_delivery(delivery_id, user_id="u1", subscription_id="default", due_at=due, state="sent")
    bounced = MailEvent(
        delivery_id=delivery_id,
        recipient=address_hash("u1@example.com"),
        status=MailStatus.BOUNCED,
        at=due,
        reason="550 no such user",
        classification="Invalid Address",
    )
    record = MailRecord(id=delivery_id, user_id="u1", subscription_id="default").folded([bounced])
    project.database.collection("mail_events").document(delivery_id).set(record.to_fields())
    [row] = project.reports("deliveries", "--user", "u1", "--json").json
    assert (row["mail"], row["mail_reason"]) == ("bounced", "Invalid Address: 550 no such user")
    assert (row["mail_at"], row["mail_recipients"]) == ("2026-11-24T13:00:00Z", 1)
    row = project.reports("subscriptions", "show", "u1", "--json").json
    assert (row["paused_because"], row["last_delivery_mail"], row["deliveries"][0]["mail"]) == ("bounced",) * 3
    row = project.reports("users", "show", "u1", "--json").json
    assert row["explanation"] == "The user gets no reports: all subscriptions are paused (bounced)."
    assert row["subscriptions"][0]["last_delivery_mail"] == "bounced"
    for shown in (("deliveries", "--user", "u1"), ("subscriptions", "show", "u1"), ("users", "show", "u1")):
        assert "bounced" in project.reports(*shown).out


def test_a_skipped_delivery_says_why_in_its_kinds_words(project: Project) -> None:
    said = {"reason": "nothing-to-report", "note": "no orders of someone@customer.example"}
    due = datetime(2026, 11, 24, 13, tzinfo=UTC)
    seed(project.database, "u1", next_report_at=due)
    project.set_delivery(
        "u1:default:20261124T1300Z", user_id="u1", subscription_id="default", due_at=due, state="skipped", **said
    )
    [row] = project.reports("deliveries", "--user", "u1", "--json").json
    assert (row["reason"], row["note"]) == ("nothing-to-report", "no orders of [address]")
    for shown in (("deliveries", "--user", "u1"), ("subscriptions", "show", "u1")):
        printed = project.reports(*shown).out
        assert "nothing-to-report" in printed
        assert "no orders of [address]" in printed
        assert "last_error" not in printed


def test_a_malformed_delivery_says_what_is_wrong(project: Project) -> None:
    project.set_delivery(
        "u1:default:20261124T1300Z", user_id="u1", due_at=datetime(2026, 11, 24, 13, tzinfo=UTC), state="odd"
    )
    [row] = project.reports("deliveries", "--user", "u1", "--json").json
    assert (row["state"], row["period_start"]) == ("sending", None)
    assert row["problem"].startswith("deliveries/u1:default:20261124T1300Z: state: not one of")


def test_a_malformed_due_time_leaves_the_other_deliveries_in_the_list(project: Project) -> None:
    for user, due_at in {"u1": "soon", "u2": datetime(2026, 11, 24, 13, tzinfo=UTC), "u3": 7}.items():
        project.set_delivery(f"{user}:default", shard=1, due_at=due_at, state="sent" if user == "u2" else "dead")
    page = Deliveries(project.door).page(DeliveryFilter(), after=None, limit=9)
    assert {each.id for each in page.rows} == {"u1:default", "u2:default", "u3:default"}


def test_deliveries_of_a_run(project: Project) -> None:
    project.dead_letter("u1")
    project.dead_letter("u2", delivery=DeliveryState.SENT)
    project.set_delivery("u3:default:20261124T1400Z", user_id="u3", shard=3, run_id="20261124T1400Z", state="sent")
    rows = project.reports("deliveries", "--run", "20261124T1300Z", "--json").json
    assert [row["user_id"] for row in rows] == ["u1", "u2"]
    rows = project.reports("deliveries", "--run", "20261124T1300Z", "--state", "dead", "--json").json
    assert [row["user_id"] for row in rows] == ["u1"]
    assert len(project.reports("deliveries", "--run", "20261124T1300Z", "--limit", "1", "--json").json) == 1


def test_dead_letters_are_listed_and_filtered(project: Project) -> None:
    now = datetime.now(UTC)
    project.dead_letter("u1", reason=DeadLetterReason.LOST, received_at=now - timedelta(hours=3))
    project.dead_letter("u2", received_at=now - timedelta(minutes=5))
    project.dead_letter("u3", reason=DeadLetterReason.LOST, received_at=now)
    project.dead_letter("u4", received_at=now, state="replayed")
    project.dead_letter("u5", received_at=now, state="dismissed")

    def users(*arguments: str) -> list[str]:
        return [row["user_id"] for row in project.reports("dead-letters", "list", "--json", *arguments).json]

    assert users() == ["u3", "u2", "u1"]
    assert users("--reason", "lost") == ["u3", "u1"]
    assert users("--since", "1h") == ["u3", "u2"]
    assert users("--since", "1h", "--reason", "lost") == ["u3"]
    assert users("--state", "replayed") == ["u4"]
    assert users("--state", "dismissed") == ["u5"]
    assert sorted(users("--state", "all")) == ["u1", "u2", "u3", "u4", "u5"]
    assert users("--state", "all", "--reason", "lost") == ["u3", "u1"]
    assert users("--limit", "2") == ["u3", "u2"]
    assert users("--since", (now + timedelta(hours=1)).isoformat()) == []


def test_a_dead_letter_as_json(project: Project) -> None:
    letter = project.dead_letter(received_at=datetime(2026, 11, 24, 13, 14, tzinfo=UTC))
    [row] = project.reports("dead-letters", "list", "--json").json
    assert row.keys() == LETTER_KEYS | {"delivery_state"}
    assert row["dead_letter_id"] == row["delivery_id"] == letter
    assert row["received_at"] == "2026-11-24T13:14:00Z"
    assert row["due_at"] == "2026-11-24T13:00:00Z"
    assert row["error"] == "SendGrid answered 500 for [address]"
    assert row["replays"] == 0


def test_what_became_of_each_dead_letter_is_in_the_list(project: Project) -> None:
    project.dead_letter("u1", state="replayed", delivery=DeliveryState.SENT)
    project.dead_letter("u2", state="replayed", delivery=DeliveryState.PENDING)
    project.dead_letter("u3", state="replayed", delivery=None)
    project.dead_letter("u4", state="replayed", delivery=None, payload={"text": "x", "bytes": 1})
    rows = project.reports("dead-letters", "list", "--state", "replayed", "--json").json
    states = {row["dead_letter_id"].partition(":")[0]: row["delivery_state"] for row in rows}
    assert states == {"u1": "sent", "u2": "pending", "u3": None, "u4": None}


def test_a_dead_letter_is_shown_with_its_delivery(project: Project) -> None:
    letter = project.dead_letter()
    row = project.reports("dead-letters", "show", letter, "--json").json
    assert row.keys() == LETTER_KEYS | {"payload", "delivery"}
    assert row["delivery"].keys() == DELIVERY_KEYS
    assert row["delivery"]["due_at"] == "2026-11-24T13:00:00Z"
    out = project.reports("dead-letters", "show", letter).out
    assert f"reports dead-letters replay {letter}" in out


def test_what_was_no_dead_letter_is_shown_with_its_content(project: Project) -> None:
    content = {"text": "to: someone@customer.example \x1b[31m", "bytes": 30, "attributes": {"a": "b@customer.example"}}
    letter = project.dead_letter(reason=DeadLetterReason.INVALID_TASK, payload=content, delivery=None)
    row = project.reports("dead-letters", "show", letter, "--json").json
    assert row["payload"] == {"text": "to: [address] \x1b[31m", "bytes": 30, "attributes": {"a": "[address]"}}
    assert row["delivery"] is None
    assert "[address]" in project.reports("dead-letters", "show", letter).out


@pytest.mark.parametrize("id_", ["a/b", ".", "__x__"])
def test_what_cannot_be_an_id_is_a_usage_error(project: Project, id_: str) -> None:
    assert project.reports("dead-letters", "show", id_).status == 2
    assert project.reports("runs", "show", id_).status == 2


def test_ids_of_any_writing(project: Project) -> None:
    letter = project.dead_letter("利用者 №1 & 'x'")
    assert project.reports("dead-letters", "show", letter, "--json").json["dead_letter_id"] == letter
    assert project.reports("dead-letters", "replay", letter).status == 0
    assert len(project.queued()) == 1
