"""What a mail event settles, whatever else happens to the delivery and its dead letter at the same time."""

import itertools
import random
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.shared.firestore.found_document import FoundDocument
from functions.shared.firestore.unknown_outcome import (
    Settlement,
    is_settled_by_event,
    settled_alert,
    settlement,
)
from functions.shared.records.address_hash import address_hash
from functions.shared.records.dead_letter import (
    DeadLetterReason,
    DeadLetterState,
    StoredDeadLetter,
    dismissed_fields,
    replay_begun_fields,
    replayed_fields,
)
from functions.shared.records.delivery import Delivery, DeliveryFailure, DeliveryState
from functions.shared.records.delivery_attempt import AttemptResult, DeliveryAttempt
from functions.shared.records.delivery_table import (
    MAIL_EVENT,
    MAY_HAVE_BEEN_SENT,
    Claimed,
    Event,
    GivenUp,
    Published,
    Replayed,
    written,
)
from functions.shared.records.mail_event import MailEvent, MailRecord, MailStatus
from functions.shared.records.report_task import ReportTask

NOW = datetime(2026, 11, 24, 13, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ID = "u1:default:20261124T1200Z"
TASK = ReportTask(
    user_id="u1",
    subscription_id="default",
    delivery_id=ID,
    due_at=NOW - timedelta(hours=1),
    run_id="20261124T1200Z",
    kind="activity",
)
UNKNOWN = DeadLetterReason.UNKNOWN_OUTCOME
EMPTY = MailRecord(id=ID, user_id="u1", subscription_id="default")
"""A document in the collection that another tool has made."""

RECORD = EMPTY.folded(
    [
        MailEvent(
            delivery_id=ID,
            recipient=address_hash("ada@example.com"),
            status=MailStatus.DELIVERED,
            at=NOW,
            message_id="m1",
        )
    ]
)


def snapshot(fields: dict[str, Any] | None, version: int = 0) -> FoundDocument:
    return FoundDocument(f"any/{ID}", fields, NOW + version * timedelta(seconds=1))


def delivery(state: DeliveryState, **fields: Any) -> Delivery:
    found = Delivery.from_snapshot(snapshot({"state": state.value, **fields}))
    assert found is not None
    return found


def letter(state: DeadLetterState = DeadLetterState.OPEN, reason: DeadLetterReason = UNKNOWN) -> StoredDeadLetter:
    fields = {"state": state.value, "reason": reason.value, "payload": TASK.model_dump(mode="json")}
    return StoredDeadLetter.from_fields(ID, fields)


GIVEN_UP = {"reason": UNKNOWN.value, "failed_at": NOW}
RETRIED_OUT = {"reason": DeadLetterReason.RETRIES_EXHAUSTED.value, "failed_at": NOW}
REFUSED = {"reason": DeadLetterReason.PERMANENT_ERROR.value, "failed_at": NOW}


@pytest.mark.parametrize(
    ("found", "is_settled"),
    [
        pytest.param(delivery(DeliveryState.DEAD, **GIVEN_UP), True, id="dead"),
        pytest.param(delivery(DeliveryState.SENDING, **GIVEN_UP), True, id="held"),
        pytest.param(delivery(DeliveryState.PENDING), True, id="put back by a replay"),
        pytest.param(delivery(DeliveryState.SENDING), False, id="claimed"),
        pytest.param(delivery(DeliveryState.PENDING, **RETRIED_OUT), True, id="held after the last retry"),
        pytest.param(delivery(DeliveryState.DEAD, **RETRIED_OUT), True, id="dead after the last retry"),
        pytest.param(delivery(DeliveryState.PENDING, **REFUSED), False, id="held for another reason"),
        pytest.param(delivery(DeliveryState.DEAD, **REFUSED), False, id="dead for another reason"),
        pytest.param(delivery(DeliveryState.SKIPPED, reason="paused"), False, id="skipped"),
        pytest.param(delivery(DeliveryState.SENT), False, id="sent"),
    ],
)
def test_which_deliveries_an_event_makes_sent(found: Delivery, is_settled: bool) -> None:
    assert is_settled_by_event(found) is is_settled
    settled = settlement(found, None, RECORD, now=NOW)
    assert bool(settled.delivery) is is_settled
    assert settled.is_sent is (is_settled or found.state is DeliveryState.SENT)
    assert settlement(found, letter(), None, now=NOW).delivery == {}


def test_a_settled_delivery_is_like_one_that_a_worker_has_sent() -> None:
    found = delivery(DeliveryState.DEAD, owner="a worker", last_error="cut", **GIVEN_UP)
    fields = settlement(found, None, RECORD, now=NOW).delivery
    after = Delivery.from_snapshot(snapshot({"state": "dead", "attempts": 1, **GIVEN_UP, **fields}))
    assert after is not None
    assert (after.state, after.message_id, after.reason, after.last_error) == (DeliveryState.SENT, "m1", "", "")
    assert after.history == (DeliveryAttempt(at=NOW, result=AttemptResult.SETTLED),)
    assert (after.failed_at, after.owner, after.attempts, after.updated_at) == (None, MAIL_EVENT, 1, NOW)


DELIVERIES = [
    None,
    *(delivery(state) for state in DeliveryState),
    delivery(DeliveryState.DEAD, **GIVEN_UP),
    delivery(DeliveryState.SENDING, **GIVEN_UP),
    delivery(DeliveryState.DEAD, **RETRIED_OUT),
    delivery(DeliveryState.DEAD, **REFUSED),
]


@pytest.mark.parametrize("record", [RECORD, EMPTY, None], ids=["with an event", "without one", "without a record"])
def test_a_dead_letter_is_closed_if_and_only_if_its_report_was_sent(record: MailRecord | None) -> None:
    for found, state, reason in itertools.product(DELIVERIES, DeadLetterState, DeadLetterReason):
        settled = settlement(found, letter(state, reason), record, now=NOW)
        is_gone_and_proven = found is None and record is RECORD
        waits = state is DeadLetterState.OPEN and reason in MAY_HAVE_BEEN_SENT
        assert record is RECORD or not settled.delivery
        assert bool(settled.letter) is (waits and (settled.is_sent or is_gone_and_proven))
        if settled.letter:
            assert (settled.letter["state"], settled.letter["settled_at"]) == ("settled", NOW)


def test_people_are_told_which_report_it_is() -> None:
    alert = settled_alert(letter(), RECORD, now=NOW)
    assert (alert.report, alert.run_id, alert.detail) == (
        TASK,
        TASK.run_id,
        "the mail provider accepted it, and reports: delivered",
    )
    assert settled_alert(letter(), None, now=NOW).detail == "the mail provider accepted it"


@dataclass
class Documents:
    """Firestore, Pub/Sub and people, in a few fields. Each write makes a new version."""

    delivery: dict[str, Any] | None = None
    letter: dict[str, Any] | None = None
    record: MailRecord | None = None
    published: list[datetime] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=lambda: {"delivery": 0, "letter": 0})
    alerted: int = 0
    told: int = 0

    def read_delivery(self) -> Delivery | None:
        return Delivery.from_snapshot(snapshot(self.delivery, self.versions["delivery"]))

    def read_letter(self) -> StoredDeadLetter | None:
        return StoredDeadLetter.from_snapshot(snapshot(self.letter, self.versions["letter"]))

    def write(self, name: str, fields: dict[str, Any]) -> None:
        setattr(self, name, {**(getattr(self, name) or {}), **fields})
        self.versions[name] += 1

    def happens(self, event: Event) -> None:
        self.write("delivery", written(self.read_delivery(), event, task=TASK, now=NOW))

    def settle(self) -> Settlement:
        """As the pipeline does, in one commit."""
        settled = settlement(self.read_delivery(), self.read_letter(), self.record or RECORD, now=NOW)
        if settled.letter:
            self.told += 1
            self.write("letter", dict(settled.letter))
        if settled.delivery:
            self.write("delivery", dict(settled.delivery))
        return settled

    def has_proof(self) -> bool:
        """Whether the DLQ handler finds that the report was sent."""
        return self.record is not None or (self.delivery or {}).get("state") == "sent"


