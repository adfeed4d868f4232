"""`reports enroll`: have new users get their first report."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from operations.commands.group import AsJson, DryRun, document_id, session
from operations.enrollment import Enrollment, EnrollmentOutcome
from operations.errors import ExitStatus
from operations.output import Output
from operations.parallel import in_parallel, progress


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
    enrollment = Enrollment(client=session(ctx).firestore, now=datetime.now(UTC))
    output = Output(as_json=as_json)
    if everybody:
        _enroll_all(enrollment, output, dry_run=dry_run)
        return
    if dry_run:
        raise typer.BadParameter("--dry-run goes with --all", param_hint="--dry-run")
    done = in_parallel(
        list(dict.fromkeys(users or ())),
        lambda user: {"user_id": user, "outcome": enrollment.enroll(user)},
        what="Enrolling",
        console=output.err,
    )
    rows = sorted(done.results, key=lambda row: row["user_id"])
    output.rows(rows, {"user_id": "USER", "outcome": "OUTCOME"}, empty="")
    if done.interrupted:
        raise typer.Exit(130)
    if not all(EnrollmentOutcome(row["outcome"]).is_success for row in rows):
        raise typer.Exit(ExitStatus.FAILED)


def _enroll_all(enrollment: Enrollment, output: Output, *, dry_run: bool) -> None:
    active, missing = enrollment.count()
    enrolled = 0
    if missing > 0:
        with progress(output.err, "Reading active users", total=active) as advance:
            enrolled = enrollment.enroll_all(on_read=advance, dry_run=dry_run)
    if output.as_json:
        output.json({"active": active, "enrolled": enrolled, "dry_run": dry_run, "due_at": enrollment.due_at})
    elif enrolled == 0:
        output.say(f"All {active} active users have a next report.")
    elif dry_run:
        output.say(f"{enrolled} of {active} active users would become due now.")
    else:
        output.say(f"{enrolled} of {active} active users are due now: reports dispatch sends them their reports.")
