"""Draws the result of the model."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from proof.benchmarks.simulation.scale import Case, span

_HOUR = 3600
_COLOURS = {"as recommended": "#1a73e8", "one queue, 500/s": "#e8710a", "as shipped, 10/s": "#5f6368"}


def time_by_reports(lines: Mapping[str, Sequence[Case]], file: Path) -> None:
    """When the last report is sent, by how many there are."""
    figure = Figure(figsize=(7.2, 4.0), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    axes.grid(visible=True, color="#dadce0", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for name, cases in lines.items():
        reports = [case.plan.reports for case in cases]
        axes.loglog(reports, [case.outcome.last_sent for case in cases], "o-", color=_COLOURS[name], label=name)
    axes.axhline(_HOUR, color="#d93025", linewidth=1, linestyle="--", label="the next hour's run")
    axes.set_yticks([10, 60, 600, _HOUR, 10 * _HOUR])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: span(value)))
    axes.set_xlabel("reports that are due at once")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.tick_params(axis="x", labelsize=8)
    axes.minorticks_off()
    axes.set_ylabel("until the last report is sent")
    axes.legend(frameon=False, loc="upper left", fontsize=8)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={"Software": ""})
