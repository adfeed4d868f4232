"""The figures of docs/guides/size.md, made from the formula that `reports size` computes by."""

from typer.testing import CliRunner

from operations.commands.app import app
from operations.sizing.limits import all_limits
from operations.sizing.plan import OWN_READS, recommended, span
from operations.sizing.price_list import DOLLARS_A_WRITE
from tests.documents.generated_parts import linked, table

_SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)

_DATA_READS = {
    "`activity`: each entry is read": 77.6,
    "`activity`: figures alone": 1.0,
    "`usage`: each entry is read": 693.0,
    "`usage`: Firestore adds up": 22.1,
    "`usage`: figures alone": 4.0,
}
"""Of a daily report with 40 entries a day: measured by a benchmark that Git has at fbc12a90 (`simulate reads`)."""

_REPORTS, _ENTRIES = 1_000_000, 40


def _settings(_part: str) -> str:
    heads = ("queues", "max-dispatches-per-second", "max-concurrent-dispatches")
    head = ["reports due at once", *(f"`--{each}`" for each in heads), "`WORKER_MAX_INSTANCES`"]
    plans = [recommended(size) for size in _SIZES]
    rows = (
        [
            *(f"{each:,}" for each in (plan.reports, plan.queues, plan.rate, plan.concurrent, plan.instances)),
            span(plan.seconds),
            f"{plan.dollars:,.2f}",
        ]
        for plan in plans
    )
    return table([*head, "last report sent", "dollars a run"], rows)


def _limits(_part: str) -> str:
    rows = ([each.part, each.what, f"{each.an_hour:,}", linked(each.then)] for each in all_limits())
    return table(["part", "what limits it, as shipped", "emails an hour", "what to do then"], rows)


def _reads(_part: str) -> str:
    rows = (
        [
            what,
            f"{OWN_READS + reads:.3g}",
            f"{recommended(_REPORTS, data_reads=reads).dollars:.2f}",
            f"{_REPORTS * _ENTRIES * DOLLARS_A_WRITE:.2f}",
        ]
        for what, reads in _DATA_READS.items()
    )
    head = "a daily report, 40 entries a day, of a million users"
    return table([head, "reads a report", "dollars a run", "what the application pays for writing"], rows)


def _example(_part: str) -> str:
    shown = CliRunner().invoke(app, ["size", "250000"]).output.splitlines()
    return "\n".join(["```text", *(line.rstrip() for line in shown), "```"])


PARTS = {"settings": _settings, "size": _example, "limits": _limits, "reads": _reads}
