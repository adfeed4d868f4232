"""What became of the deliveries that operators sent again: counted, and page by page those of an outcome."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from starlette.datastructures import QueryParams

from functions.shared.firestore.database import Database
from operations.console.console import Console
from operations.console.view import link
from operations.deliveries.deliveries import Deliveries, delivery_row
from operations.deliveries.delivery_outcomes import CountedOutcomes, DeliveryOutcome, outcome_of
from operations.deliveries.mail_records import MailRecords

_A_PAGE = 50
_SEARCHED = 200


class Followed(NamedTuple):
    """What became of deliveries, as templates/outcomes.html shows it.

    Attributes:
        counted: how many came to each outcome.
        outcome: the one that was asked for; None for any.
        rows: a page of those that came to it, as JSON shows deliveries.
        first: the address of the first page; None where this is it.
        following: the address of the next page; None where there is none.
        reads: how many reads it took at most.
    """

    counted: CountedOutcomes
    outcome: DeliveryOutcome | None
    rows: Sequence[dict[str, Any]]
    first: str | None
    following: str | None
    reads: int


def follow(
    console: Console,
    ids: Sequence[str],
    asked: QueryParams,
    *,
    now: datetime,
    path: str,
    lists_all: bool,
    **filters: str | None,
) -> Followed:
    """Count deliveries by what became of them, and list those whose outcome was asked for.

    Args:
        console: what all pages work with.
        ids: of all deliveries.
        asked: the `outcome`, and the place in `ids` at which the page begins: `start`.
        now: the present, in UTC.
        path: of the page that shows them.
        lists_all: whether they are listed where no outcome was asked for.
        filters: of that page, which the links keep.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Firestore does not answer or refuses.
    """
    database = console.reading.firestore
    outcome = next((each for each in DeliveryOutcome if each == asked.get("outcome")), None)
    start = int(asked["start"]) if asked.get("start", "").isdecimal() else 0
    counted = console.outcomes.count(database, ids, now=now)
    listed = ids if outcome or lists_all else ()
    rows, place = _page(database, listed, outcome, start)
    return Followed(
        counted=counted,
        outcome=outcome,
        rows=rows,
        first=link(path, **filters, outcome=outcome) if start else None,
        following=link(path, **filters, outcome=outcome, start=place) if place < len(listed) else None,
        reads=counted.reads + 2 * (place - start),
    )


def _page(
    database: Database, ids: Sequence[str], outcome: DeliveryOutcome | None, start: int
) -> tuple[list[dict[str, Any]], int]:
    """The deliveries that came to an outcome, and the place in `ids` at which the next page begins. A page may be
    short, and yet have one that follows."""
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
    return rows, place
