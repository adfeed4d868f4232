"""A chart as an email shows it: a picture, and around it, as text, what it says.

Pillow draws it, in a third of Matplotlib's time. Labels are text, since a picture's letters shrink on a telephone.
"""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from report_kit.blocks import AxisLabel, Chart, LegendEntry
from report_kit.drawn_bars import BAR_COLOR, LIMIT_COLOR, axis_top, draw_bars
from report_kit.drawn_series import OTHER_COLORS, ChartShape, draw_series
from report_kit.language import Language
from report_kit.report import InlineImage

_ROOM = 44
"""So many letters stand below a chart on the narrowest telephones, blanks between labels included."""

_MOST_LABELS = 6

MOST_SERIES = 1 + len(OTHER_COLORS)
"""So many colors are told apart."""


@dataclass(frozen=True)
class Series:
    """Values of one sort in a chart.

        >>> Series("Coffee", [3, 5]).name
        'Coffee'

    Attributes:
        name: what they are, for the legend.
        values: one for each label; what is below zero counts as zero.
    """

    name: str
    values: Sequence[float]


def bar_chart(
    content_id: str,
    values: Sequence[float],
    labels: Sequence[str],
    *,
    title: str,
    description: str,
    write: Callable[[float], str],
    write_top: Callable[[float], str] | None = None,
    language: Language,
    color: str = BAR_COLOR,
    expected_from: int | None = None,
    limit: float | None = None,
    legend: Sequence[str] = (),
) -> tuple[Chart, InlineImage]:
    """Draw a chart, for the layout's `chart.mjml`.

        >>> chart, picture = bar_chart(
        ...     "orders-chart",
        ...     [3, 5],
        ...     ["Mon", "Tue"],
        ...     title="Orders by day",
        ...     description="Most came on Tuesday: 5.",
        ...     write=language.number,
        ...     language=language,
        ... )
        >>> picture.filename
        'orders-chart.png'

    Args:
        content_id: of the picture, one for each chart of an email.
        values: how high the bars are; what is below zero has none.
        labels: how the bars are called; as many are shown as there is room for.
        title: above the chart.
        description: what there is to see, for those who do not see it: the finding, not the picture.
        write: makes text of a value.
        write_top: makes text of what the upper end stands for, which is a round number; None: `write` does.
        language: of the email. In one that is written from right to left time goes that way, too.
        color: of the bars: `request.brand.graphic_color`.
        expected_from: the first of the bars that are a forecast.
        limit: a height to mark by a line across.
        legend: what the bars, the forecast and the line are, in this order, as far as the chart has them; empty: the
            title says it.
    """
    whole = all(float(value).is_integer() for value in (*values, limit or 0))
    top = axis_top(max([*values, limit or 0, 0]), whole=whole)
    content = draw_bars(
        values,
        top=top,
        expected_from=expected_from,
        limit=limit,
        color=color,
        from_right=language.direction == "rtl",
    )
    signs = [("■", color)]
    if expected_from is not None and expected_from < len(values):
        signs.append(("□", color))
    if limit is not None:
        signs.append(("━", LIMIT_COLOR))
    return (
        Chart(
            content_id=content_id,
            title=title,
            description=description,
            top=(write_top or write)(top),
            axis=axis(labels, [write(value) for value in values] if len(values) <= _MOST_LABELS else ()),
            legend=[
                LegendEntry(sign=sign, text=text, color=shade)
                for (sign, shade), text in zip(signs, legend, strict=False)
            ],
        ),
        InlineImage(content_id=content_id, content=content),
    )


def series_chart(
    content_id: str,
    series: Sequence[Series],
    labels: Sequence[str],
    shape: ChartShape,
    *,
    title: str,
    description: str,
    write: Callable[[float], str],
    write_top: Callable[[float], str] | None = None,
    language: Language,
    color: str = BAR_COLOR,
) -> tuple[Chart, InlineImage]:
    """Draw a chart of one or several series, for the layout's `chart.mjml`.

        >>> chart, picture = series_chart(
        ...     "drinks-chart",
        ...     [Series("Coffee", [3, 5]), Series("Tea", [2, 2])],
        ...     ["Mon", "Tue"],
        ...     ChartShape.STACKED,
        ...     title="Drinks by day",
        ...     description="Most were sold on Tuesday: 7.",
        ...     write=language.number,
        ...     language=language,
        ... )
        >>> chart.top, [entry.text for entry in chart.legend], [label.value for label in chart.axis]
        ('8', ['Coffee', 'Tea'], ['5', '7'])

    Args:
        content_id: of the picture, one for each chart of an email.
        series: 1 to 5, of as many values as there are labels. The legend names them where there are several.
        labels: what the values are of, such as days; as many are shown as there is room for.
        shape: how they are drawn.
        title: above the chart.
        description: what there is to see, for those who do not see it: the finding, not the picture.
        write: makes text of a value. A chart of few stacked bars shows how high they are.
        write_top: makes text of what the upper end stands for, which is a round number; None: `write` does.
        language: of the email. In one that is written from right to left time goes that way, too.
        color: of the first series: `request.brand.graphic_color`.
    """
    every = [each.values for each in series]
    whole = all(float(value).is_integer() for values in every for value in values)
    above = heights(every, shape)
    top = axis_top(max([*above, 0]), whole=whole)
    colors = [color, *OTHER_COLORS][: len(series)]
    content = draw_series(every, shape, top=top, colors=colors, from_right=language.direction == "rtl")
    has_values = shape is ChartShape.STACKED and len(labels) <= _MOST_LABELS
    sign = "━" if shape is ChartShape.LINE else "■"
    legend = [LegendEntry(sign=sign, text=each.name, color=shade) for each, shade in zip(series, colors, strict=True)]
    return (
        Chart(
            content_id=content_id,
            title=title,
            description=description,
            top=(write_top or write)(top),
            axis=axis(labels, [*map(write, above)] if has_values else ()),
            legend=legend if len(series) > 1 else (),
        ),
        InlineImage(content_id=content_id, content=content),
    )


def heights(series: Sequence[Sequence[float]], shape: ChartShape | None) -> list[float]:
    """How high the highest of what stands above each label is.

    Args:
        series: the values of each; what is below zero counts as zero.
        shape: how they are drawn; None: as bars of one.
    """
    above = ([max(value, 0) for value in each] for each in zip(*series, strict=True))
    return [sum(each) if shape is ChartShape.STACKED else max(each) for each in above]


def axis(labels: Sequence[str], values: Sequence[str] = ()) -> list[AxisLabel]:
    """As many labels as there is room for, each with the bars up to the next.

    Args:
        labels: of all bars.
        values: how high they are, which is shown where there is room for all of it.
    """
    if not labels:
        return []
    if values and (max(map(_columns, (*labels, *values))) + 1) * len(labels) <= _ROOM:
        width = round(100 / len(labels), 2)
        return [
            AxisLabel(text=label, width=width, is_of_one_bar=True, value=value)
            for label, value in zip(labels, values, strict=True)
        ]
    longest = max(map(_columns, labels)) + 1
    every = -(-len(labels) // min(_MOST_LABELS, max(1, _ROOM // longest)))
    shown = []
    for first in range(0, len(labels), every):
        bars = min(every, len(labels) - first)
        # At the end there may be room for a bar and not for its label.
        has_room = bars * _ROOM >= longest * len(labels)
        text = labels[first] if has_room else ""
        shown.append(AxisLabel(text=text, width=round(100 * bars / len(labels), 2), is_of_one_bar=every == 1))
    return shown


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
