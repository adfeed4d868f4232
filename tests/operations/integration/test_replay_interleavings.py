"""Operators who replay, workers who send, fail and die, a DLQ handler, and the email's events, in any order and killed
anywhere.

The writes of deliveries and dead letters, and the replay, are the real ones, over Firestore's and Cloud Tasks'
own clients; what is made up here is only who does what when.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from functions.dlq_handler.alerting.alert_links import AlertLinks
from functions.dlq_handler.handle_message import MessageHandler
from functions.dlq_handler.intake.pubsub_message import PubSubMessage
from functions.shared.firestore.delivery_store import DeliveryChanged, DeliveryStore, Occasion, TaskDocuments
from functions.shared.firestore.letter_store import LetterStore
from functions.shared.firestore.unknown_outcome import is_settled_by_event, settle
from functions.shared.queues.task_queue import cloud_tasks_client
from functions.shared.records.address_hash import address_hash
from functions.shared.records.dead_letter import DeadLetter, DeadLetterReason
from functions.shared.records.delivery import Delivery, DeliveryFailure
from functions.shared.records.delivery_table import Claimed, Event, GivenUp, Published, Refused, Sent
from functions.shared.records.mail_event import MailEvent, MailRecord, MailStatus
from functions.shared.records.report_task import ReportTask
from functions.shared.records.subscription import SubscriptionDefaults
from functions.shared.times.period import Period
from functions.shared.times.schedule import Cadence
from functions.worker.attempt import Attempt
from functions.worker.time_budget import LEASE
from functions.worker.transitions import NextStep, next_step
from operations.dead_letters.replay import PreparedReplay, Replay
from operations.dead_letters.replay_decision import ReplayStep
from operations.session import Session
from tests.operations.integration.conftest import DUE, Project
from tests.seeding import as_found

DEFAULTS = SubscriptionDefaults("activity", Cadence.HOURLY)
PERIOD = Period(start=DUE - timedelta(hours=1), end=DUE)


@dataclass
class Worker:
    """One that has claimed the delivery for a task, and not yet sent."""

    task_name: str
    task: ReportTask
    claim: Delivery
    owner: str


class Interleavings(RuleBasedStateMachine):
    """One report that has become a dead letter."""

    project: Project
    number = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).number += 1
        self.user = f"u{self.number}"
        # Far ahead of the wall clock, by which the DLQ handler stores: only the order of moments matters.
        self.now = datetime.now(DUE.tzinfo) + timedelta(minutes=1)
        self.letter = self.project.dead_letter(self.user)
        self.deliveries = DeliveryStore(self.project.door, DEFAULTS)
        self.handler = MessageHandler(self.project.door, [], audiences={}, links=AlertLinks(), now=lambda: self.now)
        self.letters = LetterStore(self.project.door)
        self.has_event = False
        queue_of = Session(None).queue_of
        self.replay = Replay(database=self.project.door, queue_of=queue_of, now=lambda: self.now)
        self.begun: list[PreparedReplay] = []
        self.enqueued: list[PreparedReplay] = []
        self.workers: list[Worker] = []
        self.giving_up: list[tuple[Worker, Delivery, DeliveryFailure]] = []
        self.messages: list[DeadLetter] = []
        self.mails = 0
        self.mails_of_unknown_outcome = 0
        self.risks_taken = 0
        self.owners = 0
        self.replays = 0
        self.known_tasks: dict[str, ReportTask] | None = None
        self.somebody_died = False

    def teardown(self) -> None:
        """Everything comes to its end when nothing goes wrong any more: the report is sent, once."""
        self.giving_up.clear()
        for _ in range(4):
            self.now += 2 * LEASE
            self.workers.clear()
            while self.messages:
                self.message_arrives(0)
            self.operator_risks_a_second_mail()
            for name in list(self.tasks()):
                self.work(name)
                while self.workers:
                    self.worker_sends(0)
        try:
            assert self.project.delivery(self.letter)["state"] == "sent"  # type: ignore[index]
            assert self.project.letter(self.letter)["state"] in (
                {"replayed", "settled"} if self.has_event else {"replayed"}
            )
            # One more email for each unknown outcome that an operator had sent again.
            assert 1 <= self.mails <= 1 + min(self.mails_of_unknown_outcome, self.risks_taken)
        finally:
            for name in list(self.tasks()):
                self.end_task(name)

    # The operators.

    # Bounded, so that the others have their turn.
    @precondition(lambda self: self.replays < 12 and len(self.begun) + len(self.enqueued) < 3)
    @rule(may_send_twice=st.booleans())
    def operator_begins(self, may_send_twice: bool) -> None:
        self.replays += 1
        prepared = self.replay.prepare(self.letter, may_send_twice=may_send_twice)
        assert prepared is not None
        if may_send_twice and prepared.decision.step in {ReplayStep.REVIVE, ReplayStep.RESUME}:
            self.risks_taken += 1
        if prepared.decision.step is ReplayStep.CLOSE:
            self.enqueued.append(prepared)
        elif prepared.decision.step is not ReplayStep.STOP:
            self.begun.append(prepared)

    @precondition(lambda self: self.begun)
    @rule(which=st.integers(0, 9))
    def operator_enqueues(self, which: int) -> None:
        prepared = self.begun.pop(which % len(self.begun))
        self.known_tasks = None
        if self.replay.enqueue(prepared):
            self.enqueued.append(prepared)

    @precondition(lambda self: self.enqueued)
    @rule(which=st.integers(0, 9))
    def operator_concludes(self, which: int) -> None:
        self.replay.conclude(self.enqueued.pop(which % len(self.enqueued)))

    # The workers.

    @precondition(lambda self: self.tasks())
    @rule(which=st.integers(0, 9))
    def worker_takes_a_task(self, which: int) -> None:
        names = list(self.tasks())
        self.work(names[which % len(names)])

    @precondition(lambda self: not self.workers and self.tasks())
    @rule(which=st.integers(0, 9))
    def task_ends_without_a_trace(self, which: int) -> None:
        names = list(self.tasks())
        self.end_task(names[which % len(names)])

    @precondition(lambda self: self.workers)
    @rule(which=st.integers(0, 9))
    def worker_sends(self, which: int) -> None:
        worker = self.workers.pop(which % len(self.workers))
        if not worker.claim.outlasts(0, now=self.now):
            return
        self.mails += 1
        self.settle(worker.task, worker.claim, Sent("m", worker.owner))
        self.end_task(worker.task_name)

    @precondition(lambda self: self.workers)
    @rule(which=st.integers(0, 9))
    def worker_dies_after_sending(self, which: int) -> None:
        worker = self.workers.pop(which % len(self.workers))
        if worker.claim.outlasts(0, now=self.now):
            self.mails += 1
            self.mails_of_unknown_outcome += 1
            self.somebody_died = True

    @precondition(lambda self: self.workers)
    @rule(which=st.integers(0, 9), last_attempt=st.booleans())
    def worker_dies_before_sending(self, which: int, last_attempt: bool) -> None:
        worker = self.workers.pop(which % len(self.workers))
        self.somebody_died = True
        if last_attempt:
            self.end_task(worker.task_name)

    @precondition(lambda self: self.workers)
    @rule(which=st.integers(0, 9))
    def worker_gives_up(self, which: int) -> None:
        worker = self.workers.pop(which % len(self.workers))
        if worker.claim.outlasts(0, now=self.now):
            hold, failure = self.hold(worker.task, worker.claim, worker.owner, DeadLetterReason.PERMANENT_ERROR)
            self.giving_up.append((worker, hold, failure))

    @precondition(lambda self: self.giving_up)
    @rule(which=st.integers(0, 9), dies=st.booleans())
    def worker_marks_the_delivery_dead(self, which: int, dies: bool) -> None:
        worker, hold, failure = self.giving_up.pop(which % len(self.giving_up))
        if not dies:
            self.publish(worker.task, failure)
            self.settle(worker.task, hold, Published(worker.owner))
            self.end_task(worker.task_name)

    @precondition(lambda self: self.giving_up)
    @rule(which=st.integers(0, 9))
    def worker_dies_after_it_has_told(self, which: int) -> None:
        worker, _, failure = self.giving_up.pop(which % len(self.giving_up))
        self.publish(worker.task, failure)

    @precondition(lambda self: self.workers)
    @rule(which=st.integers(0, 9))
    def worker_is_refused_and_tries_later(self, which: int) -> None:
        worker = self.workers.pop(which % len(self.workers))
        if worker.claim.outlasts(0, now=self.now):
            self.write(worker.task, worker.claim, Refused("not now"))

    @precondition(lambda self: self.somebody_died or len(self.workers) > 1)
    @rule()
    def leases_expire(self) -> None:
        self.now += LEASE + timedelta(seconds=1)
        self.somebody_died = False

    @precondition(lambda self: self.replays >= 12)
    @rule()
    def a_moment_passes(self) -> None:
        self.now += timedelta(milliseconds=1)

    # The email's events.

    @precondition(lambda self: self.mails and not self.has_event)
    @rule()
    def event_comes(self) -> None:
        self.has_event = True
        event = MailEvent(
            delivery_id=self.letter, recipient=address_hash("a@b.example"), status=MailStatus.PROCESSED, at=self.now
        )
        record = MailRecord(id=self.letter, user_id=self.user, subscription_id="default").folded([event])
        delivery = Delivery.from_snapshot(as_found(self.project.database.document(f"deliveries/{self.letter}").get()))
        if delivery and is_settled_by_event(delivery):
            settled = settle(self.letters, self.letter, record, now=self.now, tell=lambda _alert: None)
            assert settled.is_sent
        self.project.database.document(f"mail_events/{self.letter}").set(record.to_fields())

    # The DLQ handler.

    @precondition(lambda self: self.messages)
    @rule(which=st.integers(0, 9))
    def message_arrives(self, which: int) -> None:
        self.store(self.messages.pop(which % len(self.messages)))

    @precondition(lambda self: self.messages)
    @rule(which=st.integers(0, 9))
    def message_arrives_and_will_again(self, which: int) -> None:
        self.store(self.messages[which % len(self.messages)])

    # What they do.

    @property
    def attempt(self) -> Attempt:
        return Attempt(number=1, task_name="t", last=False, started_at=self.now)

    def tasks(self) -> dict[str, ReportTask]:
        """What the queue holds, by the names of the tasks: asked for again after a change alone, since preconditions
        look at it before every step."""
        if self.known_tasks is None:
            self.known_tasks = {
                task.name: ReportTask.from_json(task.http_request.body) for task in self.project.queued()
            }
        return self.known_tasks

    def end_task(self, name: str) -> None:
        if name in self.tasks():
            cloud_tasks_client().delete_task(name=name)
            self.known_tasks = None

    def work(self, name: str) -> None:
        """As the worker does: by the record, claim and be about to send, or judge what another has left."""
        self.now += timedelta(milliseconds=1)
        task = self.tasks()[name]
        record = self.deliveries.read(task).delivery
        self.owners += 1
        owner = f"{self.user}-{self.owners}"
        match next_step(record, now=self.now):
            case NextStep.SEND:
                claim = self.write(task, record, Claimed(owner, self.now + LEASE, "sendgrid"))
                self.workers.append(Worker(name, task, claim, owner))
            case NextStep.ALREADY_FINAL:
                self.end_task(name)
            case NextStep.INQUIRE:  # and no one knows
                hold, failure = self.hold(task, record, owner, DeadLetterReason.UNKNOWN_OUTCOME)
                self.publish(task, failure)
                self.settle(task, hold, Published(owner))
                self.end_task(name)
            case NextStep.FINISH_GIVING_UP:
                assert record is not None
                assert record.failure is not None
                failure = record.failure
                hold = self.write(task, record, GivenUp(owner, failure))
                self.publish(task, failure)
                self.settle(task, hold, Published(owner))
                self.end_task(name)
            case NextStep.IN_PROGRESS:
                pass

    def operator_risks_a_second_mail(self) -> None:
        prepared = self.replay.prepare(self.letter, may_send_twice=True)
        assert prepared is not None
        if prepared.decision.step in {ReplayStep.REVIVE, ReplayStep.RESUME}:
            self.risks_taken += 1
        self.replay(self.letter, may_send_twice=True)
        self.known_tasks = None

    def hold(
        self, task: ReportTask, held: Delivery | None, owner: str, reason: DeadLetterReason
    ) -> tuple[Delivery, DeliveryFailure]:
        self.now += timedelta(milliseconds=1)
        failure = DeliveryFailure(reason=reason, error="e", failed_at=self.now)
        return self.write(task, held, GivenUp(owner, failure)), failure

    def settle(self, task: ReportTask, held: Delivery, event: Event) -> None:
        try:
            self.write(task, held, event)
        except DeliveryChanged:
            assert not isinstance(event, Sent), "somebody took a live lease away"

    def write(self, task: ReportTask, before: Delivery | None, event: Event) -> Delivery:
        entry = self.attempt.entry(now=self.now)
        return self.deliveries.write(task, TaskDocuments(before), event, Occasion(self.now, PERIOD, entry))

    def publish(self, task: ReportTask, failure: DeliveryFailure) -> None:
        fields: dict[str, Any] = task.model_dump()
        letter = DeadLetter(
            **fields, reason=failure.reason, error=failure.error, attempts=1, failed_at=failure.failed_at
        )
        self.messages.append(letter)

    def store(self, letter: DeadLetter) -> None:
        message = PubSubMessage(data=letter.to_json(), attributes={}, message_id="1", published_at=letter.failed_at)
        self.handler.handle(message, now=self.now)


@pytest.mark.timeout(120)
@pytest.mark.thorough
def test_a_replayed_report_is_sent_once_in_whatever_order(project: Project) -> None:
    class OnThisProject(Interleavings):
        pass

    OnThisProject.project = project
    run_state_machine_as_test(
        OnThisProject,
        settings=settings(
            max_examples=30,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            # Each step is several calls: a failure is shown as it was found.
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )
