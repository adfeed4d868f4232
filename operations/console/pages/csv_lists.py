"""The lists of deliveries and of dead letters as CSV, with all that their filters leave."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from operations.console.console import console_of
from operations.console.pages.dead_letters import letter_filter
from operations.console.pages.deliveries import delivery_filter
from operations.dead_letters.dead_letters import DeadLetters
from operations.deliveries.deliveries import SEARCHED, Deliveries, delivery_row
from operations.deliveries.delivery_filter import DeliveryFilter
from operations.deliveries.mail_records import MailRecords
from operations.output import to_csv
from operations.session import Session

MOST_ROWS = 10_000
"""A spreadsheet takes more, and a person reads fewer."""

Row = Mapping[str, Any]


def _deliveries(session: Session, asked: QueryParams) -> Sequence[Row]:
    wanted = delivery_filter(asked)
    found = [] if wanted.problem else list(islice(_all_deliveries(session, wanted), MOST_ROWS))
    mails = MailRecords(session.firestore).of(found)
    return [delivery_row(each, mails.get(each.id)) for each in found]


def _all_deliveries(session: Session, wanted: DeliveryFilter) -> Iterator[Any]:
    after: str | None = None
    for _ in range(MOST_ROWS // SEARCHED):
        page = Deliveries(session.firestore).page(wanted, after=after, limit=SEARCHED)
        yield from page.rows
        after = page.following
        if after is None:
            return


def _dead_letters(session: Session, asked: QueryParams) -> Sequence[Row]:
    letters = DeadLetters(session.firestore)
    return letters.with_delivery_states(letters.find(letter_filter(asked), limit=MOST_ROWS))


_LISTS: Mapping[str, tuple[Callable[[Session, QueryParams], Sequence[Row]], tuple[str, ...]]] = {
    "deliveries": (_deliveries, ("delivery_id", "user_id", "state", "mail", "due_at")),
    "dead-letters": (_dead_letters, ("dead_letter_id", "state", "reason", "error")),
}
"""What reads each list, and the columns that it has where it has no row."""


def show_csv(request: Request) -> Response:
    """A list as CSV: the first 10,000 that its filters leave."""
    name = request.url.path.removeprefix("/").removesuffix(".csv")
    read, columns = _LISTS[name]
    rows = read(console_of(request).session, request.query_params)
    return Response(
        to_csv(rows, columns),
        media_type="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


ROUTES = [Route(f"/{name}.csv", show_csv) for name in _LISTS]
