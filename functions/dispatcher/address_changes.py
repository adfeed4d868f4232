"""Resumes what is paused because email bounced, once its address has changed: the old mailbox says nothing about the
new one.

An application that changes an address does not write the subscription, so a run looks for such changes once a day. A
complaint and an unsubscription are the recipient's own wish: a new address does not take them back.
"""

from collections.abc import Iterator
from datetime import datetime

import structlog

from functions.dispatcher.new_document_handler import Admitted, NewDocumentHandler, Plan, update_of
from functions.dispatcher.new_documents import NewCursor, NewPage, pages_of
from functions.dispatcher.run_dependencies import RunDependencies
from functions.shared.firestore.database import Database
from functions.shared.firestore.query import Query
from functions.shared.records.mark import resumed_fields
from functions.shared.records.recipients import addressees
from functions.shared.records.run import SWEEP_INTERVAL, RunCounter, Sweep
from functions.shared.records.subscription import SUBSCRIPTIONS, PauseReason, Subscription
from functions.shared.records.user import User

_logger = structlog.get_logger()


class BouncedSubscriptions:
    """Finds what is paused because email bounced, once a day.

    Args:
        database: the Firestore database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._bounced = Query.of_group(SUBSCRIPTIONS).where("paused_because", "==", PauseReason.BOUNCED.value)
        self.counted: int | None = None
        """How many there are; None where they were not counted."""

    def has_any(self, run_time: datetime, last: Sweep | None) -> bool:
        """Whether the run looks at any.

        Args:
            run_time: the time that the run is for.
            last: the last time that a run looked; None where there was none.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore cannot be read.
        """
        if last and run_time - last.swept_at < SWEEP_INTERVAL:
            return False
        self.counted = self._database.count(self._bounced)
        return self.counted > 0

    def find(self, run_time: datetime, *, last: Sweep | None, after: NewCursor | None) -> Iterator[NewPage]:
        """Find them, page by page.

        Args:
            run_time: the time that the run is for.
            last: the last time that a run looked; None where there was none.
            after: the place after which to begin; None for the beginning.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore cannot be read.
        """
        return pages_of(self._database, self._bounced, after.path if after else None, by_sweep=True)


class AddressChanges(NewDocumentHandler):
    """Resumes subscriptions that go to another address than the one that bounced."""

    counter = RunCounter.SCHEDULED

    def __init__(self, dependencies: RunDependencies, *, run_id: str, run_time: datetime) -> None:
        super().__init__(dependencies, run_id=run_id, run_time=run_time)
        self.new = BouncedSubscriptions(self._database)

    def admit(self, page: NewPage) -> Admitted:
        """Resume those of a page whose address has changed, unless they have changed since they were read."""
        plans = self._plans(page)
        admitted = self._carry_out(plans)
        _logger.info("addresses_compared", run_id=self._run_id, bounced=len(plans), resumed=admitted.number)
        return admitted

    def _plans(self, page: NewPage) -> list[Plan]:
        bounced = [each for each in self._subscriptions(page.found) if each.objecting]
        users = self._users_of(bounced, ["email", "active", "time_zone"])
        return [self._plan(each, users.get(each.user_id)) for each in bounced]

    def _plan(self, subscription: Subscription, user: User | None) -> Plan:
        if user is None or not has_another_address(subscription, user):
            return Plan()
        # No person has resumed it: the addresses that object still do, and late events count.
        fields, due = self._made(subscription, lambda: resumed_fields(subscription, user, now=self._run_time))
        if due.problem:
            return Plan(malformed=[due])
        # What is due at once, since it fell due before the pause, comes with the next run.
        return Plan([update_of(subscription, fields)], 1, refused=[due])


def has_another_address(subscription: Subscription, user: User) -> bool:
    """Whether a subscription that is paused because email bounced goes to another address by now. Pure.

    It goes to none where its user is inactive, or has no address. Where no address objects, an
    application has paused it, and resumes it.

    Args:
        subscription: as it was read.
        user: whose it is.
    """
    if subscription.active or subscription.paused_because is not PauseReason.BOUNCED or not user.active:
        return False
    objecting, to = subscription.objecting.keys(), {each.hashed for each in addressees(subscription, user)}
    return bool(objecting) and not to <= objecting
