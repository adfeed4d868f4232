"""A call of the API, what it is answered, and what it is carried out with."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, NamedTuple

from werkzeug.http import parse_etags

from functions.api.problem import Problem
from functions.shared.archive import Archive
from functions.shared.firestore.database import Database
from functions.shared.mail.recipient_token import RecipientToken
from functions.shared.queues.task_queue import TaskQueue
from functions.shared.records.states import DeliveryState
from functions.shared.records.subscription import Subscription, SubscriptionDefaults
from functions.shared.records.user import USERS

MOST_BODY_BYTES = 64 * 1024

MOST_BATCH_BYTES = 1024 * 1024
"""Of a body with many changes."""

MOST_ROWS = 100
"""How many rows a page of a list has at most."""

USUAL_ROWS = 50


def wanted_versions(if_match: str | None) -> frozenset[str] | None:
    """The versions, as entity tags, that an If-Match allows; None for any, if there is none."""
    if if_match is None:
        return None
    tags = parse_etags(if_match)
    return frozenset({"*"} if tags.star_tag else tags.as_set())


class Api(NamedTuple):
    """What calls are carried out with.

    Attributes:
        database: the Firestore database.
        defaults: what a subscription's document does not say.
        queue_of: returns the queue of a user's reports.
        page_url: returns the address of a recipient's page, given the link's token and the user's document; None if
            there is no page.
        archive: the copies of what was sent; None where none are kept.
        now: the present, in UTC.
    """

    database: Database
    defaults: SubscriptionDefaults
    queue_of: Callable[[str], TaskQueue]
    page_url: Callable[[RecipientToken, Mapping[str, Any]], str] | None
    archive: Archive | None
    now: Callable[[], datetime]

    def recipient_page(self, user_id: str, subscription_id: str) -> str | None:
        """The address of the page on which a user manages a report, on the domain of the user's brand; None if there is
        no page."""
        if self.page_url is None:
            return None
        user = self.database.get(f"{USERS}/{user_id}")
        return self.page_url(RecipientToken(user_id, subscription_id), user.fields or {})


class Call(NamedTuple):
    """A call.

    Attributes:
        ids: those in its path, by their names.
        query: what its address says behind the path.
        body: its JSON.
        wanted: the versions, as entity tags, that it may change; None for any.
        account: whose call it is.
    """

    ids: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, Any]
    wanted: frozenset[str] | None
    account: str

    @property
    def user_id(self) -> str:
        """Whose it is."""
        return self.ids["user_id"]

    @property
    def subscription_id(self) -> str:
        """Which subscription it is about."""
        return self.ids["subscription_id"]

    @property
    def limit(self) -> int:
        """How many rows it asks for.

        Raises:
            Problem: not a number of rows that a page can have.
        """
        text = self.query.get("limit", str(USUAL_ROWS))
        if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MOST_ROWS):
            raise Problem(HTTPStatus.BAD_REQUEST, f"limit: must be an integer from 1 to {MOST_ROWS}.")
        return int(text)

    @property
    def state(self) -> DeliveryState | None:
        """The state that deliveries are to be in; None for any.

        Raises:
            Problem: there is no such state.
        """
        text = self.query.get("state")
        if text is not None and text not in set(DeliveryState):
            raise Problem(HTTPStatus.BAD_REQUEST, f"state: must be one of {', '.join(DeliveryState)}.")
        return DeliveryState(text) if text else None

    def time(self, name: str) -> datetime | None:
        """A time that its address names, in UTC; None if it names none.

        Raises:
            Problem: it is no time with an offset.
        """
        text = self.query.get(name)
        if text is None:
            return None
        try:
            found = datetime.fromisoformat(text)
            time = found.astimezone(UTC) if found.tzinfo else None
        except (ValueError, OverflowError):
            time = None
        if time is None:
            detail = f"{name}: must be a time with an offset, such as 2026-11-24T13:00:00Z."
            raise Problem(HTTPStatus.BAD_REQUEST, detail)
        return time

    def require_version(self, subscription: Subscription) -> None:
        """Go on only with the version that the caller has seen.

        Raises:
            Problem: the subscription is another one by now.
        """
        if self.wanted is not None and not {"*", entity_tag(subscription)} & self.wanted:
            raise Problem(HTTPStatus.PRECONDITION_FAILED, "The subscription has changed since: read it again.")


class Reply(NamedTuple):
    """What a call is answered.

    Attributes:
        body: what becomes JSON; None for nothing.
        headers: beside that of the content's type.
    """

    body: Mapping[str, Any] | None
    headers: Mapping[str, str] = {}


def entity_tag(subscription: Subscription) -> str:
    """The version of a subscription, without the quotes of a header."""
    return subscription.version.isoformat() if subscription.version else ""
