"""`reports deliveries`: what became of each report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from functions.shared.records.states import DeliveryState
from operations.commands.group import AsCsv, AsJson, EveryRow, Limit, ListGroup, document_id, print_list, session
from operations.connection.local_directory import LOCAL_CLOUD_DIRECTORY
from operations.output import Output

if TYPE_CHECKING:
    from operations.deliveries.delivery_filter import DeliveryFilter
    from operations.session import Session

_COLUMNS = (
    *("delivery_id", "state", "mail", "reason", "last_error", "note", "mail_reason"),
    *("due_at", "attempts", "updated_at", "period_start", "period_end", "subscription_id"),
)
_OPTIONAL = {"reason", "note", "last_error", "mail", "mail_reason"}


app = typer.Typer(cls=ListGroup)


@app.command("list")
def list_(
    ctx: typer.Context,
    *,
    user: Annotated[
        str | None, typer.Option(metavar="USER", parser=document_id, help="Of this user, the newest first.")
    ] = None,
    subscription: Annotated[
        str | None,
        typer.Option(metavar="SUBSCRIPTION", parser=document_id, help="Only of this subscription of the user's."),
    ] = None,
    run: Annotated[str | None, typer.Option(metavar="RUN", parser=document_id, help="Of this run.")] = None,
    state: Annotated[DeliveryState | None, typer.Option(help="Only those in this state.")] = None,
    limit: Limit = 50,
    everything: EveryRow = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Deliveries: what became of each report of a user, of one of the user's subscriptions, of a run, or in a state."""
    from operations.deliveries.deliveries import Deliveries, delivery_row
    from operations.deliveries.delivery_filter import DeliveryFilter
    from operations.deliveries.mail_records import MailRecords

    wanted = DeliveryFilter(user_id=user or "", subscription_id=subscription or "", run_id=run or "", state=state)
    if wanted.problem or not (user or run or state):
        raise typer.BadParameter("name --user, --run or --state; --subscription goes with --user")
    current, most = session(ctx), None if everything else limit
    deliveries = Deliveries(current.firestore)
    found = deliveries.find(wanted, limit=most)
    if not found:
        _check_that_it_exists(current, wanted)
    mails = MailRecords(current.firestore).of(found)
    print_list(
        Output(as_json=as_json, as_csv=as_csv),
        [delivery_row(each, mails.get(each.id)) for each in found],
        _COLUMNS,
        limit=most,
        count=lambda: deliveries.count(wanted),
        empty="There are no such deliveries.",
        optional=_OPTIONAL,
    )


@app.command("show")
def show(
    ctx: typer.Context,
    delivery: Annotated[str, typer.Argument(metavar="DELIVERY", parser=document_id, help="The delivery's id.")],
    *,
    open_it: Annotated[bool, typer.Option("--open", help="Open what was sent in a browser; from the archive.")] = False,
    to: Annotated[Path, typer.Option(metavar="DIR", file_okay=False, help="Where its files are written.")] = (
        LOCAL_CLOUD_DIRECTORY / "copies"
    ),
    as_json: AsJson = False,
) -> None:
    """One delivery: what became of the report, and with --open the copy of what was sent."""
    from operations.commands.preview import open_in_browser
    from operations.deliveries.deliveries import Deliveries, delivery_row
    from operations.deliveries.mail_records import MailRecords
    from operations.deliveries.sent_copy import sent_copy, write_copy

    current, output = session(ctx), Output(as_json=as_json)
    found = Deliveries(current.firestore).get(delivery)
    row = delivery_row(found, MailRecords(current.firestore).of([found]).get(found.id))
    page = None
    if open_it:
        page, *others = write_copy(sent_copy(current.archive, found), to)
        row["html"] = str(page)
        row["files"] = [str(file) for file in others] if as_json else ", ".join(map(str, others))
    output.fields(row)
    if page:
        open_in_browser(page.resolve().as_uri(), output)


def _check_that_it_exists(current: Session, wanted: DeliveryFilter) -> None:
    """Tell a slip from a user or a run without deliveries.

    Raises:
        NotFound: there is no such user, subscription or run.
    """
    from operations.runs.runs import Runs
    from operations.subscriptions.subscriptions import Subscriptions
    from operations.users.users import Users

    if wanted.subscription_id:
        Subscriptions(current.firestore, current.defaults).find(wanted.user_id, wanted.subscription_id)
    elif wanted.user_id:
        Users(current.firestore).get(wanted.user_id)
    if wanted.run_id:
        Runs(current.firestore).check(wanted.run_id)