Steps = Generator[None, None, None]
"""What one process does. Others act where it yields."""


def worker_gives_up(world: Documents) -> Steps:
    """A worker that has not seen the event: it holds, publishes, and marks dead; each write is conditional."""
    version = world.versions["delivery"]
    found, has_event = world.read_delivery(), world.record is not None
    yield
    if found is None or found.is_final or has_event or world.versions["delivery"] != version:
        return
    failure = found.failure or DeliveryFailure(reason=UNKNOWN, error="cut", failed_at=NOW + version * MINUTE)
    world.happens(GivenUp("w", failure))
    version = world.versions["delivery"]
    yield
    world.published.append(failure.failed_at)
    yield
    if world.versions["delivery"] == version:
        world.happens(Published("w"))


def handler_takes(world: Documents, failed_at: datetime) -> Steps:
    """The DLQ handler with a message: it stores, looks for proof, and alerts."""
    proof = world.has_proof()
    yield
    stored = world.read_letter()
    if stored is None or (stored.failed_at and failed_at > stored.failed_at):
        new: dict[str, Any] = {"state": "settled" if proof else "open", "reason": UNKNOWN.value}
        world.write("letter", new | {"failed_at": failed_at, "alerted_at": None, "in_replay": False})
    yield
    if proof or world.has_proof():
        yield
        world.settle()
    yield
    found = world.read_letter()
    if found and found.needs_alert:
        world.alerted += 1
        yield
        world.write("letter", {"alerted_at": NOW})


