"""The promise, whatever happens in whatever order: sent once, lost never.

The worker, its delivery records, the dispatcher's and the DLQ handler's writes and the operators' replay are the real
ones, over Firestore's and Cloud Tasks' own clients. A call of the worker runs in a thread of its own, but never beside
another: it stops before everything that has an effect outside of it, and goes on, is failed or is killed there when its
turn comes. So any interleaving can be had, and be had again. Time is what the test says it is.
"""

import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from queue import SimpleQueue
from random import Random
from typing import Any, TypeVar

import pytest
from google.api_core.exceptions import PermissionDenied
from google.cloud import tasks_v2
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.rescue.dead_lettering import DeadLettering, LostReport, failure_of_lost
from functions.dispatcher.rescue.rescue_step import (
    LEAST_RESCUES,
    LOST_AFTER,
    is_lost,
    is_under_way,
)
from functions.dispatcher.run_counters import RunCounters
from functions.dlq_handler.intake.pubsub_message import PubSubMessage
from functions.dlq_handler.intake.received_dead_letter import read_dead_letter
from functions.dlq_handler.store.dead_letter_store import dead_letter_changes
from functions.shared.dead_letter_topic import DeadLetterTopic
from functions.shared.firestore.database import Database
from functions.shared.firestore.delivery_store import DeliveryStore, Move, Occasion, TaskDocuments
from functions.shared.firestore.outcomes import Outcomes
from functions.shared.outcome_topic import OutcomeTopic
from functions.shared.queues.task_queue import NewTask, TaskQueue, cloud_tasks_client
from functions.shared.records import delivery_table
from functions.shared.records.dead_letter import DeadLetter, DeadLetterReason, StoredDeadLetter
from functions.shared.records.delivery import Delivery, DeliveryState, SkipReason
from functions.shared.records.ids import run_id, task_id
from functions.shared.records.mail_event import MailEvent, MailRecord, MailStatus
from functions.shared.records.mark import resumed_fields
from functions.shared.records.outcome import Outcome as ToldOutcome
from functions.shared.records.report_task import ReportTask
from functions.shared.records.stored_request import KeptRequest
from functions.shared.records.subscription import PauseReason, Subscription, SubscriptionDefaults
from functions.shared.records.user import User, enrolled_fields
from functions.shared.settings import MailSettings, OnUnknownOutcome
from functions.shared.times.schedule import Cadence
from functions.worker import sending
from functions.worker.attempt import Attempt
from functions.worker.attempt_end import AttemptEnd
from functions.worker.copies import Copies
from functions.worker.destinations.email.delivery_lookup import (
    DeliveryLookup,
    LookupAnswer,
    LookupUnavailable,
    MailFound,
    MailNotFound,
    Neighbors,
    WantedMail,
)
from functions.worker.destinations.email.model import Mail
from functions.worker.destinations.outcome import (
    Accepted,
    NotAllowed,
    Outcome,
    Refused,
    Throttled,
    Unavailable,
    Unclear,
    Unsubscribed,
)
from functions.worker.destinations.repeatable_sending import RepeatableSending
from functions.worker.inactive_users import InactiveUsers
from functions.worker.key_alert import KeyAlert
from functions.worker.outcome_inquiry import OutcomeInquiry
from functions.worker.provider_outage import ProviderOutage
from functions.worker.repeating import Repeating
from functions.worker.report_builder import ReportBuilder
from functions.worker.routes import Route, Routes
from functions.worker.send_report import SendReport
from functions.worker.task_answer import TaskAnswer
from functions.worker.time_budget import LEASE
from functions.worker.time_limit import TimeLimit
from local_cloud.clock import Clock
from local_cloud.firestore.server import FirestoreEmulator
from local_cloud.tasks.server import TasksEmulator
from operations.dead_letters.replay import PreparedReplay, Replay
from operations.dead_letters.replay_decision import ReplayStep
from report_kit.in_memory_user_data import InMemoryUserData
from report_kit.user_data import UserData
from tests.firestore_client import client_of, database_of
from tests.seeding import as_found, seed, subscription_of, subscription_reference, user_reference
from tests.support import Background

T = TypeVar("T")

PROJECT = "model-project"
LOCATION = "us-central1"
QUEUE = f"projects/{PROJECT}/locations/{LOCATION}/queues/reports"
DUE = datetime(2026, 11, 24, 13, tzinfo=UTC)
HOUR = timedelta(hours=1)
DEFAULTS = SubscriptionDefaults(kind="activity", cadence=Cadence.HOURLY)
MAX_ATTEMPTS = 3
MOST_CALLS = 3
MOST_REPLAYS = 6
MOST_DAYS = 1


class Place(Enum):
    """Where a call of the worker stops: before what it is about to do."""

    READ = auto()
    BUILD = auto()
    CLAIM = auto()
    TRY_OUT = auto()
    SEND = auto()
    ASK = auto()
    RELEASE = auto()
    NOTE = auto()
    HOLD = auto()
    PUBLISH = auto()
    SETTLE = auto()
    TELL = auto()
    MOVE_ON = auto()
    PAUSE = auto()
    ANSWER = auto()
    END = auto()


class Order(Enum):
    """What a call is told when it has its turn."""

    GO_ON = auto()
    """At SEND: the email is accepted."""
    DIE = auto()
    FAIL = auto()
    """At BUILD and PUBLISH; at SEND and TRY_OUT: the provider is unavailable; at ASK: this time."""
    LOSE_ANSWER = auto()
    """At SEND and PUBLISH: the call has its effect, and its answer is lost."""
    LOSE_REQUEST = auto()
    """At SEND: the call has no effect, and its outcome is unknown. At ASK: what was accepted does not show yet."""
    REFUSE = auto()
    """At SEND, and at PUBLISH: for sure."""
    THROTTLE = auto()
    REFUSE_KEY = auto()
    """At SEND and ASK."""
    UNSUBSCRIBED = auto()


OUTCOMES: Mapping[Order, Outcome] = {
    Order.GO_ON: Accepted(message_id="m"),
    Order.FAIL: Unavailable(error="e"),
    Order.LOSE_ANSWER: Unclear(error="e"),
    Order.LOSE_REQUEST: Unclear(error="e"),
    Order.REFUSE: Refused(error="e"),
    Order.THROTTLE: Throttled(error="e", retry_after_seconds=1),
    Order.REFUSE_KEY: NotAllowed(error="e"),
    Order.UNSUBSCRIBED: Unsubscribed(),
}


USUAL_ORDERS = [*([Order.GO_ON] * 6), Order.DIE]
ORDERS = {
    Place.BUILD: [*USUAL_ORDERS, Order.FAIL],
    Place.SEND: [*OUTCOMES, *OUTCOMES, Order.LOSE_ANSWER, Order.LOSE_ANSWER, Order.THROTTLE, Order.DIE],
    Place.TRY_OUT: [*USUAL_ORDERS, Order.FAIL, Order.LOSE_REQUEST, Order.REFUSE],
    Place.PUBLISH: [*USUAL_ORDERS, Order.FAIL, Order.LOSE_ANSWER, Order.REFUSE],
    Place.TELL: [Order.GO_ON, Order.DIE],
    Place.ASK: [*USUAL_ORDERS, Order.FAIL, Order.LOSE_REQUEST, Order.REFUSE_KEY],
}
"""What may happen at a place, as often as it is likely."""


class Event(Enum):
    """What may happen next."""

    A_CALL_OF_THE_QUEUE = auto()
    A_TURN_OF_A_WORKER = auto()
    LEASES_RUN_OUT = auto()
    A_DAY_GOES_BY = auto()
    THE_USER_LEAVES_OR_PAUSES_OR_COMES_BACK = auto()
    THE_DISPATCHER_RUNS = auto()
    THE_DISPATCHER_GIVES_UP = auto()
    A_MAIL_EVENT_ARRIVES = auto()
    A_DEAD_LETTER_ARRIVES = auto()
    A_REPLAY_BEGINS = auto()
    A_REPLAY_MAKES_ITS_TASK = auto()
    A_REPLAY_CONCLUDES = auto()


class Killed(BaseException):
    """The process is gone. Nothing of the worker's catches this."""


class Call:
    """A call of the worker by the queue, which runs from stop to stop as it is told.

    Args:
        task: the task's name.
        attempt: the queue's call.
        carry_out: the work; it is given the call, to stop at.
    """

    def __init__(self, task: str, attempt: Attempt, carry_out: "Callable[[Call], TaskAnswer]") -> None:
        self.task = task
        self.attempt = attempt
        self.place = Place.READ
        self.holds_claim = False
        self.answer: TaskAnswer | None = None
        self.result: TaskAnswer | None = None
        self.failure: BaseException | None = None
        self._carry_out = carry_out
        self._places: SimpleQueue[Place] = SimpleQueue()
        self._orders: SimpleQueue[Order] = SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()
        self._wait()

    def stop(self, place: Place) -> Order:
        """Wait for an order; called by the call's own thread."""
        self._places.put(place)
        order = self._orders.get()
        if order is Order.DIE:
            raise Killed
        return order

    def go_on(self, order: Order) -> None:
        """Give it its turn; returns when it has stopped again."""
        self._orders.put(order)
        self._wait()

    def _wait(self) -> None:
        self.place = self._places.get(timeout=60)
        if self.failure is not None:
            raise self.failure

    def _run(self) -> None:
        try:
            self.answer = self._carry_out(self)
            self.stop(Place.ANSWER)
            self.result = self.answer
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001  raised again in the test's own thread
            self.failure = error
        finally:
            self._places.put(Place.END)


