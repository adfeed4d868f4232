"""One report, and all who act on it: workers, the dispatcher's rescue, mail events, the DLQ handler, and an operator.

The table of what can happen to a delivery, and everything that decides, are the pipeline's own; each process makes its
steps in the order of the functions that call these: read, claim, look again, send, settle, hold, publish, mark. A write
takes effect only where the delivery is still what the process has read, as the store has it. Between any two steps
another process may act, each may be killed, and a copy of Firestore may be made, which is restored while nobody acts.
Time is what an exploration needs of it: whether a lease is over, and whether a day has passed.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.rescue.dead_lettering import failure_of_lost
from functions.dispatcher.rescue.rescue_step import (
    LEAST_RESCUES,
    LOST_AFTER,
    QueueAnswer,
    RescueStep,
    is_under_way,
    rescue_step,
)
from functions.dlq_handler.intake.received_dead_letter import ReceivedDeadLetter
from functions.dlq_handler.store.dead_letter_store import dead_letter_changes
from functions.shared.firestore.unknown_outcome import is_settled_by_event, settlement
from functions.shared.records.dead_letter import DeadLetterReason, DeadLetterState, StoredDeadLetter, dismissed_fields
from functions.shared.records.delivery import Delivery, DeliveryFailure, DeliveryState, SkipReason
from functions.shared.records.delivery_attempt import AttemptResult, DeliveryAttempt
from functions.shared.records.delivery_table import (
    MAY_HAVE_BEEN_SENT,
    CannotHappen,
    Claimed,
    Event,
    GivenUp,
    Proven,
    Published,
    Refused,
    Rescued,
    Sent,
    Skipped,
    Unclear,
    written,
)
from functions.shared.records.ids import delivery_id
from functions.shared.records.mail_event import MailEvent, MailRecord, MailStatus
from functions.shared.records.report_task import ReportTask
from functions.shared.records.stored_request import StoredRequest
from functions.worker import transitions
from functions.worker.attempt import Attempt
from functions.worker.mail import model
from functions.worker.task_delivery import TaskDelivery
from functions.worker.transitions import GiveUp, NextStep, Retry, Transition, next_step, transition_after
from operations.dead_letters.replay import PreparedReplay, Replay
from operations.dead_letters.replay_decision import ReplayStep

NOW = datetime(2026, 11, 24, 13, tzinfo=UTC)
SECOND = timedelta(seconds=1)
RESTORED_AT = NOW + timedelta(hours=1)
A_DAY_LATER = RESTORED_AT + LOST_AFTER
TASK = ReportTask(
    user_id="u1",
    subscription_id="default",
    delivery_id=delivery_id("u1", "default", NOW),
    due_at=NOW,
    run_id="20261124T1300Z",
    kind="activity",
)
DUE = DueSubscription("u1", "default", NOW, "activity")
REQUEST = StoredRequest(provider="p", key="k", made_at=NOW, digest="d", packed=b"")
EVENT = MailEvent(delivery_id=TASK.delivery_id, recipient="r", status=MailStatus.DELIVERED, at=NOW)
RECORD = MailRecord(id=TASK.delivery_id, user_id="u1", subscription_id="default").folded([EVENT])


class Provider(StrEnum):
    """What the mail provider can say about an email whose answer was lost."""

    NEITHER = "neither keys nor logs"
    LOGS = "logs"
    KEYS = "keys"


class Bounds(NamedTuple):
    """How much may happen."""

    attempts: int = 2
    kills: int = 1
    replays: int = 1
    tasks: int = 2
    workers: int = 2
    stops: int = 0
    restores: int = 0
    provider: Provider = Provider.NEITHER


class Letter(NamedTuple):
    """A dead letter, as far as anything decides by it."""

    state: DeadLetterState
    reason: str
    failed_at: datetime
    replays: int = 0
    in_replay: bool = False
    is_told: bool = False

    @property
    def stored(self) -> StoredDeadLetter:
        """As it is read."""
        return StoredDeadLetter(
            id=TASK.delivery_id,
            state=self.state,
            reason=self.reason,
            payload=TASK.model_dump(mode="json"),
            failed_at=self.failed_at,
            received_at=NOW,
            alerted_at=NOW if self.is_told else None,
            replays=self.replays,
            in_replay=self.in_replay,
        )


class Process(NamedTuple):
    """Somebody who acts on the report.

    Attributes:
        name: which: also the owner of what it claims.
        at: before which step it is.
        held: the delivery as it has read or written it last.
        is_current: whether nobody has written the delivery since.
        is_last: whether the queue deletes its task after this attempt.
        is_claimed: whether it has claimed the delivery.
        is_repeat: whether a worker may have made its requests before.
        event: what it is about to write, with its class: events of two classes may be equal as tuples.
        failure: why it gives the report up.
        prepared: the replay that it has begun.
    """

    name: str
    at: str
    held: Delivery | None = None
    is_current: bool = True
    is_last: bool = False
    is_claimed: bool = False
    is_repeat: bool = False
    event: tuple[type, Event] | None = None
    failure: DeliveryFailure | None = None
    prepared: Any = None


class Copy(NamedTuple):
    """What a copy of Firestore holds."""

    delivery: Delivery | None
    letter: Letter | None
    has_event: bool
    is_due: bool
    is_stopped: bool

    @classmethod
    def of(cls, state: "State") -> "Copy":
        """What one would hold that is made now."""
        return cls(*(getattr(state, name) for name in cls._fields))

    def restored_in(self, state: "State") -> "State":
        """A state in which it is restored. People remember what they were told."""
        letter = self.letter and self.letter._replace(is_told=bool(state.letter and state.letter.is_told))
        kept = self._replace(letter=letter)._asdict()
        return state._replace(**kept, restored_at=RESTORED_AT, is_old=False)


class State(NamedTuple):
    """Everything.

    Attributes:
        delivery: the record; None where there is none.
        letter: its dead letter.
        has_event: whether mail_events has an event of the email.
        is_event_answered: whether the provider was told so; until then it repeats its call.
        emails: how many the provider has accepted.
        is_key_used: whether the provider has accepted the requests that the delivery keeps.
        allowed: how many emails may go out: one, and one more for each replay that a person has risked.
        tasks: how many attempts each task in the queue has left.
        processes: who acts.
        messages: the failures whose message Pub/Sub has not got rid of.
        is_due: whether the subscription is due for it.
        is_stopped: whether the recipient has stopped it.
        is_old: whether a day has passed.
        failures: how often the report was given up.
        kills: how many processes may still be killed.
        replays: how many replays an operator may still begin.
        restored_at: the deployment's RESTORED_AT; None where Firestore was not restored.
        broken: what the table has no row for.
    """

    delivery: Delivery | None = None
    letter: Letter | None = None
    has_event: bool = False
    is_event_answered: bool = False
    emails: int = 0
    is_key_used: bool = False
    allowed: int = 1
    tasks: tuple[int, ...] = ()
    processes: tuple[Process, ...] = ()
    messages: tuple[DeliveryFailure, ...] = ()
    is_due: bool = True
    is_stopped: bool = False
    is_old: bool = False
    failures: int = 0
    kills: int = 0
    replays: int = 0
    restored_at: datetime | None = None
    broken: str = ""

    @property
    def seen(self) -> Delivery | None:
        """The delivery as the store reads it."""
        return Delivery.as_it_counts(self.delivery, TASK, restored_at=self.restored_at)

    @property
    def failed_at(self) -> datetime:
        """When a process that fails now does so."""
        return (self.restored_at or NOW) + self.failures * SECOND


Step = tuple[str, State, bool]
"""What happens, the state after it, and whether it happens by itself."""


def first(bounds: Bounds) -> State:
    """A report that is due, whose task a run has just made."""
    return State(tasks=(bounds.attempts,), kills=bounds.kills, replays=bounds.replays)


def given_up(bounds: Bounds, *, emails: int) -> State:
    """A report of unknown outcome that is given up, and people know: its email was accepted, or was not."""
    failure = DeliveryFailure(reason=DeadLetterReason.UNKNOWN_OUTCOME, error="e", failed_at=NOW)
    delivery: Delivery | None = None
    for event in (Claimed("w", NOW, "p"), GivenUp("w", failure), Published("w")):
        delivery = _as_kept(delivery, written(delivery, event, task=TASK, now=NOW))
    letter = Letter(DeadLetterState.OPEN, failure.reason, NOW, is_told=True)
    return first(bounds)._replace(delivery=delivery, letter=letter, emails=emails, tasks=(), is_due=False, failures=1)


def wrong(state: State) -> str:
    """Which promise a state breaks; empty where none."""
    delivery = state.delivery
    if state.broken:
        return state.broken
    if state.emails > state.allowed:
        return f"{state.emails} emails, where {state.allowed} may go out"
    if delivery and delivery.state is DeliveryState.SENT and not state.emails:
        return "sent, and no email was accepted"
    return ""


def is_good_end(state: State) -> bool:
    """Whether all may stay as it is: the report is final, its subscription has moved on, and a person knows of it where
    it is not sent, and only there."""
    delivery, letter = state.delivery, state.letter
    if state.processes or state.tasks or state.messages or state.is_due or delivery is None or not delivery.is_final:
        return False
    is_open = letter is not None and letter.state is DeadLetterState.OPEN
    if delivery.state is not DeliveryState.DEAD:
        # After a restore a letter may stay open whose report an event has shown. A replay closes it, and sends nothing.
        return not is_open or state.restored_at is not None
    if letter is None or not is_open:
        return letter is not None
    # No person has to decide about an email that an event has shown.
    is_shown = state.has_event and letter.reason in MAY_HAVE_BEEN_SENT and state.restored_at is None
    return letter.is_told and not is_shown


def following(state: State, bounds: Bounds) -> Iterator[Step]:
    """What can happen in a state."""
    yield from _beginnings(state, bounds)
    for process in state.processes:
        if state.kills:
            killed = _without(state, process)
            yield f"{process.name} is killed before it can {process.at}", killed._replace(kills=state.kills - 1), False
        yield from _STEPS[process.name.split()[0]](state, process, bounds)
    lease = state.delivery and state.delivery.lease_expires_at
    if state.delivery and lease and lease > NOW and not any(each.is_claimed for each in state.processes):
        over = state.delivery._replace(lease_expires_at=NOW - SECOND)
        yield "the lease ends", state._replace(delivery=over, processes=_all_overtaken(state.processes)), True


def _beginnings(state: State, bounds: Bounds) -> Iterator[Step]:
    names = {process.name for process in state.processes}
    for number, attempts in enumerate(state.tasks):
        name = next((name for name in ("worker a", "worker b")[: bounds.workers] if name not in names), None)
        if name is not None:
            left = (*state.tasks[:number], *((attempts - 1,) if attempts > 1 else ()), *state.tasks[number + 1 :])
            worker = Process(name, "read", is_last=attempts == 1)
            # The queue keeps the task until the worker has answered; here it is back at once, as a duplicate would be.
            yield f"{name} gets the task", _begin(state, worker)._replace(tasks=tuple(sorted(left))), True
    if not state.tasks and "rescue" not in names and not names & {"worker a", "worker b"}:
        yield "a run looks at the report", _begin(state, Process("rescue", "read")), True
    if state.emails and not state.is_event_answered and "event" not in names:
        yield "an event of the email comes", _begin(state, Process("event", "settle")), True
    if state.messages and "handler" not in names:
        yield "Pub/Sub delivers the dead letter", _begin(state, Process("handler", "store")), True
    letter = state.letter
    if letter and state.replays and "operator" not in names:
        begun = state._replace(replays=state.replays - 1)
        yield "an operator replays", _begin(begun, Process("operator", "prepare")), False
        yield "an operator replays with --yes", _begin(begun, Process("operator", "prepare", is_last=True)), False
    if letter and letter.state is DeadLetterState.OPEN and "operator" not in names:
        fields = dismissed_fields(note="", now=NOW)
        yield "an operator dismisses", state._replace(letter=letter._replace(state=fields["state"])), False
    if bounds.stops and not state.is_stopped:
        yield "the recipient stops the reports", state._replace(is_stopped=True), False
    if not (state.is_old or state.tasks or state.processes or state.messages):
        yield "a day passes", state._replace(is_old=True), True


def restored(after: Mapping[State, list[tuple[State, bool]]]) -> set[State]:
    """The states after a restore: what Firestore held in one state, with what everybody else holds in a later one in
    which nobody acts.

    Args:
        after: by state, what follows.
    """
    made_in: dict[Copy, list[State]] = {}
    for state in after:
        made_in.setdefault(Copy.of(state), []).append(state)
    found = set[State]()
    for copy, states in made_in.items():
        seen, left = set(states), list(states)
        while left:
            state = left.pop()
            if not state.processes:
                found.add(copy.restored_in(state))
            later = [each for each, _ in after[state] if each not in seen]
            seen.update(later)
            left.extend(later)
    return found


# A worker


def _worker(state: State, process: Process, bounds: Bounds) -> Iterator[Step]:
    name, held = process.name, process.held
    match process.at:
        case "read":
            yield _after_reading(state, process, bounds)
        case "claim":
            request = REQUEST if bounds.provider is Provider.KEYS and not process.is_repeat else None
            event = Claimed(name, NOW + 90 * SECOND, "p", request)
            claimed = _write(state, process, event, at="look again", is_claimed=True)
            if request and claimed.delivery is not state.delivery:
                claimed = claimed._replace(is_key_used=False)
            yield f"{name} claims", claimed, True
        case "look again" if state.is_stopped:
            skipped = Skipped(name, SkipReason.PAUSED)
            yield f"{name} finds the reports stopped", _with(state, name, at="settle", event=_typed(skipped)), True
        case "look again":
            yield f"{name} looks again", _with(state, name, at="send"), True
        case "send":
            yield from _sends(state, process, bounds)
        case "settle" if process.event is not None:
            yield f"{name} settles", _settle(state, process, process.event[1]), True
        case "hold" if process.failure is not None:
            given_up = GivenUp(name, process.failure)
            yield f"{name} gives up", _write(state, process, given_up, at="publish", is_claimed=False), True
        case "publish" | "mark":
            yield from _publishes(state, process)
        case _:
            raise AssertionError(process.at, held)


def _after_reading(state: State, process: Process, bounds: Bounds) -> Step:
    delivery, name = state.seen, process.name
    process = process._replace(held=delivery, is_current=True)
    state = _with(state, name, held=delivery, is_current=True)
    step = next_step(delivery, now=NOW)
    if step is NextStep.IN_PROGRESS:
        return f"{name} leaves it to the other", _without(state, process), True
    if step is NextStep.ALREADY_FINAL:
        return f"{name} moves the subscription on", _without(state, process)._replace(is_due=False), True
    if step is NextStep.FINISH_GIVING_UP and delivery and delivery.failure:
        return f"{name} finishes giving up", _with(state, name, at="hold", failure=delivery.failure), True
    is_repeat = False
    if step is NextStep.INQUIRE and delivery:
        is_repeat = bounds.provider is Provider.KEYS and delivery.request is not None
        is_known = state.has_event or (bounds.provider is Provider.LOGS and state.emails > 0)
        if is_known and not is_repeat:
            return f"{name} finds the email", _with(state, name, at="settle", event=_typed(Proven("m", name))), True
        if not is_repeat:
            return f"{name} finds nothing out", _gives_up(state, process, DeadLetterReason.UNKNOWN_OUTCOME), True
    if state.is_stopped:
        skipped = Skipped(name, SkipReason.PAUSED)
        return f"{name} finds the reports stopped", _with(state, name, at="settle", event=_typed(skipped)), True
    return f"{name} builds the report", _with(state, name, at="claim", is_repeat=is_repeat), True


def _sends(state: State, process: Process, bounds: Bounds) -> Iterator[Step]:
    has_keys = bounds.provider is Provider.KEYS
    # The provider takes requests with a key that it knows, and sends nothing for them.
    emails = state.emails if has_keys and state.is_key_used else state.emails + 1
    accepted = state._replace(emails=emails, is_key_used=has_keys)
    outcomes: list[tuple[str, State, model.MailOutcome, bool]] = [
        ("accepts", accepted, model.Accepted(message_id="m"), True),
        ("accepts, and the answer is lost", accepted, model.Unclear(error="e"), False),
        ("does not answer", state, model.Unclear(error="e"), False),
        ("refuses for good", state, model.Refused(error="e"), False),
        ("has no time", state, model.Throttled(error="e"), False),
    ]
    for what, after, outcome, by_itself in outcomes:
        if process.is_repeat:
            decided = transitions.transition_after_repeat(outcome)
        else:
            is_cleared = isinstance(outcome, model.Unclear) and process.is_last and not has_keys and after.has_event
            known = model.Accepted(message_id="m") if is_cleared else outcome
            decided = transition_after(known, last_attempt=process.is_last, can_repeat=has_keys)
        yield f"the provider {what}", _decided(after, process, decided), by_itself


def _decided(state: State, process: Process, decided: Transition) -> State:
    name = process.name
    match decided:
        case transitions.Sent():
            return _with(state, name, at="settle", event=_typed(Sent("m", name)))
        case Retry(release=release):
            return _with(state, name, at="settle", event=_typed(Refused("e") if release else Unclear("e")))
        case GiveUp(reason=reason):
            return _gives_up(state, process, reason)
        case transitions.Skip():
            raise AssertionError(decided)


def _gives_up(state: State, process: Process, reason: DeadLetterReason) -> State:
    attempt = Attempt(number=1, task_name="t", last=process.is_last, started_at=NOW)
    work = TaskDelivery(TASK, attempt, process.name, process.held, is_claimed=process.is_claimed)
    reason = DeadLetterReason.UNKNOWN_OUTCOME if work.is_in_doubt else reason
    failure = DeliveryFailure(reason=reason, error="e", failed_at=state.failed_at)
    return _with(state, process.name, at="hold", failure=failure)._replace(failures=min(state.failures + 1, 3))


def _publishes(state: State, process: Process) -> Iterator[Step]:
    name, failure = process.name, process.failure
    assert failure is not None
    if process.at == "publish":
        yield f"{name} publishes the dead letter", _publish(_with(state, name, at="mark"), failure), True
        yield "Pub/Sub refuses the dead letter", _without(state, process), False
    else:
        yield f"{name} marks the delivery dead", _settle(state, process, Published(name)), True


def _publish(state: State, failure: DeliveryFailure) -> State:
    messages = sorted({*state.messages, failure}, key=lambda each: each.failed_at)
    return state._replace(messages=tuple(messages))


def _settle(state: State, process: Process, event: Event) -> State:
    """Write how it ends. Where that is final, the subscription moves on in the same commit."""
    after = _write(state, process, event, at="end")
    if after.delivery is state.delivery:
        return after
    after = _without(after, process)
    return after._replace(is_due=False) if after.delivery and after.delivery.is_final else after


# The dispatcher's rescue


def _rescue(state: State, process: Process, bounds: Bounds) -> Iterator[Step]:
    name, delivery = process.name, state.seen
    if process.at in {"publish", "mark"}:
        yield from _publishes(state, process)
        return
    if process.at == "hold" and process.failure is not None:
        yield "the rescue gives up", _write(state, process, GivenUp(name, process.failure), at="publish"), True
        return
    if process.at == "enqueue":
        tasks = tuple(sorted((*state.tasks, bounds.attempts)))
        yield "the rescue makes another task", _without(state, process)._replace(tasks=tasks), True
        return
    state, ended = _with(state, name, held=delivery, is_current=True), _without(state, process)
    if not state.is_due and (delivery is None or delivery.is_final):
        is_told = state.letter is not None and not state.letter.stored.needs_alert
        if state.restored_at and delivery and delivery.failure and not is_told:
            yield "the run tells what the restore has lost", _publish(ended, delivery.failure), True
        yield "the rescue finds nothing to do", ended, True
        return
    run_time = A_DAY_LATER if state.is_old else NOW
    if is_under_way(delivery, run_time=run_time, read_from=NOW + SECOND):
        yield "the rescue leaves it to the worker", ended, True
        return
    # A copy may not have the record, or an older one.
    tried = delivery and delivery._replace(created_at=NOW, rescues=LEAST_RESCUES)
    if rescue_step(tried, QueueAnswer.GONE, due_at=NOW, run_time=run_time) is RescueStep.GIVE_UP:
        failure = failure_of_lost(DUE, delivery, run_time=NOW, now=state.failed_at)
        lost = _with(state, name, at="hold", failure=failure)
        yield "the rescue finds it lost", lost._replace(failures=min(state.failures + 1, 3)), True
        return
    state = _write(state, _of(state, name), Rescued("r"))
    yield "the rescue notes that it makes another task", _with(state, name, at="enqueue"), True


# Mail events


def _event(state: State, process: Process, _bounds: Bounds) -> Iterator[Step]:
    match process.at:
        case "settle":
            settled = _settled(state)
            yield "the event settles what it can", _with(settled, process.name, at="store"), True
        case "store":
            stored = state._replace(has_event=True)
            yield "the event is stored", _with(stored, process.name, at="look again"), True
        case _:
            yield "the event looks again", _without(_settled(state), process)._replace(is_event_answered=True), True


def _settled(state: State) -> State:
    delivery = state.delivery
    if delivery is None or not is_settled_by_event(delivery):
        return state
    return _settlement(state)


def _settlement(state: State) -> State:
    settled = settlement(state.delivery, state.letter and state.letter.stored, RECORD, now=NOW)
    return _stored(state, settled.delivery, settled.letter)


# The DLQ handler


def _handler(state: State, process: Process, _bounds: Bounds) -> Iterator[Step]:
    (message, *others), letter = state.messages, state.letter
    may_be_sent = message.reason in MAY_HAVE_BEEN_SENT
    is_proven = may_be_sent and (state.has_event or _is_sent(state))
    match process.at:
        case "store":
            changes = dead_letter_changes(letter and letter.stored, _received(message), now=NOW, was_sent=is_proven)
            stored = _stored(state, {}, changes)
            yield "the handler stores the dead letter", _with(stored, process.name, at="settle"), True
        case "settle":
            settled = _settlement(state) if is_proven else state
            yield "the handler looks for a proof", _with(settled, process.name, at="tell"), True
        case _:
            told = letter._replace(is_told=True) if letter and letter.stored.needs_alert else letter
            yield (
                "the handler tells people",
                _without(state, process)._replace(letter=told, messages=tuple(others)),
                True,
            )


def _received(failure: DeliveryFailure) -> ReceivedDeadLetter:
    return ReceivedDeadLetter(
        id=TASK.delivery_id,
        payload={},
        reason=failure.reason,
        error="e",
        attempts=1,
        task_name="",
        failed_at=failure.failed_at,
        message_id="1",
        cause="0" * 32,
    )


def _is_sent(state: State) -> bool:
    return state.delivery is not None and state.delivery.state is DeliveryState.SENT


# An operator


class _Replay(Replay):
    """The real one, over the documents of a state."""

    def __init__(self, state: State) -> None:
        self._state, self._now = state, lambda: NOW
        self.written: tuple[Mapping[str, Any], Mapping[str, Any]] = ({}, {})

    def _decide(self, letter_id: str, decide: Callable[..., Any], *, known: StoredDeadLetter | None = None) -> Any:
        state = self._state
        record = RECORD if state.has_event else None
        result, *self.written = decide(state.delivery, state.letter and state.letter.stored, record)
        return result


def _operator(state: State, process: Process, bounds: Bounds) -> Iterator[Step]:
    name, replay = process.name, _Replay(state)
    if process.at == "prepare":
        prepared = replay.prepare(TASK.delivery_id, may_send_twice=process.is_last)
        after = _stored(state, *replay.written)
        step = prepared.decision.step if prepared else ReplayStep.STOP
        if step is ReplayStep.STOP:
            yield "the replay is refused", _without(state, process), True
            return
        is_risk = process.is_last and step in {ReplayStep.REVIVE, ReplayStep.RESUME}
        after = after._replace(allowed=state.allowed + is_risk)
        at = "conclude" if step is ReplayStep.CLOSE else "enqueue"
        yield "the replay puts the delivery back", _with(after, name, at=at, prepared=_Prepared.of(prepared)), True
    elif process.at == "enqueue":
        tasks = tuple(sorted((*state.tasks, bounds.attempts)))[: bounds.tasks]
        yield "the replay makes a task", _with(state, name, at="conclude")._replace(tasks=tasks), True
    else:
        replay.conclude(process.prepared.made(state))
        yield "the replay marks the dead letter", _without(_stored(state, *replay.written), process), True


class _Prepared(NamedTuple):
    """A replay after its first step, as far as the last one needs it."""

    failed_at: datetime
    decision: Any
    number: int

    @classmethod
    def of(cls, prepared: PreparedReplay | None) -> "_Prepared":
        assert prepared is not None
        assert prepared.letter.failed_at is not None
        return cls(prepared.letter.failed_at, prepared.decision, prepared.number)

    def made(self, state: State) -> PreparedReplay:
        assert state.letter is not None
        letter = state.letter._replace(failed_at=self.failed_at).stored
        return PreparedReplay(letter=letter, decision=self.decision, number=self.number)


_STEPS: Mapping[str, Callable[[State, Process, Bounds], Iterator[Step]]] = {
    "worker": _worker,
    "rescue": _rescue,
    "event": _event,
    "handler": _handler,
    "operator": _operator,
}


# What a state is made of


def _typed(event: Event) -> tuple[type, Event]:
    return type(event), event


def _begin(state: State, process: Process) -> State:
    return state._replace(processes=tuple(sorted((*state.processes, process), key=_name)))


def _of(state: State, name: str) -> Process:
    return next(each for each in state.processes if each.name == name)


def _with(state: State, name: str, **changes: Any) -> State:
    """A state in which a process is another; as it is where the process has ended."""
    changed = (each._replace(**changes) if each.name == name else each for each in state.processes)
    return state._replace(processes=tuple(changed))


def _without(state: State, process: Process) -> State:
    left = [each for each in state.processes if each.name != process.name]
    # Two workers are as good as one another.
    if process.name == "worker a":
        left = [each._replace(name="worker a") if each.name == "worker b" else each for each in left]
    return state._replace(processes=tuple(sorted(left, key=_name)))


def _name(process: Process) -> str:
    return process.name


def _all_overtaken(processes: tuple[Process, ...], *, but: str = "") -> tuple[Process, ...]:
    return tuple(each if each.name == but else _overtaken(each) for each in processes)


def _overtaken(process: Process) -> Process:
    """A process after somebody else has written the delivery: what it holds counts only where that may be a note."""
    if process.name.split()[0] not in {"worker", "rescue"}:
        return process
    is_noted = process.held is None or process.held.state is DeliveryState.PENDING
    return process._replace(is_current=False, held=process.held if is_noted else _GONE)


_UNCLEAR = (DeliveryAttempt(at=NOW, result=AttemptResult.UNCLEAR, error="e"),)
_GONE = Delivery(id=TASK.delivery_id, state=DeliveryState.SENT, version=NOW)


def _write(state: State, process: Process, event: Event, **changes: Any) -> State:
    """Write as the store does: on the condition that the delivery is as it was read, or only noted since.

    The process goes on with these changes. One that others have overtaken ends.
    """
    before = process.held
    if not process.is_current:
        seen = state.seen
        if seen is None or not seen.is_only_noted_since(before):
            return _without(state, process)
        before = seen
    try:
        fields = written(before, event, task=TASK, now=NOW)
    except CannotHappen as error:
        return state._replace(broken=str(error))
    after = _as_kept(state.delivery, fields)
    state = state._replace(delivery=after, processes=_all_overtaken(state.processes, but=process.name))
    held = after if before is state.delivery else _as_kept(before, fields)
    return _with(state, process.name, held=held, is_current=True, **changes)


def _as_kept(before: Delivery | None, fields: Mapping[str, Any]) -> Delivery:
    """A delivery after a write, without what nothing here decides by."""
    after = before.changed(fields, NOW) if before else Delivery.from_fields(TASK.delivery_id, fields, version=NOW)
    is_unclear = bool(after.history) and after.history[-1].result is AttemptResult.UNCLEAR
    return after._replace(
        history=_UNCLEAR if is_unclear else (),
        attempts=min(after.attempts, 1),
        rescues=0,
        created_at=NOW,
        last_attempt_at=None,
        owner="",
        message_id="",
    )


def _stored(state: State, of_delivery: Mapping[str, Any], of_letter: Mapping[str, Any]) -> State:
    """A state after a commit of a delivery and its dead letter that was conditional on both."""
    if of_delivery:
        after = _as_kept(state.delivery, of_delivery)
        state = state._replace(delivery=after, processes=_all_overtaken(state.processes))
    if of_letter:
        letter = state.letter or Letter(DeadLetterState.OPEN, "", NOW)
        known = {name: value for name, value in of_letter.items() if name in Letter._fields}
        if "state" in known:
            known["state"] = DeadLetterState(known["state"])
        if "alerted_at" in of_letter:
            known["is_told"] = of_letter["alerted_at"] is not None
        state = state._replace(letter=letter._replace(**known))
    return state
