"""`reports enroll` and `reports send`: have users get their report."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from functions.shared.schedule import Cadence
from operations.bulk import do_many, progress
from operations.commands.group import AsJson, DryRun, document_id, session
from operations.enrolment import Enrolment, Outcome
from operations.errors import ExitStatus, NotConfigured
from operations.output import Output, shell_argument
from operations.send_now import send_now


def enroll(
    ctx: typer.Context,
    users: Annotated[
        list[str] | None, typer.Argument(metavar="USER…", parser=document_id, help="The users' ids.")
    ] = None,
    *,
    everybody: Annotated[bool, typer.Option("--all", help="All active users without next_report_at.")] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Make active users that are new to the pipeline due now. The dispatcher's next run does the same."""
    if bool(users) == everybody:
        raise typer.BadParameter("name users, or --all")
    enrolment = Enrolment(client=session(ctx).firestore, now=datetime.now(UTC))
    output = Output(as_json=as_json)
    if everybody:
        _enroll_all(enrolment, output, dry_run=dry_run)
        return
    if dry_run:
        raise typer.BadParameter("--dry-run goes with --all", param_hint="--dry-run")
    bulk = do_many(
        list(dict.fromkeys(users or ())),
        lambda user: {"user_id": user, "outcome": enrolment.enrol(user)},
        what="Enrolling",
        console=output.err,
    )
    rows = sorted(bulk.results, key=lambda row: row["user_id"])
    output.rows(rows, {"user_id": "USER", "outcome": "OUTCOME"}, empty="")
    if bulk.interrupted:
        raise typer.Exit(130)
    if not all(Outcome(row["outcome"]).is_success for row in rows):
        raise typer.Exit(ExitStatus.FAILED)


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


def _enroll_all(enrolment: Enrolment, output: Output, *, dry_run: bool) -> None:
    active, missing = enrolment.count()
    enrolled = 0
    if missing > 0:
        with progress(output.err, "Reading active users", total=active) as advance:
            enrolled = enrolment.enrol_all(on_read=advance, dry_run=dry_run)
    if output.as_json:
        output.json({"active": active, "enrolled": enrolled, "dry_run": dry_run, "due_at": enrolment.due_at})
    elif enrolled == 0:
        output.say(f"All {active} active users have a next report.")
    elif dry_run:
        output.say(f"{enrolled} of {active} active users would become due now.")
    else:
        output.say(f"{enrolled} of {active} active users are due now: reports dispatch sends them their reports.")