class SteppedStore(DeliveryStore):
    """The delivery store of a call that stops before each of its calls."""

    def __init__(self, database: Database, call: Call, outcomes: Outcomes | None) -> None:
        super().__init__(database, DEFAULTS, outcomes=outcomes)
        self._call = call

    def read(self, task: ReportTask, *, is_new: bool = False) -> TaskDocuments:
        self._call.stop(Place.READ)
        return super().read(task, is_new=is_new)

    def read_delivery(self, task: ReportTask) -> Delivery | None:
        self._call.stop(Place.READ)
        return super().read_delivery(task)

    def read_subscription(self, task: ReportTask, *, seconds: float = 10.0) -> Subscription | None:
        self._call.stop(Place.READ)
        return super().read_subscription(task, seconds=seconds)

    def write(
        self, task: ReportTask, documents: TaskDocuments, event: delivery_table.Event, on: Occasion, **arguments: Any
    ) -> Delivery:
        self._call.stop(WRITES.get(type(event), Place.SETTLE))
        written = super().write(task, documents, event, on, **arguments)
        if isinstance(event, delivery_table.Claimed):
            self._call.holds_claim = True
        elif not isinstance(event, delivery_table.Tried | delivery_table.Unclear):
            self._call.holds_claim = False
        return written

    def move(self, task: ReportTask, move: Move, **arguments: Any) -> bool:
        self._call.stop(Place.MOVE_ON)
        return super().move(task, move, **arguments)


WRITES: dict[type, Place] = {
    delivery_table.Claimed: Place.CLAIM,
    delivery_table.GivenUp: Place.HOLD,
    delivery_table.Tried: Place.NOTE,
    delivery_table.Refused: Place.RELEASE,
    delivery_table.Unclear: Place.RELEASE,
}
"""Where a call stops before a write; before any other one it settles."""


class SteppedInactiveUsers(InactiveUsers):
    """What pauses the subscriptions of inactive users, of a call that stops before that."""

    def __init__(self, database: Database, call: Call) -> None:
        super().__init__(database, DEFAULTS)
        self._call = call

    def pause(self, user_id: str, subscription_id: str, *, due_at: datetime, now: datetime) -> int:
        self._call.stop(Place.PAUSE)
        return super().pause(user_id, subscription_id, due_at=due_at, now=now)


@dataclass(frozen=True)
class GivenUp:
    """What the dispatcher has decided, and not yet carried out."""

    dead_lettering: DeadLettering
    report: LostReport


class Application(OutcomeTopic):
    """The team's application, which hears what became of which delivery; a call stops before it tells."""

    def __init__(self, heard: set[tuple[str, str]], call: Call | None) -> None:
        super().__init__(PROJECT, "report-outcomes", database="(default)")
        self.heard = heard
        self._call = call

    def publish(self, outcome: ToldOutcome) -> None:
        if self._call:
            self._call.stop(Place.TELL)
        self.heard.add((outcome.subject, outcome.type.rpartition(".")[2]))


class Topic(DeadLetterTopic):
    """The topic, of a test that keeps what is published."""

    def __init__(self, keep: Callable[[DeadLetter], None]) -> None:
        super().__init__(PROJECT, "dead-letters")
        self._keep = keep

    def publish(self, letter: DeadLetter, **_: Any) -> None:
        self._keep(letter)


