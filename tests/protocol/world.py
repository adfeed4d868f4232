"""One subscription with its reports, and all that can happen to them: what each process does next is the pipeline's own
code, and between any two of its steps any other process may make one.

A step is a read, a commit, an email, a message, or a task. Each process may be killed before any step, Firestore, the
queue and Pub/Sub may leave any call without an answer, and a copy of Firestore may be restored while nobody acts. Time
is what an exploration needs of it: whether a lease is over, which hour it is, and whether a day has passed. Telling
people is one step with the next one, since nothing else depends on it.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.rescue.rescue_step import LOST_AFTER
from functions.dispatcher.scheduling import new_place
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.firestore.write import Write
from functions.shared.records.dead_letter import DEAD_LETTERS, DeadLetterState, StoredDeadLetter
from functions.shared.records.delivery import DELIVERIES, Delivery, DeliveryState
from functions.shared.records.delivery_table import DELIVERY_RETENTION
from functions.shared.records.ids import run_id, shard_of, task_id
from functions.shared.records.kind_pauses import KindPause
from functions.shared.records.mail_event import MAIL_EVENTS
from functions.shared.records.mark import paused_fields, resumed_fields
from functions.shared.records.outcome import UNTOLD_OUTCOMES, Outcome
from functions.shared.records.report_task import ReportTask
from functions.shared.records.states import DeadLetterReason
from functions.shared.records.subscription import SUBSCRIPTIONS, PauseReason, Subscription, subscription_path
from functions.shared.records.user import USERS, User
from functions.worker.destinations import outcome as outcomes
from functions.worker.destinations.email.delivery_lookup import MailFound, MailNotFound
from tests.protocol import actors
from tests.protocol.actors import DEFAULTS, Provider
from tests.protocol.documents import COLLECTIONS, LONG_AGO, Contents, Documents, collection_of
from tests.protocol.played import End, Failure, Histories, Question, Root
from tests.protocol.search import Found

T = TypeVar("T")
START = datetime(2026, 11, 24, 13, tzinfo=UTC)
"""A Tuesday."""
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
U, S = "u1", "default"
SUBSCRIPTION, USER = subscription_path(U, S), f"{USERS}/{U}"

LAST_REPORT = START - timedelta(days=7)
SCHEDULES = {"0 13 * * 2": (13,), "0 13,14 * * 2": (13, 14), "0 14 * * 2": (14,)}
"""The hours at which reports are due on Tuesdays, by the cron line."""


class Bounds(NamedTuple):
    """How much may happen.

    Attributes:
        attempts: how often the queue tries a task.
        kills: how many processes are killed.
        losses: how many calls are lost, or their answers.
        duplicates: how many tasks come twice.
        mishaps: how often the provider does not simply accept an email; -1 for any number.
        replays: how many replays an operator begins.
        dismissals: how many dead letters an operator dismisses.
        stops: how often the recipient or the application pauses the reports.
        changes: how often the application writes the subscription.
        kind_pauses: how often an operator pauses the kind.
        disturbances: how many of all of these there are together; -1 for as many as of each.
        events: whether the provider reports that an email was delivered.
        days: whether a day may pass.
        restores: whether Firestore is restored.
        hours: how many hours may pass.
        tasks: how many tasks the queue holds at a time.
        together: how many processes act at a time.
        standstills: whether a worker may stand still for longer than the settling time, and then send.
        late_logs: whether the provider's logs may show an email later than that.
        outcomes: whether the application is to hear what became of the reports.
        provider: what it can say about an email whose answer was lost.
    """

    attempts: int = 2
    kills: int = 0
    losses: int = 0
    duplicates: int = 0
    mishaps: int = -1
    replays: int = 0
    dismissals: int = 0
    stops: int = 0
    changes: int = 0
    kind_pauses: int = 0
    disturbances: int = -1
    events: int = 1
    days: int = 1
    restores: int = 0
    hours: int = 0
    tasks: int = 2
    together: int = 2
    standstills: int = 0
    late_logs: int = 0
    outcomes: int = 0
    provider: Provider = Provider.NEITHER


class Task(NamedTuple):
    """A task in the queue."""

    name: str
    body: bytes
    left: int


class Process(NamedTuple):
    """Somebody who acts: what it does next follows from its history."""

    name: str
    history: int
    about: str = ""
    is_unwanted: bool = False
    """Whether it has claimed the delivery after the recipient had paused the reports, or the kind was paused before it
    began."""


class Email(NamedTuple):
    """An email that the provider has accepted."""

    delivery: str
    period: str


class State(NamedTuple):
    """Everything.

    Attributes:
        documents: what Firestore holds.
        processes: who acts.
        tasks: what the queue holds.
        ended: the names of tasks that the queue has held, and takes no more.
        messages: the dead letters whose message Pub/Sub has not got rid of.
        emails: those that the provider has accepted.
        keys: the idempotency keys that it knows.
        risks: the deliveries that a person, or the team for all, has had sent once more although their outcome was
            unknown.
        told: the deliveries of which people were told that their dead letter has settled itself.
        answered: the deliveries whose event the provider has brought home.
        said: the ids of the events for the application that a record has called for.
        heard: those that Pub/Sub has, and when each happened.
        hours: how many hours have passed.
        ran: the hour of the last run.
        failures: how often a report was given up.
        skipped: when pauses were: their first and their last hour.
        paused: the hour in which a pause has begun; -1 where there is none.
        restored_at: the hour of RESTORED_AT; -1 where Firestore was not restored.
        is_old: whether a day has passed.
        kind: the latest pause of the kind; None where there was none.
        mistake: what no code foresees.
    """

    documents: Documents
    processes: tuple[Process, ...] = ()
    tasks: tuple[Task, ...] = ()
    ended: tuple[str, ...] = ()
    messages: tuple[tuple[str, bytes], ...] = ()
    emails: tuple[Email, ...] = ()
    keys: tuple[str, ...] = ()
    risks: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    answered: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    heard: tuple[tuple[str, str], ...] = ()
    hours: int = 0
    ran: int = 0
    failures: int = 0
    skipped: tuple[tuple[int, int], ...] = ()
    paused: int = -1
    restored_at: int = -1
    is_old: bool = False
    kills: int = 0
    losses: int = 0
    duplicates: int = 0
    mishaps: int = -1
    replays: int = 0
    dismissals: int = 0
    stops: int = 0
    changes: int = 0
    kind: KindPause | None = None
    kind_pauses: int = 0
    mistake: str = ""

    @property
    def is_kind_paused(self) -> bool:
        """Whether the kind is paused."""
        return self.kind is not None and self.kind.is_on

    @property
    def run_time(self) -> datetime:
        """The time of a run by now."""
        return START + self.hours * HOUR + self.is_old * LOST_AFTER

    @property
    def lately(self) -> datetime:
        """When the lease of a delivery has ended whose settling time is not over."""
        return self.run_time - timedelta(minutes=1)

    @property
    def now(self) -> datetime:
        """The present: the failures of a report lie apart."""
        return self.run_time + 5 * SECOND + timedelta(milliseconds=self.failures)


Step = tuple[str, State, bool]
"""What happens, the state after it, and whether it happens by itself."""
Answers = Iterator[tuple[str, State, int, Any, bool]]
"""What happens, the state after it, the history of the process until then, what it learns, and whether it happens by
itself."""


class _View(NamedTuple):
    subscription: Subscription
    deliveries: list[Delivery]
    letters: Mapping[str, StoredDeadLetter]
    keeps_outcomes: bool


class World:
    """The world, within bounds.

    Args:
        bounds: how much may happen.
        merges: see Histories.
        contents: what documents say; a test may look on.
    """

    def __init__(self, bounds: Bounds, *, merges: bool = True, contents: Contents | None = None) -> None:
        self._bounds, self._contents = bounds, contents or Contents(has_owners=bounds.losses > 0)
        self.histories = Histories(self._contents, merges=merges, has_outcomes=bool(bounds.outcomes))
        self._cron = "0 13,14 * * 2" if bounds.hours and not bounds.changes else "0 13 * * 2"
        self._written: dict[Any, Documents | None] = {}
        self._views: dict[Documents, _View] = {}

    def first(self) -> State:
        """A report that is due, whose task a run has just made."""
        bounds = self._bounds
        fields = {
            "user_id": U,
            "active": True,
            "kind": "activity",
            "cadence": "cron",
            "cron": self._cron,
            "covers": "since-last",
            "shard": shard_of(U, S),
            "next_report_at": START,
            "reported_until": LAST_REPORT,
            "settled_at": START - HOUR,
        }
        user = self._contents.number(USER, {"email": "a@example.com", "enrolled_at": LONG_AGO}, at=LONG_AGO)
        subscription = self._contents.number(SUBSCRIPTION, fields, at=START - HOUR)
        documents = self._contents.all_of({USER: user, SUBSCRIPTION: subscription})
        task = DueSubscription(U, S, START, "activity").task(run_id(START))
        return State(
            documents,
            tasks=(Task(task_id(task.delivery_id), task.to_json(), bounds.attempts),),
            **{name: getattr(bounds, name) for name in _COUNTED},
        )

    def after(self, state: State, beginnings: Sequence[str]) -> State:
        """The state after a way, each step of which is told by the beginning of its words."""
        for beginning in beginnings:
            state = next(after for words, after, _ in self.following(state) if words.startswith(beginning))
        return state

    # What is there

    def _view(self, state: State) -> "_View":
        if state.documents not in self._views:
            paths = self._contents.paths(state.documents)

            def each(collection: str, read: Callable[[Any], T | None]) -> list[T]:
                found = (self._contents.found(*each) for each in paths.items() if collection_of(each[0]) == collection)
                return list(filter(None, map(read, found)))

            [subscription] = each(SUBSCRIPTIONS, _subscription)
            letters = each(DEAD_LETTERS, StoredDeadLetter.from_snapshot)
            self._views[state.documents] = _View(
                subscription,
                each(DELIVERIES, Delivery.from_snapshot),
                {each.id: each for each in letters},
                bool(each(UNTOLD_OUTCOMES, Outcome.from_snapshot)),
            )
        return self._views[state.documents]

    def subscription(self, state: State) -> Subscription:
        """The subscription as it is read."""
        return self._view(state).subscription

    def deliveries(self, state: State) -> list[Delivery]:
        """The deliveries as they are kept."""
        return self._view(state).deliveries

    def letters(self, state: State) -> Mapping[str, StoredDeadLetter]:
        """The dead letters by their deliveries."""
        return self._view(state).letters

    def _restored_at(self, state: State) -> datetime | None:
        return START + state.restored_at * HOUR if state.restored_at >= 0 else None

    def _due(self, state: State) -> DueSubscription | None:
        subscription = self.subscription(state)
        due_at = subscription.next_report_at
        if due_at is None or due_at > state.run_time or subscription.shard is None or self._is_held(state):
            return None
        return DueSubscription(U, S, due_at, "activity", updated_at=subscription.version or LONG_AGO)

    def _is_held(self, state: State) -> bool:
        stored = self._contents.fields(self._contents.paths(state.documents)[SUBSCRIPTION])
        return isinstance(stored.get("shard"), str)

    # What is right

    def wrong(self, state: State) -> str:
        """Which promise a state breaks; empty where none."""
        if state.mistake:
            return state.mistake
        for email in state.emails:
            of_it = [each for each in state.emails if each.delivery == email.delivery]
            allowed = 1 + state.risks.count(email.delivery)
            if len(of_it) > allowed:
                return f"{len(of_it)} emails of one report, where {allowed} may go out"
            others = [each for each in state.emails if each.delivery != email.delivery]
            if any(_overlap(_times(each.period), _times(email.period)) for each in others):
                return "two reports of the same time"
        sent = {each.delivery for each in state.emails}
        if any(each.state is DeliveryState.SENT and each.id not in sent for each in self.deliveries(state)):
            return "sent, and no email was accepted"
        if self._is_quiet(state) and (missing := self._missing(state)):
            return f"the time from {missing[0]:%d %H:%M} to {missing[1]:%d %H:%M} is never reported"
        if self._is_quiet(state) and self._is_moved_back(state):
            return "the next report begins before the end of one that was sent"
        if self._bounds.outcomes and (untold := self._owed(state) - {*dict(state.heard)}):
            return f"the application never hears {' and '.join(untold)}"
        return ""

    def _owed(self, state: State) -> set[str]:
        """The events that the application must have heard, by ids that say what happened."""
        return set(map(_delivered, state.answered)) | (self._said(state) if self._is_quiet(state) else set())

    def _said(self, state: State) -> set[str]:
        """Those of deliveries, as their records are."""
        return {_event(each) for each in self.deliveries(state) if each.is_final}

    def is_good_end(self, state: State) -> bool:
        """Whether all may stay as it is: each report is final, its subscription has moved on, and a person knows of it
        where it is not sent, and only there."""
        return self._is_quiet(state) and all(self._is_known(state, each) for each in self.deliveries(state))

    def _is_quiet(self, state: State) -> bool:
        if state.processes or state.tasks or state.messages or self._due(state) or self._is_held(state):
            return False
        if self._view(state).keeps_outcomes:
            return False
        if self.subscription(state).shard is None and self.subscription(state).active:
            return False
        return all(each.is_final for each in self.deliveries(state))

    def _is_known(self, state: State, delivery: Delivery) -> bool:
        letter, is_restored = self.letters(state).get(delivery.id), state.restored_at >= 0
        is_settled = letter and letter.state is DeadLetterState.SETTLED and letter.alerted_at and not is_restored
        if is_settled and delivery.id not in state.told:
            # An alert has told of it.
            return False
        is_open = letter is not None and letter.state is DeadLetterState.OPEN
        if delivery.state is not DeliveryState.DEAD:
            # After a restore a letter may stay open whose report an event has shown. A replay closes it, and sends
            # nothing.
            return not is_open or is_restored
        if letter is None or not is_open:
            return letter is not None
        # No person has to decide about an email that an event has shown.
        has_event = f"{MAIL_EVENTS}/{delivery.id}" in self._contents.paths(state.documents)
        return not letter.needs_alert and not (has_event and not is_restored)

    def _is_moved_back(self, state: State) -> bool:
        """Whether the pipeline itself has moved the mark back. After a pause, a copy or a change by the application the
        other deliveries tell what is reported."""
        is_paused = state.paused >= 0 or state.skipped
        if is_paused or state.restored_at >= 0 or state.changes < self._bounds.changes:
            return False
        sent = [each for each in self.deliveries(state) if each.state is DeliveryState.SENT]
        ends = [period.end for each in sent if (period := each.settled_period(state.now))]
        return max(ends, default=LAST_REPORT) > (self.subscription(state).reported_until or LAST_REPORT)

    def _missing(self, state: State) -> tuple[datetime, datetime] | None:
        """A time that no final report covers, and no pause has skipped."""
        periods = [each.settled_period(state.now) for each in self.deliveries(state) if each.is_counted]
        covered = [(each.start, each.end) for each in periods if each]
        pauses = [*state.skipped, *([(state.paused, 99)] if state.paused >= 0 else [])]
        for hours in SCHEDULES.values():
            dues = [LAST_REPORT, *(START.replace(hour=each) for each in hours)]
            for first, last in pauses:
                begin, stop = START + first * HOUR, START + last * HOUR
                covered += [(a, b) for a, b in itertools.pairwise(dues) if begin < b <= stop]
        until = LAST_REPORT
        for begin, stop in sorted(covered):
            if begin > until:
                break
            until = max(until, stop)
        subscription = self.subscription(state)
        owed = subscription.reported_until or LAST_REPORT
        return (until, owed) if until < owed else None

    # What can happen

    def following(self, state: State) -> Iterator[Step]:
        """What can happen in a state."""
        for words, after, by_itself in self._steps(state):
            yield words, self._within(after), by_itself

    def _within(self, state: State) -> State:
        """The state, in which nothing more of what is counted happens once enough has happened."""
        bounds = self._bounds
        if bounds.disturbances < 0:
            return state
        counted = [name for name in _COUNTED if getattr(bounds, name) > 0]
        happened = sum(getattr(bounds, name) - getattr(state, name) for name in counted)
        if happened < bounds.disturbances:
            return state
        nothing: dict[str, Any] = dict.fromkeys(counted, 0)
        return state._replace(**nothing)

    def _steps(self, state: State) -> Iterator[Step]:
        yield from self._beginnings(state)
        for process in state.processes:
            if state.kills:
                killed = _without(state, process)._replace(kills=state.kills - 1)
                yield f"{process.name} is killed", killed, False
            question = self.histories.next[process.history]
            assert isinstance(question, Question)
            for words, after, history, answer, by_itself in self._answers(state, process, question):
                is_stopped = state.paused >= 0 or self._was_kind_paused(process)
                is_unwanted = process.is_unwanted or (is_stopped and words == "claims the delivery")
                going_on = process._replace(history=history, is_unwanted=is_unwanted)
                yield f"{process.name} {words}", self._goes_on(after, going_on, answer), by_itself
        yield from self._time(state)
        yield from self._people(state)

    def _was_kind_paused(self, process: Process) -> bool:
        """Whether it is a worker that began while the kind was paused. Requests with a key are made again even then."""
        is_worker = process.name.startswith("worker") and self._bounds.provider is not Provider.KEYS
        return is_worker and bool(self.histories.root(process.history).arguments[-1])

    def _beginnings(self, state: State) -> Iterator[Step]:
        names, bounds = {process.name for process in state.processes}, self._bounds
        if len(names) >= bounds.together:
            return
        owners = {each.owner for each in self.deliveries(state)}
        workers = {name for name in names if name.startswith("worker")}
        restored_at = self._restored_at(state)
        for task in state.tasks:
            if self._waits(state, task):
                continue
            name = next(each for each in map("worker {}".format, "abcdef") if each not in names | owners)
            # The queue keeps the task until the worker has answered; here it is back at once, as a duplicate would be.
            left = [each for each in state.tasks if each != task]
            left += [task._replace(left=task.left - 1)] if task.left > 1 else []
            after = state._replace(tasks=tuple(sorted(left)))
            number = bounds.attempts - task.left + 1
            is_paused, is_last = state.is_kind_paused, task.left == 1
            arguments: tuple[Any, ...] = (
                *(bounds.provider, task.body, task.name),
                *(number, is_last, restored_at, is_paused),
            )
            yield from self._begins("{} gets the task", after, Root(name, actors.worker, arguments), task.name)
            if state.duplicates:
                again = state._replace(duplicates=state.duplicates - 1)
                words = "{} gets the task, and the queue delivers it twice"
                yield from self._begins(words, again, Root(name, actors.worker, arguments), task.name, by_itself=False)
        if "the run" not in names and not state.tasks and not workers and self._has_work(state):
            over = state.run_time if state.ran == state.hours else state.run_time - HOUR
            arguments = (state.run_time, over, restored_at, state.kind)
            # Each run has an id of its own, and so do the tasks that it makes: here it is that of the hour.
            ended = tuple(each for each in state.ended if not each.endswith(f"-{run_id(state.run_time)}"))
            yield from self._begins("a run begins", state._replace(ended=ended), Root("the run", actors.run, arguments))
        for delivery in {each.delivery for each in state.emails} - {*state.answered}:
            if bounds.events and "the event" not in names:
                root = Root("the event", actors.event, (delivery, START))
                yield from self._begins("an event comes", state, root, delivery)
        for delivery, message in state.messages:
            if "the handler" not in names:
                root = Root("the handler", actors.handler, (message,))
                yield from self._begins("Pub/Sub delivers the dead letter", state, root, delivery)

    def _waits(self, state: State, task: Task) -> bool:
        """Whether it is too early for a task that looks for an email in the logs."""
        waiting = (each for each in self.deliveries(state) if each.lease_expires_at == state.lately)
        return any(task.name in each.settling_tasks for each in waiting)

    def _has_work(self, state: State) -> bool:
        is_due = self._due(state) or (self._is_held(state) and not state.is_kind_paused)
        is_left = self._view(state).keeps_outcomes or not all(map(_is_final, self.deliveries(state)))
        return bool(is_due) or state.restored_at >= 0 or is_left

    def _people(self, state: State) -> Iterator[Step]:
        is_operator = any(process.name.startswith("the operator") for process in state.processes)
        is_free = not is_operator and len(state.processes) < self._bounds.together
        for letter in self.letters(state).values() if is_free else ():
            for words, name, may_send_twice in _REPLAYS if state.replays else ():
                begun = state._replace(replays=state.replays - 1)
                root = Root(name, actors.operator, (letter.id, may_send_twice))
                yield from self._begins(words, begun, root, letter.id, by_itself=False)
            if state.dismissals and letter.state is DeadLetterState.OPEN:
                begun = state._replace(dismissals=state.dismissals - 1)
                root = Root("the operator", actors.dismissal, (letter.id,))
                yield from self._begins("an operator dismisses", begun, root, letter.id, by_itself=False)
        subscription, is_paused = self.subscription(state), state.paused >= 0
        if state.stops and not is_paused:
            user = self._user(state)
            fields = paused_fields(subscription, user, PauseReason.USER, now=state.now)
            after = self._writes(state, fields)._replace(stops=state.stops - 1, paused=state.hours)
            yield "the recipient pauses the reports", after, False
            after = self._writes(state, {"active": False}, by_application=True)
            yield "the application pauses them", after._replace(stops=state.stops - 1, paused=state.hours), False
        if is_paused and subscription.is_paused(state.now):
            fields = resumed_fields(subscription, self._user(state), now=state.now)
            yield "the recipient resumes them", _resumed(self._writes(state, fields)), False
        if state.kind_pauses and not state.is_kind_paused:
            paused = state._replace(kind_pauses=state.kind_pauses - 1, kind=KindPause(paused_at=LONG_AGO))
            yield "an operator pauses the kind", paused, False
        if state.kind and state.is_kind_paused:
            yield "an operator resumes the kind", state._replace(kind=state.kind._replace(resumed_at=state.now)), True
        if state.changes:
            yield from self._changes(state._replace(changes=state.changes - 1))

    def _changes(self, state: State) -> Iterator[Step]:
        other = {"cron": "0 14 * * 2"}
        nulls = {"shard": None, "next_report_at": None}
        yield "the application changes the schedule", self._writes(state, other, by_application=True), False
        after = self._writes(state, {**other, **nulls}, by_application=True)
        yield "the application changes the schedule, and writes nulls", after, False
        first = self._contents.fields(self._contents.paths(self.first().documents)[SUBSCRIPTION])
        if state.paused < 0:
            yield "the application writes an old copy back", self._writes(state, first, by_application=True), False

    def _user(self, state: State) -> User | None:
        return User.from_snapshot(self._contents.found(USER, self._contents.paths(state.documents)[USER]))

    def _writes(self, state: State, fields: Mapping[str, Any], *, by_application: bool = False) -> State:
        """Somebody writes the subscription. An application's write is of another moment than the pipeline's."""
        documents = dict(self._contents.paths(state.documents))
        kept = {**self._contents.fields(documents[SUBSCRIPTION]), **fields}
        at = state.now - 3 * SECOND if by_application else state.now
        documents[SUBSCRIPTION] = self._contents.number(SUBSCRIPTION, kept, at=at)
        after = state._replace(documents=self._contents.all_of(documents))
        is_wrong = not by_application and self._is_due_in_pause(after)
        return after._replace(mistake=_IN_PAUSE) if is_wrong else after

    def _time(self, state: State) -> Iterator[Step]:
        names = {process.name for process in state.processes}
        for delivery in self.deliveries(state):
            if delivery.is_claimed(state.now) and self._bounds.provider is Provider.ABSENCE:
                # Its worker may stand still.
                yield "the lease ends", self._lease_ended(state, delivery, state.lately), True
            elif delivery.is_claimed(state.now) and delivery.owner not in names:
                yield "the lease ends", self._lease_ended(state, delivery), True
            stands_still = any(name.startswith("worker") for name in names) and not self._bounds.standstills
            if delivery.lease_expires_at == state.lately and not stands_still:
                yield "the settling time passes", self._lease_ended(state, delivery), True
        subscription = self.subscription(state)
        if subscription.shard is None and "the run" not in names:
            placed = new_place(subscription, self._user(state), state.run_time)
            yield "a run schedules the subscription", self._writes(state, placed), True
        if state.processes:
            return
        if state.hours < self._bounds.hours and not state.is_old:
            after = state._replace(hours=state.hours + 1)
            for delivery in self.deliveries(after):
                after = self._lease_ended(after, delivery)
            yield "an hour passes", after, True
        elif self._bounds.days and not (
            state.is_old or state.tasks or state.messages or all(map(_is_final, self.deliveries(state)))
        ):
            # After it, no provider knows a key.
            after = state._replace(is_old=True, keys=())
            for delivery in self.deliveries(after):
                is_settled = delivery.lease_expires_at == state.lately
                after = self._lease_ended(after, delivery) if is_settled else after
            yield "a day passes", after, True

    def _lease_ended(self, state: State, delivery: Delivery, at: datetime = START - HOUR) -> State:
        if delivery.lease_expires_at is None:
            return state
        documents, path = dict(self._contents.paths(state.documents)), f"{DELIVERIES}/{delivery.id}"
        over = {**self._contents.fields(documents[path]), "lease_expires_at": at, "owner": ""}
        documents[path] = self._contents.number(path, over, at=LONG_AGO)
        return state._replace(documents=self._contents.all_of(documents))

    # What processes do

    def _begins(
        self, words: str, state: State, root: Root, about: str = "", *, by_itself: bool = True
    ) -> Iterator[Step]:
        """A process begins, and reads: between these two it might as well not have begun."""
        # Two that act at once do so at different moments.
        root = root._replace(now=state.now + timedelta(microseconds=ord(root.name[-1])))
        process, words = Process(root.name, self.histories.begin(root), about), words.format(root.name)
        begun = self._until_asked(state, process)
        process = next((each for each in begun.processes if each.name == root.name), process)
        question = self.histories.next[process.history]
        if not isinstance(question, Question) or question.what != "read":
            yield words, begun, by_itself
            return
        for done, after, history, answer, _ in self._reads(begun, process, question):
            told = words if done.startswith("reads") else f"{words}, and {done}"
            yield told, self._goes_on(after, process._replace(history=history), answer), by_itself

    def _events_of(self, process: Process) -> set[str]:
        """What no other process writes."""
        return {f"{MAIL_EVENTS}/{process.about}"}

    def _goes_on(self, state: State, process: Process, answer: Any) -> State:
        history = self.histories.after(process.history, answer)
        return self._until_asked(_without(state, process), process._replace(history=history))

    def _until_asked(self, state: State, process: Process) -> State:
        """The process up to its next step, or to its end. What it asks meanwhile is answered at once: it is one step
        with the one before."""
        while not isinstance(question := self.histories.next[process.history], End):
            match question.what:
                case "due":
                    answer: Any = self._due(state)
                case "find":
                    answer = self._contents.find(state.documents, question.about)
                case "hold":
                    names = [*(each.name for each in state.tasks), *(each.about for each in state.processes)]
                    answer = question.about in names
                case "read" if process.name == "the event" and {*question.about} <= self._events_of(process):
                    answer = self._found(state, question)
                case "tell":
                    answer = None
                    state = state._replace(told=_with(state.told, question.about))
                case "post":
                    answer = None
                case "write" if collection_of(question.about[0].path) not in COLLECTIONS:
                    answer = ((USER, self._contents.paths(state.documents)[USER]),)
                case _:
                    processes = sorted((*state.processes, process))
                    return state._replace(processes=tuple(processes))
            history = self.histories.after(process.history, answer)
            process = process._replace(history=history)
        return self._ended(state, process, question)

    def _ended(self, state: State, process: Process, end: End) -> State:
        is_failed = bool(end.mistake)
        if is_failed and "Event" not in end.mistake and "ServiceUnavailable" not in end.mistake:
            return state._replace(mistake=f"{process.name}: {end.mistake}")
        if process.name.startswith("worker"):
            left = [each for each in state.tasks if each.name != process.about]
            if end.result or len(left) == len(state.tasks):
                state = state._replace(tasks=tuple(left), ended=_with(state.ended, process.about))
        elif process.name == "the run":
            state = state._replace(ran=state.hours)
        elif process.name == "the event" and not is_failed:
            state = state._replace(answered=_with(state.answered, process.about))
        elif process.name == "the handler" and not is_failed:
            messages = list(state.messages)
            root = next(each for each in messages if each[0] == process.about)
            messages.remove(root)
            state = state._replace(messages=tuple(messages))
        return state

    def _answers(self, state: State, process: Process, question: Question) -> Answers:
        match question.what:
            case "read":
                yield from self._reads(state, process, question)
                if state.losses:
                    words, less = f"reads {_named(question.about)}", state._replace(losses=state.losses - 1)
                    yield f"{words}, and gets no answer", less, process.history, Failure.NO_ANSWER, False
            case "write":
                yield from self._commits(state, process, question)
            case "send":
                for words, after, outcome, by_itself in self._sends(state, process, *question.about):
                    yield words, after, process.history, outcome, by_itself
            case "look up":
                is_there = any(each.delivery == question.about for each in state.emails)
                words, history = "the email in the provider's logs", process.history
                is_early = any(each.lease_expires_at == state.lately for each in self.deliveries(state))
                is_absence = self._bounds.provider is Provider.ABSENCE
                if not is_there or is_early or not is_absence or self._bounds.late_logs:
                    yield f"looks for {words}", state, history, MailNotFound(is_complete=is_absence), not is_there
                if is_there:
                    yield f"finds {words}", state, history, MailFound("m"), True
            case "publish":
                letter = question.about
                message = (letter.delivery_id, letter.to_json())
                after = state._replace(messages=_with(state.messages, message))
                yield "publishes the dead letter", after, process.history, None, True
                yield from self._lost(state, after, process.history, "publishes the dead letter")
            case "tell the application":
                event, at, key = question.about
                words = f"tells the application: {event}"
                after = state._replace(heard=_with(state.heard, (event, at)))
                after = after._replace(mistake=self._wrongly_told(state, process, event, at, key))
                yield words, after, process.history, at, True
                yield from self._lost(state, after, process.history, words)
            case "enqueue":
                words, after, answer = self._makes_task(state, question)
                yield words, after, process.history, answer, True
            case _:
                raise AssertionError(question)

    def _found(self, state: State, question: Question) -> tuple[tuple[str, int | None], ...]:
        paths = self._contents.paths(state.documents)
        return tuple((path, paths.get(path)) for path in question.about)

    def _reads(self, state: State, process: Process, question: Question) -> Answers:
        found = self._found(state, question)
        history = self.histories.after(process.history, found)
        asked = self.histories.next[history]
        if isinstance(asked, Question) and self._is_on_condition(state, asked, question.about):
            yield from self._commits(state, process._replace(history=history), asked)
        else:
            yield f"reads {_named(question.about)}", state, process.history, found, True

    def _is_on_condition(self, state: State, asked: Question, read: Sequence[str]) -> bool:
        """Whether a process commits now on the condition that all that it has just read is still so. Then both are one
        step: whatever happens between makes it read again, or might as well have happened before."""
        writes = asked.about if asked.what == "write" else ()
        held = {each.path for each in writes if each.condition not in {None, True}}
        return bool(writes) and all(each in held or self._is_settled(state, each) for each in read)

    def _is_settled(self, state: State, path: str) -> bool:
        """Whether nobody writes a document any more."""
        _, _, name = path.rpartition("/")
        match collection_of(path):
            case "mail_events":
                return name in state.answered or not self._bounds.events
            case each:
                return each not in COLLECTIONS

    def _lost(self, before: State, after: State, history: int, words: str) -> Answers:
        """The same, with an answer that is lost, and a call that is."""
        if before.losses:
            less = before.losses - 1
            yield f"{words}, and the answer is lost", after._replace(losses=less), history, Failure.NO_ANSWER, False
            yield f"{words}, and the call is lost", before._replace(losses=less), history, Failure.NO_ANSWER, False

    def _wrongly_told(self, state: State, process: Process, event: str, at: str, key: str) -> str:
        """What an event is that none may be; empty where nothing."""
        if event not in state.said:
            return f"no record has said {event}"
        if dict(state.heard).get(event, at) != at:
            return "an event that comes again at another time"
        last = self.histories.told_last(process.history, "tell the application")
        is_late = last is not None and datetime.fromisoformat(last) > datetime.fromisoformat(at)
        return "events of a subscription out of order" if is_late or key != f"{U}/{S}" else ""

    def _makes_task(self, state: State, question: Question) -> tuple[str, State, bool]:
        name, body, _ = question.about
        if name in state.ended or name in {each.name for each in state.tasks}:
            return "finds that the task was made before", state, False
        tasks = tuple(sorted((*state.tasks, Task(name, body, self._bounds.attempts))))[: self._bounds.tasks]
        return "makes a task", state._replace(tasks=tasks), True

    def _commits(self, state: State, process: Process, question: Question) -> Answers:
        writes = question.about
        key = (process.history, state.documents, state.now)
        if key not in self._written:
            self._written[key] = self._contents.write(state.documents, writes, at=state.now)
        documents = self._written[key]
        words = self._words(state, documents, process, writes)
        if documents is None:
            yield words, state, process.history, Failure.CHANGED, True
            return
        after = state._replace(documents=documents)
        after = after._replace(mistake=self._wrongly_written(after, writes))
        if self._bounds.outcomes:
            said = {*after.said, *self._said(after)}
            said.update(_delivered(process.about) for each in writes if collection_of(each.path) == MAIL_EVENTS)
            after = after._replace(said=tuple(sorted(said)))
        now = self._contents.paths(documents)
        first = writes[0].path
        if collection_of(first) in {DELIVERIES, DEAD_LETTERS}:
            after = self._noted(state, after, process)
        numbers = tuple((each.path, now.get(each.path)) for each in writes)
        yield words, after, process.history, numbers, True
        yield from self._lost(state, after, process.history, words)

    def _wrongly_written(self, after: State, writes: Sequence[Write]) -> str:
        """What a commit of the pipeline's makes of the documents that none may; empty where nothing."""
        for each in writes:
            match collection_of(each.path):
                case "deliveries" if not _is_dated(each.fields or {}, after.run_time):
                    return "a delivery that does not say when it was written, or is not kept from then on"
                case "report_subscriptions" if self._is_due_in_pause(after):
                    return _IN_PAUSE
        return ""

    def _is_due_in_pause(self, state: State) -> bool:
        subscription = self.subscription(state)
        due_at = subscription.next_report_at
        return due_at is not None and all(map(subscription.is_paused, (state.now, due_at)))

    def _noted(self, before: State, after: State, process: Process) -> State:
        """What people remember of a commit of a delivery."""
        was = {each.id: each for each in self.deliveries(before)}
        for each in self.deliveries(after):
            old = was.get(each.id)
            if each.state is DeliveryState.GIVING_UP and (old is None or old.failed_at != each.failed_at):
                after = after._replace(failures=min(after.failures + 1, 5))
                # As the run has read it.
                pause = each.reason == DeadLetterReason.LOST and self.histories.root(process.history).arguments[-1]
                if pause and (pause.is_on or after.now - pause.resumed_at < LOST_AFTER):
                    after = after._replace(mistake="lost, although its kind was paused until a moment ago")
            is_by_person = "--yes" in process.name and each.state is DeliveryState.PENDING and each.id == process.about
            if is_by_person or self._is_sent_again(before, old, each):
                after = after._replace(risks=tuple(sorted((*after.risks, each.id))))
        letter = self.letters(after).get(process.about)
        if process.name.startswith("the operator") and letter and letter.state is DeadLetterState.SETTLED:
            # A person who replays learns that the report was sent.
            after = after._replace(told=_with(after.told, process.about))
        return after

    def _is_sent_again(self, before: State, old: Delivery | None, claimed: Delivery) -> bool:
        """Whether a worker claims a delivery whose outcome is unknown, since the team wants that."""
        if self._bounds.provider is not Provider.RESEND or old is None or old.state is not DeliveryState.SENDING:
            return False
        return not old.is_claimed(before.now) and claimed.is_claimed(before.now)

    def _words(self, state: State, documents: Documents | None, process: Process, writes: Any) -> str:
        path, paths = writes[0].path, self._contents.paths(state.documents)
        match collection_of(path):
            case "deliveries":
                fields = writes[0].fields
                words = _of_delivery(fields, self._contents.fields(paths[path]) if path in paths else {})
            case "dead_letters":
                words = _of_letter(writes[0].fields)
            case "mail_events":
                words = "stores the event"
            case "untold_outcomes":
                words = "keeps the event" if writes[0].fields else "forgets the event"
            case _ if isinstance(shard := (writes[0].fields or {}).get("shard"), str):
                words = "holds the subscription"
            case _ if shard is not None:
                words = "puts the subscription back"
            case _:
                words = "moves the subscription on"
        if any(collection_of(each.path) == UNTOLD_OUTCOMES for each in writes[1:]):
            words = f"{words}, and keeps the event"
        return f"{words}, but it has changed" if documents is None else words

    def _sends(
        self, state: State, process: Process, key: str, period: str
    ) -> Iterator[tuple[str, State, outcomes.Outcome, bool]]:
        delivery = next(
            ReportTask.from_json(root.arguments[1]).delivery_id for root in [self.histories.root(process.history)]
        )
        accepted = state
        # The provider takes requests with a key that it knows, and sends nothing for them.
        if not key or key not in state.keys:
            emails = tuple(sorted((*state.emails, Email(delivery, period))))
            wrong = "an email, although the reports were paused" if process.is_unwanted else ""
            accepted = state._replace(mistake=wrong, emails=emails, keys=_with(state.keys, key) if key else state.keys)
        yield "hands the email over, and the provider accepts it", accepted, outcomes.Accepted("m"), True
        if state.mishaps:
            left = state.mishaps - 1 if state.mishaps > 0 else -1
            state, accepted = state._replace(mishaps=left), accepted._replace(mishaps=left)
            for what, after, outcome in (
                ("accepts it, and the answer is lost", accepted, outcomes.Unclear("e")),
                ("does not answer", state, outcomes.Unclear("e")),
                ("refuses it for good", state, outcomes.Refused("e")),
                ("says not now", state, outcomes.Throttled("e")),
            ):
                yield f"hands the email over: the provider {what}", after, outcome, False


