"""Reads and writes delivery records, so that a report is sent once: nothing else writes `deliveries`.

Every write is conditional on the version of the document that the decision was made by, so that it has its effect once
or not at all. That is the guarantee of a transaction, without the locks and the extra calls of one: of two workers that
claim the same delivery one writes, and the other learns that the document has changed.
https://firebase.google.com/docs/firestore/manage-data/transactions#transaction_failure
https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#precondition
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from google.api_core.exceptions import GoogleAPIError

from functions.shared.firestore.database import Database
from functions.shared.firestore.errors import ChangedMeanwhile
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.firestore.letter_store import LetterStore
from functions.shared.firestore.outcomes import Outcomes, keep
from functions.shared.firestore.query import Query
from functions.shared.firestore.retry import CALL_SECONDS
from functions.shared.firestore.write import Write, create, delete, update
from functions.shared.records.dead_letter import DeadLetter
from functions.shared.records.delivery import DELIVERIES, Delivery
from functions.shared.records.delivery_attempt import DeliveryAttempt
from functions.shared.records.delivery_table import Event, GivenUp, Published, written
from functions.shared.records.mail_event import MAIL_EVENTS, MailRecord
from functions.shared.records.mark import Others
from functions.shared.records.outcome import Outcome, OutcomeType, outcome_of
from functions.shared.records.report_task import ReportTask
from functions.shared.records.states import DeliveryState
from functions.shared.records.subscription import Subscription, SubscriptionDefaults, subscription_path
from functions.shared.records.user import USERS, User
from functions.shared.times.period import Period

_NEWEST = 20
"""How many of a subscription's newest deliveries to look at where an application has written the subscription. Each
costs a read."""

_MOST_TURNS = 5
"""How often to decide again because others keep writing the documents."""

_MOST_LEFT_OUT = 10
"""https://firebase.google.com/docs/firestore/query-data/queries#query_limitations"""

_STREAM_SECONDS = 60.0
"""Reading all deliveries that are under way."""

Move = Callable[[User | None, Subscription], Mapping[str, Any]]
"""Given a subscription and its user, decides which of the subscription's fields to write; none where it is to be left
alone."""


class TaskDocuments(NamedTuple):
    """What Firestore has about a task, all read at one moment. Each is None where there is no document.

    Attributes:
        delivery: the task's.
        user: whose report it is.
        subscription: which of the user's.
    """

    delivery: Delivery | None
    user: User | None = None
    subscription: Subscription | None = None


class Occasion(NamedTuple):
    """When something happens to a delivery, and what it settles.

    Attributes:
        now: the present, in UTC.
        period: what the report covers; None where that is not settled, or stays.
        attempt: the attempt by the queue in which it happens; None for any other process.
    """

    now: datetime
    period: Period | None = None
    attempt: DeliveryAttempt | None = None

    @property
    def of_record(self) -> dict[str, Any]:
        """What the record is written with."""
        return {"now": self.now, "period": self.period, "attempt": self.attempt}


class DeliveryChanged(Exception):
    """The delivery is no longer as it was read: another process has acted on it.

    Attributes:
        found: what it is now; None where it is gone.
    """

    def __init__(self, found: Delivery | None) -> None:
        super().__init__(f"the delivery is now {found.state if found else 'gone'}")
        self.found = found


class SubscriptionNotMoved(Exception):
    """A delivery is final, and its subscription is still due for it: the next call, or the next run, moves that on."""


