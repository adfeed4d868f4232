"""A task whose kind is paused: it ends, and leaves everything as it is."""

from datetime import UTC, datetime
from typing import Any

from functions.shared.records.kind_pauses import NOTICED_WITHIN
from functions.shared.records.mail_event import MailEvent, MailRecord, MailStatus
from functions.worker.paused_kinds import PausedKinds
from functions.worker.task_answer import TaskAnswer
from operations.kinds.kind_pausing import KindPausing
from report_kit.in_memory_user_data import InMemoryUserData
from report_kit.user_data import UserData
from tests.functions.worker.integration.conftest import (
    DUE,
    HOUR,
    Cloud,
    Letters,
    an_attempt,
    builder,
    in_this_process,
    task,
)


class Worker:
    """A worker in this process, with a clock for what it keeps."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud, self.letters, self.seconds = cloud, Letters(), 0.0
        self.kinds = KindPausing(cloud.door)
        self.is_paused = PausedKinds(self.kinds.pauses, clock=lambda: self.seconds)

    def attempt(self, user: str, *, last: bool = False, **parts: Any) -> TaskAnswer:
        send_report = in_this_process(self.cloud, self.letters, is_paused=self.is_paused, **parts)
        return send_report(task(user), an_attempt(3 if last else 2, last=last))


def test_a_task_of_a_paused_kind_ends_and_writes_nothing_also_on_its_last_attempt(cloud: Cloud) -> None:
    worker = Worker(cloud)
    new, tried = cloud.user(subscription={"skip_empty": False}), cloud.user()
    cloud.put_delivery(tried, state="pending", attempts=1, last_error="the template is broken")
    before = [cloud.subscription_of(new), cloud.subscription_of(tried), cloud.delivery_of(tried)]
    worker.kinds.pause("activity", by="ada", now=datetime.now(UTC))

    answers = [worker.attempt(new), worker.attempt(tried, last=True)]

    assert [(each.status, each.result, each.details) for each in answers] == [
        (200, "held", {"cause": "kind-paused"}),
        (200, "held", {"cause": "kind-paused"}),
    ]
    assert [cloud.subscription_of(new), cloud.subscription_of(tried), cloud.delivery_of(tried)] == before
    assert (cloud.delivery_of(new), worker.letters.kept, cloud.mails_to(new)) == (None, [], [])

    worker.kinds.resume("activity", by="ada", now=datetime.now(UTC))
    assert worker.attempt(new).result == "held"
    worker.seconds += NOTICED_WITHIN.total_seconds()
    assert worker.attempt(new).result == "sent"
    assert len(cloud.mails_to(new)) == 1


def test_a_report_whose_kind_is_paused_while_it_is_built_waits(cloud: Cloud) -> None:
    worker, user = Worker(cloud), cloud.user(subscription={"skip_empty": False})

    def slow(_user: str, _seconds: float) -> UserData:
        worker.kinds.pause("activity", by="ada", now=datetime.now(UTC))
        worker.seconds += 25
        return InMemoryUserData({})

    assert worker.attempt(user, builder=builder(slow)).details == {"cause": "kind-paused"}
    assert worker.attempt(user).result == "held"
    assert cloud.mails_to(user) == []
    worker.kinds.resume("activity", by="ada", now=datetime.now(UTC))
    worker.seconds += NOTICED_WITHIN.total_seconds()
    assert worker.attempt(user).result == "sent"


def test_what_may_have_been_sent_is_settled_and_what_is_not_to_be_sent_is_skipped(cloud: Cloud) -> None:
    worker = Worker(cloud)
    worker.kinds.pause("activity", by="ada", now=datetime.now(UTC))
    sent, inactive = cloud.user(), cloud.user(active=False)
    period: dict[str, Any] = {"period_start": DUE - HOUR, "period_end": DUE}
    cloud.put_delivery(sent, state="sending", lease_expires_at=DUE, owner="another worker", **period)

    def reported(delivery_id: str) -> MailRecord:
        event = MailEvent(delivery_id=delivery_id, recipient="r", status=MailStatus.DELIVERED, at=datetime.now(UTC))
        return MailRecord(id=delivery_id, user_id=sent, subscription_id="default").folded([event])

    assert worker.attempt(sent, mail_record=reported).result == "sent"
    assert worker.attempt(inactive).result == "skipped"
    worker.kinds.resume("activity", by="ada", now=datetime.now(UTC))
    assert cloud.subscription_of(sent)["reported_until"] == DUE


def test_a_worker_reads_the_pauses_once_in_ten_seconds_for_all_its_tasks(cloud: Cloud) -> None:
    worker = Worker(cloud)
    cloud.firestore.usage.reset()
    for second in (0.0, 1.0, 9.9):
        worker.seconds = second
        assert not worker.is_paused("activity")
    assert cloud.firestore.usage.reads == 1
