"""Replaying: whatever happens in between, a report goes back into the queue, and nothing twice."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.dlq_handler.intake.pubsub_message import PubSubMessage
from functions.dlq_handler.intake.received_dead_letter import read_dead_letter
from functions.dlq_handler.store.dead_letter_store import DeadLetterStore
from functions.shared.firestore.letter_store import LetterStore
from functions.shared.firestore.unknown_outcome import settle
from functions.shared.queues.queue_choice import choose_queue
from functions.shared.records.dead_letter import CLOSED_LETTER_RETENTION, DeadLetter, DeadLetterReason
from functions.shared.records.delivery import DeliveryState
from functions.shared.records.mail_event import MailEvent, MailRecord, MailStatus
from operations.dead_letters.dead_letters import DeadLetters
from operations.dead_letters.replay import PreparedReplay, Replay
from operations.dead_letters.replay_decision import ReplayOutcome
from operations.session import Session
from tests.operations.integration.conftest import DUE, WORKER_URL, Project
from tests.support import now


def replay_of(project: Project) -> Replay:
    """The replay as the command makes it, to be taken apart."""
    return Replay(database=project.door, queue_of=Session(None).queue_of, now=now)


def fails_again(project: Project, first: PreparedReplay, died: datetime) -> None:
    """Pub/Sub delivers the dead letter of a replay that has failed."""
    again = DeadLetter(
        **first.task.model_dump(), reason=DeadLetterReason.PERMANENT_ERROR, error="e", attempts=1, failed_at=died
    )
    message = PubSubMessage(data=again.to_json(), attributes={}, message_id="2", published_at=died)
    DeadLetterStore(project.door).store(read_dead_letter(message), now=died)


def prepared(replay: Replay, letter: str) -> PreparedReplay:
    found = replay.prepare(letter)
    assert found is not None
    return found


def test_a_report_goes_back_into_the_queue(project: Project) -> None:
    letter = project.dead_letter()
    project.set_delivery(letter, history=[{"at": DUE, "number": 8, "result": "dead"}])
    answer = project.reports("dead-letters", "replay", letter)
    assert (answer.status, answer.err) == (0, "")
    [task] = project.queued()
    assert task.name.endswith("-replay1")
    assert task.http_request.url == f"{WORKER_URL}/tasks/send-report"
    assert task.http_request.oidc_token.audience == WORKER_URL
    assert task.http_request.oidc_token.service_account_email == project.variables["TASKS_INVOKER"]
    assert json.loads(task.http_request.body) == project.letter(letter)["payload"]
    delivery = project.delivery(letter)
    assert delivery is not None
    assert (delivery["state"], delivery["task"]) == ("pending", task.name.rpartition("/")[2])
    assert (delivery["attempts"], delivery["owner"], delivery["lease_expires_at"]) == (0, None, None)
    assert delivery["period_end"] == DUE
    assert [entry["result"] for entry in delivery["history"]] == ["dead", "replayed"]
    assert project.letter(letter)["state"] == "replayed"
    assert project.letter(letter)["replays"] == 1
    assert project.letter(letter)["expire_at"] - project.letter(letter)["replayed_at"] == CLOSED_LETTER_RETENTION


def test_a_second_replay_makes_no_second_task(project: Project) -> None:
    letter = project.dead_letter()
    for _ in range(2):
        assert project.reports("dead-letters", "replay", letter).status == 0
    assert len(project.queued()) == 1
    assert project.letter(letter)["replays"] == 1


def test_a_report_that_failed_again_gets_a_task_of_another_name(project: Project) -> None:
    letter = project.dead_letter()
    project.reports("dead-letters", "replay", letter)
    project.task_runs()
    project.set_delivery(letter, state="dead")
    project.database.collection("dead_letters").document(letter).update(
        {"state": "open", "failed_at": datetime.now(UTC)}
    )
    assert project.reports("dead-letters", "replay", letter).status == 0
    assert [task.name.rpartition("-")[2] for task in project.queued()] == ["replay2"]


@pytest.mark.parametrize("state", [DeliveryState.SENT, DeliveryState.SKIPPED])
def test_what_came_to_its_end_meanwhile_is_closed_and_not_sent(project: Project, state: DeliveryState) -> None:
    letter = project.dead_letter(delivery=state)
    answer = project.reports("dead-letters", "replay", letter, "--json")
    assert answer.status == 0
    assert answer.json["outcomes"] == {f"already-{state.value}": 1}
    assert project.queued() == []
    assert project.letter(letter)["state"] == "replayed"
    delivery = project.delivery(letter)
    assert delivery is not None
    assert delivery["state"] == state.value


def test_killed_before_the_task_was_made_it_is_made_by_the_next(project: Project) -> None:
    letter = project.dead_letter()
    replay_of(project).prepare(letter)
    assert project.queued() == []
    assert project.letter(letter)["state"] == "open"
    assert project.reports("dead-letters", "replay", letter).status == 0
    assert len(project.queued()) == 1
    assert project.letter(letter)["state"] == "replayed"
    assert project.letter(letter)["replays"] == 1


def test_killed_before_the_letter_was_marked_no_second_task_is_made(project: Project) -> None:
    letter = project.dead_letter()
    replay = replay_of(project)
    assert replay.enqueue(prepared(replay, letter))
    assert project.letter(letter)["state"] == "open"
    assert project.reports("dead-letters", "replay", "--all", "--yes").status == 0
    assert len(project.queued()) == 1
    assert project.letter(letter)["state"] == "replayed"


def test_killed_and_sent_before_it_is_repeated_it_is_only_marked(project: Project) -> None:
    letter = project.dead_letter()
    replay = replay_of(project)
    replay.enqueue(prepared(replay, letter))
    project.task_runs()
    project.set_delivery(letter, state="sent")
    answer = project.reports("dead-letters", "replay", letter, "--json")
    assert answer.json["outcomes"] == {"already-sent": 1}
    assert project.queued() == []
    assert project.letter(letter)["state"] == "replayed"


def test_a_task_that_ended_without_a_word_is_made_again_by_another_name(project: Project) -> None:
    """The worker was killed on the last attempt: the delivery is pending, and the task's name is used up."""
    letter = project.dead_letter()
    replay = replay_of(project)
    replay.enqueue(prepared(replay, letter))
    project.task_runs()
    assert project.reports("dead-letters", "replay", letter).status == 0
    assert [task.name.rpartition("-")[2] for task in project.queued()] == ["replay2"]
    assert project.letter(letter)["state"] == "replayed"


