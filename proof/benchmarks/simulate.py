"""`python -m proof.benchmarks.simulate`: when the last report of a run is sent, what it costs, what it waits for, and
what follows it."""

import logging
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer

from proof.benchmarks.failure import CAN_GO_WRONG, in_one_line
from proof.benchmarks.simulation import breaking, check, plots, report_reads, request_cost, scale
from proof.benchmarks.simulation.following import follow
from proof.benchmarks.simulation.measure import measure
from proof.benchmarks.simulation.plan import recommended

app = typer.Typer(help=__doc__, add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)


@app.command()
def run(
    reports: Annotated[int, typer.Argument(help="How many are due.", min=1)],
    *,
    within: Annotated[float, typer.Option(help="Minutes in which they are to be sent.", min=0.1)] = 30,
    queues: Annotated[int | None, typer.Option(help="Report queues.", min=1)] = None,
    rate: Annotated[float | None, typer.Option(help="Dispatches a second of each.", min=0.1, max=500)] = None,
    concurrent: Annotated[int | None, typer.Option(help="Dispatches at once of each.", min=1, max=5_000)] = None,
    instances: Annotated[int | None, typer.Option(help="Of the worker, at most.", min=1)] = None,
    shards: Annotated[int | None, typer.Option(help="Of each index that rises with time.", min=1)] = None,
    mails: Annotated[float | None, typer.Option(help="Emails a second that SendGrid takes.", min=0.1)] = None,
    failures: Annotated[float | None, typer.Option(help="Share of attempts that fail.", min=0, max=0.9)] = None,
) -> None:
    """Recommended settings for a number of reports, with the given ones replaced, and their result."""
    given: dict[str, Any] = {
        "queues": queues,
        "rate": rate,
        "concurrent": concurrent,
        "instances": instances,
        "mails_a_second": mails,
        "failure_rate": failures,
    }
    plan = recommended(reports, within=timedelta(minutes=within))
    plan = replace(plan, **{name: value for name, value in given.items() if value is not None})
    if shards is not None:
        plan = replace(plan, rising=tuple(replace(index, shards=shards) for index in plan.rising))
    found = scale.case(plan)
    print(scale.settings_table([found]).to_markdown())
    print(scale.outcome_table([found]).to_markdown())
    costs = request_cost.measured()
    print(breaking.following_table([found], [follow(found.outcome, costs)], costs).to_markdown())


@app.command()
def tables(
    *,
    images: Annotated[Path, typer.Option(help="Where the picture goes.", file_okay=False)] = Path("docs/images"),
    most: Annotated[int, typer.Option(help="The largest size.", min=1_000)] = 100_000_000,
) -> None:
    """The tables that docs/guides/size.md is taken from, and its picture."""
    sizes = [size for size in scale.SIZES if size <= most]
    cases = scale.recommended_cases(sizes)
    print(scale.settings_table(cases).to_markdown())
    print(scale.outcome_table(cases).to_markdown())
    print(scale.first_run_table(cases, scale.first_run_cases(cases)).to_markdown())
    costs = request_cost.measured()
    follows = [follow(found.outcome, costs) for found in cases]
    print(breaking.following_table(cases, follows, costs).to_markdown())
    shipped = breaking.shipped_limits(costs)
    print(breaking.met_table(sizes, shipped).to_markdown())
    print(breaking.limits_table(shipped).to_markdown())
    print(breaking.costs_table(costs).to_markdown())
    print(scale.index_table().to_markdown())
    changed = scale.what_if_cases(min(1_000_000, most))
    print(scale.what_if_table(changed).to_markdown())
    lines = {
        "as recommended": cases,
        "one queue, 500/s": scale.one_queue_cases(sizes),
        "as shipped, 10/s": scale.shipped_cases(sizes),
    }
    plots.time_by_reports(lines, images / "scale-time.png")


@app.command(name="measure")
def measure_requests() -> None:
    """Measure what a request of each function costs, for the model to reckon with."""
    costs = measure()
    request_cost.FILE.write_text(costs.to_json(), encoding="utf-8")
    print(breaking.costs_table(costs).to_markdown())


@app.command()
def reads(
    *, reports: Annotated[int, typer.Option(help="Daily reports whose cost is computed.", min=1)] = 1_000_000
) -> None:
    """What a report reads of its user's own data, and what that costs."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    print(report_reads.reads_table().to_markdown())
    print(report_reads.cost_table(reports).to_markdown())


@app.command(name="check")
def check_model() -> None:
    """Compare the model with the pipeline on the local cloud."""
    for table in check.measure():
        print(table.to_markdown())


if __name__ == "__main__":
    try:
        app()
    except CAN_GO_WRONG as error:
        raise SystemExit(in_one_line(error)) from None
