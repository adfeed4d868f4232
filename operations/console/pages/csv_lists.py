"""The lists as CSV, with all that their filters leave."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.shared.records.run import RUN_COUNTERS
from operations.console.console import console_of
from operations.console.pages.dead_letters import letter_filter
from operations.console.pages.deliveries import delivery_filter
from operations.dead_letters.dead_letters import DeadLetters
from operations.deliveries.deliveries import SEARCHED, Deliveries, delivery_row
from operations.deliveries.delivery_filter import DeliveryFilter
from operations.deliveries.mail_records import MailRecords
from operations.operator_actions import OperatorActions
from operations.output import to_csv
from operations.runs.runs import Runs
from operations.session import Session
from operations.system_alerts import SystemAlerts
from operations.users.users import Users

MOST_ROWS = 10_000
"""A spreadsheet takes more, and a person reads fewer."""

Row = Mapping[str, Any]


def _runs(session: Session, asked: QueryParams) -> Sequence[Row]:
    del asked
    return Runs(session.firestore).latest(MOST_ROWS)


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


def _people(session: Session, asked: QueryParams) -> Sequence[Row]:
    del asked
    users = Users(session.firestore).page(after=None, limit=MOST_ROWS)
    return [
        {"user_id": each.id, "active": each.active, "email": each.email, "problem": each.problem or None}
        for each in users
    ]


def _actions(session: Session, asked: QueryParams) -> Sequence[Row]:
    page = OperatorActions(session.firestore).page(after=None, limit=MOST_ROWS, text=asked.get("q", "").strip())
    return [{name: value for name, value in vars(each).items() if name != "id"} for each in page.rows]


def _system_alerts(session: Session, asked: QueryParams) -> Sequence[Row]:
    del asked
    return SystemAlerts(session.firestore).latest(MOST_ROWS)


def _tasks(session: Session, asked: QueryParams) -> Sequence[Row]:
    del asked
    queues = session.target.queues
    return [{"queue": queue, **each} for queue in queues for each in session.queues.tasks(queue, MOST_ROWS)][:MOST_ROWS]


_LISTS: Mapping[str, tuple[Callable[[Session, QueryParams], Sequence[Row]], tuple[str, ...]]] = {
    "runs": (_runs, ("run_id", "state", "scheduled_for", *RUN_COUNTERS)),
    "deliveries": (_deliveries, ("delivery_id", "user_id", "state", "mail", "due_at")),
    "dead-letters": (_dead_letters, ("dead_letter_id", "state", "reason", "error")),
    "queues": (_tasks, ("queue", "task", "scheduled_for", "attempts", "last_message", "last_attempt_at")),
    "system-alerts": (_system_alerts, ("received_at", "alert", "run_id", "detail")),
    "people": (_people, ("user_id", "active", "email", "problem")),
    "operator-actions": (_actions, ("began_at", "who", "action", "subject", "note", "outcome", "ended_at")),
}
"""What reads each list, and the columns that it has where it has no row."""
_ADDRESSES = frozenset({"email", "who"})


def show_csv(request: Request) -> Response:
    """A list as CSV: the first 10,000 that its filters leave."""
    name = request.url.path.removeprefix("/").removesuffix(".csv")
    read, columns = _LISTS[name]
    rows = read(console_of(request).session, request.query_params)
    if not request.state.viewer.may_act:
        rows = [{key: value for key, value in row.items() if key not in _ADDRESSES} for row in rows]
        columns = tuple(each for each in columns if each not in _ADDRESSES)
    return Response(
        to_csv(rows, columns),
        media_type="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


ROUTES = [Route(f"/{name}.csv", show_csv) for name in _LISTS]
