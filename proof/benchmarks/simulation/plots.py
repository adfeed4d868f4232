"""Draws the results of the model."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from proof.benchmarks.simulation.following import Following
from proof.benchmarks.simulation.scale import Case, span

_HOUR = 3600
_COLOURS = {"as recommended": "#1a73e8", "one queue, 500/s": "#e8710a", "as shipped, 10/s": "#5f6368"}
_SIZE = (7.2, 4.0)
_DISTINCT = 10
"""So many colors matplotlib has before it begins again."""


def time_by_reports(lines: Mapping[str, Sequence[Case]], file: Path) -> None:
    """When the last report is sent, by how many there are."""
    figure, axes = _axes()
    for name, cases in lines.items():
        reports = [case.plan.reports for case in cases]
        axes.loglog(reports, [case.outcome.last_sent for case in cases], "o-", color=_COLOURS[name], label=name)
    axes.axhline(_HOUR, color="#d93025", linewidth=1, linestyle="--", label="the next hour's run")
    axes.set_yticks([10, 60, 600, _HOUR, 10 * _HOUR])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: span(value)))
    _reports_below(axes)
    axes.set_ylabel("until the last report is sent")
    _finish(figure, axes, file)


def cost_by_reports(cases: Sequence[Case], follows: Sequence[Following], file: Path) -> None:
    """What a run costs, and what follows it, by how many reports there are."""
    figure, axes = _axes()
    reports = [case.plan.reports for case in cases]
    for name, dollars, colour in (
        ("a run", [case.cost.total for case in cases], "#202124"),
        ("Firestore", [case.cost.firestore for case in cases], "#e8710a"),
        ("Cloud Run", [case.cost.cloud_run for case in cases], "#1a73e8"),
        ("Cloud Tasks", [case.cost.cloud_tasks for case in cases], "#188038"),
        ("the mails' events", [found.calls.dollars for found in follows], "#9334e6"),
        ("the recipients' page", [found.pages.dollars for found in follows], "#12b5cb"),
    ):
        axes.loglog(reports, dollars, "o-", color=colour, label=name)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"${value:g}" if value < 1 else f"${value:,.0f}"))
    _reports_below(axes)
    axes.set_ylabel("a run and what follows it, without the mail provider")
    _finish(figure, axes, file)


def run_by_time(cases: Mapping[str, Case], file: Path) -> None:
    """How a run goes on with one setting or another."""
    figure, axes = _axes()
    for number, (name, case) in enumerate(cases.items()):
        # As many points as the picture can show.
        points = case.outcome.curve[:: max(len(case.outcome.curve) // 800, 1)]
        style = "-" if number < _DISTINCT else "--"
        minutes = [moment / 60 for moment, _ in points]
        axes.plot(minutes, [100 * sent / case.plan.reports for _, sent in points], style, label=name)
    axes.set_xlim(0, 120)
    axes.set_ylim(0, 102)
    axes.set_xlabel("minutes since the run began")
    axes.set_ylabel("% of the reports sent")
    _finish(figure, axes, file)


def _axes() -> tuple[Figure, Axes]:
    figure = Figure(figsize=_SIZE, dpi=110, layout="constrained")
    axes = figure.add_subplot()
    axes.grid(visible=True, color="#dadce0", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def _reports_below(axes: Axes) -> None:
    axes.set_xlabel("reports that are due at once")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.tick_params(axis="x", labelsize=8)
    axes.minorticks_off()


def _finish(figure: Figure, axes: Axes, file: Path) -> None:
    if axes.get_xscale() == "linear":
        # Put the legend beside the lines, since there is no room between them.
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8)
    else:
        axes.legend(frameon=False, loc="upper left", fontsize=8)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={"Software": ""})
