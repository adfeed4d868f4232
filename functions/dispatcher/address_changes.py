"""Resumes what is paused because mail bounced, once its address has changed: the old mailbox says nothing about the new
one.

An application that changes an address does not write the subscription, so a run looks for such changes once a day. A
complaint and an unsubscription are the recipient's own wish: a new address does not take them back.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import structlog
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from functions.dispatcher.conditional_commit import NO_ROOM, Change, CommitResult, commit, update
from functions.dispatcher.document_stream import DocumentStream
from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.malformed_documents import unservable
from functions.dispatcher.new_documents import PAGE_SIZE, Admitted, NewCursor, NewPage, count_documents
from functions.shared.mark import resumed_fields
from functions.shared.recipients import addressees
from functions.shared.run import SWEEP_INTERVAL, RunCounter, Sweep
from functions.shared.subscription import (
    SUBSCRIPTIONS,
    PauseReason,
    Subscription,
    SubscriptionDefaults,
)
from functions.shared.user import USERS, User

_logger = structlog.get_logger()


class BouncedSubscriptions:
    """Finds what is paused because mail bounced, once a day.

    Args:
        client: the Firestore client.
        stream: what knows which documents are subscriptions.
    """

    def __init__(self, client: firestore.Client, stream: DocumentStream) -> None:
        self._client = client
        self._stream = stream
        self._bounced = client.collection_group(SUBSCRIPTIONS).where(
            filter=FieldFilter("paused_because", "==", PauseReason.BOUNCED.value)
        )
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
        self.counted, _ = count_documents(self._bounced)
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
        query, path = self._bounced.order_by("__name__").limit(PAGE_SIZE), after.path if after else None
        while True:
            page = list((query.start_after({"__name__": self._client.document(path)}) if path else query).stream())
            if page:
                path = page[-1].reference.path
                ours = [each for each in page if self._stream.holds(self._stream.name_of(each.reference.path))]
                yield NewPage(ours, NewCursor(path=path, by_sweep=True))
            if len(page) < PAGE_SIZE:
                return


class AddressChanges:
    """Resumes subscriptions that go to another address than the one that bounced.

    Args:
        client: the Firestore client.
        stream: what knows which documents are subscriptions.
        defaults: what a subscription's document does not say.
        run_id: the id of the run.
        run_time: the time that the run is for.
    """

    counter = RunCounter.SCHEDULED

    def __init__(
        self,
        client: firestore.Client,
        stream: DocumentStream,
        defaults: SubscriptionDefaults,
        *,
        run_id: str,
        run_time: datetime,
    ) -> None:
        self._client = client
        self._defaults = defaults
        self._run_id = run_id
        self._run_time = run_time
        self.new = BouncedSubscriptions(client, stream)

    def admit(self, page: NewPage) -> Admitted:
        """Resume those of a page whose address has changed, unless they have changed since they were read.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore cannot be read or written.
        """
        read = [Subscription.from_snapshot(snapshot, self._defaults) for snapshot in page.snapshots]
        bounced = [each for each in read if each and each.objecting]
        users = self._users_of(bounced)
        admitted = Admitted(0, [], [])
        planned: list[tuple[Subscription, dict[str, Any]]] = []
        for subscription in bounced:
            user = users.get(subscription.user_id)
            if user is None or not has_another_address(subscription, user):
                continue
            due = self._due(subscription)
            try:
                # No person has resumed it: the addresses that object still do, and late events count.
                fields = resumed_fields(subscription, user, now=self._run_time)
            except Exception as error:  # noqa: BLE001  it is logged there
                due = unservable(due, error, run_id=self._run_id)
            if due.problem:
                admitted.malformed.append(due)
            else:
                planned.append((subscription, fields))
        changes = [self._write(subscription, fields) for subscription, fields in planned]
        # What is due at once, since it fell due before the pause, comes with the next run.
        for (subscription, _), result in zip(planned, commit(self._client, changes), strict=True):
            if result is CommitResult.REFUSED:
                admitted.malformed.append(self._due(subscription)._replace(problem=NO_ROOM))
            admitted = admitted._replace(number=admitted.number + (result is CommitResult.WRITTEN))
        _logger.info("addresses_compared", run_id=self._run_id, bounced=len(bounced), resumed=admitted.number)
        return admitted

    def _users_of(self, subscriptions: Sequence[Subscription]) -> dict[str, User | None]:
        references: list[Any] = [
            self._client.collection(USERS).document(user_id) for user_id in {each.user_id for each in subscriptions}
        ]
        found = self._client.get_all(references, field_paths=["email", "active", "time_zone"]) if references else ()
        return {snapshot.id: User.from_snapshot(snapshot) for snapshot in found}

    def _write(self, subscription: Subscription, fields: dict[str, Any]) -> Change:
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


def has_another_address(subscription: Subscription, user: User) -> bool:
    """Whether a subscription that is paused because mail bounced goes to another address by now. Pure.

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
