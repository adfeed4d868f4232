"""Gives the subscriptions that an application has written their place in the due index.

An application writes a subscription with `shard: null`, or without the field, and need not know of due times: the next
run schedules it. With the same null, the application has a subscription scheduled again after it changed the cadence,
hour or zone.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from functions.dispatcher.conditional_commit import NO_ROOM, Change, CommitResult, commit, update
from functions.dispatcher.document_stream import DocumentStream
from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.malformed_documents import unservable
from functions.dispatcher.new_documents import Admitted, Mark, NewDocuments, NewPage
from functions.shared.ids import SHARDS
from functions.shared.mark import placed_fields
from functions.shared.objections import all_taken_back, objection_fields
from functions.shared.plausible_time import EARLIEST, LATEST
from functions.shared.run import RunCounter
from functions.shared.subscription import (
    SUBSCRIPTIONS,
    Subscription,
    SubscriptionDefaults,
)
from functions.shared.user import USERS, User

_MOST_MALFORMED = 500
"""How many subscriptions with a malformed due time a run finds on each side of the plausible times; once these are
corrected, the next run finds others."""


class _Plan(NamedTuple):
    """The fields to write to a subscription.

    Attributes:
        subscription: as it was read.
        fields: the fields; empty where nothing is to be written.
        problem: why it cannot be scheduled; empty where it can.
    """

    subscription: Subscription
    fields: dict[str, Any]
    problem: str = ""


class Scheduling:
    """Schedules new subscriptions.

    Args:
        client: the Firestore client.
        stream: what reads subscriptions.
        defaults: what a subscription gets whose document does not say it.
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
        self._stream = stream
        self._defaults = defaults
        self._run_id = run_id
        self._run_time = run_time
        subscriptions = client.collection_group(SUBSCRIPTIONS)
        self._scheduled = subscriptions.where(filter=FieldFilter("shard", "in", list(range(SHARDS))))
        self.new = NewDocuments(
            client,
            stream,
            Mark(
                field="shard",
                everything=subscriptions,
                known=self._scheduled,
                new=subscriptions.where(filter=FieldFilter("shard", "==", None)),
                is_missing=_has_neither_shard_nor_null,
            ),
        )

    def admit(self, page: NewPage) -> Admitted:
        """Schedule the subscriptions of a page, unless they have changed since they were read.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore cannot be read or written.
        """
        read = [Subscription.from_snapshot(snapshot, self._defaults) for snapshot in page.snapshots]
        subscriptions = [subscription for subscription in read if subscription and subscription.shard is None]
        users = self._users_of(subscriptions)
        plans = [self._plan(each, users.get(each.user_id), has_null=not page.place.by_sweep) for each in subscriptions]
        written = [plan for plan in plans if plan.fields]
        admitted = Admitted(0, [], [self._due(plan.subscription, plan.problem) for plan in plans if plan.problem])
        for plan, result in zip(written, commit(self._client, [self._write(plan) for plan in written]), strict=True):
            if plan.problem:
                continue
            if result is CommitResult.REFUSED:
                admitted.malformed.append(self._due(plan.subscription, NO_ROOM))
            if result is CommitResult.WRITTEN:
                admitted = admitted._replace(number=admitted.number + 1)
                due_at = plan.fields["next_report_at"]
                if due_at is not None and due_at <= self._run_time:
                    admitted.due.append(self._due(plan.subscription)._replace(due_at=due_at))
        return admitted

    def find_malformed_due_times(self) -> list[DueSubscription]:
        """Subscriptions that no run would ever find due, since their due time is no timestamp or not a plausible one; a
        thousand at most.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore cannot be read.
        """
        in_order = self._scheduled.order_by("next_report_at").limit(_MOST_MALFORMED)
        queries = (
            # A paused subscription has a null here.
            in_order.start_after({"next_report_at": None}).end_before({"next_report_at": EARLIEST}),
            in_order.start_after({"next_report_at": LATEST}),
        )
        found = [
            Subscription.from_snapshot(snapshot, self._defaults)
            for query in queries
            for snapshot in query.stream()
            if self._stream.holds(self._stream.name_of(snapshot.reference.path))
        ]
        return [self._due(each, each.problem) for each in found if each and each.active and each.problem]

    def _users_of(self, subscriptions: Sequence[Subscription]) -> dict[str, User | None]:
        """The users whose time zones matter, by their ids."""
        ids = {each.user_id for each in subscriptions if each.time_zone is None and each.next_report_at is None}
        references = [self._client.collection(USERS).document(user_id) for user_id in ids]
        found = self._client.get_all(references, field_paths=["time_zone"]) if references else ()
        return {snapshot.id: User.from_snapshot(snapshot) for snapshot in found}

    def _plan(self, subscription: Subscription, user: User | None, *, has_null: bool) -> _Plan:
        problem = subscription.problem
        if not problem:
            try:
                return _Plan(subscription, new_place(subscription, user, self._run_time))
            except Exception as error:  # noqa: BLE001  it is logged there
                problem = unservable(self._due(subscription), error, run_id=self._run_id).problem
        # The next run finds the null by the index. Without it, the document would cost a sweep again and again.
        return _Plan(subscription, {} if has_null else {"shard": None}, problem)

    def _write(self, plan: _Plan) -> Change:
        subscription = plan.subscription
        reference = self._client.document(f"{USERS}/{subscription.user_id}/{SUBSCRIPTIONS}/{subscription.id}")
        return update(self._client, reference, plan.fields, version=subscription.version)

    def _due(self, subscription: Subscription, problem: str = "") -> DueSubscription:
        return DueSubscription(
            subscription.user_id,
            subscription.id,
            self._run_time,
            subscription.kind,
            problem,
            subscription.version or self._run_time,
        )


def new_place(subscription: Subscription, user: User | None, run_time: datetime) -> dict[str, Any]:
    """The place of a new subscription in the due index: what the dispatcher writes to it. Pure.

    Args:
        subscription: as it was read, with nothing wrong in it.
        user: whose it is, for the time zone; None where there is no such user.
        run_time: the time of the run that schedules it.
    """
    fields = placed_fields(subscription, user, run_time=run_time)
    if subscription.objections is None:
        # The application has written that they want emails again.
        at = subscription.all_wanted_at or run_time
        fields |= objection_fields(subscription, all_taken_back(subscription, at=at))
    return fields


def _has_neither_shard_nor_null(fields: Mapping[str, Any]) -> bool:
    if "shard" not in fields:
        return True
    value = fields["shard"]
    return not ("nullValue" in value or ("integerValue" in value and 0 <= int(value["integerValue"]) < SHARDS))