def event_arrives(world: Documents) -> Steps:
    """The mail events: settle, write the record, and look again where the delivery was not final."""
    found = world.read_delivery()
    yield
    is_final = found is None or found.is_final
    if found and is_settled_by_event(found):
        is_final = world.settle().is_sent
        yield
    world.record = RECORD
    yield
    if not is_final:
        found = world.read_delivery()
        yield
        if found and is_settled_by_event(found):
            world.settle()


def operator_replays(world: Documents) -> Steps:
    """A replay: one commit of both documents, and another one that marks the dead letter."""
    stored, found = world.read_letter(), world.read_delivery()
    if stored is None or stored.state is not DeadLetterState.OPEN or found is None:
        return
    if world.record and world.settle().is_sent:
        return
    if found.state is not DeliveryState.DEAD:
        return
    world.write("letter", replay_begun_fields(replays=stored.replays + 1))
    world.happens(Replayed("t"))
    yield
    now = world.read_letter()
    if now and now.state is DeadLetterState.OPEN and now.tells_of_same_failure(stored):
        world.write("letter", replayed_fields(now=NOW))


def worker_sends_again(world: Documents) -> Steps:
    """A worker takes a replay up, and its answer is lost."""
    found = world.read_delivery()
    version = world.versions["delivery"]
    yield
    if found and found.state is DeliveryState.PENDING and world.versions["delivery"] == version:
        world.happens(Claimed("w2", NOW, "sendgrid"))


def operator_dismisses(world: Documents) -> Steps:
    """A dismissal."""
    stored = world.read_letter()
    if stored and stored.state is DeadLetterState.OPEN:
        world.write("letter", dismissed_fields(note="", now=NOW))
    yield


OTHERS = [operator_replays, operator_dismisses, worker_sends_again, worker_gives_up]
COMPANIES = [company for size in range(3) for company in itertools.combinations_with_replacement(OTHERS, size)]
ORDERS = 300


@pytest.mark.parametrize("company", COMPANIES, ids=lambda company: ", ".join(each.__name__ for each in company))
def test_no_order_of_steps_leaves_an_accepted_report_with_a_person(company: tuple[Any, ...]) -> None:
    for seed in range(ORDERS):
        world = Documents(delivery={**TASK.model_dump(), "state": "sending"})
        play(world, [worker_gives_up, event_arrives, *company], random.Random(seed))  # noqa: S311  no secret
        found, stored = world.read_delivery(), world.read_letter()
        assert found is not None
        # What is sending, its next worker settles: the event is there by now.
        assert found.state in {DeliveryState.SENT, DeliveryState.SENDING}, seed
        assert found.failure is None, seed
        if found.state is DeliveryState.SENT:
            assert stored is None or stored.state is not DeadLetterState.OPEN, seed
        if stored and stored.state is DeadLetterState.SETTLED:
            assert world.told or not world.alerted, seed


def play(world: Documents, actors: list[Any], chance: random.Random) -> None:
    """Let processes act step by step, in any order. Pub/Sub delivers each message, and some of them twice."""
    processes = [actor(world) for actor in actors]
    delivered = 0
    while processes:
        process = chance.choice(processes)
        try:
            next(process)
        except StopIteration:
            processes.remove(process)
        for failed_at in world.published[delivered:]:
            processes += [handler_takes(world, failed_at) for _ in range(chance.choice([1, 1, 2]))]
        delivered = len(world.published)
