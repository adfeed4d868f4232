"""Making the requests of an email again."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from functions.shared.firestore.delivery_store import TaskDocuments
from functions.shared.records.delivery import Delivery, DeliveryState
from functions.shared.records.ids import delivery_id
from functions.shared.records.report_task import ReportTask
from functions.shared.records.stored_request import KeptRequest
from functions.worker.attempt import Attempt
from functions.worker.destinations.email.model import Mail, MailRecipient
from functions.worker.destinations.outcome import Accepted, Outcome
from functions.worker.destinations.repeatable_sending import RepeatableSending
from functions.worker.repeating import MadeRequests, Repeating
from functions.worker.task_delivery import TaskDelivery

NOW = datetime(2026, 11, 24, 13, tzinfo=UTC)
ID = delivery_id("u1", "default", NOW)
TASK = ReportTask(
    user_id="u1", subscription_id="default", delivery_id=ID, due_at=NOW, run_id="20261124T1300Z", kind="activity"
)
ADDRESSES = ("ada@example.com", "copy@example.com")
MAIL = Mail(
    recipients=[MailRecipient(address=address) for address in ADDRESSES], subject="s", text="t", html="h", arguments={}
)


class Sending(RepeatableSending):
    """A provider with keys, whose requests are the email's text."""

    keys_hold = timedelta(hours=24)
    same_bytes = True

    def requests(self, mail: Mail) -> Sequence[KeptRequest]:
        return [KeptRequest(address=each.address, content=mail.text.encode()) for each in mail.recipients]

    def send_requests(self, requests: Mapping[str, KeptRequest], *, seconds: float) -> Outcome:
        return Accepted(message_id=f"{len(requests)}")


SENDING_AGAIN = Sending()


def repeating(*, has_keys: bool = True, provider: str = "p", now: datetime = NOW) -> Repeating:
    return Repeating(SENDING_AGAIN if has_keys else None, provider=provider, now=lambda: now)


def work(delivery: Delivery | None = None) -> TaskDelivery:
    attempt = Attempt(number=1, task_name="t", last=False, started_at=NOW)
    documents = TaskDocuments(delivery=delivery, user=None, subscription=None)
    return TaskDelivery(TASK, attempt, "owner").with_documents(documents, now=NOW)


def first(**given: Delivery | None) -> MadeRequests:
    made = repeating().first(work(**given), MAIL)
    assert made is not None
    return made


SENDING = Delivery(id=ID, state=DeliveryState.SENDING, request=first().stored, version=NOW)


def test_without_keys_there_are_no_requests_to_repeat() -> None:
    assert repeating(has_keys=False).first(work(), MAIL) is None
    assert repeating(has_keys=False).stored_in(SENDING) is None


def test_each_request_of_a_mail_has_a_key_of_its_own() -> None:
    made = first()
    assert not made.is_repeat
    assert list(made.by_key(made.requests)) == [f"{made.stored.key}/1", f"{made.stored.key}/2"]
    # The key of a request is the same when another one is left out.
    assert list(made.by_key(made.requests[1:])) == [f"{made.stored.key}/2"]


def test_a_replay_and_requests_that_were_refused_before_have_keys_of_their_own() -> None:
    pending = Delivery(id=ID, state=DeliveryState.PENDING, version=NOW)
    found = (None, pending._replace(attempts=1), pending._replace(task="replay1"), pending._replace(task="replay2"))
    assert len({first(delivery=delivery).stored.key for delivery in found}) == 4


def test_the_stored_requests_are_made_again_although_the_report_is_another_by_now() -> None:
    stored = repeating().stored_in(SENDING)
    assert stored is not None
    made = repeating().again(stored, replace(MAIL, text="another"))
    assert made == first()._replace(is_repeat=True)


@pytest.mark.parametrize(
    "found",
    [
        None,
        SENDING._replace(request=None),
        # Given back: nothing was accepted.
        SENDING._replace(state=DeliveryState.PENDING),
    ],
)
def test_there_may_be_nothing_to_repeat(found: Delivery | None) -> None:
    assert repeating().stored_in(found) is None


def test_a_key_that_the_provider_may_have_forgotten_or_never_knew_is_of_no_use() -> None:
    assert repeating(now=NOW + timedelta(hours=22, minutes=59)).stored_in(SENDING)
    assert repeating(now=NOW + timedelta(hours=23)).stored_in(SENDING) is None
    assert repeating(provider="another").stored_in(SENDING) is None


def test_requests_that_were_too_large_to_keep_are_repeated_when_the_report_is_the_same() -> None:
    stored = first().stored._replace(packed=None)
    assert repeating().again(stored) is None
    made = repeating().again(stored, MAIL)
    assert made is not None
    assert made.is_repeat
    assert [each.content for each in made.requests] == [b"t", b"t"]
    assert repeating().again(stored, replace(MAIL, text="another")) is None
