"""Finds users, for the operator."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from functions.shared.firestore.database import Database
from functions.shared.firestore.field_path import NAME
from functions.shared.firestore.query import Query
from functions.shared.logging import redact_addresses
from functions.shared.records.delivery import Delivery
from functions.shared.records.ids import is_document_id
from functions.shared.records.kind_pauses import KindPauses
from functions.shared.records.subscription import Subscription
from functions.shared.records.user import USERS, User
from operations.subscriptions.subscriptions import latest_row, no_such_user


class Users:
    """Reads `users`. Every method raises GoogleAPICallError if Firestore does not answer or refuses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, user_id: str) -> User | None:
        """A user; None if the user does not exist."""
        return User.from_snapshot(self._database.get(f"{USERS}/{user_id}"))

    def get(self, user_id: str) -> User:
        """A user.

        Raises:
            NotFound: there is none.
        """
        user = self.find(user_id)
        if user is None:
            raise no_such_user(self._database, user_id)
        return user

    def page(self, *, after: str | None, limit: int | None) -> list[User]:
        """Users in the order of their ids."""
        query = Query.of(USERS).order_by(NAME).limit(limit)
        return self._read(query if after is None else query.start_after(f"{USERS}/{after}"))

    def of_ids(self, user_ids: Sequence[str]) -> list[User]:
        """Users by their ids; those that do not exist are left out."""
        found = self._database.get_all(f"{USERS}/{each}" for each in user_ids if is_document_id(each))
        return [user for each in found.values() if (user := User.from_snapshot(each))]

    def count(self) -> int:
        """How many users there are."""
        return self._database.count(Query.of(USERS))

    def with_address(self, address: str, *, limit: int) -> list[User]:
        """The users whose `email` is an address, as it is given or in small letters: Firestore compares exactly."""
        spellings = list(dict.fromkeys((address, address.lower())))
        return self._read(Query.of(USERS).where("email", "in", spellings).limit(limit))

    def _read(self, query: Query) -> list[User]:
        return [user for found in self._database.stream(query) if (user := User.from_snapshot(found))]


def user_row(
    user: User,
    subscriptions: Sequence[Subscription],
    latest: Delivery | None,
    *,
    now: datetime,
    with_addresses: bool = False,
) -> dict[str, Any]:
    """A user as JSON shows it. Ids stay as they are.

    Args:
        subscriptions: all of the user's.
    """
    due = [each.next_report_at for each in subscriptions if each.next_report_at and not each.is_paused(now)]
    return {
        "user_id": user.id,
        "active": user.active,
        "enrolled_at": user.enrolled_at,
        "time_zone": user.time_zone.key,
        "locale": redact_addresses(user.locale),
        **({"email": user.email} if with_addresses else {}),
        "subscription_count": len(subscriptions),
        "paused_count": sum(each.is_paused(now) for each in subscriptions),
        "next_report_at": min(due, default=None),
        **latest_row(latest),
        "problem": user.problem or None,
    }


def explain_user(user: User, subscriptions: Sequence[Subscription], pauses: KindPauses, *, now: datetime) -> str:
    """Why a user gets no report, or none from the next run on; empty where all is as usual.

    Args:
        subscriptions: all of the user's.
    """
    if not user.active:
        return "The user is not active, and gets no reports. Active again, the user gets them again."
    if user.problem:
        return "The user gets no reports until your application corrects the document."
    if user.enrolled_at is None:
        if "enrolled_at" in user.fields:
            return "The user is not enrolled yet: the dispatcher's next run does that."
        return (
            "The user is not enrolled yet: the dispatcher does that within a day, since the document has no field "
            "enrolled_at. If your application writes null there, the next run does."
        )
    if not subscriptions:
        return "The user gets no reports, for want of a subscription: add one."
    if all(each.is_paused(now) for each in subscriptions):
        reasons = sorted({each.paused_because.value for each in subscriptions if each.paused_because})
        because = f" ({', '.join(reasons)})" if reasons else ""
        return f"The user gets no reports: all subscriptions are paused{because}."
    kinds = sorted({each.kind for each in subscriptions if not each.is_paused(now)})
    if all(map(pauses.is_paused, kinds)):
        return f"The user gets no reports until their kind is resumed ({', '.join(kinds)}): what is due waits."
    return ""