def test_one_that_fails_again_before_it_is_marked_stays_open(project: Project) -> None:
    letter = project.dead_letter()
    replay = replay_of(project)
    first = prepared(replay, letter)
    replay.enqueue(first)
    project.set_delivery(letter, state="dead")
    project.database.collection("dead_letters").document(letter).update({"failed_at": datetime.now(UTC)})
    assert replay.conclude(first) is ReplayOutcome.FAILED_AGAIN
    assert project.letter(letter)["state"] == "open"


@pytest.mark.parametrize("delivery", [DeliveryState.DEAD, DeliveryState.PENDING])
def test_people_are_told_of_a_replay_that_fails_before_it_is_marked(project: Project, delivery: DeliveryState) -> None:
    letter = project.dead_letter(delivery=delivery)
    replay = replay_of(project)
    first = prepared(replay, letter)
    replay.enqueue(first)
    died = datetime.now(UTC)
    fails_again(project, first, died)
    assert replay.conclude(first) is ReplayOutcome.FAILED_AGAIN
    assert (project.letter(letter)["state"], project.letter(letter)["alerted_at"]) == ("open", None)
    assert project.letter(letter)["received_at"] == died


def test_a_failure_that_was_replayed_before_its_letter_came_does_not_open_the_letter_again(project: Project) -> None:
    """A replay has failed again, an operator replays at once, and the report is sent before Pub/Sub delivers."""
    letter = project.dead_letter(cause="0" * 32)
    replay = replay_of(project)
    first = prepared(replay, letter)
    replay.enqueue(first)
    died = datetime.now(UTC)
    project.set_delivery(letter, state="dead", reason="permanent-error", last_error="e", failed_at=died)
    assert replay.conclude(first) is ReplayOutcome.FAILED_AGAIN
    project.task_runs()
    assert replay(letter, may_send_twice=False).outcome is ReplayOutcome.REPLAYED
    replayed = project.letter(letter)
    project.set_delivery(letter, state="sent")
    fails_again(project, first, died)
    assert project.letter(letter) == replayed
    assert (replayed["state"], replayed["reason"], replayed["failed_at"]) == ("replayed", "permanent-error", died)


