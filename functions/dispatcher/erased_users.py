"""Removes what processes under way have written about users after they were erased: a worker that finds its user gone
notes a skipped delivery, the function for events one that it was taking, and the application a subscription. See
docs/guides/privacy.md."""

from datetime import datetime, timedelta

from functions.shared.firestore import delivery_store
from functions.shared.firestore.database import Database
from functions.shared.firestore.query import Query
from functions.shared.firestore.write import without
from functions.shared.records.audience import ERASED_ID, ERASED_USERS
from functions.shared.records.dead_letter import DEAD_LETTERS
from functions.shared.records.delivery import DELIVERIES
from functions.shared.records.mail_event import MAIL_EVENTS
from functions.shared.records.subscription import subscriptions_of
from functions.shared.records.user import USERS, User
from functions.shared.times.plausible_time import plausible

_UNDER_WAY = timedelta(days=1)
"""How long after an erasure a task that a run was making may still wait, and be carried out."""


def erase_leftovers(database: Database, *, run_time: datetime) -> None:
    """Erase what was written about users who were erased within the last day, and forget their ids after that day.
    What a user has who is active again stays: the application has made that user anew.

    Args:
        database: the Firestore database.
        run_time: the present, in UTC.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Firestore does not answer, or refuses.
    """
    for mark in database.stream(Query.of(ERASED_USERS).where(ERASED_ID, ">", "")):
        fields = mark.fields or {}
        user_id, erased_at = fields[ERASED_ID], plausible(fields.get("erased_at"))
        user = User.from_snapshot(database.get(f"{USERS}/{user_id}"))
        is_back = user is not None and user.active
        if not is_back:
            _erase(database, user_id)
        if is_back or erased_at is None or run_time - erased_at > _UNDER_WAY:
            database.commit([without(mark.path, [ERASED_ID])])


def _erase(database: Database, user_id: str) -> None:
    def found(collection: str, field: str) -> Query:
        return Query.of(collection).where(field, "==", user_id)

    # First, so that no later run makes another task.
    database.delete_each(list(database.stream(Query.of(subscriptions_of(user_id)).select([]))))
    database.delete_each(list(database.stream(found(DEAD_LETTERS, "payload.user_id"))))
    # Before the records: an event whose delivery is gone makes no new one.
    delivery_store.erase(database, list(database.stream(found(DELIVERIES, "user_id"))))
    database.delete_each(list(database.stream(found(MAIL_EVENTS, "user_id"))))