_REPLAYS = (
    ("an operator replays", "the operator", False),
    ("an operator replays with --yes", "the operator (--yes)", True),
)
_COUNTED = ("kills", "losses", "duplicates", "mishaps", "replays", "dismissals", "stops", "changes", "kind_pauses")
"""Of what the world counts how much may still happen."""
_IN_PAUSE = "a due time within a pause"
_TO_THE_EMAIL = ("worker a gets", "worker a claims", "worker a reads")
GIVEN_UP = ("worker a reads", "worker a gives", "worker a publishes", "worker a settles", "Pub/Sub")
TOLD = ("the handler writes", "the handler reads", "the handler reads", "the handler notes")
UNKNOWN = {
    "accepted": (*_TO_THE_EMAIL, "worker a hands the email over: the provider accepts", *GIVEN_UP, *TOLD),
    "not accepted": (*_TO_THE_EMAIL, "worker a hands the email over: the provider does not", *GIVEN_UP, *TOLD),
}
"""Ways to a report of unknown outcome that is given up, and people know."""


def restored(found: Found[State]) -> set[State]:
    """The states after a restore: what Firestore held in one state, with what everybody else holds in a later one in
    which nobody acts."""
    made_in: dict[Documents, list[int]] = {}
    for number, state in enumerate(found.states):
        made_in.setdefault(state.documents, []).append(number)
    starts = set[State]()
    for copy, numbers in made_in.items():
        seen, left = set(numbers), list(numbers)
        while left:
            number = left.pop()
            state = found.states[number]
            if not state.processes and not state.is_old:
                hours = state.hours + 1
                starts.add(state._replace(documents=copy, hours=hours, ran=hours, restored_at=hours))
            later = [each for each, _ in found.after[number] if each not in seen]
            seen.update(later)
            left.extend(later)
    return starts