def test_a_worker_that_was_about_to_give_up_cannot_after_a_replay(project: Project) -> None:
    """It published the dead letter, but had not yet marked the delivery, by the version that it had read."""
    letter = project.dead_letter(delivery=DeliveryState.PENDING)
    reference = project.database.collection("deliveries").document(letter)
    before = reference.get().update_time
    assert project.reports("dead-letters", "replay", letter).status == 0
    assert reference.get().update_time > before
    assert len(project.queued()) == 1


def test_what_a_worker_is_sending_is_left_alone(project: Project) -> None:
    letter = project.dead_letter(delivery=DeliveryState.SENDING)
    project.set_delivery(letter, lease_expires_at=datetime.now(UTC) + timedelta(hours=1))
    before = project.everything()
    answer = project.reports("dead-letters", "replay", letter)
    assert answer.status == 1
    assert "being-sent" in answer.out
    assert project.everything() == before


def test_a_sending_that_nobody_finished_is_judged_by_a_worker(project: Project) -> None:
    letter = project.dead_letter(delivery=DeliveryState.SENDING)
    project.set_delivery(letter, lease_expires_at=datetime.now(UTC) - timedelta(minutes=1))
    reference = project.database.collection("deliveries").document(letter)
    before = reference.get().update_time
    assert project.reports("dead-letters", "replay", letter).status == 0
    delivery = project.delivery(letter)
    assert delivery is not None
    assert delivery["state"] == "sending"
    # Should the worker only have stood still, it can no longer mark dead what was replayed.
    assert reference.get().update_time > before
    assert len(project.queued()) == 1


def test_a_report_without_a_delivery_gets_one(project: Project) -> None:
    letter = project.dead_letter(delivery=None)
    assert project.reports("dead-letters", "replay", letter).status == 0
    delivery = project.delivery(letter)
    assert delivery is not None
    assert (delivery["state"], delivery["user_id"], delivery["due_at"]) == ("pending", "u1", DUE)
    assert len(project.queued()) == 1


def test_what_the_ledger_has_forgotten_is_not_sent(project: Project) -> None:
    letter = project.dead_letter(delivery=None, received_at=datetime.now(UTC) - timedelta(days=91))
    answer = project.reports("dead-letters", "replay", letter, "--json")
    assert answer.status == 1
    assert answer.json["outcomes"] == {"expired": 1}
    assert project.queued() == []


def test_a_letter_that_names_no_report_cannot_be_replayed(project: Project) -> None:
    letter = project.dead_letter(reason=DeadLetterReason.INVALID_TASK, payload={"body": "garbage"}, delivery=None)
    answer = project.reports("dead-letters", "replay", letter)
    assert answer.status == 1
    assert "dismiss it" in answer.err
    assert project.queued() == []
    assert project.letter(letter)["state"] == "open"


