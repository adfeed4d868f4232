"""`reports calendars`: the days on which no report comes."""

from __future__ import annotations

import re
from collections.abc import Collection
from contextlib import nullcontext
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from functions.shared.times.days_off import OnDayOff
from operations.commands.group import AsCsv, AsJson, DryRun, Yes, confirm, recorded, session
from operations.errors import OperatorError
from operations.output import Output

if TYPE_CHECKING:
    from operations.session import Session

app = typer.Typer(no_args_is_help=True)

_COLUMNS = ("name", "dates", "next", "last", "on_day_off", "problem")
_SHOWN = 20


def _name(text: str) -> str:
    from functions.shared.records.calendar import CALENDAR_PATTERN

    if not re.fullmatch(CALENDAR_PATTERN, text):
        raise typer.BadParameter(f"{text} is no name of a calendar: small letters, digits, - and _.")
    return text


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text} is no date, such as 2026-12-25.") from None


Name = Annotated[str, typer.Argument(metavar="NAME", parser=_name, help="The calendar's name, such as berlin.")]
Then = Annotated[
    OnDayOff | None,
    typer.Option("--on-day-off", help="What becomes of a report that is due on a day off; move unless it says so."),
]


@app.command("list")
def list_(ctx: typer.Context, *, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """All calendars, with their next days off and what is wrong with them."""
    from operations.calendars.calendars import Calendars

    today = datetime.now(UTC).date()
    rows = [each.to_row(today) for each in Calendars(session(ctx).firestore).all()]
    output = Output(as_json=as_json, as_csv=as_csv)
    output.rows(rows, _COLUMNS, empty="There are no calendars: reports calendars set, or import.", optional={"problem"})


@app.command()
def show(ctx: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """One calendar, with all its days off."""
    from operations.calendars.calendars import Calendars

    found = Calendars(session(ctx).firestore).get(name)
    dates = sorted(found.days_off.dates) if found.days_off else []
    Output(as_json=as_json).fields(
        {**found.to_row(datetime.now(UTC).date()), "dates": [day.isoformat() for day in dates]}
    )


@app.command("set")
def set_(
    ctx: typer.Context,
    name: Name,
    *,
    add: Annotated[
        list[date] | None, typer.Option(metavar="DATE", parser=_date, help="A further day off. Repeat it for more.")
    ] = None,
    remove: Annotated[
        list[date] | None, typer.Option(metavar="DATE", parser=_date, help="No longer a day off. Repeat it for more.")
    ] = None,
    on_day_off: Then = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Change a calendar, or make it. Reports that have their due times keep them."""
    if not (add or remove or on_day_off):
        raise typer.BadParameter("name a change, such as --add 2026-12-25")
    output = Output(as_json=as_json)
    _change(session(ctx), output, name, add=add or (), remove=remove or (), then=on_day_off, is_dry_run=dry_run)


@app.command("import")
def import_(
    ctx: typer.Context,
    name: Name,
    *,
    ics: Annotated[str, typer.Option(metavar="URL|FILE", help="The iCalendar file, or its address.")],
    years: Annotated[int, typer.Option(min=1, max=20, help="How many years, from this one on.")] = 3,
    on_day_off: Then = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Add the days of an iCalendar file to a calendar: its events that last whole days, also those that recur."""
    from operations.calendars.ics import days_off_in, fetch

    this_year = datetime.now(UTC).year
    days = days_off_in(fetch(ics), first=date(this_year, 1, 1), last=date(this_year + years - 1, 12, 31))
    if not days:
        raise OperatorError("The file has no event in these years that lasts whole days. Nothing was written.")
    _change(session(ctx), Output(as_json=as_json), name, add=days, then=on_day_off, is_dry_run=dry_run)


@app.command()
def remove(ctx: typer.Context, name: Name, *, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete a calendar, after showing the subscriptions that name it: they get no reports then, but dead letters."""
    from operations.calendars.calendars import Calendars

    current, output = session(ctx), Output(as_json=as_json)
    calendars = Calendars(current.firestore)
    calendars.get(name)
    named_by = calendars.named_by(name)
    if named_by:
        more = f" and {len(named_by) - _SHOWN} more" if len(named_by) > _SHOWN else ""
        output.warn(
            f"Subscriptions that name {name} get dead letters instead of reports until they name another or none: "
            f"{', '.join(named_by[:_SHOWN])}{more}"
        )
    confirm(output, f"remove the calendar {name} on {current.target.description}", yes=yes)
    with recorded(current, "Remove calendar", name):
        calendars.remove(name)
    if as_json:
        output.json({"name": name, "removed": True, "named_by": named_by})
    else:
        output.say("Removed.")


def _change(
    current: Session,
    output: Output,
    name: str,
    *,
    add: Collection[date],
    remove: Collection[date] = (),
    then: OnDayOff | None,
    is_dry_run: bool,
) -> None:
    """Change a calendar, and say what is different."""
    from operations.calendars.calendars import Calendars

    with nullcontext() if is_dry_run else recorded(current, "Change calendar", name):
        change = Calendars(current.firestore).change(name, add=add, remove=remove, then=then, is_dry_run=is_dry_run)
    added, removed = ([day.isoformat() for day in days] for days in (change.added, change.removed))
    if output.as_json:
        about = {"added": added, "removed": removed, "on_day_off": change.then.value}
        output.json({"name": name, **about, "dry_run": is_dry_run})
        return
    for verb, days in (("Added", added), ("Removed", removed)):
        if days:
            more = f" and {len(days) - _SHOWN} more" if len(days) > _SHOWN else ""
            output.say(f"{verb}: {', '.join(days[:_SHOWN])}{more}")
    what = "moves to the next working day" if change.then is OnDayOff.MOVE else "is left out"
    output.say(f"A report that is due on a day off of {name} {what}.")
    output.say("Nothing was written." if is_dry_run else "It counts within five minutes. Due times that are set stay.")