class DeliveryStore:
    """Reads and writes `deliveries`, and the subscriptions that they belong to. Safe for threads.

    Every method raises google.api_core.exceptions.GoogleAPIError when Firestore fails or does not answer.

    Args:
        database: the Firestore database.
        defaults: what a subscription's document does not say.
        restored_at: the deployment's RESTORED_AT; None where Firestore was not restored, or that does not matter.
        variant_of: which version of its kind makes a task's report, by what was read of it; empty where the kind has no
            next version.
        outcomes: tells the team's application what became of reports; None where it wants to hear nothing.
    """

    def __init__(
        self,
        database: Database,
        defaults: SubscriptionDefaults,
        *,
        restored_at: datetime | None = None,
        variant_of: Callable[[ReportTask, TaskDocuments], str] = lambda task, documents: "",
        outcomes: Outcomes | None = None,
    ) -> None:
        self._database = database
        self.letters = LetterStore(database, keeps_outcomes=outcomes is not None)
        self._defaults = defaults
        self._restored_at = restored_at
        self.variant_of = variant_of
        self._outcomes = outcomes

    # Reading

    def read(self, task: ReportTask, *, is_new: bool = False) -> TaskDocuments:
        """Read the delivery, the user and the subscription of a task, by one call.

        Args:
            task: which.
            is_new: whether there can be no delivery yet, unless the queue delivers a task twice. It is not read then:
                whatever writes it next makes it, and learns if there is one after all.
        """
        # After a restore, one that was never written may count all the same.
        is_new = is_new and Delivery.as_it_counts(None, task, restored_at=self._restored_at) is None
        delivery, user, subscription = _delivery(task), _user(task), _subscription(task)
        found = self._database.get_all([user, subscription] if is_new else [delivery, user, subscription])
        return TaskDocuments(
            delivery=None if is_new else self._as_it_counts(found[delivery], task),
            user=User.from_snapshot(found[user]),
            subscription=Subscription.from_snapshot(found[subscription], self._defaults),
        )

    def read_delivery(self, task: ReportTask) -> Delivery | None:
        """The delivery alone, or None where there is none yet."""
        return self.read_deliveries([task])[0]

    def read_deliveries(self, tasks: Sequence[ReportTask]) -> list[Delivery | None]:
        """The deliveries of tasks, in their order; None where there is none yet."""
        found = self._database.get_all(map(_delivery, tasks))
        return [self._as_it_counts(found[_delivery(task)], task) for task in tasks]

    def read_many(self, tasks: Iterable[ReportTask]) -> dict[ReportTask, tuple[User | None, Subscription | None]]:
        """The users and the subscriptions of tasks, all read at one moment. Each is None where there is no document."""
        tasks = list(tasks)
        found = self._database.get_all([*map(_user, tasks), *map(_subscription, tasks)])
        return {
            task: (
                User.from_snapshot(found[_user(task)]),
                Subscription.from_snapshot(found[_subscription(task)], self._defaults),
            )
            for task in tasks
        }

    def read_subscription(self, task: ReportTask, *, seconds: float = CALL_SECONDS) -> Subscription | None:
        """The subscription alone, which has been read before, or None where there is none by now."""
        return Subscription.from_snapshot(self._database.get(_subscription(task), seconds=seconds), self._defaults)

    def mail_record(self, delivery_id: str, *, seconds: float = CALL_SECONDS) -> MailRecord | None:
        """What the email provider has reported about a delivery's email, or None where it has reported nothing."""
        return MailRecord.from_snapshot(self._database.get(f"{MAIL_EVENTS}/{delivery_id}", seconds=seconds))

    def others(self, task: ReportTask, *, now: datetime, seconds: float = CALL_SECONDS) -> Others:
        """What the newest other deliveries of a task's subscription say."""
        # By the index that lists a subscription's deliveries: no delivery pays for another one.
        query = (
            Query.of(DELIVERIES)
            .where("user_id", "==", task.user_id)
            .where("subscription_id", "==", task.subscription_id)
            .order_by("due_at", descending=True)
            .limit(_NEWEST)
        )
        found = self._database.stream(query, seconds=seconds)
        return Others.of(filter(None, map(Delivery.from_snapshot, found)), but=task.delivery_id, now=now)

    def unfinished(self, most: int, *, paused: Sequence[str] = ()) -> Iterator[Delivery]:
        """The deliveries that are not final: of those that an operator has put back, and of each state at most so
        many.

        Args:
            most: how many.
            paused: kinds whose pending deliveries are left out, which costs no read of them.
        """
        deliveries, states = Query.of(DELIVERIES), [state for state in DeliveryState if not state.is_final]
        by_state = {state: deliveries.where("state", "==", state.value) for state in states}
        by_hand: Iterable[Query] = [deliveries.where("state", "in", [state.value for state in states])]
        if paused:
            pending = by_state[DeliveryState.PENDING]
            by_state[DeliveryState.PENDING] = pending.where("kind", "not-in", paused[:_MOST_LEFT_OUT])
            # Firestore takes no `in` beside it.
            by_hand = by_state.values()
        for query in [*(each.where("by_hand", "==", True) for each in by_hand), *by_state.values()]:
            for found in self._database.stream(query.limit(most), seconds=_STREAM_SECONDS):
                if delivery := Delivery.from_snapshot(found):
                    yield delivery.restored(self._restored_at)

    # Writing

    def write(
        self,
        task: ReportTask,
        documents: TaskDocuments,
        event: Event,
        on: Occasion,
        *,
        move: Move | None = None,
        seconds: float = CALL_SECONDS,
    ) -> Delivery:
        """Write what has happened to a delivery, and move its subscription on: both or neither, unless the team's
        application is to hear of it first.

        Both writes are conditional on what was read. Where attempts have only noted since that they failed, or the
        application has written the subscription, this reads and decides again. If the application never stops, this
        writes the delivery alone: the subscription is still due for it then, and the next task moves it on.

        Until Pub/Sub has the event of a delivery, its subscription stays due for it: whatever ends in between, the next
        call of the task or the next run finds that, and tells it (functions.shared.firestore.outcomes).

        Args:
            task: which delivery.
            documents: the delivery as it was read, or written last, with its user and its subscription as they were
                read.
            event: what has happened.
            on: when, and what it settles.
            move: what to write to the subscription; None where it stays.
            seconds: how long it may take.

        Returns:
            the delivery as it is now.

        Raises:
            DeliveryChanged: another process has acted on it.
            functions.shared.records.delivery_table.CannotHappen: the delivery is not in a state in which this happens.
            SubscriptionNotMoved: the delivery is written, and the application told.
        """
        before, user, subscription = documents
        variant = self.variant_of(task, documents)
        for turns_left in reversed(range(_MOST_TURNS)):
            fields = written(before, event, task=task, **on.of_record) | ({"variant": variant} if variant else {})
            outcome = self._outcome(task, before, fields, now=on.now)
            moved = move(user, subscription) if move and subscription else {}
            stays_due = outcome is not None and _is_found_again(outcome, task, subscription, moved)
            writes = [_write_of(task, before, fields)]
            writes += [] if stays_due else _moving(task, subscription, moved)
            if outcome and not stays_due:
                writes.append(keep(outcome))
            try:
                version = self._database.commit(writes, seconds=seconds)
            except ChangedMeanwhile:
                found = self.read(task)
            else:
                self._told(task, TaskDocuments(before, user, subscription), outcome, move if stays_due else None)
                if before is None:
                    return Delivery.from_fields(task.delivery_id, fields, version=version)
                return before.changed(fields, version)
            delivery = found.delivery
            # Firestore says so also when the write took effect, its answer was lost, and the client tried again.
            if delivery and _is_as_written(delivery, fields, before):
                self._told(task, found, outcome, move if stays_due else None)
                return delivery
            if delivery is not None and delivery.is_only_noted_since(before):
                before = delivery
            elif not moved or (delivery and delivery.version) != (before and before.version):
                raise DeliveryChanged(delivery)
            user, subscription = found.user, found.subscription if turns_left > 1 else None
        raise DeliveryChanged(self.read_delivery(task))

    def tell_again(self, delivery: Delivery) -> None:
        """Tell the application of a delivery that is final already: the process that wrote so may have ended before it
        did."""
        if self._outcomes and (outcome := outcome_of(delivery)) and not self._outcomes.tell(outcome):
            self._database.commit([keep(outcome)])

    def _outcome(
        self, task: ReportTask, before: Delivery | None, fields: Mapping[str, Any], *, now: datetime
    ) -> Outcome | None:
        """The event about the delivery once these fields are written; None where there is none, or nobody wants it."""
        if self._outcomes is None:
            return None
        after = before or Delivery(task.delivery_id, DeliveryState.PENDING, version=None)
        return outcome_of(after.changed(fields, now))

    def _told(self, task: ReportTask, documents: TaskDocuments, outcome: Outcome | None, move: Move | None) -> None:
        """Tell the application of a delivery that is final now, and then move its subscription on.

        Args:
            task: which delivery.
            documents: as they are known.
            outcome: what to tell; None for nothing.
            move: None where the subscription does not stay due until this is told: then the event is kept.
        """
        if self._outcomes is None or outcome is None:
            return
        is_told = self._outcomes.tell(outcome)
        if move is None:
            if is_told:
                self._outcomes.forget(outcome)
            return
        try:
            self.move(task, move, documents=documents, also=[] if is_told else [keep(outcome)])
        except GoogleAPIError as error:
            raise SubscriptionNotMoved(f"{type(error).__name__}: {error}") from error

    def give_up(
        self,
        task: ReportTask,
        documents: TaskDocuments,
        given_up: GivenUp,
        on: Occasion,
        *,
        move: Move,
        publish: Callable[[DeadLetter], None],
    ) -> Delivery:
        """Hold a delivery, publish its dead letter, and mark it dead.

        The first step, which another process may have made, keeps every worker from sending a report whose dead letter
        is out. If this process ends between two steps, another one finds the delivery and makes all three again. The
        DLQ handler stores a dead letter once, however often it is published.

        Args:
            task: which delivery.
            documents: as they were read.
            given_up: by whom, and why.
            on: when, and what it settles.
            move: what to write to the subscription, with the last step.
            publish: publishes the dead letter. What it raises leaves the delivery held.

        Returns:
            the delivery as it is now.

        Raises:
            DeliveryChanged: another process has acted on it.
        """
        held = self.write(task, documents, given_up, on)
        publish(given_up.failure.letter(task, attempts=on.attempt.number if on.attempt else held.attempts))
        return self.write(task, documents._replace(delivery=held), Published(given_up.owner), on, move=move)

    def move(
        self,
        task: ReportTask,
        move: Move,
        *,
        documents: TaskDocuments | None = None,
        also: Sequence[Write] = (),
    ) -> bool:
        """Move on a subscription whose delivery is final already, as it is now.

        Args:
            task: which delivery.
            move: what to write to the subscription.
            documents: as they were read last; None where they are to be read.
            also: what else to write.

        Returns:
            Whether something was written. Not, where the application has moved the subscription itself.

        Raises:
            ChangedMeanwhile: the application keeps writing the subscription.
        """

        known = [documents] if documents else []

        def turn() -> tuple[bool, list[Write]]:
            _, user, subscription = known.pop() if known else self.read(task)
            moved = move(user, subscription) if subscription else {}
            return bool(moved), [*_moving(task, subscription, moved), *also]

        return self._database.until_written(turn)

    def write_all(self, changes: Mapping[ReportTask, tuple[Delivery | None, Event, Occasion]]) -> set[ReportTask]:
        """Write what has happened to deliveries, each on its own.

        Args:
            changes: for each delivery's task the delivery as it was read, what has happened, and when.

        Returns:
            The tasks of the deliveries that this has written. Another process has written the others since they were
            read, and they stay as they are.
        """
        fields = {
            task: written(before, event, task=task, **on.of_record) for task, (before, event, on) in changes.items()
        }
        writes = [_write_of(task, before, fields[task]) for task, (before, _, _) in changes.items()]
        errors = self._database.write_each(writes)
        if failed := next((each for each in errors if each and not isinstance(each, ChangedMeanwhile)), None):
            raise failed
        refused = [task for task, error in zip(changes, errors, strict=True) if error]
        # See write: of these the first answer may have been lost.
        found = zip(refused, self.read_deliveries(refused), strict=True)
        others = {task for task, each in found if not (each and _is_as_written(each, fields[task], changes[task][0]))}
        return changes.keys() - others

    def withdraw(self, task: ReportTask, delivery: Delivery) -> None:
        """Take a record back that was only noted, unless something has happened to it since."""
        try:
            self._database.commit([delete(_delivery(task), delivery.version)])
        except ChangedMeanwhile:
            return

    def _as_it_counts(self, found: FoundDocument, task: ReportTask) -> Delivery | None:
        return Delivery.as_it_counts(Delivery.from_snapshot(found), task, restored_at=self._restored_at)


def erase(database: Database, found: Sequence[FoundDocument]) -> None:
    """Delete deliveries of a person who wants to be forgotten; those that were written since they were found stay.

    Args:
        database: the Firestore database.
        found: the deliveries.
    """
    database.delete_each(found)


def _delivery(task: ReportTask) -> str:
    return f"{DELIVERIES}/{task.delivery_id}"


def _user(task: ReportTask) -> str:
    return f"{USERS}/{task.user_id}"


def _subscription(task: ReportTask) -> str:
    return subscription_path(task.user_id, task.subscription_id)


def _is_as_written(delivery: Delivery, fields: Mapping[str, Any], before: Delivery | None) -> bool:
    """Whether a delivery has the state, the owner and the time that a write gave it."""
    owner = fields.get("owner", before and before.owner) or ""
    return (delivery.state, delivery.owner, delivery.updated_at) == (fields["state"], owner, fields["updated_at"])


def _moving(task: ReportTask, subscription: Subscription | None, moved: Mapping[str, Any]) -> list[Write]:
    return [update(_subscription(task), moved, subscription.version)] if subscription and moved else []


def _is_found_again(
    outcome: Outcome, task: ReportTask, subscription: Subscription | None, moved: Mapping[str, Any]
) -> bool:
    """Whether the next run finds a delivery that is final, as long as its subscription is not moved on. A dead letter
    may be of a malformed document, for which no run makes a task."""
    is_due = subscription is not None and subscription.next_report_at == task.due_at
    return is_due and outcome.type != OutcomeType.DEAD and moved.get("next_report_at", task.due_at) != task.due_at


def _write_of(task: ReportTask, before: Delivery | None, fields: Mapping[str, Any]) -> Write:
    if before is None or before.version is None:
        return create(_delivery(task), fields)
    return update(_delivery(task), fields, before.version)
