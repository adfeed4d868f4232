"""Enrolls users: gives a user who is new the default subscription, and resumes those of a user who is active again.

An application that wants other reports for a user writes subscriptions itself, before or after.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, NamedTuple

import structlog
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from functions.dispatcher.conditional_commit import NO_ROOM, Change, CommitResult, commit, update
from functions.dispatcher.document_stream import DocumentStream, Operator
from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.malformed_documents import unservable
from functions.dispatcher.new_documents import Admitted, Mark, NewDocuments, NewPage
from functions.shared.mark import resumed_fields
from functions.shared.plausible_time import EARLIEST, LATEST
from functions.shared.run import RunCounter
from functions.shared.states import Enroll
from functions.shared.subscription import (
    DEFAULT_SUBSCRIPTION,
    SUBSCRIPTIONS,
    Subscription,
    SubscriptionDefaults,
    default_fields,
)
from functions.shared.user import USERS, User, enrolled_fields, unenrolled_fields

_THREADS = 16
_MOST_NAMED = 100

_logger = structlog.get_logger()


class _Plan(NamedTuple):
    """What to do for a user.

    Attributes:
        user: as the user was read.
        is_enrolled: whether this plan enrolls the user.
        created: the fields of the default subscription; empty where the user gets none.
        resumed: the subscriptions to resume, each with the fields to write.
        malformed: the subscriptions that cannot be resumed, or what else is wrong.
    """

    user: User
    is_enrolled: bool
    created: dict[str, Any]
    resumed: Sequence[tuple[Subscription, dict[str, Any]]] = ()
    malformed: Sequence[DueSubscription] = ()


class Enrollment:
    """Enrolls new users, and users who are active again.

    Args:
        client: the Firestore client.
        stream: reads users.
        defaults: the subscription that a new user gets.
        enroll: whom it enrolls. It resumes the reports of a user who is active again in any case.
        at_once: how many users it deals with at most; more are held back.
        run_id: the id of the run.
        run_time: the time that the run is for: a new user is due at it.
    """

    counter = RunCounter.ENROLLED

    def __init__(
        self,
        client: firestore.Client,
        stream: DocumentStream,
        defaults: SubscriptionDefaults,
        *,
        enroll: Enroll,
        at_once: int,
        run_id: str,
        run_time: datetime,
    ) -> None:
        self._client = client
        self._enroll = enroll
        self._defaults = defaults
        self._run_id = run_id
        self._run_time = run_time
        active = client.collection(USERS).where(filter=FieldFilter("active", "==", True))
        self.new = NewDocuments(
            client,
            stream,
            Mark(
                field="enrolled_at",
                everything=active,
                known=active.where(filter=FieldFilter("enrolled_at", ">=", EARLIEST)).where(
                    filter=FieldFilter("enrolled_at", "<=", LATEST)
                ),
                new=active.where(filter=FieldFilter("enrolled_at", "==", None)),
                select=["active", "enrolled_at", "time_zone"],
                where=[("active", Operator.EQUAL, {"booleanValue": True})],
                is_missing=_has_neither_time_nor_null,
                is_swept=enroll is Enroll.ALL,
                at_once=at_once,
            ),
        )

    def admit(self, page: NewPage) -> Admitted:
        """Enroll the users of a page, unless they have changed since they were read.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore cannot be read or written.
        """
        read = [User.from_snapshot(snapshot) for snapshot in page.snapshots]
        users = [user for user in read if user and user.active and user.enrolled_at is None]
        with ThreadPoolExecutor(_THREADS) as threads:
            subscriptions = list(threads.map(self._subscriptions_of, users))
        plans = [self._plan(user, found) for user, found in zip(users, subscriptions, strict=True)]
        admitted = Admitted(0, [], [due for plan in plans for due in plan.malformed])
        written = [plan for plan in plans if plan.is_enrolled or plan.resumed or page.place.by_sweep]
        changes = [self._write(plan, has_null=not page.place.by_sweep) for plan in written]
        for plan, result in zip(written, commit(self._client, changes), strict=True):
            if result is CommitResult.REFUSED:
                admitted.malformed.append(self._due(plan.user, problem=NO_ROOM, is_users=True))
            if result is CommitResult.WRITTEN:
                admitted = admitted._replace(number=admitted.number + plan.is_enrolled)
                admitted.due.extend(self._due_now(plan))
        return admitted

    def warn_of_malformed_active(self) -> None:
        """Log the ids of users whose `active` is neither true, false nor null, a hundred at most. It raises nothing."""
        query = (
            self._client.collection(USERS)
            .order_by("active")
            .start_after({"active": True})
            .select([])
            .limit(_MOST_NAMED)
        )
        try:
            malformed = [snapshot.id for snapshot in query.stream()]
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

    def _subscriptions_of(self, user: User) -> list[Subscription]:
        documents = self._client.collection(f"{USERS}/{user.id}/{SUBSCRIPTIONS}").stream()
        read = [Subscription.from_snapshot(snapshot, self._defaults) for snapshot in documents]
        return [subscription for subscription in read if subscription]

    def _plan(self, user: User, subscriptions: Sequence[Subscription]) -> _Plan:
        if not subscriptions and self._enroll is Enroll.NONE:
            return _Plan(user, False, {})
        if not subscriptions:
            return _Plan(user, True, default_fields(user.id, self._defaults, due_at=self._run_time))
        resumed: list[tuple[Subscription, dict[str, Any]]] = []
        malformed: list[DueSubscription] = []
        for subscription in subscriptions:
            if not subscription.waits_for_user:
                continue
            due = self._due(user, subscription, problem=subscription.problem)
            if due.problem:
                malformed.append(due)
                continue
            try:
                fields = resumed_fields(subscription, user, now=self._run_time)
            except Exception as error:  # noqa: BLE001  it is logged there
                malformed.append(unservable(due, error, run_id=self._run_id))
            else:
                resumed.append((subscription, fields))
        # The next run finds a user without the mark again, until all subscriptions are resumed.
        return _Plan(user, not malformed, {}, resumed, malformed)

    def _write(self, plan: _Plan, *, has_null: bool) -> Change:
        user = self._client.collection(USERS).document(plan.user.id)
        subscriptions = user.collection(SUBSCRIPTIONS)

        def add(batch: firestore.WriteBatch) -> None:
            if plan.created:
                batch.create(subscriptions.document(DEFAULT_SUBSCRIPTION), plan.created)
            for subscription, fields in plan.resumed:
                reference = subscriptions.document(subscription.id)
                update(self._client, reference, fields, version=subscription.version)(batch)
            mark = enrolled_fields(now=datetime.now(UTC)) if plan.is_enrolled else unenrolled_fields()
            if plan.is_enrolled or not has_null:
                update(self._client, user, mark, version=plan.user.version)(batch)

        return add

    def _due_now(self, plan: _Plan) -> list[DueSubscription]:
        if plan.created:
            return [self._due(plan.user)]
        return [
            self._due(plan.user, subscription)._replace(due_at=fields["next_report_at"])
            for subscription, fields in plan.resumed
            if fields["next_report_at"] <= self._run_time
        ]

    def _due(
        self, user: User, subscription: Subscription | None = None, *, problem: str = "", is_users: bool = False
    ) -> DueSubscription:
        document = subscription or user
        return DueSubscription(
            user.id,
            subscription.id if subscription else DEFAULT_SUBSCRIPTION,
            self._run_time,
            subscription.kind if subscription else self._defaults.kind,
            problem,
            document.version or self._run_time,
            is_users,
        )


def _has_neither_time_nor_null(fields: Mapping[str, Any]) -> bool:
    if "enrolled_at" not in fields:
        return True
    value = fields["enrolled_at"]
    moment = value.get("timestampValue")
    return not ("nullValue" in value or (moment and EARLIEST <= datetime.fromisoformat(moment) <= LATEST))
