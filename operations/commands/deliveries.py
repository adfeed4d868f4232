"""`reports deliveries`: what became of each report."""

from typing import Annotated

import typer

from functions.shared.delivery import DeliveryState
from operations.commands.group import AsJson, Limit, document_id, session
from operations.deliveries import Deliveries, delivery_row
from operations.mail_records import MailRecords
from operations.output import Output

_COLUMNS = {
    "delivery_id": "DELIVERY",
    "subscription_id": "SUBSCRIPTION",
    "state": "STATE",
    "mail": "MAIL",
    "due_at": "DUE",
    "period_start": "PERIOD FROM",
    "period_end": "TO",
    "attempts": "ATTEMPTS",
    "updated_at": "UPDATED",
    "reason": "REASON",
    "note": "NOTE",
    "mail_reason": "MAIL'S REASON",
    "last_error": "LAST ERROR",
}
_OPTIONAL = {"reason", "note", "last_error", "mail", "mail_reason"}


def deliveries(
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
    as_json: AsJson = False,
) -> None:
    """Deliveries: what became of each report of a user, of one of the user's subscriptions, or of a run."""
    if user is None and run is None:
        raise typer.BadParameter("one of --user and --run is required")
    if subscription is not None and user is None:
        raise typer.BadParameter("--subscription goes with --user")
    client = session(ctx).pipeline_database
    found = Deliveries(client).find(user_id=user, subscription_id=subscription, run_id=run, state=state, limit=limit)
    mails = MailRecords(client).of(found)
    Output(as_json=as_json).rows(
        [delivery_row(each, mails.get(each.id)) for each in found],
        _COLUMNS,
        empty="There are no such deliveries.",
        optional=_OPTIONAL,
    )
