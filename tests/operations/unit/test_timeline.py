"""What the timeline of a delivery says."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.shared.firestore.found_document import FoundDocument
from functions.shared.records.dead_letter import DeadLetterState
from functions.shared.records.delivery import Delivery
from functions.shared.records.delivery_attempt import AttemptResult, DeliveryAttempt
from functions.shared.records.mail_event import MailEvent, MailRecord, MailStatus
from operations.deliveries.timeline import TimelineEntry, timeline, what_next

DUE = datetime(2026, 11, 24, 13, tzinfo=UTC)
SECOND = timedelta(seconds=1)
NOW = DUE + timedelta(hours=1)


def delivery(*history: DeliveryAttempt, **fields: Any) -> Delivery:
    document = {
        "due_at": DUE,
        "run_id": "20261124T1300Z",
        "state": "pending",
        "created_at": DUE + 5 * SECOND,
        "updated_at": DUE + 9 * SECOND,
        "history": [entry.to_field() for entry in history],
        **fields,
    }
    found = Delivery.from_snapshot(FoundDocument("deliveries/d", document, DUE))
    assert found is not None
    return found


def attempt(number: int, result: AttemptResult, *, claims: bool = True, **fields: Any) -> DeliveryAttempt:
    """An attempt that begins ten seconds after the one before, and claims the delivery a second later."""
    at = DUE + number * 10 * SECOND
    return DeliveryAttempt(at=at, number=number, claimed_at=at + SECOND if claims else None, result=result, **fields)


def told(found: Delivery, mail: MailRecord | None = None, now: datetime = NOW) -> list[tuple[float, str, str, str]]:
    """The entries: seconds since it was due, state, text and detail."""

    def seconds(entry: TimelineEntry) -> float:
        assert entry.at is not None
        return (entry.at - DUE).total_seconds()

    return [(seconds(each), each.state, each.text, each.detail) for each in timeline(found, mail, now=now)]


BEGINNING = [
    (0.0, "due", "The report was due.", ""),
    (0.0, "pending", "Run 20261124T1300Z made a task for it.", ""),
]


def test_each_attempt_with_its_error_and_duration_and_what_became_of_the_mail() -> None:
    found = delivery(
        attempt(1, AttemptResult.FAILED, claims=False, seconds=0.44, error="no data for ada@example.com"),
        attempt(2, AttemptResult.FAILED, seconds=2.0, error="SendGrid answered 503"),
        attempt(3, AttemptResult.SENT, seconds=1.5),
        state="sent",
        message_id="m1",
    )
    event = MailEvent(delivery_id="d", recipient="r", status=MailStatus.DELIVERED, at=DUE + 31 * SECOND)
    mail = MailRecord(id="d", user_id="u", subscription_id="s").folded([event])
    assert told(found, mail) == [
        *BEGINNING,
        (10.44, "failed", "Attempt 1 failed: nothing was sent.", "no data for [address] · after 0.4 s"),
        (22.0, "failed", "Attempt 2 failed: nothing was sent.", "SendGrid answered 503 · after 2.0 s"),
        (31.0, "sending", "Attempt 3 claimed it.", ""),
        (31.5, "sent", "Attempt 3: the email provider accepted the email.", "message id m1 · after 1.5 s"),
        # In whole seconds, as the provider gives it.
        (31.0, "delivered", "The email: delivered.", ""),
    ]


@pytest.mark.parametrize(
    ("lease", "text"),
    [
        (timedelta(seconds=30), "Attempt 1 claimed it."),
        (timedelta(0), "Attempt 1 claimed it, and ended without a word."),
    ],
)
def test_a_claim_without_an_end(lease: timedelta, text: str) -> None:
    found = delivery(attempt(1, AttemptResult.CLAIMED), state="sending", owner="o", lease_expires_at=NOW + lease)
    assert told(found) == [*BEGINNING, (11.0, "sending", text, "")]


def test_what_a_killed_worker_left_is_settled_by_another_or_by_an_event() -> None:
    killed = attempt(1, AttemptResult.CLAIMED)
    ended = (11.0, "sending", "Attempt 1 claimed it, and ended without a word.", "")
    asked = delivery(killed, attempt(4, AttemptResult.SETTLED, claims=False, seconds=0.2), state="sent")
    showed = "showed that the email provider had accepted the email."
    assert told(asked)[2:] == [ended, (40.2, "sent", f"Attempt 4 {showed}", "after 0.2 s")]
    event = DeliveryAttempt(at=DUE + 50 * SECOND, result=AttemptResult.SETTLED)
    assert told(delivery(killed, event, state="sent"))[2:] == [
        ended,
        (50.0, "sent", f"An event of the email {showed}", ""),
    ]


def test_an_unclear_outcome_that_is_given_up_and_replayed() -> None:
    found = delivery(
        attempt(1, AttemptResult.UNCLEAR, seconds=3.0, error="SendGrid answered 502"),
        attempt(2, AttemptResult.DEAD, claims=False, seconds=1.0, error="cut"),
        DeliveryAttempt(at=DUE + 60 * SECOND, result=AttemptResult.REPLAYED),
        by_hand=True,
    )
    assert told(found)[2:] == [
        (11.0, "sending", "Attempt 1 claimed it.", ""),
        (13.0, "failed", "Attempt 1 failed: the email may have been sent.", "SendGrid answered 502 · after 3.0 s"),
        (21.0, "dead", "Attempt 2 gave it up.", "cut · after 1.0 s"),
        (60.0, "pending", "An operator replayed it.", ""),
    ]


@pytest.mark.parametrize(
    ("history", "fields", "entry"),
    [
        (
            [attempt(1, AttemptResult.SKIPPED, claims=False, seconds=0.1)],
            {"state": "skipped", "reason": "nothing-to-report", "note": "no orders"},
            (10.1, "skipped", "Attempt 1 skipped it.", "nothing-to-report: no orders · after 0.1 s"),
        ),
        (
            [DeliveryAttempt(at=DUE + SECOND, result=AttemptResult.DEAD, error="no worker has said why")],
            {"state": "dead", "reason": "lost", "failed_at": DUE + SECOND},
            (1.0, "dead", "The dispatcher gave it up.", "no worker has said why · lost"),
        ),
        # Of a document that another tool, or an older version, has written.
        (
            [],
            {"state": "sent", "message_id": "m"},
            (9.0, "sent", "The email provider accepted the email.", "Message id: m"),
        ),
        (
            [attempt(0, AttemptResult.REPLAYED, claims=False)],
            {"state": "dead", "reason": "lost", "last_error": "e"},
            (9.0, "dead", "It was given up: lost.", "e"),
        ),
    ],
    ids=["skipped", "given up by the dispatcher", "no history", "another history"],
)
def test_how_it_ended(
    history: list[DeliveryAttempt], fields: dict[str, Any], entry: tuple[float, str, str, str]
) -> None:
    assert told(delivery(*history, **fields))[-1] == entry


@pytest.mark.parametrize(
    ("result", "lease", "words"),
    [
        (AttemptResult.CLAIMED, NOW + SECOND, "A worker has claimed it, and sends it now."),
        (
            AttemptResult.CLAIMED,
            NOW,
            "The worker that claimed it ended without a word, so",
        ),
        (
            AttemptResult.UNCLEAR,
            NOW + SECOND,
            "The latest attempt got no clear answer, so",
        ),
        (AttemptResult.UNCLEAR, NOW, "The latest attempt got no clear answer, so"),
    ],
)
def test_what_comes_next_of_a_claim(result: AttemptResult, lease: datetime, words: str) -> None:
    found = delivery(attempt(1, result), state="sending", owner="o", lease_expires_at=lease)
    task = {"attempts": 1, "scheduled_for": NOW + timedelta(minutes=2)}
    told = what_next(found, task, now=NOW)
    assert told.startswith(words)
    assert told.endswith("The next attempt, number 2, at 14:02:00 UTC finds that out.") is not told.endswith("now.")


@pytest.mark.parametrize(
    ("letter_state", "words"),
    [
        (None, "Nothing by itself: its dead letter waits"),
        (DeadLetterState.OPEN, "Nothing by itself: its dead letter waits"),
        (DeadLetterState.DISMISSED, "Nothing: its dead letter is dismissed."),
    ],
)
def test_what_comes_next_of_a_dead_letter(letter_state: DeadLetterState | None, words: str) -> None:
    assert what_next(delivery(state="dead"), None, letter_state=letter_state, now=NOW).startswith(words)


def test_an_attempt_that_the_history_lacks_has_failed() -> None:
    found = delivery(attempts=2, last_error="SendGrid answered 503")
    assert told(found)[-1] == (9.0, "failed", "Attempt 2 failed.", "SendGrid answered 503")


def test_a_task_that_an_operator_made() -> None:
    assert told(delivery(task="t")) == [
        (0.0, "due", "The report was due.", ""),
        (5.0, "pending", "An operator made its task.", ""),
    ]


def test_an_email_that_was_sent_again_shows_by_what() -> None:
    minute = timedelta(minutes=1)
    unclear, sent = attempt(1, AttemptResult.UNCLEAR), attempt(1, AttemptResult.SENT)._replace(at=DUE + 33 * minute)
    evidence = {"searched_at": DUE + 33 * minute, "accepted_before": DUE - minute, "accepted_after": DUE + minute}
    entries = timeline(delivery(unclear, sent, state="sent", absence=evidence), None, now=NOW)
    [proof] = [entry for entry in entries if "proved" in entry.text]
    assert proof.at == DUE + 33 * minute
    assert proof.detail == "They show reports that it accepted at 12:59:00 and at 13:01:00 UTC, and not this one."
    # Another tool may write anything.
    odd = delivery(unclear, absence={"searched_at": "soon"})
    assert not any("proved" in entry.text for entry in timeline(odd, None, now=NOW))
