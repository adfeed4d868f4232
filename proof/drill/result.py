"""The result of a drill, as Markdown. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from operations.sizing.price_list import DOLLARS_A_READ, DOLLARS_A_TASK_OPERATION, DOLLARS_A_WRITE
from proof.drill.course import Played


def result(played: Played, *, title: str, settings: Mapping[str, str]) -> str:
    """The page.

    Args:
        played: what was found.
        title: what drill it was.
        settings: with what, by name.
    """
    counted, usage = played.tally, played.usage
    seconds = (counted.last - counted.first) / timedelta(seconds=1) if counted.first and counted.last else 0
    firestore = usage.reads * DOLLARS_A_READ + usage.writes * DOLLARS_A_WRITE
    tasks = (counted.due + played.attempts) * DOLLARS_A_TASK_OPERATION
    by_step = ", ".join(f"{count} {step}" for step, count in sorted(played.kills.items()))
    rows = {
        "due": f"{counted.due:,}",
        "sent": f"{counted.sent:,}",
        "doubled": f"{counted.doubled:,}",
        "lost": f"{counted.lost:,}",
        "with a person": f"{counted.with_person:,}",
        "of these, sent all the same": f"{counted.sent_with_person:,}",
        "every task made after": _after(played.began, played.tasks_made),
        "first sent after": _after(played.began, counted.first),
        "last sent after": _after(played.began, counted.last),
        "sent a second": f"{counted.sent / seconds:.1f}" if seconds else "",
        "reads a report": f"{usage.reads / counted.due:.2f}",
        "writes a report": f"{usage.writes / counted.due:.2f}",
        "dollars of the run, by the price list": f"{firestore + tasks + usage.cloud_run:.4f}",
        "runs of the dispatcher": f"{played.runs:,}",
        "processes that exited": f"{sum(played.kills.values()):,}" + (f": {by_step}" if by_step else ""),
        "processes that slept and went on": f"{played.woken:,}",
    }
    return "\n".join(
        [
            f"# {title}",
            "",
            *_table("what became of the reports", rows, "---:"),
            "",
            *_table("settings", settings, "---"),
            "",
        ]
    )


def _table(heading: str, rows: Mapping[str, str], align: str) -> list[str]:
    return [f"| {heading} | |", f"| --- | {align} |", *(f"| {name} | {value} |" for name, value in rows.items())]


def _after(began: datetime, moment: datetime | None) -> str:
    return f"{(moment - began).total_seconds():,.1f} s" if moment else ""
