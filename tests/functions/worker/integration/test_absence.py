"""With resend-if-absent: what becomes of a report of unknown outcome, by the claims that the records keep and by
SendGrid's logs. The harness plays the same with processes, a queue and runs (proof/faults/scenarios/absence.py)."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import pytest

from functions.shared.records.address_hash import address_hash
from functions.shared.records.ids import task_id
from functions.shared.records.report_task import ReportTask
from functions.shared.settings import OnUnknownOutcome
from functions.worker.attempt import Attempt
from functions.worker.destinations.email.model import Sender
from functions.worker.destinations.email.sendgrid.api import SendGrid
from functions.worker.destinations.email.sendgrid.logs import SendGridLogs
from functions.worker.task_answer import TaskAnswer
from functions.worker.time_budget import LEASE
from functions.worker.transitions import Wait
from local_cloud.clock import Clock
from local_pipeline.inbox.faults import Answer, Call, CutConnection
from local_pipeline.inbox.server import Inbox
from tests.functions.worker.integration.conftest import (
    API_KEY,
    DUE,
    MAX_ATTEMPTS,
    Cloud,
    Letters,
    in_this_process,
    task,
)
from tests.support import Background

MINUTE = timedelta(minutes=1)


@dataclass
class Place:
    """A worker, and a SendGrid whose time the test moves on."""

    cloud: Cloud
    clock: Clock
    inbox: Inbox
    letters: Letters = field(default_factory=Letters)
    waits: list[Wait] = field(default_factory=list)
    restored_at: datetime | None = None
    choice: OnUnknownOutcome = OnUnknownOutcome.RESEND_IF_ABSENT

    def attempt(self, user: str, number: int = 1, *, name: str = "a-task", **parts: Any) -> TaskAnswer:
        sender = Sender(address="reports@example.com")
        worker = in_this_process(
            self.cloud,
            self.letters,
            provider=SendGrid(api_key=API_KEY, host=self.inbox.url, sender=sender, now=self.clock.now),
            lookup=SendGridLogs(api_key=API_KEY, host=self.inbox.url, now=self.clock.now),
            on_unknown_outcome=self.choice,
            now=self.clock.now,
            settle_later=self.settle_later,
            restored_at=self.restored_at,
            **parts,
        )
        return worker(task(user), Attempt(number, name, last=number == MAX_ATTEMPTS, started_at=self.clock.now()))

    def settle_later(self, _task: ReportTask, wait: Wait) -> bool:
        self.waits.append(wait)
        return True

    def mails(self, user: str) -> int:
        return len(list(self.inbox.mails.to(f"{user}@example.com")))

    def lose(self, *, accepted: bool) -> None:
        """From now on the answers to emails are lost."""

        async def fault(call: Call, carry_on: Callable[[], Awaitable[Answer]]) -> Answer:
            if call.service != "sendgrid" or accepted:
                answer = await carry_on()
            if call.service == "sendgrid":
                raise CutConnection
            return answer

        self.inbox.fault = fault

    def unknown(self, *, accepted: bool, number: int = 1, **subscription: Any) -> str:
        """A user of whose report the answer was lost, between two whose reports were sent."""
        before, user, after = self.cloud.user(), self.cloud.user(subscription=subscription), self.cloud.user()
        assert self.attempt(before).result == "sent"
        self.clock.advance(MINUTE)
        self.lose(accepted=accepted)
        assert self.attempt(user, number).details == {"cause": "unknown-outcome"}
        self.inbox.fault = None
        self.clock.advance(MINUTE)
        assert self.attempt(after).result == "sent"
        self.clock.advance(MINUTE)
        return user

    def settle(self) -> None:
        """The settling time goes by, and then the logs show a report that was sent after it."""
        self.clock.advance(32 * MINUTE)
        assert self.attempt(self.cloud.user()).result == "sent"
        self.clock.advance(2 * MINUTE)


@pytest.fixture
def place(cloud: Cloud, background: Background) -> Iterator[Place]:
    clock = Clock(still=True)
    inbox = Inbox(host="127.0.0.1", port=0, clock=clock, sendgrid_api_key=API_KEY)
    background.run(inbox.start())
    yield Place(cloud, clock, inbox)
    background.run(inbox.stop())


def test_an_email_that_the_logs_prove_absent_is_sent_again(place: Place) -> None:
    user = place.unknown(accepted=False)
    record = place.cloud.delivery_of(user)
    assert record["handed_over"] == {"recipients": [address_hash(f"{user}@example.com")], "key": "test"}
    assert place.attempt(user, 2).details == {"cause": "settling"}
    settles_at = record["lease_expires_at"] + 30 * MINUTE
    name = task_id(place.cloud.delivery(user).id, "settling1-1")
    assert place.waits == [Wait(settles_at, name)]
    # Nothing is written for that, and no one is told.
    assert place.cloud.delivery_of(user) == record
    place.settle()
    assert place.attempt(user).result == "sent"
    assert place.mails(user) == 1
    again = place.cloud.delivery_of(user)
    assert again["absence"]["accepted_before"] < record["lease_expires_at"] - LEASE
    assert settles_at < again["absence"]["accepted_after"] <= again["absence"]["searched_at"]
    # What is said of one email is not said of two.
    assert (again["handed_over"], again["may_have_been_sent"]) == (None, True)
    assert not place.letters.kept


def test_a_task_that_comes_too_early_stays_in_its_queue(place: Place) -> None:
    user = place.unknown(accepted=False)
    place.attempt(user, 2)
    [wait] = place.waits
    # It has the name of the one that it would make.
    assert place.attempt(user, name=wait.task_name).status == HTTPStatus.INTERNAL_SERVER_ERROR
    place.settle()
    assert place.attempt(user, 2, name=wait.task_name).result == "sent"


def test_an_email_that_the_search_misses_is_no_proof_of_its_own_absence(place: Place) -> None:
    async def overlooked(call: Call, carry_on: Callable[[], Awaitable[Answer]]) -> Answer:
        return Answer(status=200, body=b'{"messages": []}') if b"to_email" in call.body else await carry_on()

    before, user = place.cloud.user(), place.cloud.user()
    assert place.attempt(before).result == "sent"
    place.clock.advance(MINUTE)
    place.lose(accepted=True)
    place.attempt(user)
    place.inbox.fault = overlooked
    place.clock.advance(32 * MINUTE)
    assert place.attempt(user, 2).details == {"cause": "settling"}
    assert place.mails(user) == 1


@pytest.mark.parametrize("later", [timedelta(0), 3 * MINUTE, 30 * MINUTE], ids=["same-second", "minutes", "settling"])
def test_logs_that_stopped_before_the_settling_time_was_over_prove_nothing(place: Place, later: timedelta) -> None:
    before, user, last = place.cloud.user(), place.cloud.user(), place.cloud.user()
    assert place.attempt(before).result == "sent"
    place.clock.advance(MINUTE + timedelta(milliseconds=500))
    place.lose(accepted=True)
    place.attempt(user)
    place.inbox.fault = None
    # The last that the logs show; they stopped before they had the email.
    place.clock.advance(later)
    assert place.attempt(last).result == "sent"

    async def stopped(call: Call, carry_on: Callable[[], Awaitable[Answer]]) -> Answer:
        return Answer(status=200, body=b'{"messages": []}') if b"to_email" in call.body else await carry_on()

    place.inbox.fault = stopped
    answers = []
    place.clock.advance(LEASE + 30 * MINUTE - later)
    for _ in range(4):
        answers.append(place.attempt(user).details)
        place.clock.advance(30 * MINUTE)
    assert [answer.get("cause") or answer["reason"] for answer in answers] == [*["settling"] * 3, "unknown-outcome"]
    assert place.mails(user) == 1
    assert "show no report that was accepted after the settling time" in place.letters.kept[0].error


def test_logs_that_begin_to_work_after_the_search_prove_nothing(place: Place) -> None:
    user = place.unknown(accepted=True)
    place.clock.advance(32 * MINUTE)
    assert place.attempt(place.cloud.user()).result == "sent"
    place.clock.advance(2 * MINUTE)
    searches = 0

    async def begins(call: Call, carry_on: Callable[[], Awaitable[Answer]]) -> Answer:
        nonlocal searches
        searches += 1
        return Answer(status=200, body=b'{"messages": []}') if searches == 1 else await carry_on()

    place.inbox.fault = begins
    place.attempt(user, 2)
    place.clock.advance(32 * MINUTE)
    place.attempt(user, 3)
    assert searches > 1
    assert place.mails(user) == 1


def test_it_is_sent_again_once(place: Place) -> None:
    user = place.unknown(accepted=False)
    place.settle()
    place.lose(accepted=False)
    assert place.attempt(user).details == {"cause": "unknown-outcome"}
    place.clock.advance(40 * MINUTE)
    assert place.attempt(user, 2).details["reason"] == "unknown-outcome"
    [letter] = place.letters.kept
    assert "it was sent again at" in letter.error
    assert not place.mails(user)


def test_an_email_that_the_logs_show_late_is_not(place: Place) -> None:
    place.inbox.logs_delay.usual = 25 * MINUTE
    user = place.unknown(accepted=True)
    assert place.attempt(user, 2).details == {"cause": "settling"}
    place.clock.advance(30 * MINUTE)
    assert place.attempt(user).result == "sent"
    assert place.mails(user) == 1
    assert "absence" not in place.cloud.delivery_of(user)


def test_what_the_logs_cannot_prove_is_looked_for_again_and_then_for_a_person(place: Place) -> None:
    # Nothing shows that SendGrid has taken an email since.
    place.inbox.logs_delay.usual = timedelta(days=1)
    user = place.unknown(accepted=False)
    place.clock.advance(30 * MINUTE)
    place.inbox.logs_delay.usual = 32 * MINUTE
    answers = []
    for _ in range(4):
        answers.append(place.attempt(user))
        place.clock.advance(30 * MINUTE)
        place.inbox.logs_delay.usual += 30 * MINUTE
    assert [answer.details.get("cause") or answer.details["reason"] for answer in answers] == [
        *["settling"] * 3,
        "unknown-outcome",
    ]
    assert len({wait.task_name for wait in place.waits}) == 3
    assert "show no report that was accepted after the settling time" in place.letters.kept[0].error


def test_the_queues_last_attempt_gives_nothing_up(place: Place) -> None:
    user = place.unknown(accepted=False, number=MAX_ATTEMPTS)
    assert place.cloud.delivery_of(user)["state"] == "sending"
    assert not place.letters.kept
    place.settle()
    assert place.attempt(user).result == "sent"


def test_nor_does_one_that_fails_unforeseen(place: Place) -> None:
    def fails(_delivery_id: str) -> None:
        raise RuntimeError("unforeseen")

    user = place.unknown(accepted=False)
    assert place.attempt(user, MAX_ATTEMPTS, mail_record=fails).details == {"cause": "internal-error"}
    assert place.cloud.delivery_of(user)["state"] == "sending"
    assert not place.letters.kept


@pytest.mark.parametrize("change", ["address", "key", "sandbox", "restore", "choice"])
def test_what_the_logs_would_not_show_is_for_a_person(place: Place, change: str) -> None:
    user = place.unknown(accepted=False, **({"sandbox": True} if change == "sandbox" else {}))
    record = place.cloud.delivery_of(user)
    assert ("handed_over" in record) is (change != "sandbox")
    place.settle()
    match change:
        case "address":
            place.cloud.users.document(user).update({"email": "new@example.com"})
        case "key":
            place.cloud.delivery(user).update({"handed_over.key": "older"})
        case "restore":
            place.restored_at = place.clock.now()
        case "choice":
            place.choice = OnUnknownOutcome.DEAD_LETTER
    place.clock.advance(32 * MINUTE)
    assert place.attempt(user, 2).details["reason"] == "unknown-outcome"
    assert not place.waits
    assert not place.mails(user)
    assert place.cloud.subscription_of(user)["next_report_at"] > DUE
