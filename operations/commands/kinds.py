"""`reports kinds`: the kinds of report, how the next version of one does beside the current one, and pausing one."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from operations.commands.group import AsJson, ListGroup, WithAddresses, duration, recorded, session
from operations.errors import NotConfigured, NotFound
from operations.output import Output

app = typer.Typer(cls=ListGroup)

_COLUMNS = (
    *("kind", "owner", "paused_at", "held", "next_percent", "next_for"),
    *("variant", "sent", "skipped", "dead", "failure_rate"),
)
_OF_AUDIENCE = ("user_id", "effect", "fields", "problem")
_SINCE = timedelta(days=7)

Kind = Annotated[str, typer.Argument(metavar="KIND", help="Its name.")]


@app.command("list")
def list_kinds(
    ctx: typer.Context,
    *,
    since: Annotated[
        timedelta | None,
        typer.Option(metavar="DURATION", parser=duration, help="How far back to count; default: 7d."),
    ] = None,
    schema: Annotated[
        str | None,
        typer.Option(metavar="KIND", help="Print the JSON Schema of the figures that programs get of this kind."),
    ] = None,
    with_addresses: WithAddresses = False,
    as_json: AsJson = False,
) -> None:
    """The kinds of report in this checkout, and others that are paused: whether each is paused, how many subscriptions
    wait for it and, for those with a next version, how each of the two does."""
    from functions.shared.records.kind_pauses import KindPauses
    from operations.kinds.kind_figures import count_variants
    from operations.kinds.kind_pausing import KindPausing
    from operations.previews import preview as previews

    if schema is not None:
        Output(as_json=True).json(previews.figures_schema(schema))
        return
    current = session(ctx)
    declared = previews.known_needs()
    output, rows, pauses = Output(as_json=as_json), list[dict[str, Any]](), KindPauses()
    try:
        pauses = KindPausing(current.firestore).pauses()
    except NotConfigured as error:
        output.warn(f"Whether a kind is paused is not known: {error}")
    for kind in pauses.with_paused(previews.known_kinds()):
        needs = declared.get(kind)
        owner = needs.owner if needs else ""
        shown = owner if with_addresses or "@" not in owner else "[address]"
        row: dict[str, Any] = {**dict.fromkeys(_COLUMNS), "kind": kind, "owner": shown or None}
        if kind in pauses.kinds:
            pause = pauses.pause_of(kind)
            row |= {
                "paused_at": pause.paused_at if pause.is_on else None,
                "held": KindPausing(current.firestore).count_held(kind),
            }
        if needs and needs.next:
            row |= {"next_percent": needs.next.percent, "next_for": len(needs.next.chosen) or None}
        else:
            rows.append(row)
            continue
        for figures in count_variants(current.firestore, kind, since=datetime.now(UTC) - (since or _SINCE)):
            rate = figures.failure_rate
            rows.append(row | asdict(figures) | {"failure_rate": rate if as_json or rate is None else f"{rate:.1%}"})
    output.rows(rows, _COLUMNS, empty="There are no kinds.", optional={*_COLUMNS} - {"kind"})


@app.command()
def audience(
    ctx: typer.Context,
    kind: Kind,
    *,
    accept_leaving: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Have the next reading let so many recipients leave at once."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Whom the next reading of the query that names a kind's recipients would add, change, pause, or refuse. Without
    --accept-leaving it writes nothing."""
    from functions.shared.records.audience import Effect
    from operations.kinds.audience_preview import accept_leaving as accept
    from operations.kinds.audience_preview import next_reading
    from operations.previews.kind_variables import kind_variables

    _require(kind)
    current, output = session(ctx), Output(as_json=as_json)
    if accept_leaving is not None:
        with recorded(current, "Accept that recipients leave", kind, note=f"{accept_leaving:,} at most") as action:
            accept(current.firestore, kind, accept_leaving)
            action.outcome = "The next reading lets them leave."
        output.say(action.outcome)
        return
    variables = kind_variables(current, kind)
    with output.err.status("Reading"):
        outcomes = next_reading(current.firestore, kind, current.defaults, variables, now=current.now())
    rows = [
        {
            "user_id": each.user_id,
            "effect": plan.effect.value,
            "fields": ", ".join(sorted({*plan.user, *plan.subscription})),
            "problem": f"row {each.number}: {plan.problem}" if plan.problem else None,
        }
        for each in outcomes
        if (plan := each.plan).effect is not Effect.KEPT
    ]
    output.rows(rows, _OF_AUDIENCE, empty="Nothing would change.", optional={"problem"})
    if held := sum(each.plan.effect is Effect.HELD_BACK for each in outcomes):
        output.warn(
            f"Not in the query any more: {held:,}, so many that a person decides. If they are to get no more reports: "
            f"./reports kinds audience {kind} --accept-leaving {held}"
        )


@app.command()
def pause(
    ctx: typer.Context,
    kind: Kind,
    *,
    note: Annotated[str, typer.Option(help="Why; kept with the pause.")] = "",
) -> None:
    """Hold back all reports of a kind until it is resumed. None is lost."""
    from operations.kinds.kind_pausing import PAUSED, KindPausing
    from operations.runs.sending import operator_name

    _require(kind)
    current = session(ctx)
    with recorded(current, "Pause kind", kind, note=note) as action:
        is_new = KindPausing(current.firestore).pause(kind, by=operator_name(), now=current.now(), note=note)
        action.outcome = PAUSED if is_new else "It was paused already."
    Output().say(action.outcome)


@app.command()
def resume(ctx: typer.Context, kind: Kind) -> None:
    """Have the next run send what waits for a kind: reports dispatch makes one now."""
    from operations.kinds.kind_pausing import RESUMED, KindPausing
    from operations.runs.sending import operator_name

    current = session(ctx)
    pausing = KindPausing(current.firestore)
    if kind not in pausing.pauses().kinds:
        raise NotFound(f"No kind {kind} was ever paused.")
    with recorded(current, "Resume kind", kind) as action:
        was_paused = pausing.resume(kind, by=operator_name(), now=current.now())
        held = pausing.count_held(kind)
        action.outcome = f"{RESUMED} Subscriptions that wait: {held:,}." if was_paused else "It was not paused."
    Output().say(action.outcome)


def _require(kind: str) -> None:
    from operations.previews import preview as previews

    if kind not in (known := previews.known_kinds()):
        raise NotFound(f"There is no kind {kind}. There are: {', '.join(known)}.")
