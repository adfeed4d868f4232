"""`reports send`: send a report of one subscription now."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from operations.commands.group import AsJson, document_id, session
from operations.output import Output, shell_argument
from operations.send_now import send_now
from operations.subscriptions import Subscriptions
from operations.users import Users


def send(
    ctx: typer.Context,
    user: Annotated[str, typer.Argument(metavar="USER", parser=document_id, help="The user's id.")],
    subscription: Annotated[
        str | None,
        typer.Argument(
            metavar="SUBSCRIPTION",
            parser=document_id,
            help="The subscription's id; not needed if the user has only one.",
        ),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Send a report of one subscription now: the one that is due, or one of the time since the last."""
    current = session(ctx)
    whose = Users(current.firestore).get(user)
    which = Subscriptions(current.firestore, current.defaults).find(user, subscription)
    queue = current.queue_of(user)
    sending = send_now(whose, which, client=current.firestore, queue=queue, now=datetime.now(UTC))
    output = Output(as_json=as_json)
    if as_json:
        output.json(
            {
                "user_id": user,
                "subscription_id": which.id,
                "delivery_id": sending.delivery_id,
                "due_at": sending.due_at,
                "queue": queue.queue,
                "task": sending.task,
                "was_due": sending.was_due,
            }
        )
        return
    report = "the report that is due" if sending.was_due else "a report of the time since the last one"
    user, name = map(shell_argument, (user, which.id))
    output.say(
        f"Enqueued {report}, as {sending.delivery_id}. "
        f"Follow it: reports deliveries --user {user} --subscription {name} --limit 1"
    )
