"""`reports send`: send a report of one subscription now, or a test of it to oneself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from operations.commands.group import AsJson, document_id, mail_address, recorded, session
from operations.escaping import shell_argument
from operations.output import Output

if TYPE_CHECKING:
    from operations.session import Session


def _subscription_path(text: str) -> str:
    """Check that an argument is USER or USER/SUBSCRIPTION. No id has a slash in it."""
    from functions.shared.records.ids import is_document_id

    if not all(map(is_document_id, text.split("/", 1))):
        raise typer.BadParameter(f"{text!r} is neither USER nor USER/SUBSCRIPTION")
    return text


def send(
    ctx: typer.Context,
    user: Annotated[
        str, typer.Argument(metavar="USER[/SUBSCRIPTION]", parser=_subscription_path, help="The user's id.")
    ],
    subscription: Annotated[
        str | None,
        typer.Argument(
            metavar="SUBSCRIPTION",
            parser=document_id,
            help="The subscription's id; not needed if the user has only one.",
        ),
    ] = None,
    *,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            parser=mail_address,
            help="Send a test, marked as one, to this address alone: no delivery, and nothing changes.",
        ),
    ] = None,
    by_next: Annotated[
        bool, typer.Option("--next", help="Have the kind's next version make it, whoever gets that.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Send a report of one subscription now: the one that is due, or one of the time since the last."""
    from operations.deliveries.send_now import send_now
    from operations.previews.preview import require_next_version
    from operations.subscriptions.subscriptions import Subscriptions
    from operations.users.users import Users

    user_id, _, named = user.partition("/")
    if named and subscription is not None:
        raise typer.BadParameter("name the subscription once", param_hint="SUBSCRIPTION")
    subscription = named or subscription
    current = session(ctx)
    output = Output(as_json=as_json)
    if to is not None:
        _send_test(current, user_id, subscription, to, output, by_next=by_next)
        return
    whose = Users(current.firestore).get(user_id)
    which = Subscriptions(current.firestore, current.defaults).find(user_id, subscription)
    if by_next:
        require_next_version(which.kind)
    queue = current.queue_of(user_id)
    with recorded(current, "Send report now", f"{user_id}/{which.id}") as action:
        sending = send_now(
            whose,
            which,
            database=current.firestore,
            defaults=current.defaults,
            queue=queue,
            now=datetime.now(UTC),
            by_next=by_next,
        )
        action.outcome = f"enqueued as {sending.delivery_id}"
    if as_json:
        output.json(
            {
                "user_id": user_id,
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
    user_id, name = map(shell_argument, (user_id, which.id))
    output.say(
        f"Enqueued {report}, as {sending.delivery_id}. "
        f"Follow it: reports deliveries list --user {user_id} --subscription {name} --limit 1"
    )


def _send_test(
    current: Session, user_id: str, subscription_id: str | None, address: str, output: Output, *, by_next: bool
) -> None:
    from functions.shared.records.delivery import SkipReason
    from operations.previews.send_test import send_test_report

    sent = send_test_report(current, user_id, subscription_id, address, by_next=by_next)
    about = {
        "user_id": user_id,
        "subscription_id": sent.subscription.id,
        "kind": sent.subscription.kind,
        "period_start": sent.period.start,
        "period_end": sent.period.end,
    }
    if sent.nothing is not None:
        if output.as_json:
            output.json({**about, "skipped": SkipReason.NOTHING_TO_REPORT.value, "note": sent.nothing.why})
        else:
            output.say(f"Nothing was sent: {sent.nothing.why}.")
    elif output.as_json:
        output.json({**about, "subject": sent.subject, "message_id": sent.message_id or None})
    elif sent.is_sandbox:
        output.say(f"The email provider has checked the test and delivers none, since it is a sandbox: {sent.subject}")
    else:
        output.say(f"Sent a test: {sent.subject}")
