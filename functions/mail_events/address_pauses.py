"""Keeps emails from addresses that bounce or want none: has the user's subscriptions leave the address out, and pauses
those that are for nobody else. Who subscribes again gets emails again."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import structlog

from functions.mail_events.address_events import fields_for_event
from functions.shared.firestore.database import Database
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.firestore.query import Query
from functions.shared.firestore.retry import CALL_SECONDS
from functions.shared.firestore.write import Write, update
from functions.shared.records.mail_event import MailEvent
from functions.shared.records.subscription import Subscription, SubscriptionDefaults, subscriptions_of
from functions.shared.records.user import USERS, User

_IN_A_COMMIT = 400
"""How many subscriptions of a user are looked at, and written, at once: a commit takes 500 writes."""

_logger = structlog.get_logger()


class News(NamedTuple):
    """An event, and the subscription that its email is of."""

    event: MailEvent
    subscription_id: str


def _turn(news: News) -> tuple[bool, datetime, str]:
    """Put resubscriptions first, so that no earlier unsubscription pauses a subscription for a moment."""
    return news.event.pauses is not None, news.event.at, news.event.recipient


class AddressPauses:
    """Pauses what goes to an address. Safe for threads.

    Args:
        database: the Firestore database.
        defaults: what a subscription's document does not say.
        now: the present, in UTC.
    """

    def __init__(self, database: Database, defaults: SubscriptionDefaults, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._defaults = defaults
        self._now = now

    def apply(self, user_id: str, news: Sequence[News]) -> None:
        """Carry out what events mean for a user's subscriptions. A second time it changes nothing.

        Args:
            user_id: whose deliveries the events are of.
            news: the events that change wishes, in any order.

        Raises:
            google.api_core.exceptions.GoogleAPIError: Firestore failed, or others kept writing the documents.
        """
        for each in sorted(news, key=_turn):
            event, changed = each.event, self._apply(user_id, each)
            moved = sum("active" in fields for fields in changed)
            if changed and event.pauses:
                _logger.info(
                    "address_paused",
                    user_id=user_id,
                    delivery_id=event.delivery_id,
                    reason=event.pauses.value,
                    paused=moved,
                    left_out=len(changed) - moved,
                )
            elif changed:
                _logger.info("address_resubscribed", user_id=user_id, delivery_id=event.delivery_id, resumed=moved)

    def _apply(self, user_id: str, news: News) -> list[Mapping[str, Any]]:
        query, changed = Query.of(subscriptions_of(user_id)).limit(_IN_A_COMMIT), list[Mapping[str, Any]]()
        while True:
            of_page, last = self._apply_to(query, user_id, news)
            changed += of_page
            if last is None:
                return changed
            query = query.behind(last)

    def _apply_to(self, query: Query, user_id: str, news: News) -> tuple[list[Mapping[str, Any]], FoundDocument | None]:
        """Change the subscriptions that the query finds. Returns what has changed, and the last of them if there may be
        more."""

        def turn() -> tuple[tuple[list[Mapping[str, Any]], FoundDocument | None], list[Write]]:
            user = User.from_snapshot(self._database.get(f"{USERS}/{user_id}"))
            page = list(self._database.stream(query, seconds=CALL_SECONDS))
            writes = []
            for found in page:
                subscription = Subscription.from_snapshot(found, self._defaults)
                if subscription is None:
                    continue
                is_of_it = subscription.id == news.subscription_id
                fields = fields_for_event(user, subscription, news.event, is_of_it=is_of_it, now=self._now())
                if fields:
                    writes.append(update(found.path, fields, found.update_time))
            last = page[-1] if len(page) == _IN_A_COMMIT else None
            return ([each.fields or {} for each in writes], last), writes

        return self._database.until_written(turn)
