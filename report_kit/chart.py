"""A chart of bars as an email shows it: a picture, and around it, as text, what it says."""

import unicodedata
from collections.abc import Callable, Sequence

from report_kit.blocks import AxisLabel, Chart, LegendEntry
from report_kit.drawn_bars import BAR_COLOR, LIMIT_COLOR, axis_top, draw_bars
from report_kit.language import Language
from report_kit.report import InlineImage

_ROOM = 44
"""So many letters stand below a chart on the narrowest telephones, blanks between labels included."""

_MOST_LABELS = 6


def bar_chart(
    content_id: str,
    values: Sequence[float],
    labels: Sequence[str],
    *,
    title: str,
    description: str,
    write: Callable[[float], str],
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
            top=write(top),
            axis=axis(labels),
            legend=[
                LegendEntry(sign=sign, text=text, color=shade)
                for (sign, shade), text in zip(signs, legend, strict=False)
            ],
        ),
        InlineImage(content_id=content_id, content=content),
    )


def axis(labels: Sequence[str]) -> list[AxisLabel]:
    """As many labels as there is room for, each with the bars up to the next.

    Args:
        labels: of all bars.
    """
    if not labels:
        return []
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
