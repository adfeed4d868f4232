"""What is found out about an unknown outcome, and what becomes of it by that."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from functions.shared.records.delivery import Delivery, DeliveryState
from functions.shared.records.ids import delivery_id
from functions.shared.records.mail_event import MailEvent, MailRecord, MailStatus
from functions.shared.records.report_task import ReportTask
from functions.shared.records.subscription import Subscription
from functions.shared.records.user import User
from functions.shared.settings import OnUnknownOutcome
from functions.worker.attempt import Attempt
from functions.worker.destinations.email.delivery_lookup import (
    LookupAnswer,
    LookupUnavailable,
    MailFound,
    MailNotFound,
    Neighbors,
    WantedMail,
)
from functions.worker.destinations.outcome import Accepted, Outcome, Unavailable, Unclear
from functions.worker.outcome_inquiry import (
    RECORDED_WITHIN,
    OutcomeInquiry,
    StillUnknown,
    after_lookup,
    wanted_mail,
)
from functions.worker.task_delivery import TaskDelivery
from functions.worker.time_budget import LEASE, LOOKUP_SECONDS
from functions.worker.transitions import Retry, Sent
from tests.functions.worker.unit import samples

OVER = datetime(2026, 11, 24, 13, tzinfo=UTC)
EARLY = OVER + timedelta(minutes=1)
LATE = OVER + RECORDED_WITHIN

PASSING = LookupUnavailable(error="busy", lasting=False)
LASTING = LookupUnavailable(error="refused", lasting=True)
SENDING = Delivery(id="d", state=DeliveryState.SENDING, version=OVER, due_at=OVER, lease_expires_at=OVER)
WANTED = WantedMail(delivery_id="d", addresses=["ada@example.com"], claimed_at=OVER, category="activity")


@pytest.mark.parametrize("last_attempt", [True, False])
@pytest.mark.parametrize("now", [EARLY, LATE])
def test_a_mail_that_the_provider_has_was_sent(now: datetime, last_attempt: bool) -> None:
    answer = MailFound(message_id="m")
    decided = after_lookup(answer, SENDING, now=now, last_attempt=last_attempt, taker="p")
    assert isinstance(decided, Sent)
    assert decided.message_id == "m"


@pytest.mark.parametrize("answer", [MailNotFound(), PASSING])
def test_what_may_still_appear_is_waited_for(answer: LookupAnswer) -> None:
    decided = after_lookup(answer, SENDING, now=EARLY, last_attempt=False, taker="p")
    # 500: this one failed. Anything else would slow the whole queue down, or be the end of the task.
    assert isinstance(decided, Retry)
    assert (decided.status, decided.cause, decided.retry_after_seconds) == (500, "unknown-outcome", None)


@pytest.mark.parametrize(
    ("answer", "now", "last_attempt", "expired_at"),
    [
        pytest.param(MailNotFound(), LATE, False, OVER, id="it had the time"),
        pytest.param(MailNotFound(), EARLY, True, OVER, id="the queue calls no more"),
        pytest.param(MailNotFound(), EARLY, False, None, id="since when is not known"),
        pytest.param(PASSING, LATE, False, OVER, id="no answer in all the time"),
        pytest.param(PASSING, EARLY, True, OVER, id="no answer on the last attempt"),
        pytest.param(LASTING, EARLY, False, OVER, id="there will be no answer"),
    ],
)
def test_otherwise_it_stays_unknown(
    answer: LookupAnswer, now: datetime, last_attempt: bool, expired_at: datetime | None
) -> None:
    decided = after_lookup(
        answer, SENDING._replace(lease_expires_at=expired_at), now=now, last_attempt=last_attempt, taker="p"
    )
    assert isinstance(decided, StillUnknown)
    assert (answer.error if isinstance(answer, LookupUnavailable) else "no record") in decided.note


@pytest.mark.parametrize("last_attempt", [True, False])
@pytest.mark.parametrize(
    ("answer", "now", "waits"),
    [
        pytest.param(MailNotFound(), EARLY, True, id="it may still appear"),
        pytest.param(MailNotFound(), LATE, False, id="it had the time"),
        pytest.param(PASSING, LATE, True, id="the provider answers too few questions"),
        pytest.param(LASTING, EARLY, False, id="there will be no answer"),
    ],
)
def test_after_a_restore_the_tasks_of_later_runs_go_on_asking(
    answer: LookupAnswer, now: datetime, last_attempt: bool, waits: bool
) -> None:
    decided = after_lookup(answer, SENDING.restored(OVER), now=now, last_attempt=last_attempt, taker="p")
    assert isinstance(decided, Retry if waits else StillUnknown)


@dataclass
class Records:
    """The provider's records, which remember what they were asked."""

    answer: LookupAnswer
    asked: int = 0
    key_id: str = "k"
    keeps: timedelta = timedelta(days=30)

    def neighbors(self, wanted: WantedMail, *, after: datetime, seconds: float) -> Neighbors:
        raise AssertionError

    def find(self, wanted: WantedMail, *, seconds: float) -> LookupAnswer:
        assert wanted == WANTED
        assert 0 < seconds <= LOOKUP_SECONDS
        self.asked += 1
        return self.answer


