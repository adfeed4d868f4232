"""Admits new documents: plans what to write for each, writes it unless the document has changed since it was read, and
counts. One that fails holds up no other."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from functions.dispatcher.conditional_commit import NO_ROOM, Change, CommitResult, commit, update
from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.malformed_documents import unservable
from functions.dispatcher.new_documents import NewDocumentFinder, NewPage
from functions.dispatcher.run_dependencies import RunDependencies
from functions.shared.run import RunCounter
from functions.shared.subscription import SUBSCRIPTIONS, Subscription
from functions.shared.user import USERS, User


class Plan(NamedTuple):
    """What to do for a new document.

    Attributes:
        change: what to write; None for nothing.
        number: how many are admitted by that, of those that the run counts.
        due: the subscriptions that are due at once after that.
        refused: what is malformed if Firestore refuses to write it.
        malformed: what is malformed in any case.
    """

    change: Change | None = None
    number: int = 0
    due: Sequence[DueSubscription] = ()
    refused: Sequence[DueSubscription] = ()
    malformed: Sequence[DueSubscription] = ()


class Admitted(NamedTuple):
    """The result of admitting new documents. The run leaves those that changed meanwhile to the next run.

    Attributes:
        number: how many the run has enrolled or scheduled.
        due: the subscriptions that are due at once.
        malformed: what could not be, each with its `problem`.
    """

    number: int
    due: list[DueSubscription]
    malformed: list[DueSubscription]


class NewDocumentHandler(ABC):
    """Admits one type of new documents.

    Args:
        dependencies: what the run works with.
        run_id: the id of the run.
        run_time: the time that the run is for.

    Attributes:
        counter: counts the admitted documents.
        new: finds the documents.
    """

    counter: ClassVar[RunCounter]
    new: NewDocumentFinder

    def __init__(self, dependencies: RunDependencies, *, run_id: str, run_time: datetime) -> None:
        self._client = dependencies.firestore
        self._defaults = dependencies.defaults
        self._run_id = run_id
        self._run_time = run_time

    def admit(self, page: NewPage) -> Admitted:
        """Admit the documents of a page, unless they have changed since they were read.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore cannot be read or written.
        """
        return self._carry_out(self._plans(page))

    @abstractmethod
    def _plans(self, page: NewPage) -> Sequence[Plan]:
        """What to do for the documents of a page."""

    def _carry_out(self, plans: Sequence[Plan]) -> Admitted:
        admitted = Admitted(0, [], [due for plan in plans for due in plan.malformed])
        written = [(plan, plan.change) for plan in plans if plan.change]
        results = commit(self._client, [change for _, change in written])
        for (plan, _), result in zip(written, results, strict=True):
            if result is CommitResult.REFUSED:
                admitted.malformed.extend(due._replace(problem=NO_ROOM) for due in plan.refused)
            if result is CommitResult.WRITTEN:
                admitted = admitted._replace(number=admitted.number + plan.number)
                admitted.due.extend(plan.due)
        return admitted

    def _subscriptions(self, snapshots: Iterable[Any]) -> list[Subscription]:
        read = [Subscription.from_snapshot(snapshot, self._defaults) for snapshot in snapshots]
        return [subscription for subscription in read if subscription]

    def _users_of(self, subscriptions: Iterable[Subscription], field_paths: Sequence[str]) -> dict[str, User | None]:
        """Users by their ids, with some of their fields."""
        ids = {each.user_id for each in subscriptions}
        references = [self._client.collection(USERS).document(user_id) for user_id in ids]
        found = self._client.get_all(references, field_paths=field_paths) if references else ()
        return {snapshot.id: User.from_snapshot(snapshot) for snapshot in found}

    def _made(
        self, subscription: Subscription, make: Callable[[], dict[str, Any]]
    ) -> tuple[dict[str, Any], DueSubscription]:
        """The fields to write to a subscription, and the subscription with what is wrong: there are none then."""
        due = self._due(subscription)
        if not due.problem:
            try:
                return make(), due
            except Exception as error:  # noqa: BLE001  it is logged there
                due = unservable(due, error, run_id=self._run_id)
        return {}, due

    def _update(self, subscription: Subscription, fields: dict[str, Any]) -> Change:
        reference = self._client.document(f"{USERS}/{subscription.user_id}/{SUBSCRIPTIONS}/{subscription.id}")
        return update(self._client, reference, fields, version=subscription.version)

    def _due(self, subscription: Subscription) -> DueSubscription:
        return DueSubscription(
            subscription.user_id,
            subscription.id,
            self._run_time,
            subscription.kind,
            subscription.problem,
            subscription.version or self._run_time,
        )
