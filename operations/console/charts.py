"""Bar charts as SVG: lengths are attributes, which a strict Content Security Policy allows. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from operations.overview.overview import Span

_WIDTH, _HEIGHT = 480, 96
_GAP = 3
_LEAST = 2
"""The smallest bar that can be seen."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A part of a column, in units of the chart's view box."""

    name: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Stacked columns.

    Attributes:
        width: of the view box.
        height: of the view box.
        bars: what is drawn.
        most: the largest column.
        total: all columns together, by name.
    """

    width: int
    height: int
    bars: Sequence[Bar]
    most: int
    total: dict[str, int]


def stacked(spans: Sequence[Span], names: Sequence[str]) -> Chart:
    """Draw a column for each span.

    Args:
        spans: from left to right.
        names: of the counts, from the bottom up.
    """
    most = max((sum(span.counts[name] for name in names) for span in spans), default=0)
    step = _WIDTH / max(len(spans), 1)
    bars = []
    for number, span in enumerate(spans):
        bottom = float(_HEIGHT)
        for name in names:
            if count := span.counts[name]:
                height = max(count / most * _HEIGHT, _LEAST)
                bottom = max(bottom - height, 0)
                bars.append(
                    Bar(name=name, x=number * step + _GAP / 2, y=bottom, width=step - _GAP, height=min(height, _HEIGHT))
                )
    total = {name: sum(span.counts[name] for span in spans) for name in names}
    return Chart(width=_WIDTH, height=_HEIGHT, bars=bars, most=most, total=total)
