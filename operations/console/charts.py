"""Bar charts as SVG: lengths are attributes, which a strict Content Security Policy allows. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from operations.overview.overview import Span

_WIDTH, _HEIGHT = 480, 96
_GAP = 3
_LEAST = 2
"""The smallest bar that can be seen."""

_MOST_TICKS = 4
"""So many times fit below a chart on a telephone."""

_DAY = timedelta(days=1)

Lists = Callable[[str, datetime, datetime], str]
"""The address of the list of what has a name from one time until before another; empty where there is none."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A part of a column, in units of the chart's view box.

    Attributes:
        name: of what it counts.
        count: how many.
        start: the beginning of the time, in UTC.
        end: its end.
        href: the list of what it counts; empty where there is none.
    """

    name: str
    count: int
    start: datetime
    end: datetime
    href: str
    x: float
    y: float
    width: float
    height: float


class Tick(NamedTuple):
    """A time below a chart.

    Attributes:
        at: the time, in UTC.
        percent: how far from the left the column begins.
    """

    at: datetime
    percent: float


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Stacked columns.

    Attributes:
        width: of the view box.
        height: of the view box.
        bars: what is drawn.
        ticks: the times below it.
        tick: what a tick shows of its time: `hour`, `weekday` with the hour, or `day`, which is one of UTC.
        most: the largest column.
        total: all columns together, by name.
        hrefs: the lists of what these count; only of names that have one.
    """

    width: int
    height: int
    bars: Sequence[Bar]
    ticks: Sequence[Tick]
    tick: Literal["hour", "weekday", "day"]
    most: int
    total: Mapping[str, int]
    hrefs: Mapping[str, str]


def stacked(spans: Sequence[Span], names: Sequence[str], *, length: timedelta, lists: Lists) -> Chart:
    """Draw a column for each span.

    Args:
        spans: from left to right; one at least.
        names: of the counts, from the bottom up.
        length: of each span.
        lists: where what is counted is listed.
    """
    most = max(sum(span.counts[name] for name in names) for span in spans)
    step = _WIDTH / len(spans)
    # The first one may have begun before: it is the rest of an hour.
    ends = [*(span.start for span in spans[1:]), spans[-1].start + length]
    bars = []
    for number, (span, end) in enumerate(zip(spans, ends, strict=True)):
        bottom = float(_HEIGHT)
        for name in names:
            if count := span.counts[name]:
                height = max(count / most * _HEIGHT, _LEAST)
                bottom = max(bottom - height, 0)
                bar = Bar(
                    name=name,
                    count=count,
                    start=span.start,
                    end=end,
                    href=lists(name, span.start, end),
                    x=round(number * step + _GAP / 2, 1),
                    y=round(bottom, 1),
                    width=round(step - _GAP, 1),
                    height=round(min(height, _HEIGHT), 1),
                )
                bars.append(bar)
    every = -(-len(spans) // _MOST_TICKS)
    return Chart(
        width=_WIDTH,
        height=_HEIGHT,
        bars=bars,
        ticks=[Tick(spans[number].start, 100 * number / len(spans)) for number in range(0, len(spans), every)],
        tick="day" if length >= _DAY else "weekday" if len(spans) * length > _DAY else "hour",
        most=most,
        total={name: sum(span.counts[name] for span in spans) for name in names},
        hrefs={name: href for name in names if (href := lists(name, spans[0].start, ends[-1]))},
    )