@pytest.mark.parametrize("knows", ["delivery", "letter"])
def test_what_may_have_been_sent_is_asked_about(project: Project, knows: str) -> None:
    """The delivery alone knows it where a replay has failed again, and Pub/Sub has not yet brought the dead letter."""
    reason = DeadLetterReason.UNKNOWN_OUTCOME if knows == "letter" else DeadLetterReason.RETRIES_EXHAUSTED
    letter = project.dead_letter(reason=reason)
    if knows == "delivery":
        project.set_delivery(letter, reason="unknown-outcome")
    answer = project.reports("dead-letters", "replay", letter)
    assert answer.status == 1
    assert "1 of them may have reached their users" in answer.err
    assert "--yes" in answer.err
    assert project.queued() == []
    assert project.reports("dead-letters", "replay", letter, "--yes").status == 0
    assert len(project.queued()) == 1
    # It was asked about that death; the next is another.
    delivery = project.delivery(letter)
    assert delivery is not None
    assert delivery.get("reason") is None


@pytest.mark.parametrize("knows", ["ledger", "letter"])
def test_what_became_unclear_after_the_question_is_not_replayed(project: Project, knows: str) -> None:
    letter = project.dead_letter()
    replay = replay_of(project)
    assert replay.unclear([DeadLetters(project.door).get(letter)]) == set()
    if knows == "ledger":
        project.set_delivery(letter, reason="unknown-outcome")
    else:
        project.database.collection("dead_letters").document(letter).update({"reason": "unknown-outcome"})
    before = project.everything()
    assert replay(letter, may_send_twice=False).outcome is ReplayOutcome.UNKNOWN_OUTCOME
    assert project.everything() == before
    assert replay(letter, may_send_twice=True).outcome is ReplayOutcome.REPLAYED


def unclear_letter(project: Project, user: str = "u1", *, has_event: bool = True, **fields: Any) -> str:
    letter = project.dead_letter(user, reason=DeadLetterReason.UNKNOWN_OUTCOME, **fields)
    project.set_delivery(letter, reason="unknown-outcome", failed_at=datetime.now(UTC))
    if has_event:
        record = {"user_id": user, "message_id": "m1", "recipients": {"r": {"delivered": {"at": DUE}}}}
        project.database.document(f"mail_events/{letter}").set(record)
    return letter


def test_what_an_event_proves_to_be_sent_is_settled_and_not_sent_again(project: Project) -> None:
    letter = unclear_letter(project)
    before = project.everything()
    tried = project.reports("dead-letters", "replay", letter, "--dry-run", "--json")
    assert tried.json["outcomes"] == {"already-sent": 1}
    assert project.everything() == before
    answer = project.reports("dead-letters", "replay", letter)
    assert (answer.status, answer.err) == (0, "")
    assert "already-sent" in answer.out
    assert project.queued() == []
    assert project.letter(letter)["state"] == "settled"
    delivery = project.delivery(letter)
    assert delivery is not None
    assert (delivery["state"], delivery["message_id"], delivery["reason"]) == ("sent", "m1", None)
    again = project.reports("dead-letters", "replay", letter, "--json")
    assert (again.status, again.json["outcomes"]) == (0, {"already-sent": 1})


def test_only_what_no_event_settles_is_asked_about(project: Project) -> None:
    unclear_letter(project, "u1")
    unclear_letter(project, "u2", has_event=False)
    asked = project.reports("dead-letters", "replay", "--all")
    assert asked.status == 1
    assert "1 of them may have reached their users" in asked.err
    done = project.reports("dead-letters", "replay", "--all", "--yes", "--json")
    assert done.json["outcomes"] == {"already-sent": 1, "replayed": 1}
    assert len(project.queued()) == 1


def test_the_event_comes_while_a_replay_is_under_way(project: Project) -> None:
    letter = unclear_letter(project, has_event=False)
    replay = replay_of(project)
    begun = replay.prepare(letter, may_send_twice=True)
    assert begun is not None
    event = MailEvent(delivery_id=letter, recipient="r", status=MailStatus.DELIVERED, at=DUE)
    record = MailRecord(id=letter, user_id="u1", subscription_id="default").folded([event])
    letters = LetterStore(project.door)
    assert settle(letters, letter, record, now=datetime.now(UTC), tell=lambda _alert: None).is_sent
    replay.enqueue(begun)
    assert replay.conclude(begun) is ReplayOutcome.ALREADY_SENT
    assert project.letter(letter)["state"] == "settled"