def _subscription(found: FoundDocument) -> Subscription | None:
    return Subscription.from_snapshot(found, DEFAULTS)


def _event(delivery: Delivery) -> str:
    """The id of the event about a final delivery. One that is dead can be so again."""
    at = delivery.failed_at if delivery.state is DeliveryState.DEAD else None
    return f"{delivery.id}/report.{delivery.state}" + (f"/{at.isoformat()}" if at else "")


def _delivered(delivery: str) -> str:
    return f"{delivery}/report.delivered/delivered/r/{START.isoformat()}"


def _is_final(delivery: Delivery) -> bool:
    return delivery.is_final


def _resumed(state: State) -> State:
    processes = tuple(each._replace(is_unwanted=False) for each in state.processes)
    return state._replace(processes=processes, skipped=_with(state.skipped, (state.paused, state.hours)), paused=-1)


def _is_dated(fields: Mapping[str, Any], run_time: datetime) -> bool:
    written_at, expire_at = fields.get("updated_at"), fields.get("expire_at")
    # No time passes while anybody acts, and runs write their own.
    return written_at is not None and written_at >= run_time and expire_at == written_at + DELIVERY_RETENTION


def _with(values: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    return values if value in values else tuple(sorted((*values, value)))


def _without(state: State, process: Process) -> State:
    return state._replace(processes=tuple(each for each in state.processes if each.name != process.name))


def _times(period: str) -> tuple[datetime, datetime]:
    first, last = period.split()
    return datetime.fromisoformat(first), datetime.fromisoformat(last)


def _overlap(one: tuple[datetime, datetime], other: tuple[datetime, datetime]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


_NAMES = {
    "deliveries": "the delivery",
    "dead_letters": "the dead letter",
    "mail_events": "the events",
    "users": "the user",
    "report_subscriptions": "the subscription",
}


def _named(paths: tuple[str, ...]) -> str:
    return ", ".join(dict.fromkeys(_NAMES[collection_of(each)] for each in paths))


def _of_delivery(fields: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    match fields["state"]:
        case _ if fields.get("rescues"):
            return "notes that it makes another task"
        case "sending":
            return "claims the delivery" if "lease_expires_at" in fields else "notes that the outcome is unknown"
        case "pending" if before.get("state") == "sending":
            return "gives the claim back"
        case "pending" if "task" in fields:
            return "puts the delivery back"
        case "pending":
            return "notes why it has failed"
        case "giving-up":
            return "gives the report up"
        case state:
            return f"settles the delivery: {state}"


def _of_letter(fields: Mapping[str, Any]) -> str:
    if fields.get("alerted_at"):
        return "notes that people were told"
    return f"writes the dead letter: {fields.get('state', 'a later failure')}"