def record(*statuses: MailStatus) -> MailRecord:
    events = [MailEvent(delivery_id="d", recipient="r", status=status, at=OVER) for status in statuses]
    return MailRecord(id="d", user_id="u", subscription_id="default").folded(events)


def asking(found: MailRecord | None, records: Records | None) -> OutcomeInquiry:
    return OutcomeInquiry(lambda _id: found, records, OnUnknownOutcome.DEAD_LETTER, taker="the email provider")


@pytest.mark.parametrize("status", MailStatus)
def test_any_event_settles_it_and_nothing_else_is_asked(status: MailStatus) -> None:
    records = Records(MailNotFound())
    assert asking(record(status), records).ask(WANTED) == MailFound(message_id="")
    assert records.asked == 0


@pytest.mark.parametrize("found", [None, record()], ids=["no record", "a record that says nothing"])
@pytest.mark.parametrize("answer", [MailFound(message_id="m"), MailNotFound(), PASSING, LASTING])
def test_without_an_event_the_provider_is_asked(found: MailRecord | None, answer: LookupAnswer) -> None:
    records = Records(answer)
    assert asking(found, records).ask(WANTED) == answer
    assert records.asked == 1


def test_a_provider_that_is_not_to_be_asked() -> None:
    answer = asking(None, None).ask(WANTED)
    assert isinstance(answer, LookupUnavailable)
    assert answer.lasting


@pytest.mark.parametrize(
    ("outcome", "answer", "cleared_up"),
    [
        (Unclear(error="e"), MailFound(message_id="m"), Accepted(message_id="m")),
        (Unclear(error="e"), MailNotFound(), Unclear(error="e")),
        (Unclear(error="e"), LASTING, Unclear(error="e")),
        (Unavailable(error="e"), MailFound(message_id="m"), Unavailable(error="e")),
    ],
)
def test_the_last_attempt_asks_only_where_its_own_outcome_is_unclear(
    outcome: Outcome, answer: LookupAnswer, cleared_up: Outcome
) -> None:
    assert asking(None, Records(answer)).clear_up(outcome, WANTED) == cleared_up


def work(
    user: User | None, subscription: Subscription | None, lease_expires_at: datetime | None = OVER
) -> TaskDelivery:
    task = ReportTask(
        user_id="u",
        subscription_id="default",
        delivery_id=delivery_id("u", "default", OVER),
        due_at=OVER,
        run_id="20261124T1300Z",
        kind="usage",
    )
    attempt = Attempt(number=1, task_name="t", last=False, started_at=OVER)
    return TaskDelivery(
        task=task,
        attempt=attempt,
        owner="o",
        delivery=SENDING._replace(lease_expires_at=lease_expires_at),
        user=user,
        subscription=subscription,
    )


def test_the_wanted_mail_is_the_deliverys_since_its_claim() -> None:
    wanted = wanted_mail(work(samples.user(), samples.subscription(), OVER + LEASE))
    assert wanted.delivery_id == "u:default:20261124T1300Z"
    assert (wanted.claimed_at, wanted.category) == (OVER, "usage")
    # Without a lease: since it was due.
    assert wanted_mail(work(None, None, None)).claimed_at == OVER


@pytest.mark.parametrize(
    ("to", "cc", "addresses"),
    [
        ([], [], ["ada@example.com"]),
        ([], ["c@example.com"], ["ada@example.com", "c@example.com"]),
        (["a@example.com", "b@example.com"], ["c@example.com"], ["a@example.com", "b@example.com", "c@example.com"]),
    ],
)
def test_it_is_wanted_by_those_whom_the_mail_would_have(to: list[str], cc: list[str], addresses: list[str]) -> None:
    subscription = samples.subscription(to=to, cc=cc)
    assert wanted_mail(work(samples.user(), subscription)).addresses == addresses


def test_a_mail_is_searched_for_although_the_reports_go_elsewhere_by_now() -> None:
    chat = {"destination": "slack", "channel": "C024BE91L", "secret": "slack"}
    subscription = samples.subscription(deliver=chat, cc=["c@example.com"])
    assert not subscription.is_emailed
    assert wanted_mail(work(samples.user(), subscription)).addresses == ["ada@example.com", "c@example.com"]


def test_a_user_or_subscription_that_is_gone() -> None:
    listed = samples.subscription(to=["a@example.com"])
    assert wanted_mail(work(None, listed)).addresses == ["a@example.com"]
    assert wanted_mail(work(samples.user(), None)).addresses == ["ada@example.com"]
    assert wanted_mail(work(None, samples.subscription())).addresses == []
