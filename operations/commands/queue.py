"""`reports queue`: the report queues, and how fast they go."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from operations.commands.group import AsCsv, AsJson, DryRun, EveryRow, Limit, duration, recorded, session
from operations.errors import NotFound
from operations.output import Output
from operations.time_args import format_duration

if TYPE_CHECKING:
    from operations.queues.queue_change import QueueSettings
    from operations.session import Session

app = typer.Typer(no_args_is_help=True)

QueueName = Annotated[
    str | None, typer.Option("--queue", metavar="NAME", help="Only this queue, instead of all of REPORT_QUEUES.")
]

_COLUMNS = (
    *("queue", "state", "tasks", "more_tasks", "rate", "concurrent", "max_attempts"),
    *("min_backoff_seconds", "max_backoff_seconds", "max_doublings", "max_retry_duration_seconds"),
)
_TASK_COLUMNS = ("task", "scheduled_for", "attempts", "last_message", "last_attempt_at")


@app.command()
def show(ctx: typer.Context, *, queue: QueueName = None, as_json: AsJson = False) -> None:
    """State, depth, rate and retry policy; while a new domain is ramped up, also what the day allows."""
    from operations.queues.queues import COUNTED_HELD_TASKS, COUNTED_TASKS
    from operations.queues.ramp import current_ramp, describe_ramp, ramp_row

    current, now = session(ctx), datetime.now(UTC)
    ramp = current_ramp(current.target)
    counted = COUNTED_HELD_TASKS if ramp else COUNTED_TASKS
    shown = [current.queues.show(name, counted=counted) for name in _names(current, queue)]
    rows = [{**row, "ramp": ramp_row(ramp, tasks=row["tasks"], now=now) if ramp else None} for row in shown]
    output = Output(as_json=as_json)
    output.rows(rows, _COLUMNS, empty="", optional={"more_tasks", "max_retry_duration_seconds"})
    if as_json:
        return
    if ramp:
        output.say()
        output.say(describe_ramp(ramp, now=now))
        _say_how_long_it_takes(output, rows)


def _say_how_long_it_takes(output: Output, rows: Sequence[Mapping[str, Any]]) -> None:
    """Say when the tasks that wait are sent, and which queues do not go at the ramp's rate."""
    tasks, sent_by = sum(row["tasks"] for row in rows), max(row["ramp"]["sent_by"] for row in rows)
    if tasks:
        count = f"more than {tasks:,}" if any(row["more_tasks"] for row in rows) else f"{tasks:,}"
        output.say(f"Tasks that wait: {count}. At the ramp's rate they are sent by {sent_by:%Y-%m-%dT%H:%MZ}.")
    for row in rows:
        if not math.isclose(row["rate"], row["ramp"]["rate"], rel_tol=1e-6):
            output.say(
                f"{row['queue']} has {row['rate']:g} reports a second, and the ramp {row['ramp']['rate']:g}: "
                "the next run lowers a higher rate, and raises one that the ramp has set."
            )


@app.command()
def pause(ctx: typer.Context, *, queue: QueueName = None) -> None:
    """Hold all tasks until the queue is resumed. Tasks can still be put in."""
    current = session(ctx)
    for name in _names(current, queue):
        with recorded(current, "Pause queue", name):
            current.queues.pause(name)
        Output().say(f"{name} is paused: its tasks wait for reports queue resume.")


@app.command()
def resume(ctx: typer.Context, *, queue: QueueName = None) -> None:
    """Let the queue dispatch tasks again."""
    current = session(ctx)
    for name in _names(current, queue):
        with recorded(current, "Resume queue", name):
            current.queues.resume(name)
        Output().say(f"{name} is running.")


