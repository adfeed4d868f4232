"""Firestore was restored: what may have been sent before is asked about, and never sent without a person's word."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.shared.records.dead_letter import DeadLetterReason
from functions.shared.records.delivery import Delivery
from functions.shared.records.delivery_table import Replayed, written
from functions.shared.records.ids import task_id
from functions.shared.records.report_task import ReportTask
from functions.shared.settings import OnUnknownOutcome
from functions.worker.attempt import Attempt
from functions.worker.destinations.email.delivery_lookup import (
    LookupAnswer,
    LookupUnavailable,
    MailFound,
    MailNotFound,
    WantedMail,
)
from functions.worker.task_answer import TaskAnswer
from tests.functions.worker.integration.conftest import DUE, HOUR, Cloud, Letters, in_this_process, task
from tests.seeding import as_found

RESTORED = DUE + HOUR / 2
LATER = RESTORED + HOUR


class Records:
    """The provider's records, which give one answer."""

    def __init__(self, answer: LookupAnswer) -> None:
        self._answer = answer

    def find(self, _wanted: WantedMail, *, seconds: float) -> LookupAnswer:
        return self._answer


@pytest.fixture
def letters() -> Letters:
    return Letters()


def attempt(cloud: Cloud, letters: Letters, user: str, answer: LookupAnswer, **given: Any) -> TaskAnswer:
    """The first call of the queue for a task that was made before the restore, or as `given` has it."""
    due_at = given.pop("due_at", DUE)
    send_report = in_this_process(
        cloud,
        letters,
        lookup=Records(answer),
        restored_at=RESTORED,
        now=lambda: LATER,
        **given,
    )
    name = task_id(cloud.delivery(user, due_at=due_at).id)
    call = Attempt(number=1, task_name=name, last=False, started_at=datetime.now(UTC))
    return send_report(task(user, due_at=due_at, run=LATER), call)


def replayed(cloud: Cloud, user: str) -> None:
    """An operator has replayed the report's dead letter, as operations/dead_letters/replay.py does."""
    delivery = Delivery.from_snapshot(as_found(cloud.delivery(user).get()))
    assert delivery is not None
    fields = written(delivery, Replayed("replay1"), task=ReportTask.from_json(task(user)), now=LATER)
    cloud.delivery(user).set(fields, merge=True)


@pytest.mark.parametrize("choice", OnUnknownOutcome)
def test_the_first_attempt_asks_a_person_and_the_next_report_follows_without_a_gap(
    cloud: Cloud, letters: Letters, choice: OnUnknownOutcome
) -> None:
    user = cloud.user()
    answer = attempt(cloud, letters, user, MailNotFound(), on_unknown_outcome=choice)
    assert (answer.result, answer.details) == ("dead", {"reason": "unknown-outcome"})
    [letter] = letters.kept
    assert letter.reason is DeadLetterReason.UNKNOWN_OUTCOME
    assert letter.error.startswith("it was due before Firestore was restored")
    assert not cloud.mails_to(user)
    assert cloud.delivery_of(user)["period_end"] == DUE
    subscription = cloud.subscription_of(user)
    assert (subscription["next_report_at"], subscription["reported_until"]) == (DUE + HOUR, DUE)

    # What is due after the restore is sent as ever.
    assert attempt(cloud, letters, user, MailNotFound(), due_at=DUE + HOUR).result == "sent"
    # And so is what a person has decided to send.
    replayed(cloud, user)
    assert attempt(cloud, letters, user, MailNotFound()).result == "sent"
    assert len(cloud.mails_to(user)) == 2


def test_what_the_provider_has_was_sent(cloud: Cloud, letters: Letters) -> None:
    new, dead = cloud.user(), cloud.user()
    cloud.put_delivery(dead, state="dead", reason="permanent-error", failed_at=DUE)
    # The copy does not know that it was replayed before, and sent.
    replayed(cloud, dead)
    for user in (new, dead):
        assert attempt(cloud, letters, user, MailFound(message_id="m")).result == "sent"
        assert cloud.delivery_of(user)["message_id"] == "m"
        assert not cloud.mails_to(user)
    assert not letters.kept


def test_a_provider_that_is_busy_is_asked_again_even_after_the_last_attempt(cloud: Cloud, letters: Letters) -> None:
    user = cloud.user()
    busy = LookupUnavailable(error="429", lasting=False)
    send_report = in_this_process(cloud, letters, lookup=Records(busy), restored_at=RESTORED, now=lambda: LATER)
    last = Attempt(number=3, task_name="t", last=True, started_at=datetime.now(UTC))
    answer = send_report(task(user), last)
    assert (answer.status, answer.details) == (500, {"cause": "unknown-outcome"})
    assert cloud.delivery_of(user) is None
    assert not letters.kept


def test_a_task_from_before_takes_the_subscription_past_no_earlier_report(cloud: Cloud, letters: Letters) -> None:
    user = cloud.user(subscription={"next_report_at": DUE - HOUR, "reported_until": DUE - 2 * HOUR})
    assert attempt(cloud, letters, user, MailFound(message_id="m")).result == "sent"
    delivery, subscription = cloud.delivery_of(user), cloud.subscription_of(user)
    assert (delivery["period_start"], delivery["period_end"]) == (DUE - HOUR, DUE)
    assert subscription["next_report_at"] == DUE - HOUR

    assert attempt(cloud, letters, user, MailFound(message_id="m"), due_at=DUE - HOUR).result == "sent"
    assert cloud.subscription_of(user)["next_report_at"] == DUE
    assert attempt(cloud, letters, user, MailNotFound()).result == "already-final"
    subscription = cloud.subscription_of(user)
    assert (subscription["next_report_at"], subscription["reported_until"]) == (DUE + HOUR, DUE)


def test_an_unexpected_failure_says_that_the_outcome_is_unknown(cloud: Cloud, letters: Letters) -> None:
    def fails(_delivery_id: str) -> None:
        raise RuntimeError("unforeseen")

    user = cloud.user()
    send_report = in_this_process(cloud, letters, mail_record=fails, restored_at=RESTORED, now=lambda: LATER)
    last = Attempt(number=3, task_name="t", last=True, started_at=datetime.now(UTC) - timedelta(seconds=1))
    assert send_report(task(user), last).details == {"reason": "unknown-outcome"}
