"""Gives the subscriptions that an application has written their place in the due index.

An application writes a subscription with `shard: null`, or without the field, and need not know of due times: the next
run schedules it. With the same null, the application has a subscription scheduled again after it changed the cadence,
hour or zone.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.new_document_handler import NewDocumentHandler, Plan, update_of
from functions.dispatcher.new_documents import Mark, NewDocuments, NewPage
from functions.dispatcher.run_dependencies import RunDependencies
from functions.shared.firestore.query import Query
from functions.shared.records.ids import AFTER_HELD, HELD, SHARDS, stored_shard
from functions.shared.records.mark import placed_fields
from functions.shared.records.objections import all_taken_back, objection_fields
from functions.shared.records.run import RunCounter
from functions.shared.records.subscription import SUBSCRIPTIONS, Subscription, is_of_a_user
from functions.shared.records.user import User
from functions.shared.times.plausible_time import EARLIEST, LATEST

_MOST_MALFORMED = 500
"""How many subscriptions with a malformed due time a run finds on each side of the plausible times; once these are
corrected, the next run finds others."""


class Scheduling(NewDocumentHandler):
    """Schedules new subscriptions."""

    counter = RunCounter.SCHEDULED

    def __init__(self, dependencies: RunDependencies, *, run_id: str, run_time: datetime) -> None:
        super().__init__(dependencies, run_id=run_id, run_time=run_time)
        subscriptions = Query.of_group(SUBSCRIPTIONS)
        self._scheduled = subscriptions.where("shard", "in", list(range(SHARDS)))
        self.new = NewDocuments(
            self._database,
            dependencies.documents,
            Mark(
                field="shard",
                everything=subscriptions,
                known=self._scheduled,
                new=subscriptions.where("shard", "==", None),
                is_missing=_has_neither_shard_nor_null,
                # Those whose kind is paused.
                aside=subscriptions.where("shard", ">=", HELD).where("shard", "<", AFTER_HELD),
            ),
        )

    def find_malformed_due_times(self) -> list[DueSubscription]:
        """Subscriptions that no run would ever find due, since their due time is no timestamp or not a plausible one; a
        thousand at most.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore cannot be read.
        """
        in_order = self._scheduled.order_by("next_report_at").limit(_MOST_MALFORMED)
        queries = (
            # A paused subscription has a null here.
            in_order.start_after(None).end_before(EARLIEST),
            in_order.start_after(LATEST),
        )
        found = self._subscriptions(
            found for query in queries for found in self._database.stream(query) if is_of_a_user(found.path)
        )
        return [self._due(each) for each in found if each.active and each.problem]

    def _plans(self, page: NewPage) -> list[Plan]:
        subscriptions = [each for each in self._subscriptions(page.found) if each.shard is None]
        users = self._users_of((each for each in subscriptions if each.time_zone is None), ["time_zone"])
        return [self._plan(each, users.get(each.user_id), has_null=not page.place.by_sweep) for each in subscriptions]

    def _plan(self, subscription: Subscription, user: User | None, *, has_null: bool) -> Plan:
        fields, due = self._made(subscription, lambda: new_place(subscription, user, self._run_time))
        if due.problem:
            # The next run finds the null by the index. Without it, the document would cost a sweep again and again.
            return Plan([] if has_null else [update_of(subscription, {"shard": None})], malformed=[due])
        due_at = fields["next_report_at"]
        is_due = due_at is not None and due_at <= self._run_time
        at_once = [due._replace(due_at=due_at)] if is_due else []
        return Plan([update_of(subscription, fields)], 1, due=at_once, refused=[due])


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
    number, text = value.get("integerValue"), value.get("stringValue")
    return "nullValue" not in value and stored_shard(text if number is None else int(number)) is None
