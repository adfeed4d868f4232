"""Counts whom the next runs would enroll, and what that gives them. It writes nothing."""

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from functions.shared.firestore.database import Database
from functions.shared.firestore.query import Query
from functions.shared.records.states import Enroll
from functions.shared.records.subscription import SubscriptionDefaults
from functions.shared.records.user import USERS, User
from operations.subscriptions.subscriptions import Subscriptions

_NEXT_RUN = "next run"


class Effect(StrEnum):
    """What enrollment does for a user."""

    DEFAULT = "gets the default subscription"
    RESUMED = "gets again what stopped while the user was inactive"
    NOTHING = "has subscriptions already, and gets no other"
    LEFT_OUT = "is not enrolled, by ENROLL"


class WouldEnroll:
    """Finds active users who are not enrolled. Its methods raise GoogleAPICallError if Firestore does not answer or
    refuses.
    """

    def __init__(self, database: Database, defaults: SubscriptionDefaults, enroll: Enroll) -> None:
        self._database = database
        self._subscriptions = Subscriptions(database, defaults)
        self._defaults = defaults
        self._enroll = enroll

    def users(self) -> list[User]:
        """The active users whom the dispatcher has not enrolled yet, marked or not."""
        active = Query.of(USERS).where("active", "==", True).select(["active", "enrolled_at"])
        read = map(User.from_snapshot, self._database.stream(active))
        return [user for user in read if user is not None and user.enrolled_at is None]

    def effect(self, user: User) -> Effect:
        """What enrollment does for one of them."""
        is_found = self._enroll is Enroll.ALL or user.fields.get("enrolled_at", ...) is None
        if not is_found:
            return Effect.LEFT_OUT
        subscriptions = self._subscriptions.of_user(user.id)
        if any(subscription.waits_for_user for subscription in subscriptions):
            return Effect.RESUMED
        if subscriptions:
            return Effect.NOTHING
        return Effect.LEFT_OUT if self._enroll is Enroll.NONE else Effect.DEFAULT

    def rows(self, effects: Sequence[Effect]) -> list[dict[str, Any]]:
        """The effects on all users as JSON shows them, a row for each that there is."""
        counted = Counter(effects)
        return [self._row(effect, counted[effect]) for effect in Effect if counted[effect]]

    def _row(self, effect: Effect, users: int) -> dict[str, Any]:
        is_default = effect is Effect.DEFAULT
        first = {Effect.DEFAULT: _NEXT_RUN, Effect.RESUMED: "when it falls due next"}
        return {
            "users": users,
            "effect": effect.value,
            "kind": self._defaults.kind if is_default else None,
            "cadence": self._defaults.cadence.value if is_default else None,
            "first_report": first.get(effect),
        }
