"""`reports send`: send one user's report now."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from functions.shared.schedule import Cadence
from operations.commands.group import AsJson, document_id, session
from operations.errors import NotConfigured
from operations.output import Output, shell_argument
from operations.send_now import send_now


def send(
    ctx: typer.Context,
    user: Annotated[str, typer.Argument(metavar="USER", parser=document_id, help="The user's id.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Send one user's report now: the one that is due, or one of the time since the last."""
    current = session(ctx)
    cadence = current.target.find("DEFAULT_CADENCE") or Cadence.HOURLY
    if cadence not in list(Cadence):
        raise NotConfigured(f"DEFAULT_CADENCE: {cadence!r} is not one of {', '.join(Cadence)}.")
    queue = current.queue_of(user)
    sending = send_now(
        user,
        client=current.firestore,
        queue=queue,
        default_cadence=Cadence(cadence),
        now=datetime.now(UTC),
    )
    output = Output(as_json=as_json)
    if as_json:
        output.json(
            {
                "user_id": user,
                "delivery_id": sending.delivery_id,
                "due_at": sending.due_at,
                "queue": queue.queue,
                "task": sending.task,
                "was_due": sending.was_due,
            }
        )
        return
    which = "the report that is due" if sending.was_due else "a report of the time since the last one"
    output.say(
        f"Enqueued {which}, as {sending.delivery_id}. "
        f"Follow it: reports deliveries --user {shell_argument(user)} --limit 1"
    )
