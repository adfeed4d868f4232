"""Of which subscription a preview is."""

from typing import NamedTuple

from functions.shared.firestore.database import Database
from functions.shared.records.subscription import (
    DEFAULT_SUBSCRIPTION,
    Subscription,
    SubscriptionDefaults,
    subscription_path,
)
from functions.shared.records.user import User
from functions.shared.times.schedule import Cadence
from operations.errors import OperatorError
from operations.subscriptions.subscriptions import Subscriptions
from operations.users.users import Users

_SAMPLE_USER = {"email": "sample@example.com", "name": "Ada Lovelace", "active": True, "time_zone": "Europe/London"}


class PreviewSubject(NamedTuple):
    """A user with one subscription."""

    user: User
    subscription: Subscription


def sample_subject(kind: str, *, user_id: str | None = None, cadence: Cadence = Cadence.DAILY) -> PreviewSubject:
    """Somebody who gets a report, where no user is named."""
    user = User.from_fields(user_id or "sample", _SAMPLE_USER)
    subscription = Subscription.from_fields(
        user.id, DEFAULT_SUBSCRIPTION, {"hour": 0}, SubscriptionDefaults(kind, cadence)
    )
    return PreviewSubject(user, subscription)


def read_subject(
    database: Database,
    user_id: str,
    subscription_id: str | None,
    *,
    kind: str | None,
    defaults: SubscriptionDefaults,
) -> PreviewSubject:
    """A user, active or not, with a subscription, paused or not, as the worker reads them.

    Args:
        subscription_id: which subscription; None for the only one, or with a kind for one as it is made.
        kind: which report, in place of the subscription's.

    Raises:
        NotFound: there is no such user, or no such subscription.
        OperatorError: a document is malformed, or no subscription is named and there are several.
        google.api_core.exceptions.GoogleAPIError: Firestore cannot be asked.
    """
    user = Users(database).get(user_id)
    if kind is not None and subscription_id is None:
        subscription = Subscription.from_fields(user_id, DEFAULT_SUBSCRIPTION, {}, defaults)
    else:
        subscription = Subscriptions(database, defaults).find(user_id, subscription_id)
    for document, problem in (
        (f"users/{user_id}", user.problem),
        (subscription_path(user_id, subscription.id), subscription.problem),
    ):
        if problem:
            raise OperatorError(f"{document}: {problem}")
    return PreviewSubject(user, subscription._replace(kind=kind) if kind else subscription)