def test_the_deliverys_event_settles_it_although_the_letter_has_another_reason(project: Project) -> None:
    """The dead letter that says so is still on its way."""
    letter = unclear_letter(project)
    project.database.document(f"dead_letters/{letter}").update({"reason": "lost"})
    assert project.reports("dead-letters", "replay", letter, "--json").json["outcomes"] == {"already-sent": 1}
    assert project.letter(letter)["state"] == "replayed"
    assert project.queued() == []


def test_a_settled_letter_is_shown_and_cannot_be_dismissed(project: Project) -> None:
    letter = unclear_letter(project)
    project.reports("dead-letters", "replay", letter)
    [row] = project.reports("dead-letters", "list", "--state", "settled", "--json").json
    assert (row["dead_letter_id"], row["delivery_state"]) == (letter, "sent")
    assert row["settled_at"] is not None
    answer = project.reports("dead-letters", "dismiss", letter)
    assert answer.status == 1
    assert "nothing is left to do" in answer.err
    assert project.letter(letter)["state"] == "settled"


def test_a_malformed_delivery_stops_its_own_replay_only(project: Project) -> None:
    broken, letter = project.dead_letter("u1"), project.dead_letter("u2")
    project.set_delivery(broken, state="nonsense")
    for option in ("--dry-run", "--yes"):
        answer = project.reports("dead-letters", "replay", "--all", option, "--json")
        assert answer.json["outcomes"] == {"error": 1, "replayed": 1}
        [error] = [row["detail"] for row in answer.json["dead_letters"] if row["outcome"] == "error"]
        assert error == f"deliveries/{broken}: state: not one of pending, sending, giving-up, sent, skipped, dead"
    assert project.letter(letter)["state"] == "replayed"


def test_many_are_asked_about(project: Project) -> None:
    project.dead_letter("u1")
    project.dead_letter("u2")
    answer = project.reports("dead-letters", "replay", "--all")
    assert answer.status == 1
    assert "2 dead letters" in answer.err
    assert project.queued() == []


def test_a_dry_run_changes_nothing(project: Project) -> None:
    project.dead_letter("u1")
    project.dead_letter("u2", delivery=DeliveryState.SENT)
    project.dead_letter("u3", reason=DeadLetterReason.UNKNOWN_OUTCOME)
    before = project.everything()
    answer = project.reports("dead-letters", "replay", "--all", "--dry-run", "--json")
    assert answer.status == 0
    assert answer.json["dry_run"] is True
    assert answer.json["outcomes"] == {"already-sent": 1, "replayed": 2}
    assert project.everything() == before


def test_with_several_queues_each_report_goes_to_its_users_own(project: Project) -> None:
    project.make_queue("more")
    users = [f"u{number}" for number in range(8)]
    for user in users:
        project.dead_letter(user)
    both = ["reports", "more"]
    assert project.reports("dead-letters", "replay", "--all", "--yes", REPORT_QUEUES=",".join(both)).status == 0
    for index, queue in enumerate(both):
        queued = {json.loads(task.http_request.body)["user_id"] for task in project.queued(queue)}
        assert queued == {user for user in users if choose_queue(user, both) == index}
        assert queued


def test_one_of_many_that_cannot_be_replayed_fails_the_command_and_not_the_others(project: Project) -> None:
    project.dead_letter("u1")
    project.dead_letter("u2", reason=DeadLetterReason.INVALID_TASK, payload={"text": "x", "bytes": 1})
    answer = project.reports("dead-letters", "replay", "--all", "--yes", "--json")
    assert answer.status == 1
    assert answer.json["outcomes"] == {"names-no-report": 1, "replayed": 1}
    assert len(project.queued()) == 1


