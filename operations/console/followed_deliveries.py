"""What became of the deliveries that operators sent again: counted, and page by page those of an outcome."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from starlette.requests import Request

from functions.shared.firestore.database import Database
from operations.console.console import console_of
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
        lists: the addresses of the lists of these.
        outcome: the one that was asked for; None for any.
        rows: a page of those that came to it, as JSON shows deliveries.
        first: the address of the first page; None where this is it.
        following: the address of the next page; None where there is none.
        reads: how many reads it took at most.
    """

    counted: CountedOutcomes
    lists: Mapping[DeliveryOutcome, str]
    outcome: DeliveryOutcome | None
    rows: Sequence[dict[str, Any]]
    first: str | None
    following: str | None
    reads: int


def follow(request: Request, ids: Sequence[str], *, lists_all: bool) -> Followed:
    """Count deliveries by what became of them, and list those of the `outcome` that a page was asked for, beginning at
    the place `start` among all deliveries.

    Args:
        lists_all: whether they are listed where no outcome was asked for.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Firestore does not answer or refuses.
    """
    console, asked = console_of(request), request.query_params
    outcome = next((each for each in DeliveryOutcome if each == asked.get("outcome")), None)
    start = int(asked["start"]) if asked.get("start", "").isdecimal() else 0
    listed = ids if outcome or lists_all else ()

    def address(**place: Any) -> str:
        return link(request.scope["raw_path"].decode(), **{**asked, "action": None, "start": None, **place})

    counted = console.outcomes.count(console.reading.firestore, ids, now=console.session.now())
    rows, following = _page(console.reading.firestore, listed, outcome, start)
    return Followed(
        counted=counted,
        lists={each: address(outcome=each) for each in counted.counts},
        outcome=outcome,
        rows=rows,
        first=address() if start else None,
        following=address(start=following) if following < len(listed) else None,
        reads=counted.reads + 2 * (following - start),
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
