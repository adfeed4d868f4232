"""Pauses the subscriptions of users who are inactive or gone, and takes the mark of their enrollment away."""

from datetime import datetime
from typing import NamedTuple

from functions.shared.firestore.database import Database
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.firestore.query import Query
from functions.shared.firestore.write import Write, update
from functions.shared.records.subscription import (
    Subscription,
    SubscriptionDefaults,
    subscription_path,
    subscriptions_of,
)
from functions.shared.records.user import USERS, User, unenrolled_fields
from functions.worker.skipping import fields_for_inactive_user

_IN_A_COMMIT = 400
"""How many subscriptions of a user one commit pauses, besides the one whose report is skipped: it takes 500 writes."""


class InactiveUsers:
    """Pauses the subscriptions of users who are inactive or gone. Safe for threads.

    Args:
        database: the Firestore database.
        defaults: what a subscription's document does not say.
    """

    def __init__(self, database: Database, defaults: SubscriptionDefaults) -> None:
        self._database = database
        self._defaults = defaults

    def pause(self, user_id: str, subscription_id: str, *, due_at: datetime, now: datetime) -> int:
        """Pause the subscriptions of a user, and take `enrolled_at` away, so that the first run after the user is
        active again enrolls the user again and resumes them.

        Each commit is on the condition that the user is as it was read, too: it pauses nothing of a user who is active
        again, and whom a run has enrolled, since no run would enroll that user again. That a document is not
        there is no condition, so a user who was gone is looked for again afterwards.

        Args:
            user_id: which user.
            subscription_id: the subscription whose report is skipped.
            due_at: that report's due time.
            now: the present, in UTC.

        Returns:
            How many subscriptions it paused: 0 where they are paused already, or the user is active again.

        Raises:
            GoogleAPIError: Firestore failed, or others kept writing the documents.
        """

        path, own = f"{USERS}/{user_id}", subscription_path(user_id, subscription_id)
        query = Query.of(subscriptions_of(user_id)).limit(_IN_A_COMMIT)

        def turn() -> tuple[_Paused, list[Write]]:
            read = self._database.get_all([path, own])
            user = User.from_snapshot(read[path])
            if user is not None and user.active:
                return _Paused(), []
            others = list(self._database.stream(query))
            writes = []
            for found in (read[own], *(each for each in others if each.path != own)):
                subscription = Subscription.from_snapshot(found, self._defaults)
                fields = fields_for_inactive_user(user, subscription, due_at=due_at, now=now) if subscription else {}
                if fields:
                    writes.append(update(found.path, fields, found.update_time))
            last = others[-1] if len(others) == _IN_A_COMMIT else None
            paused = _Paused(len(writes), was_gone=user is None, last=last)
            if user is not None and (writes or _is_enrolled(user)):
                writes.append(update(path, unenrolled_fields(), user.version))
            return paused, writes

        def unenroll() -> tuple[None, list[Write]]:
            user = User.from_snapshot(self._database.get(path))
            return None, [update(path, unenrolled_fields(), user.version)] if user and _is_enrolled(user) else []

        paused, was_gone = 0, False
        while True:
            done = self._database.until_written(turn)
            paused, was_gone = paused + done.number, was_gone or done.was_gone
            if done.last is None:
                break
            query = query.behind(done.last)
        if paused and was_gone:
            # For one who has come back meanwhile: the next run enrolls the user, and resumes the subscriptions.
            self._database.until_written(unenroll)
        return paused


class _Paused(NamedTuple):
    """The result of a commit.

    Attributes:
        number: how many subscriptions it has paused.
        was_gone: whether there was no such user.
        last: the last subscription that it looked at, if there may be more.
    """

    number: int = 0
    was_gone: bool = False
    last: FoundDocument | None = None


def _is_enrolled(user: User) -> bool:
    """Whether no run would find the user by the index as one who is to be enrolled."""
    return user.fields.get("enrolled_at", "") is not None
