"""Prints the results of a run for people."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from local_pipeline.run_view import DeadLetter, Delivery, SubscriptionKey

_SHOWN = 10
_BECAME = ("delivered", "bounced", "complained")


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """One run.

    Attributes:
        run_id: its id.
        counters: what the dispatcher counted.
        deliveries: the run's.
        became: how many of them are delivered, bounced and so on; None where that is not known.
        paused: the reason of each paused subscription.
        dead_letters: what failed.
        alerts: how many Slack messages came, None where they went somewhere else.
        mails: the folder in which they were saved, None where they went somewhere else.
        mails_went_to: the variable that says where.
        logs: the folder of the functions' logs.
        seconds: from the scheduler's call to the last report.
        problems: the problems that the verdict found.
    """

    run_id: str
    counters: Mapping[str, Any]
    deliveries: Sequence[Delivery]
    became: Mapping[str, int] | None
    paused: Mapping[SubscriptionKey, str]
    dead_letters: list[DeadLetter]
    alerts: int | None
    mails: Path | None
    mails_went_to: str
    logs: Path
    seconds: float
    problems: list[str]


def show(summary: RunSummary, console: Console) -> None:
    """Print the summary, and the problems if there are any."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    counters, states = summary.counters, Counter(delivery.state for delivery in summary.deliveries)
    table.add_row("Run", summary.run_id)
    table.add_row("New", f"{counters['enrolled']} users enrolled, {counters['scheduled']} subscriptions scheduled")
    table.add_row("Reports due", str(counters["due"]))
    table.add_row("Reports sent", f"{states['sent']} in {summary.seconds:.1f} s")
    if summary.became is not None:
        for status in dict.fromkeys((*_BECAME, *sorted(summary.became))):
            table.add_row(f"  {status}", str(summary.became.get(status, 0)))
    skipped = (delivery for delivery in summary.deliveries if delivery.state == "skipped")
    table.add_row("Skipped", _by_reason(delivery.reason for delivery in skipped))
    table.add_row("Subscriptions paused", _by_reason(summary.paused.values()))
    table.add_row("Dead letters", str(len(summary.dead_letters)))
    for letter in summary.dead_letters[:_SHOWN]:
        table.add_row("", escape(f"{letter.id} ({letter.reason}): {letter.error}"))
    table.add_row("Slack alerts", "sent to SLACK_WEBHOOK_URL" if summary.alerts is None else str(summary.alerts))
    table.add_row("Emails", f"sent to {summary.mails_went_to}" if summary.mails is None else f"{summary.mails}/*.html")
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


def _by_reason(reasons: Iterable[str]) -> str:
    """The number of reasons, in total and by reason: `3 (user 2, user-inactive 1)`."""
    counts = Counter(reasons)
    listed = ", ".join(f"{reason or 'no reason'} {count}" for reason, count in sorted(counts.items()))
    return f"{counts.total()} ({listed})" if counts else "0"
