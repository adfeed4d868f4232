"""What a run has done, for a person to read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from local_cloud.ledger_view import DeadLetter, Standing

_SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """One run.

    Attributes:
        figures: the dispatcher's answer.
        standing: reports by state.
        dead_letters: what failed.
        alerts: how many Slack messages came, None where they went somewhere else.
        mails: the folder in which they were saved, None where they went somewhere else.
        logs: the folder of the functions' logs.
        seconds: from the scheduler's call to the last report.
        problems: what is not as it should be.
    """

    figures: dict[str, Any]
    standing: Standing
    dead_letters: list[DeadLetter]
    alerts: int | None
    mails: Path | None
    logs: Path
    seconds: float
    problems: list[str]


def show(summary: RunSummary, console: Console) -> None:
    """Print the summary, and the problems if there are any."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row("Run", str(summary.figures["run_id"]))
    table.add_row("Users due", f"{summary.figures['due']} ({summary.figures.get('enrolled', 0)} new)")
    table.add_row("Reports sent", f"{summary.standing.sent} in {summary.seconds:.1f} s")
    if summary.standing.skipped:
        table.add_row("Skipped", str(summary.standing.skipped))
    table.add_row("Dead letters", str(len(summary.dead_letters)))
    for letter in summary.dead_letters[:_SHOWN]:
        table.add_row("", escape(f"{letter.id} ({letter.reason}): {letter.error}"))
    table.add_row("Slack alerts", "sent to SLACK_WEBHOOK_URL" if summary.alerts is None else str(summary.alerts))
    table.add_row("Mails", "sent to SENDGRID_HOST" if summary.mails is None else f"{summary.mails}/*.html")
    console.print()
    console.print(table, highlight=False)
    if not summary.problems:
        console.print("\n[green]Every due report is final and as it should be.")
        return
    console.print(f"\n[red]{len(summary.problems)} things are not as they should be:")
    for problem in summary.problems[:_SHOWN]:
        console.print(f"  {escape(problem)}", highlight=False)
    if len(summary.problems) > _SHOWN:
        console.print(f"  and {len(summary.problems) - _SHOWN} more", highlight=False)
    console.print(f"The functions' logs are in {summary.logs}.", highlight=False)
