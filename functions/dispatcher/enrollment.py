"""Enrolls users: gives a user who is new the default subscription, and resumes those of a user who is active again.

An application that wants other reports for a user writes subscriptions itself, before or after.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import structlog

from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.new_document_handler import NewDocumentHandler, Plan, update_of
from functions.dispatcher.new_documents import Mark, NewDocuments, NewPage
from functions.dispatcher.run_dependencies import RunDependencies
from functions.shared.firestore.query import Query
from functions.shared.firestore.write import Write, create, update
from functions.shared.records.mark import resumed_fields
from functions.shared.records.run import RunCounter
from functions.shared.records.states import Enroll
from functions.shared.records.subscription import (
    DEFAULT_SUBSCRIPTION,
    Subscription,
    default_fields,
    subscription_path,
    subscriptions_of,
)
from functions.shared.records.user import USERS, User, enrolled_fields, unenrolled_fields
from functions.shared.threads import Threads
from functions.shared.times.plausible_time import EARLIEST, LATEST

_THREADS = 16
_MOST_NAMED = 100

_logger = structlog.get_logger()


class Enrollment(NewDocumentHandler):
    """Enrolls new users, and users who are active again. It resumes the reports of a user who is active again whomever
    else a run enrolls."""

    counter = RunCounter.ENROLLED
    new: NewDocuments

    def __init__(self, dependencies: RunDependencies, *, run_id: str, run_time: datetime) -> None:
        super().__init__(dependencies, run_id=run_id, run_time=run_time)
        self._enroll = dependencies.enroll
        self._now = dependencies.now
        active = Query.of(USERS).where("active", "==", True)
        self.new = NewDocuments(
            self._database,
            dependencies.documents,
            Mark(
                field="enrolled_at",
                everything=active,
                known=active.where("enrolled_at", ">=", EARLIEST).where("enrolled_at", "<=", LATEST),
                new=active.where("enrolled_at", "==", None),
                select=["active", "enrolled_at", "time_zone"],
                is_missing=_has_neither_time_nor_null,
                is_swept=self._enroll is Enroll.ALL,
                at_once=dependencies.enroll_at_once,
            ),
        )

    def warn_of_malformed_active(self) -> None:
        """Log the ids of users whose `active` is neither true, false nor null, a hundred at most. It raises nothing."""
        query = Query.of(USERS).order_by("active").start_after(True).select([]).limit(_MOST_NAMED)
        try:
            malformed = [found.id for found in self._database.stream(query)]
        except Exception:
            _logger.exception("users_unreadable", run_id=self._run_id)
            return
        if malformed:
            _logger.warning(
                "users_ignored",
                run_id=self._run_id,
                field="active",
                user_ids=malformed,
                hint="these users get no reports: `active` must be true or false",
            )

    def _plans(self, page: NewPage) -> list[Plan]:
        read = map(User.from_snapshot, page.found)
        users = [user for user in read if user and user.active and user.enrolled_at is None]
        with Threads(_THREADS) as threads:
            subscriptions = list(threads.map(self._subscriptions_of, users))
        has_null = not page.place.by_sweep
        return [self._plan(user, found, has_null=has_null) for user, found in zip(users, subscriptions, strict=True)]

    def _subscriptions_of(self, user: User) -> list[Subscription]:
        return self._subscriptions(self._database.stream(Query.of(subscriptions_of(user.id))))

    def _plan(self, user: User, subscriptions: Sequence[Subscription], *, has_null: bool) -> Plan:
        whole = DueSubscription(
            *(user.id, DEFAULT_SUBSCRIPTION, self._run_time, self._defaults.kind),
            updated_at=user.version or self._run_time,
        )
        writes: list[Write] = []
        due: list[DueSubscription] = []
        malformed: list[DueSubscription] = []
        if not subscriptions and self._enroll is not Enroll.NONE:
            fields = default_fields(user.id, self._defaults, due_at=self._run_time)
            writes.append(create(subscription_path(user.id, DEFAULT_SUBSCRIPTION), fields))
            due.append(whole)
        for subscription in subscriptions:
            if not subscription.waits_for_user:
                continue
            make = partial(resumed_fields, subscription, user, now=self._run_time)
            resumed, of_it = self._made(subscription, make)
            if of_it.problem:
                malformed.append(of_it)
                continue
            writes.append(update_of(subscription, resumed))
            if resumed["next_report_at"] <= self._run_time:
                due.append(of_it._replace(due_at=resumed["next_report_at"]))
        # The next run finds a user without the mark again, until all subscriptions are resumed.
        is_enrolled = not malformed and (bool(subscriptions) or self._enroll is not Enroll.NONE)
        if is_enrolled or not has_null:
            mark = enrolled_fields(now=self._now()) if is_enrolled else unenrolled_fields()
            writes.append(update(f"{USERS}/{user.id}", mark, user.version))
        refused = [whole._replace(is_users=True)]
        return Plan(writes, int(is_enrolled), due, refused, malformed)


def _has_neither_time_nor_null(fields: Mapping[str, Any]) -> bool:
    if "enrolled_at" not in fields:
        return True
    value = fields["enrolled_at"]
    moment = value.get("timestampValue")
    return not ("nullValue" in value or (moment and EARLIEST <= datetime.fromisoformat(moment) <= LATEST))
