"""A chart of several series, as a PNG like that of a bar chart (drawn_bars.py): lines, bars on one another, or bars
beside one another."""

from collections.abc import Sequence
from enum import StrEnum

from functions.shared.mail.color import channels
from report_kit.drawn_bars import GRAY, HEIGHT, LOWEST, TOP, WIDEST_BAR, WIDTH, grid, to_png

OTHER_COLORS = ("#d97706", "#0d9488", "#a855f7", "#64748b")
"""Of the series behind the first, which has the brand's. Each is seen on a light and on a dark ground."""

_OPACITY = bytes([0, 90, *[255] * 6])
_NOTHING, _FIRST = 0, 3
"""Places in the palette: the ground, the grid, the line below, and then the series."""
_LINE, _DOT = 6, 9


class ChartShape(StrEnum):
    """How a chart of several series is drawn.

    >>> ChartShape("line") is ChartShape.LINE
    True
    """

    LINE = "line"
    """A line for each."""
    STACKED = "stacked"
    """A bar for each label, which their parts make together."""
    GROUPED = "grouped"
    """A bar for each of them, beside one another."""


def draw_series(
    series: Sequence[Sequence[float]], shape: ChartShape, *, top: float, colors: Sequence[str], from_right: bool = False
) -> bytes:
    """Draw values.

    Args:
        series: the values of each, as many as there are labels; what is below zero counts as zero.
        shape: how.
        top: the value at the upper end of the picture (axis_top).
        colors: one for each series, as #rrggbb.
        from_right: whether the first value is on the right.

    Returns:
        A PNG with a transparent ground, WIDTH by HEIGHT pixels.
    """
    # Not needed where nothing happened.
    from PIL import Image, ImageDraw

    picture = Image.new("P", (WIDTH, HEIGHT), _NOTHING)
    shades = [*[GRAY] * _FIRST, *map(channels, colors)]
    picture.putpalette([channel for shade in shades for channel in shade])
    canvas = ImageDraw.Draw(picture)
    grid(canvas)

    def height(value: float) -> float:
        return LOWEST - (LOWEST - TOP) * min(max(value, 0) / top, 1)

    def bar(left: float, width: float, color: int, *, low: float, high: float) -> None:
        if height(high) < height(low) - 0.5:
            canvas.rectangle(
                (round(left), round(height(high)), round(left + width) - 1, round(height(low))), fill=color
            )

    count = len(series[0])
    pitch = WIDTH / max(count, 1)
    for index in range(count):
        middle = pitch * ((count - 1 - index if from_right else index) + 0.5)
        width, low = min(pitch * 0.76, WIDEST_BAR), 0.0
        for place, values in enumerate(series):
            color, value = _FIRST + place, max(values[index], 0)
            match shape:
                case ChartShape.STACKED:
                    bar(middle - width / 2, width, color, low=low, high=low + value)
                    low += value
                case ChartShape.GROUPED:
                    part = min(pitch * 0.82, WIDEST_BAR * len(series)) / len(series)
                    shift = len(series) - 1 - place if from_right else place
                    bar(middle + (shift - len(series) / 2) * part, part - 1, color, low=0, high=value)
                case ChartShape.LINE:
                    dot = (middle - _DOT, height(value) - _DOT, middle + _DOT, height(value) + _DOT)
                    if index:
                        before = middle + (pitch if from_right else -pitch)
                        canvas.line((before, height(values[index - 1]), middle, height(value)), fill=color, width=_LINE)
                    if pitch > 4 * _DOT or count == 1:
                        canvas.ellipse(dot, fill=color)
    canvas.line((0, LOWEST, WIDTH, LOWEST), fill=_FIRST - 1, width=2)
    return to_png(picture, _OPACITY[: len(shades)])
