"""`reports kinds`: the kinds of report, and how the next version of one does beside the current one."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from operations.commands.group import AsJson, WithAddresses, duration, session
from operations.output import Output

_COLUMNS = ("kind", "owner", "next_percent", "next_for", "variant", "sent", "skipped", "dead", "failure_rate")
_SINCE = timedelta(days=7)
_OPTIONAL = {"owner", "next_percent", "next_for", "variant", "sent", "skipped", "dead", "failure_rate"}


def kinds(
    ctx: typer.Context,
    *,
    since: Annotated[
        timedelta | None,
        typer.Option(metavar="DURATION", parser=duration, help="How far back to count; default: 7d."),
    ] = None,
    with_addresses: WithAddresses = False,
    as_json: AsJson = False,
) -> None:
    """The kinds of report in this checkout and, for those with a next version, how each of the two does."""
    from operations.kinds.kind_figures import count_variants
    from operations.previews import preview as previews

    current = session(ctx)
    declared = previews.known_needs()
    rows: list[dict[str, Any]] = []
    for kind in previews.known_kinds():
        needs = declared.get(kind)
        owner = needs.owner if needs else ""
        shown = owner if with_addresses or "@" not in owner else "[address]"
        row: dict[str, Any] = {**dict.fromkeys(_COLUMNS), "kind": kind, "owner": shown or None}
        if needs and needs.next:
            row |= {"next_percent": needs.next.percent, "next_for": len(needs.next.chosen) or None}
        else:
            rows.append(row)
            continue
        for figures in count_variants(current.firestore, kind, since=datetime.now(UTC) - (since or _SINCE)):
            rate = figures.failure_rate
            rows.append(row | asdict(figures) | {"failure_rate": rate if as_json or rate is None else f"{rate:.1%}"})
    Output(as_json=as_json).rows(rows, _COLUMNS, empty="There are no kinds.", optional=_OPTIONAL)