def test_by_reason_and_time(project: Project) -> None:
    now = datetime.now(UTC)
    project.dead_letter("new-lost", reason=DeadLetterReason.LOST)
    project.dead_letter("old-lost", reason=DeadLetterReason.LOST, received_at=now - timedelta(hours=3))
    project.dead_letter("new-exhausted")
    project.dead_letter("dismissed-lost", reason=DeadLetterReason.LOST, state="dismissed")
    answer = project.reports("dead-letters", "replay", "--reason", "lost", "--since", "2h", "--yes", "--json")
    assert [row["dead_letter_id"] for row in answer.json["dead_letters"]] == ["new-lost:default:20261124T1300Z"]
    answer = project.reports("dead-letters", "replay", "--reason", "lost", "--yes", "--json")
    assert [row["dead_letter_id"] for row in answer.json["dead_letters"]] == ["old-lost:default:20261124T1300Z"]
    assert len(project.queued()) == 2


def test_nothing_to_replay_is_no_error(project: Project) -> None:
    answer = project.reports("dead-letters", "replay", "--all")
    assert answer.status == 0
    assert "no open dead letters" in answer.out


def test_an_id_that_is_nobodys_is_named(project: Project) -> None:
    letter = project.dead_letter()
    answer = project.reports("dead-letters", "replay", "nothing", letter)
    assert answer.status == 1
    assert "nothing: there is no such dead letter" in answer.err
    assert len(project.queued()) == 1


@pytest.mark.parametrize("act", ["replay", "dismiss", "reopen"])
def test_a_selection_is_of_one_kind(project: Project, act: str) -> None:
    for arguments in ([], ["--all", "--reason", "lost"], ["x", "--all"], ["x", "--reason", "lost"], ["a/b"]):
        assert project.reports("dead-letters", act, *arguments).status == 2, arguments


def test_a_queue_that_does_not_exist_leaves_the_letter_open(project: Project) -> None:
    letter = project.dead_letter()
    answer = project.reports("dead-letters", "replay", letter, REPORT_QUEUES="nowhere")
    assert answer.status == 1
    assert "nowhere" in answer.err
    assert project.letter(letter)["state"] == "open"
    assert project.reports("dead-letters", "replay", letter).status == 0
    assert len(project.queued()) == 1


@pytest.mark.thorough
def test_several_hundred_at_once(project: Project) -> None:
    for number in range(300):
        project.dead_letter(f"u{number}")
    answer = project.reports("dead-letters", "replay", "--all", "--yes", "--json")
    assert answer.json["outcomes"] == {"replayed": 300}
    assert len(project.queued()) == 300
    assert project.reports("dead-letters", "list", "--json").json == []


def test_dismissing_many_is_asked_about_and_can_be_tried(project: Project) -> None:
    for user in ("u1", "u2"):
        project.dead_letter(user, reason=DeadLetterReason.LOST)
    project.dead_letter("u3")
    before = project.everything()
    assert project.reports("dead-letters", "dismiss", "--reason", "lost").status == 1
    answer = project.reports("dead-letters", "dismiss", "--reason", "lost", "--dry-run", "--json")
    assert answer.json["outcomes"] == {"dismissed": 2}
    assert project.everything() == before
    assert project.reports("dead-letters", "dismiss", "--reason", "lost", "--yes").status == 0
    assert [row["user_id"] for row in project.reports("dead-letters", "list", "--json").json] == ["u3"]


def test_a_replayed_letter_is_not_dismissed(project: Project) -> None:
    letter = project.dead_letter()
    project.reports("dead-letters", "replay", letter)
    answer = project.reports("dead-letters", "dismiss", letter, "--json")
    assert (answer.status, answer.json["outcomes"]) == (1, {"replayed": 1})
    assert project.letter(letter)["state"] == "replayed"