@app.command()
def tasks(
    ctx: typer.Context,
    *,
    queue: QueueName = None,
    limit: Limit = 50,
    everything: EveryRow = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """The tasks that wait or are under way."""
    current, most = session(ctx), None if everything else limit
    rows: list[dict[str, Any]] = []
    for name in _names(current, queue):
        # One more tells whether there are more: Cloud Tasks does not count them.
        rows += current.queues.tasks(name, None if most is None else most + 1 - len(rows))
    output = Output(as_json=as_json, as_csv=as_csv)
    output.rows(rows[:most], _TASK_COLUMNS, empty="The queue is empty.")
    if most is not None and len(rows) > most:
        output.warn(f"The first {most:,}: --limit N shows more, --all shows all.")


@app.command("run-task")
def run_task(
    ctx: typer.Context,
    task: Annotated[str, typer.Argument(metavar="TASK", help="Its id, as reports queue tasks shows it.")],
    *,
    queue: QueueName = None,
    as_json: AsJson = False,
) -> None:
    """Dispatch one task now, regardless of its schedule and the queue's rate, and even if the queue is paused."""
    current = session(ctx)
    task = task.rpartition("/")[2]
    for name in _names(current, queue):
        if current.queues.find_task(name, task) is None:
            continue
        with recorded(current, "Run task now", f"{name}/{task}"):
            row = current.queues.run_task(name, task)
        if row:
            if as_json:
                Output(as_json=True).json(row)
            else:
                Output().say(f"{task} is on its way.")
            return
    raise NotFound(f"There is no task {task}: it has ended, or its id is another (reports queue tasks).")


@app.command("set")
def set_(
    ctx: typer.Context,
    *,
    queue: QueueName = None,
    rate: Annotated[float | None, typer.Option(min=0.001, max=500, help="Reports a second.")] = None,
    concurrent: Annotated[int | None, typer.Option(min=1, max=5_000, help="Reports at once.")] = None,
    max_attempts: Annotated[
        int | None, typer.Option(min=-1, help="Attempts of a report, the first included; -1 for no limit.")
    ] = None,
    min_backoff: Annotated[
        timedelta | None, typer.Option(metavar="TIME", parser=duration, help="The wait before the first retry: 10s.")
    ] = None,
    max_backoff: Annotated[
        timedelta | None, typer.Option(metavar="TIME", parser=duration, help="The longest wait: 5m.")
    ] = None,
    max_doublings: Annotated[
        int | None, typer.Option(min=0, help="How often the wait doubles before it grows by equal steps.")
    ] = None,
    max_retry_duration: Annotated[
        timedelta | None,
        typer.Option(
            metavar="TIME", parser=duration, help="How long a report is retried at least; 0s for no such time."
        ),
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Change a queue's rate or retry policy, and show before and after."""
    from operations.queues.queue_change import QueueSettings, check_change, differences, warnings
    from operations.queues.ramp import current_ramp

    wanted = QueueSettings(
        rate=rate,
        concurrent=concurrent,
        max_attempts=max_attempts,
        min_backoff=min_backoff,
        max_backoff=max_backoff,
        max_doublings=max_doublings,
        max_retry_duration=max_retry_duration,
    )
    if not wanted.given():
        raise typer.BadParameter("name at least one setting, such as --rate 20")
    if max_attempts == 0:
        raise typer.BadParameter("--max-attempts is at least 1, or -1 for no limit")
    current = session(ctx)
    output = Output(as_json=as_json)
    settings = {name: current.queues.settings(name) for name in _names(current, queue)}
    for before in settings.values():
        check_change(before, wanted)
    rows: list[dict[str, Any]] = []
    changed: dict[str, tuple[Any, Any]] = {}
    for name, before in settings.items():
        if changes := differences(before, wanted):
            after = wanted if dry_run else _change(current, name, wanted, changes)
            changes = {setting: (old, getattr(after, setting)) for setting, (old, _) in changes.items()}
            changed |= changes
        rows += [
            {"queue": name, "setting": setting, "before": _plain(old), "after": _plain(new)}
            for setting, (old, new) in changes.items()
        ]
    output.rows(
        rows,
        ("queue", "setting", "before", "after"),
        empty="The queue is set so already.",
    )
    attempts = current.target.find("MAX_ATTEMPTS") if "max_attempts" in changed else None
    for line in warnings(changed, worker_max_attempts=attempts):
        output.warn(line)
    if "rate" in changed and current_ramp(current.target):
        output.warn(
            "A new domain is ramped up: the next run lowers a rate above that of the day, and the next deployment sets "
            "that of its day."
        )


def _change(
    current: Session, queue: str, wanted: QueueSettings, changes: Mapping[str, tuple[Any, Any]]
) -> QueueSettings:
    from operations.operator_actions import said_changes

    before, after = ({name: _plain(pair[which]) for name, pair in changes.items()} for which in (0, 1))
    with recorded(current, "Change queue", queue) as action:
        changed = current.queues.change(queue, wanted)
        action.outcome = f"The queue is changed: {said_changes(before, after, changes)}"
    return changed


def _names(current: Session, queue: str | None) -> list[str]:
    return [queue] if queue else current.target.queues


def _plain(value: Any) -> Any:
    return format_duration(value) if isinstance(value, timedelta) else value
