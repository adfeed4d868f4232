"""The deliveries that operators sent again, page by page, with what became of each."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from functions.shared.firestore.database import Database
from operations.deliveries.deliveries import Deliveries, delivery_row
from operations.deliveries.delivery_outcomes import DeliveryOutcome, outcome_of
from operations.deliveries.mail_records import MailRecords

_A_PAGE = 50
_SEARCHED = 200


class FollowedPage(NamedTuple):
    """A page.

    Attributes:
        rows: as JSON shows deliveries.
        following: the place at which the next page begins; None where there is none.
        reads: how many reads it took at most.
    """

    rows: list[dict[str, Any]]
    following: int | None
    reads: int


def followed_page(database: Database, ids: Sequence[str], outcome: DeliveryOutcome | None, start: int) -> FollowedPage:
    """The deliveries that came to an outcome; a page may be short, and yet have one that follows.

    Args:
        database: the Firestore database.
        ids: of all deliveries.
        outcome: which; None for any.
        start: the place in `ids` at which the page begins.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Firestore does not answer or refuses.
    """
    rows: list[dict[str, Any]] = []
    place = start
    while place < len(ids) and place - start < _SEARCHED and len(rows) < _A_PAGE:
        some = ids[place : place + _A_PAGE - len(rows)]
        found = Deliveries(database).of_ids(some)
        mails = MailRecords(database).of(found)
        rows += [
            delivery_row(each, mails.get(each.id))
            for each in found
            if outcome in {None, outcome_of(each, mails.get(each.id))}
        ]
        place += len(some)
    return FollowedPage(rows, place if place < len(ids) else None, 2 * (place - start))
