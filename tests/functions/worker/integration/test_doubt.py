"""What may have been accepted stays so until an event, a log or a person settles it, whatever a later one ends in."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.shared.firestore.letter_store import LetterStore
from functions.shared.firestore.unknown_outcome import settle
from functions.shared.records.dead_letter import DEAD_LETTERS, DeadLetterState
from functions.shared.records.delivery import Delivery
from functions.shared.records.delivery_table import Replayed, written
from functions.shared.records.ids import task_id
from functions.shared.records.mail_event import MAIL_EVENTS, MailEvent, MailRecord, MailStatus
from functions.shared.records.report_task import ReportTask
from functions.shared.settings import OnUnknownOutcome
from functions.worker.attempt import Attempt
from functions.worker.task_answer import TaskAnswer
from report_kit.in_memory_user_data import InMemoryUserData
from report_kit.user_data import UserData
from tests.functions.worker.integration.conftest import (
    DUE,
    HOUR,
    MAX_ATTEMPTS,
    Cloud,
    Letters,
    an_attempt,
    builder,
    in_this_process,
    task,
)
from tests.functions.worker.integration.test_failures import NOT_NOW, answering
from tests.seeding import as_found

pytestmark = pytest.mark.usefixtures("well_again")

THROTTLED = answering(429, b'{"errors": [{"message": "too many requests", "field": null}]}')
REFUSED = answering(400, b'{"errors": [{"message": "no", "field": null}]}')
PERIOD: dict[str, Any] = {"period_start": DUE - HOUR, "period_end": DUE}
UNKNOWN: dict[str, Any] = {"state": "dead", "reason": "unknown-outcome", "failed_at": DUE, **PERIOD}


def user_data(_user: str, _seconds: float) -> UserData:
    return InMemoryUserData({})


def attempt(cloud: Cloud, user: str, *, number: int = 2, letters: Letters | None = None, **parts: Any) -> TaskAnswer:
    send_report = in_this_process(cloud, letters or Letters(), **{"builder": builder(user_data), **parts})
    return send_report(task(user), an_attempt(number, last=number >= MAX_ATTEMPTS))


def unknown(cloud: Cloud) -> str:
    """A user whose report is dead, since an attempt got no clear answer."""
    user = doubtful(cloud)
    assert attempt(cloud, user).details == {"reason": "unknown-outcome"}
    return user


def replayed(cloud: Cloud, user: str) -> None:
    """An operator has the report sent all the same."""
    reference = cloud.delivery(user)
    found = Delivery.from_snapshot(as_found(reference.get()))
    assert found is not None
    made = ReportTask.from_json(task(user))
    reference.update(written(found, Replayed("replay1"), task=made, now=datetime.now(UTC)))


def record_of(cloud: Cloud, user: str) -> MailRecord:
    name = cloud.delivery(user).id
    event = MailEvent(delivery_id=name, recipient="r", status=MailStatus.DELIVERED, at=DUE, message_id="first")
    return MailRecord(id=name, user_id=user, subscription_id="default").folded([event])


def delivered(cloud: Cloud, user: str) -> bool:
    """The event of the first email comes. Whether the delivery is sent then."""
    record = record_of(cloud, user)
    return settle(LetterStore(cloud.door), record.id, record, now=DUE, tell=lambda _alert: None).is_sent


def on_record(cloud: Cloud, user: str) -> None:
    """The event of the first email came while a worker had claimed the delivery, and so settled nothing."""
    record = record_of(cloud, user)
    cloud.database.collection(MAIL_EVENTS).document(record.id).set(record.to_fields())


def doubtful(cloud: Cloud) -> str:
    """A user whose report a worker was sending when it was killed."""
    user = cloud.user(subscription={"skip_empty": False})
    lease = datetime.now(UTC) - timedelta(seconds=1)
    cloud.put_delivery(user, state="sending", owner="killed", lease_expires_at=lease, attempts=1, **PERIOD)
    return user


@pytest.mark.parametrize(("fault", "number"), [(REFUSED, 2), (NOT_NOW, MAX_ATTEMPTS)])
def test_a_replay_that_fails_says_that_the_first_email_may_be_out(cloud: Cloud, fault: Any, number: int) -> None:
    user = unknown(cloud)
    replayed(cloud, user)
    cloud.inbox.fault = fault
    letters = Letters()
    assert attempt(cloud, user, number=number, letters=letters).details == {"reason": "unknown-outcome"}
    assert letters.kept[-1].reason == "unknown-outcome"
    assert delivered(cloud, user)
    assert cloud.delivery_of(user)["state"] == "sent"


def test_a_replay_that_is_skipped_is_sent_once_the_first_email_shows(cloud: Cloud) -> None:
    user = unknown(cloud)
    replayed(cloud, user)
    cloud.subscription(user).update({"active": False})
    assert attempt(cloud, user).details == {"reason": "paused", "note": "an earlier attempt may have sent it"}
    assert delivered(cloud, user)
    assert cloud.delivery_of(user)["state"] == "sent"


def test_a_report_that_is_sent_again_and_refused_says_that_the_first_may_be_out(cloud: Cloud) -> None:
    user = doubtful(cloud)
    cloud.inbox.fault = NOT_NOW
    again: dict[str, Any] = {"on_unknown_outcome": OnUnknownOutcome.RESEND}
    assert attempt(cloud, user, **again).details == {"cause": "provider-unavailable"}
    cloud.inbox.fault = REFUSED
    assert attempt(cloud, user, **again).details == {"reason": "unknown-outcome"}
    assert delivered(cloud, user)


def test_what_was_refused_from_the_beginning_is_no_unknown_outcome(cloud: Cloud) -> None:
    user = cloud.user(subscription={"skip_empty": False})
    cloud.inbox.fault = NOT_NOW
    attempt(cloud, user)
    cloud.inbox.fault = REFUSED
    assert attempt(cloud, user).details == {"reason": "permanent-error"}
    assert not delivered(cloud, user)


def letter_of(cloud: Cloud, user: str) -> Any:
    return cloud.database.collection(DEAD_LETTERS).document(cloud.delivery(user).id)


@pytest.mark.parametrize("answers", [1, 2], ids=["its worker closes it", "the next call does"])
def test_a_replay_that_was_interrupted_closes_its_letter_with_the_report(cloud: Cloud, answers: int) -> None:
    """The command was killed after its first step: the delivery is put back, and nobody marks the letter."""
    user = unknown(cloud)
    replayed(cloud, user)
    in_replay = {"state": "open", "reason": "permanent-error", "in_replay": True, "replays": 1}
    if answers == 1:
        letter_of(cloud, user).set(in_replay)
    assert attempt(cloud, user).result == "sent"
    if answers == 2:
        letter_of(cloud, user).set(in_replay)
        assert attempt(cloud, user).result == "already-final"
    assert letter_of(cloud, user).get().get("state") == DeadLetterState.REPLAYED


def test_an_event_closes_the_letter_of_a_replay_that_was_interrupted(cloud: Cloud) -> None:
    user = unknown(cloud)
    replayed(cloud, user)
    letter_of(cloud, user).set({"state": "open", "reason": "permanent-error", "in_replay": True, "replays": 1})
    assert delivered(cloud, user)
    assert letter_of(cloud, user).get().get("state") == DeadLetterState.SETTLED


def test_a_letter_that_waits_for_a_person_stays_open(cloud: Cloud) -> None:
    user = unknown(cloud)
    letter_of(cloud, user).set({"state": "open", "reason": "permanent-error", "replays": 0})
    cloud.delivery(user).update({"state": "sent", "task": "send1"})
    assert attempt(cloud, user).result == "already-final"
    assert letter_of(cloud, user).get().get("state") == DeadLetterState.OPEN


SETTLED = {"state": "sent"}
RESEND: dict[str, Any] = {"on_unknown_outcome": OnUnknownOutcome.RESEND}


def sent_once(cloud: Cloud, user: str) -> None:
    """The report counts as sent by the first email, and there is no other."""
    found = cloud.delivery_of(user)
    assert (found["state"], found["message_id"], found["reason"]) == ("sent", "first", None)
    assert not cloud.mails_to(user)


def test_a_replay_that_is_throttled_is_not_sent_again_once_the_first_email_shows(cloud: Cloud) -> None:
    user = unknown(cloud)
    replayed(cloud, user)
    letter_of(cloud, user).set({"state": "open", "reason": "unknown-outcome", "in_replay": True, "replays": 1})

    async def meanwhile(call: Any, carry_on: Any) -> Any:
        await asyncio.to_thread(on_record, cloud, user)
        return await THROTTLED(call, carry_on)

    cloud.inbox.fault, letters = meanwhile, Letters()
    assert attempt(cloud, user, letters=letters).details == SETTLED
    assert [each.alert for each in letters.told] == ["outcome-settled"]
    cloud.inbox.fault = None
    assert attempt(cloud, user, number=3).details == SETTLED
    sent_once(cloud, user)
    assert letter_of(cloud, user).get().get("state") == DeadLetterState.SETTLED
    assert cloud.subscription_of(user)["next_report_at"] > DUE


def test_what_a_killed_worker_put_back_is_not_sent_again_once_the_first_email_shows(cloud: Cloud) -> None:
    user = unknown(cloud)
    replayed(cloud, user)
    on_record(cloud, user)
    assert attempt(cloud, user).details == SETTLED
    sent_once(cloud, user)


def test_a_report_whose_recipient_complains_meanwhile_was_sent(cloud: Cloud) -> None:
    """The event of the first email pauses the subscription while the report is built to be sent again."""
    user = doubtful(cloud)

    def complaint(_user: str, _seconds: float) -> UserData:
        on_record(cloud, user)
        cloud.subscription(user).update({"active": False, "next_report_at": None, "paused_because": "complaint"})
        return InMemoryUserData({})

    assert attempt(cloud, user, builder=builder(complaint), **RESEND).details == SETTLED
    sent_once(cloud, user)


def test_a_skipped_report_was_sent_once_the_email_of_a_killed_worker_shows(cloud: Cloud) -> None:
    user = doubtful(cloud)
    cloud.subscription(user).update({"active": False})
    assert attempt(cloud, user, **RESEND).details["reason"] == "paused"
    assert delivered(cloud, user)
    sent_once(cloud, user)


def test_what_a_killed_worker_has_skipped_was_sent_once_the_email_shows(cloud: Cloud) -> None:
    user = cloud.user()
    cloud.put_delivery(user, state="skipped", reason="paused", owner="killed", may_have_been_sent=True, **PERIOD)
    on_record(cloud, user)
    assert attempt(cloud, user).details == SETTLED
    sent_once(cloud, user)
    assert cloud.subscription_of(user)["next_report_at"] > DUE


def test_a_doubled_first_call_moves_the_subscription_on(cloud: Cloud) -> None:
    """Its worker was killed between its two writes; the second call takes the report for a new one."""
    user = cloud.user(subscription={"skip_empty": False})
    cloud.put_delivery(user, state="sent", owner="killed", **PERIOD)
    first = Attempt(1, task_id(cloud.delivery(user).id), last=False, started_at=datetime.now(UTC))
    answer = in_this_process(cloud, Letters(), builder=builder(user_data))(task(user), first)
    assert (answer.result, answer.details) == ("already-final", SETTLED)
    assert cloud.subscription_of(user)["next_report_at"] > DUE
    assert not cloud.mails_to(user)


def test_a_doubled_call_of_a_replay_closes_its_letter(cloud: Cloud) -> None:
    """Its worker was killed after it had written what came of the report, while the second call made the report."""
    user = unknown(cloud)
    replayed(cloud, user)
    letter_of(cloud, user).set({"state": "open", "reason": "permanent-error", "in_replay": True, "replays": 1})

    def other(_user: str, _seconds: float) -> UserData:
        cloud.delivery(user).update({"state": "sent", "owner": "killed"})
        return InMemoryUserData({})

    assert attempt(cloud, user, builder=builder(other)).details == SETTLED
    assert letter_of(cloud, user).get().get("state") == DeadLetterState.REPLAYED
    assert not cloud.mails_to(user)


def test_a_replay_that_its_kind_skips_says_that_an_email_may_be_out(cloud: Cloud) -> None:
    user = unknown(cloud)
    replayed(cloud, user)
    cloud.subscription(user).update({"skip_empty": True})
    answer = attempt(cloud, user)
    assert answer.details["reason"] == "nothing-to-report"
    of_kind, doubt = answer.details["note"].rsplit("; ", 1)
    assert of_kind
    assert doubt == "an earlier attempt may have sent it"
    assert cloud.delivery_of(user)["note"] == answer.details["note"]