class Writes:
    """Counts the calls of Firestore that may write: after them the test reads again what is stored."""

    _READS = frozenset({"BatchGetDocuments", "GetDocument", "RunQuery", "RunAggregationQuery"})

    def __init__(self) -> None:
        self.made = 0

    async def __call__(self, method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        self.made += method.rpartition("/")[2] not in self._READS
        return await carry_out()


class Life(RuleBasedStateMachine):
    """One report, from the run that it is due in to its end."""

    database: Any
    door: Database
    writes = Writes()
    on_unknown_outcome: OnUnknownOutcome
    has_keys = False
    tells = False
    number = 0

    def __init__(self) -> None:
        super().__init__()
        Life.number += 1
        self.user = f"u{Life.number}"
        self.due = DueSubscription(self.user, "default", DUE, "activity")
        self.delivery = self.due.delivery_id
        self.now = DUE + timedelta(seconds=1)
        self.queue = TaskQueue(
            project=PROJECT,
            location=LOCATION,
            queue="reports",
            url="https://worker.example/tasks/send-report",
            service_account="tasks@p.iam.gserviceaccount.com",
            audience="https://worker.example",
        )
        self.replay = Replay(
            database=self.door,
            queue_of=lambda _user: self.queue,
            now=self.tick,
            keeps_outcomes=self.tells,
        )
        self.outage = ProviderOutage(self.tick, wait=timedelta(seconds=5))
        self.attempts: dict[str, int] = {}
        self.tasks: list[str] = []
        self.calls: list[Call] = []
        self.turn: Call | None = None
        self.topic: list[DeadLetter] = []
        self.giving_up: list[GivenUp] = []
        self.begun: list[PreparedReplay] = []
        self.enqueued: list[PreparedReplay] = []
        self.replays = 0
        self.days = 0
        self.has_left = False
        # What the promise is judged by.
        self.heard: set[tuple[str, str]] = set()
        self.accepted = 0
        self.kept: dict[str, bytes] = {}
        """What the provider has taken, by the idempotency key."""
        self.built = 0
        self.may_be_unknown = not self.has_keys
        """Whether an outcome may stay unknown: without keys, or when they are of no use."""
        self.is_reported = False
        self.unknown = 0
        self.unknown_and_replayed = 0
        self.published: list[DeadLetterReason] = []
        self.is_stored = False
        self.told_by_dispatcher = False
        self.published_before_replay = 0
        self.final: DeliveryState | None = None
        self.is_skipped_for_user = False
        self.seen_next_report_at: datetime | None = DUE
        self.seen_writes = 0
        seed(self.database, self.user, next_report_at=DUE, reported_until=DUE - HOUR)
        self.look()

    @initialize(chance=st.randoms(use_true_random=True), can_ask=st.booleans())
    def it_falls_due(self, chance: Random, can_ask: bool) -> None:
        self.chance = chance
        self.can_ask = can_ask
        self.dispatch()

    @property
    def user_document(self) -> Any:
        return user_reference(self.database, self.user)

    @property
    def subscription_document(self) -> Any:
        return subscription_reference(self.database, self.user)

    @property
    def delivery_document(self) -> Any:
        return self.database.document("deliveries", self.delivery)

    @property
    def letter_document(self) -> Any:
        return self.database.document("dead_letters", self.delivery)

    def tick(self) -> datetime:
        """The present. No two moments are the same, as it is in life."""
        self.now += timedelta(milliseconds=1)
        return self.now

    @rule()
    def something_happens(self) -> None:
        event = self.choose(self.possible_events())
        match event:
            case Event.A_CALL_OF_THE_QUEUE:
                name = self.choose(self.tasks)
                made = self.attempts.get(name, 0)
                # One in four times the same attempt is delivered twice.
                self.call(name, max(1, made if self.choose(range(4)) == 0 else min(made + 1, MAX_ATTEMPTS)))
            case Event.A_TURN_OF_A_WORKER:
                # Mostly the same as before: others are to overtake one that was held up, by many turns.
                call = self.turn if self.turn in self.calls and self.choose(range(5)) else self.choose(self.calls)
                self.turn = call
                self.go_on(call, self.choose(ORDERS.get(call.place, USUAL_ORDERS)))
            case Event.LEASES_RUN_OUT:
                self.leases_run_out()
            case Event.A_DAY_GOES_BY:
                self.days += 1
                self.may_be_unknown = True
                self.kept.clear()
                self.leases_run_out()
                self.now += LOST_AFTER
            case Event.THE_USER_LEAVES_OR_PAUSES_OR_COMES_BACK:
                self.has_left = not self.has_left and self.choose(range(4)) == 0
                if self.has_left:
                    self.choose([self.user_document, self.subscription_document]).update({"active": False})
                else:
                    self.come_back()
            case Event.THE_DISPATCHER_RUNS:
                self.dispatch()
            case Event.THE_DISPATCHER_GIVES_UP:
                self.give_up()
            case Event.A_MAIL_EVENT_ARRIVES:
                self.is_reported = True
            case Event.A_DEAD_LETTER_ARRIVES:
                letter = self.choose(self.topic)
                self.store(letter)
                # One in four times it will once more.
                if self.choose(range(4)):
                    self.topic.remove(letter)
            case Event.A_REPLAY_BEGINS:
                self.begin_replay()
            case Event.A_REPLAY_MAKES_ITS_TASK:
                prepared = self.begun.pop()
                if self.replay.enqueue(prepared):
                    self.enqueued.append(prepared)
                self.look_at_the_queue()
            case Event.A_REPLAY_CONCLUDES:
                self.replay.conclude(self.enqueued.pop())

    def choose(self, among: Sequence[T]) -> T:
        """Choose by a chance that hypothesis has given, and can give again.

        Not one by one by hypothesis itself: its own choices repeat themselves, and leave rules out of an example, which
        finds small failures sooner. What is looked for here takes many different things after each other.
        """
        chosen = self.chance.choice(among)
        note(str(chosen.name if isinstance(chosen, Enum) else getattr(chosen, "task", chosen)))
        return chosen

    def possible_events(self) -> list[Event]:
        """What may happen next, each as often as it is likely."""
        is_open = self.final is None
        weights = {
            Event.A_CALL_OF_THE_QUEUE: 4 * (bool(self.tasks) and len(self.calls) < MOST_CALLS),
            Event.A_TURN_OF_A_WORKER: 10 * bool(self.calls),
            Event.LEASES_RUN_OUT: 2 * (bool(self.calls) or is_open),
            Event.A_DAY_GOES_BY: is_open and self.days < MOST_DAYS,
            Event.THE_USER_LEAVES_OR_PAUSES_OR_COMES_BACK: is_open,
            Event.THE_DISPATCHER_RUNS: is_open,
            Event.THE_DISPATCHER_GIVES_UP: 2 * bool(self.giving_up),
            Event.A_MAIL_EVENT_ARRIVES: bool(self.accepted) and not self.is_reported,
            Event.A_DEAD_LETTER_ARRIVES: 2 * bool(self.topic),
            Event.A_REPLAY_BEGINS: 2 * (self.is_stored and self.replays < MOST_REPLAYS),
            Event.A_REPLAY_MAKES_ITS_TASK: 2 * bool(self.begun),
            Event.A_REPLAY_CONCLUDES: 2 * bool(self.enqueued),
        }
        return [event for event, weight in weights.items() for _ in range(weight)] or [Event.THE_DISPATCHER_RUNS]

    # The promise.

    @invariant()
    def the_promise_is_kept(self) -> None:
        self.look()
        # Sent once, but for what a person had sent again, not knowing whether it had been; or the team, who chose that.
        again = self.unknown_and_replayed
        if self.on_unknown_outcome is OnUnknownOutcome.RESEND:
            again += self.unknown
        assert self.accepted <= (1 + again if self.may_be_unknown else 1)
        assert self.may_be_unknown or DeadLetterReason.UNKNOWN_OUTCOME not in self.published
        # What is final stays so.
        if self.final is not None:
            assert self.state == self.final
        elif self.state is not None and self.state.is_final:
            self.final = self.state
            if self.state is DeliveryState.DEAD:
                assert len(self.published) > self.published_before_replay, "dead, and no one was told"
            if self.state is DeliveryState.SENT:
                assert self.accepted, "sent, and not accepted"
        # A dead letter says the truth: when all have arrived, none is open of what was sent, but for a replay of which
        # the command was killed before it could say so.
        all_have_arrived = self.is_stored and not self.topic and not self.enqueued
        if self.state is DeliveryState.SENT and all_have_arrived and not self.told_by_dispatcher:
            is_open = self.letter["state"] == "open"
            assert not is_open or self.letter.get("in_replay"), "an open dead letter of what was sent"
        # The subscription moves on forward, once, with the end of the report, and not before it, or is paused: then it
        # has no due time, until it resumes. That of a user who left is paused after its report is skipped.
        if self.next_report_at != self.seen_next_report_at:
            assert self.next_report_at is None or self.seen_next_report_at in {DUE, None}
            assert self.next_report_at is None or self.next_report_at > DUE
            self.seen_next_report_at = self.next_report_at
        if self.final is None:
            assert not self.has_moved_on or self.replays > 0
        else:
            # What the application has not heard of, the subscription is still due for.
            assert self.has_moved_on or self.is_skipped_for_user or self.tells

    def teardown(self) -> None:
        """Nothing goes wrong any more: everything comes to an end."""
        try:
            for call in list(self.calls):
                self.go_on(call, Order.DIE)
            self.giving_up.clear()
            self.come_back()
            for _ in range(MAX_ATTEMPTS + 1):
                self.now += LEASE + timedelta(seconds=1)
                while self.topic:
                    self.store(self.topic.pop(0))
                if self.final is None and self.is_stored:
                    self.note_replay()
                    self.replay(self.delivery, may_send_twice=True)
                    self.look_at_the_queue()
                self.dispatch()
                while self.giving_up:
                    self.give_up()
                for name in list(self.tasks):
                    call = self.call(name, min(self.attempts.get(name, 0) + 1, MAX_ATTEMPTS))
                    while call.place is not Place.END:
                        self.go_on(call, Order.GO_ON)
            while self.topic:
                self.store(self.topic.pop(0))
            self.the_promise_is_kept()
            assert self.final is not None, f"stuck: {self.state}"
            assert self.has_moved_on, "met by every run"
            if outcomes := self.outcomes():
                outcomes.tell_kept()
                assert (self.delivery, self.final) in self.heard, "nobody hears of it"
            assert not self.is_paused_for_user, "paused although its user is active"
            assert not self.tasks, "a task without an end"
            if self.final is DeliveryState.DEAD:
                assert self.letter["state"] == "open", "dead, and no one will look at it"
        finally:
            for name in list(self.tasks):
                self.end_task(name)

    # What they do.

    def outcomes(self, call: Call | None = None) -> Outcomes | None:
        return Outcomes(self.door, Application(self.heard, call)) if self.tells else None

    def look(self) -> None:
        """Read what there is of the report, if it may have changed."""
        if self.seen_writes == self.writes.made:
            return
        self.seen_writes = self.writes.made
        documents = [self.user_document, self.subscription_document, self.delivery_document, self.letter_document]
        snapshots = {each.reference: each for each in self.database.get_all(documents)}
        self.user_snapshot, self.subscription_snapshot, *others = (snapshots[each] for each in documents)
        delivery, self.letter = (each.to_dict() or {} for each in others)
        subscription = self.subscription_snapshot.to_dict()
        self.next_report_at = subscription["next_report_at"]
        self.is_paused_for_user = subscription.get("paused_because") == PauseReason.USER_INACTIVE
        self.state = DeliveryState(delivery["state"]) if delivery else None
        # A user or an operator who comes back just then finds the subscription as it was: the next run moves it on.
        self.is_skipped_for_user = delivery.get("reason") in {SkipReason.USER_INACTIVE, SkipReason.PAUSED}

    @property
    def has_moved_on(self) -> bool:
        """Whether no run meets the subscription for this report again."""
        return bool(self.next_report_at != DUE)

    def come_back(self) -> None:
        """The user is active again, and so is the subscription, unless the pipeline has paused it with the user."""
        self.look()
        self.user_document.update({"active": True})
        if not self.is_paused_for_user:
            self.subscription_document.update({"active": True})

    def look_at_the_queue(self) -> None:
        """Read which tasks there are of the report."""
        shown = self.delivery.replace(":", "_")
        self.tasks = [task.name for task in cloud_tasks_client().list_tasks(parent=QUEUE) if shown in task.name]

    def end_task(self, name: str) -> None:
        if name in self.tasks:
            cloud_tasks_client().delete_task(name=name)
            self.tasks.remove(name)

    def begin_replay(self) -> None:
        self.replays += 1
        prepared = self.replay.prepare(self.delivery, may_send_twice=True)
        assert prepared is not None
        step = prepared.decision.step
        if step in {ReplayStep.REVIVE, ReplayStep.RESUME}:
            assert self.final in {None, DeliveryState.DEAD}, "what was sent or skipped is put back"
            self.note_replay()
        if step is ReplayStep.CLOSE:
            self.enqueued.append(prepared)
        elif step is not ReplayStep.STOP:
            self.begun.append(prepared)

    def note_replay(self) -> None:
        """From here on it may end again, and may be sent again if its outcome was unknown."""
        self.final = None
        self.published_before_replay = len(self.published)
        self.unknown_and_replayed += DeadLetterReason.UNKNOWN_OUTCOME in self.published

    def leases_run_out(self) -> None:
        """Also of those who are still at it, but were held up."""
        self.now += LEASE + timedelta(seconds=1)
        for call in self.calls:
            if call.holds_claim:
                call.holds_claim = False
                self.unknown += 1

    def give_up(self) -> None:
        """As the dispatcher goes on with what it has decided."""
        given_up = self.giving_up.pop()
        # The failure is from the time of the decision, by a clock that was not this one.
        failure = given_up.report.failure._replace(failed_at=self.tick())
        self.told_by_dispatcher = True
        given_up.dead_lettering.give_up([given_up.report._replace(failure=failure)], now=self.now)

    def call(self, name: str, number: int) -> Call:
        """Have the queue make a call."""
        self.attempts[name] = max(number, self.attempts.get(name, 0))
        full = tasks_v2.Task.View.FULL
        task = cloud_tasks_client().get_task(request=tasks_v2.GetTaskRequest(name=name, response_view=full))
        short_name = name.rpartition("/")[2]
        attempt = Attempt(number=number, task_name=short_name, last=number >= MAX_ATTEMPTS, started_at=self.tick())
        call = Call(name, attempt, lambda call: self.send_report(call)(task.http_request.body, attempt))
        self.calls.append(call)
        return call

    def go_on(self, call: Call, order: Order) -> None:
        """Give a call its turn, and note what the queue notes when it has ended."""
        # While a call tells the application, a person may have put the report back.
        is_written = call.place in {Place.TELL, Place.MOVE_ON}
        was_holding = call.holds_claim and not is_written
        if call.place is Place.SEND and order in {Order.LOSE_ANSWER, Order.LOSE_REQUEST}:
            self.unknown += 1
        call.go_on(order)
        if call.place is Place.ANSWER and call.answer is not None and call.answer.result in {"sent", "skipped", "dead"}:
            self.look()
            assert is_written or self.state == call.answer.result, "the answer is not what the record says"
        if call.place is not Place.END:
            return
        self.calls.remove(call)
        if call.result is None and was_holding:
            self.unknown += 1
        is_done = call.result is not None and call.result.status < 300
        if is_done or call.attempt.last:
            self.end_task(call.task)

    def send_report(self, call: Call) -> SendReport:
        machine = self

        class Provider:
            def send(self, mail: Mail, *, seconds: float) -> Outcome:
                if mail.sandbox:
                    return OUTCOMES[call.stop(Place.TRY_OUT)]
                order = call.stop(Place.SEND)
                machine.accepted += order in {Order.GO_ON, Order.LOSE_ANSWER}
                return OUTCOMES[order]

        class Sending(RepeatableSending):
            keys_hold = timedelta(hours=24)
            same_bytes = True

            def requests(self, mail: Mail) -> Sequence[KeptRequest]:
                # Each time the report is built it is another one.
                machine.built += 1
                return [KeptRequest(address=each.address, content=b"%d" % machine.built) for each in mail.recipients]

            def send_requests(self, requests: Mapping[str, KeptRequest], *, seconds: float) -> Outcome:
                [(key, request)] = requests.items()
                order = call.stop(Place.SEND)
                if order in {Order.GO_ON, Order.LOSE_ANSWER}:
                    assert machine.kept.get(key, request.content) == request.content, "other bytes with the same key"
                    machine.accepted += key not in machine.kept
                    machine.kept[key] = request.content
                elif machine.unknown and order in {Order.REFUSE, Order.UNSUBSCRIBED}:
                    machine.may_be_unknown = True
                return OUTCOMES[order]

        def publish(letter: DeadLetter) -> None:
            order = call.stop(Place.PUBLISH)
            if order in {Order.GO_ON, Order.LOSE_ANSWER}:
                self.publish(letter)
            if order is Order.REFUSE:
                raise PermissionDenied("e")  # type: ignore[no-untyped-call]  # google-api-core
            if order is not Order.GO_ON:
                raise TimeoutError("e")

        class Lookup(DeliveryLookup):
            key_id, keeps = "k", timedelta(days=30)

            def neighbors(self, _wanted: WantedMail, *, after: datetime, seconds: float) -> Neighbors:
                raise AssertionError

            def find(self, _wanted: WantedMail, *, seconds: float) -> LookupAnswer:
                match call.stop(Place.ASK):
                    case Order.FAIL:
                        return LookupUnavailable(error="e", lasting=False)
                    case Order.REFUSE_KEY:
                        return LookupUnavailable(error="e", lasting=True)
                    case Order.GO_ON if machine.accepted:
                        return MailFound(message_id="m")
                    case _:
                        return MailNotFound()

        def user_data(_user_id: str, _seconds: float) -> UserData:
            if call.stop(Place.BUILD) is Order.FAIL:
                raise RuntimeError("e")
            return InMemoryUserData({})

        deliveries = SteppedStore(self.door, call, self.outcomes(call))
        return SendReport(
            deliveries=deliveries,
            end=AttemptEnd(
                deliveries=deliveries,
                inactive_users=SteppedInactiveUsers(self.door, call),
                dead_letters=Topic(publish),
                copies=Copies(now=self.tick),
                now=self.tick,
                settle_later=lambda _work, _until: False,
            ),
            routes=Routes(
                Route(
                    sending.Sending(
                        Provider(),
                        Repeating(Sending() if self.has_keys else None, provider="p", now=self.tick),
                        outage=self.outage,
                        key_alert=KeyAlert(lambda _alert: None, now=self.tick),
                    ),
                    OutcomeInquiry(
                        self.mail_record,
                        Lookup() if self.can_ask else None,
                        self.on_unknown_outcome,
                        taker="the email provider",
                    ),
                )
            ),
            builder=ReportBuilder(
                user_data=user_data,
                mail=MailSettings(mail_from="reports@example.com"),
                time_limit=TimeLimit(lambda: None),
                # A call waits for its turn.
                build_seconds=3600,
            ),
            is_paused=lambda _kind: False,
            copies=Copies(now=self.tick),
            now=self.tick,
        )

    def mail_record(self, delivery_id: str) -> MailRecord | None:
        """What the provider has reported by now: the record of events is written by another function."""
        if not self.is_reported:
            return None
        event = MailEvent(delivery_id=delivery_id, recipient="r", status=MailStatus.PROCESSED, at=self.now)
        return MailRecord(id=delivery_id, user_id=self.user, subscription_id="default").folded([event])

    def publish(self, letter: DeadLetter) -> None:
        self.published.append(letter.reason)
        self.topic.append(letter)

    def store(self, letter: DeadLetter) -> None:
        message = PubSubMessage(data=letter.to_json(), attributes={}, message_id="1", published_at=letter.failed_at)
        stored = StoredDeadLetter.from_snapshot(as_found(self.letter_document.get()))
        changes: Any = dead_letter_changes(stored, read_dead_letter(message), now=self.tick())
        self.is_stored = True
        if changes:
            self.letter_document.set(changes, merge=sorted(changes))

    def dispatch(self) -> None:
        """As a run does with a subscription that is due, and whose tasks have all ended."""
        run_time = self.now.replace(microsecond=0)
        self.enroll(run_time)
        self.look()
        if self.has_moved_on:
            return
        run = run_id(run_time)
        store, task = DeliveryStore(self.door, DEFAULTS, outcomes=self.outcomes()), self.due.task(run)
        delivery = store.read_delivery(task)
        # The server's clock is another one.
        if is_under_way(delivery, run_time=run_time, read_from=datetime.max.replace(tzinfo=UTC)):
            return
        # Each hour a run has made a task, which died.
        tried = delivery and delivery._replace(rescues=LEAST_RESCUES)
        if is_lost(tried, due_at=DUE, run_time=run_time):
            dead_lettering = DeadLettering(Topic(self.publish), store, RunCounters(), run_id=run, run_time=run_time)
            failure = failure_of_lost(self.due, delivery, run_time=run_time, now=self.now)
            self.giving_up.append(GivenUp(dead_lettering, LostReport(self.due, delivery, failure)))
        elif not self.tasks:
            if self.attempts:
                store.write_all({task: (delivery, delivery_table.Rescued(run), Occasion(run_time))})
            self.queue.enqueue([NewTask(task_id(self.delivery, run if self.attempts else ""), task.to_json())])
            self.look_at_the_queue()

    def enroll(self, run_time: datetime) -> None:
        """As a run does with a user who is active again."""
        self.look()
        user = User.from_snapshot(as_found(self.user_snapshot))
        subscription = subscription_of(self.subscription_snapshot, DEFAULTS)
        assert user is not None
        assert subscription is not None
        if user.active and user.enrolled_at is None:
            if subscription.waits_for_user:
                self.subscription_document.update(resumed_fields(subscription, user, now=run_time))
            self.user_document.update(enrolled_fields(now=run_time))


@pytest.fixture(scope="module")
def databases() -> Iterator[tuple[Any, Database]]:
    """Firestore, and a queue that is paused: the test makes its calls."""
    background = Background()
    clock = Clock()

    async def start() -> tuple[FirestoreEmulator, TasksEmulator]:
        parts = (
            FirestoreEmulator(host="127.0.0.1", port=0, clock=clock, middleware=[Life.writes]),
            TasksEmulator(host="127.0.0.1", port=0, clock=clock, mint_token=lambda *_: ""),
        )
        for part in parts:
            await part.start()
        return parts

    parts = background.run(start())
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CLOUD_TASKS_EMULATOR_HOST", f"127.0.0.1:{parts[1].port}")
        # The client is kept for the life of a process, which is longer than that of this module's emulator.
        cloud_tasks_client.cache_clear()
        queue = tasks_v2.Queue(name=QUEUE)
        cloud_tasks_client().create_queue(parent=QUEUE.partition("/queues")[0], queue=queue)
        cloud_tasks_client().pause_queue(name=QUEUE)
        client = client_of(parts[0].port, PROJECT)
        yield client, database_of(parts[0].port, PROJECT)
        cloud_tasks_client.cache_clear()
        client.close()
    for part in parts:
        background.run(part.stop())
    background.close()


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("on_unknown_outcome", "has_keys", "tells"),
    [
        (OnUnknownOutcome.DEAD_LETTER, False, True),
        (OnUnknownOutcome.RESEND, False, False),
        (OnUnknownOutcome.DEAD_LETTER, True, False),
    ],
)
def test_sent_once_and_lost_never_in_whatever_order(
    databases: tuple[Any, Database], on_unknown_outcome: OnUnknownOutcome, *, has_keys: bool, tells: bool
) -> None:
    class ThisLife(Life):
        pass

    ThisLife.database, ThisLife.door = databases
    ThisLife.on_unknown_outcome = on_unknown_outcome
    ThisLife.has_keys = has_keys
    ThisLife.tells = tells
    run_state_machine_as_test(
        ThisLife,
        settings=settings(
            max_examples=15,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            # Each step is several calls: a failure is shown as it was found.
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )
