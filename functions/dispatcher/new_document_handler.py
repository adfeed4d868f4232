"""Admits new documents: plans what to write for each, writes it unless the document has changed since it was read, and
counts. One that fails holds up no other."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from google.api_core.exceptions import InvalidArgument

from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.malformed_documents import unservable
from functions.dispatcher.new_documents import NewDocumentFinder, NewPage
from functions.dispatcher.run_dependencies import RunDependencies
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.firestore.write import Write, update
from functions.shared.records.run import RunCounter
from functions.shared.records.subscription import Subscription, subscription_path
from functions.shared.records.user import USERS, User

_NO_ROOM = "the document: must have room for the pipeline's fields"
"""The problem of a document whose change Firestore refuses."""


class Plan(NamedTuple):
    """What to do for a new document.

    Attributes:
        writes: of its documents, all or nothing.
        number: how many are admitted by that, of those that the run counts.
        due: the subscriptions that are due at once after that.
        refused: what is malformed if Firestore refuses to write it.
        malformed: what is malformed in any case.
    """

    writes: Sequence[Write] = ()
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
        self._database = dependencies.firestore
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
        changing = [plan for plan in plans if plan.writes]
        for plan, error in zip(changing, self._database.commit_each([plan.writes for plan in changing]), strict=True):
            if isinstance(error, InvalidArgument):
                # A document would become too large.
                admitted.malformed.extend(due._replace(problem=_NO_ROOM) for due in plan.refused)
            if error is None:
                admitted = admitted._replace(number=admitted.number + plan.number)
                admitted.due.extend(plan.due)
        return admitted

    def _subscriptions(self, found: Iterable[FoundDocument]) -> list[Subscription]:
        read = [Subscription.from_snapshot(each, self._defaults) for each in found]
        return [subscription for subscription in read if subscription]

    def _users_of(self, subscriptions: Iterable[Subscription], field_paths: Sequence[str]) -> dict[str, User | None]:
        """Users by their ids, with some of their fields."""
        paths = {f"{USERS}/{each.user_id}" for each in subscriptions}
        found = self._database.get_all(paths, fields=field_paths).values()
        return {each.id: User.from_snapshot(each) for each in found}

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

    def _due(self, subscription: Subscription) -> DueSubscription:
        return DueSubscription(
            subscription.user_id,
            subscription.id,
            self._run_time,
            subscription.kind,
            subscription.problem,
            subscription.version or self._run_time,
        )


def update_of(subscription: Subscription, fields: dict[str, Any]) -> Write:
    """The write of fields of a subscription, unless it has changed since it was read."""
    return update(subscription_path(subscription.user_id, subscription.id), fields, subscription.version)
