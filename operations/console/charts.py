"""Bar charts as SVG: lengths are attributes, which a strict Content Security Policy allows. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from operations.overview.overview import Span

_WIDTH, _HEIGHT = 480, 96
_GAP = 3
_LEAST = 2
"""The smallest bar that can be seen."""

Lists = Callable[[str, datetime | None, datetime | None], str]
"""The address of the list of what has a name between two times; empty where there is none."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A part of a column, in units of the chart's view box.

    Attributes:
        name: of what it counts.
        count: how many.
        start: the beginning of the time, in UTC.
        href: the list of what it counts; empty where there is none.
    """

    name: str
    count: int
    start: datetime
    href: str
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
        hrefs: the lists of what these count; only of names that have one.
    """

    width: int
    height: int
    bars: Sequence[Bar]
    most: int
    total: Mapping[str, int]
    hrefs: Mapping[str, str]


def no_lists(_name: str, _since: datetime | None, _until: datetime | None) -> str:
    """For a chart whose counts have no lists."""
    return ""


def stacked(spans: Sequence[Span], names: Sequence[str], *, length: timedelta, lists: Lists = no_lists) -> Chart:
    """Draw a column for each span.

    Args:
        spans: from left to right.
        names: of the counts, from the bottom up.
        length: of each span.
        lists: where what is counted is listed.
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
                bar = Bar(
                    name=name,
                    count=count,
                    start=span.start,
                    href=lists(name, span.start, span.start + length),
                    x=number * step + _GAP / 2,
                    y=bottom,
                    width=step - _GAP,
                    height=min(height, _HEIGHT),
                )
                bars.append(bar)
    since = spans[0].start if spans else None
    return Chart(
        width=_WIDTH,
        height=_HEIGHT,
        bars=bars,
        most=most,
        total={name: sum(span.counts[name] for span in spans) for name in names},
        hrefs={name: href for name in names if (href := lists(name, since, None))},
    )
