"""What may have been accepted stays so until an event, a log or a person settles it, whatever a later one ends in."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.shared.firestore.letter_store import LetterStore
from functions.shared.firestore.unknown_outcome import settle
from functions.shared.records.dead_letter import DEAD_LETTERS, DeadLetterState
from functions.shared.records.delivery import Delivery
from functions.shared.records.delivery_table import Replayed, written
from functions.shared.records.mail_event import MailEvent, MailRecord, MailStatus
from functions.shared.records.report_task import ReportTask
from functions.shared.settings import OnUnknownOutcome
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

REFUSED = answering(400, b'{"errors": [{"message": "no", "field": null}]}')
PERIOD: dict[str, Any] = {"period_start": DUE - HOUR, "period_end": DUE}
UNKNOWN: dict[str, Any] = {"state": "dead", "reason": "unknown-outcome", "failed_at": DUE, **PERIOD}


def user_data(_user: str, _seconds: float) -> UserData:
    return InMemoryUserData({})


def attempt(cloud: Cloud, user: str, *, number: int = 2, letters: Letters | None = None, **parts: Any) -> TaskAnswer:
    send_report = in_this_process(cloud, letters or Letters(), builder=builder(user_data), **parts)
    return send_report(task(user), an_attempt(number, last=number >= MAX_ATTEMPTS))


def unknown(cloud: Cloud) -> str:
    """A user whose report is dead, since an attempt got no clear answer."""
    user = cloud.user(subscription={"skip_empty": False})
    lease = datetime.now(UTC) - timedelta(seconds=1)
    cloud.put_delivery(user, state="sending", owner="killed", lease_expires_at=lease, attempts=1, **PERIOD)
    assert attempt(cloud, user).details == {"reason": "unknown-outcome"}
    return user


def replayed(cloud: Cloud, user: str) -> None:
    """An operator has the report sent all the same."""
    reference = cloud.delivery(user)
    found = Delivery.from_snapshot(as_found(reference.get()))
    assert found is not None
    made = ReportTask.from_json(task(user))
    reference.update(written(found, Replayed("replay1"), task=made, now=datetime.now(UTC)))


def delivered(cloud: Cloud, user: str) -> bool:
    """The event of the first email comes. Whether the delivery is sent then."""
    name = cloud.delivery(user).id
    event = MailEvent(delivery_id=name, recipient="r", status=MailStatus.DELIVERED, at=DUE)
    record = MailRecord(id=name, user_id=user, subscription_id="default").folded([event])
    return settle(LetterStore(cloud.door), name, record, now=DUE, tell=lambda _alert: None).is_sent


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
    user = cloud.user(subscription={"skip_empty": False})
    lease = datetime.now(UTC) - timedelta(seconds=1)
    cloud.put_delivery(user, state="sending", owner="killed", lease_expires_at=lease, attempts=1, **PERIOD)
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
